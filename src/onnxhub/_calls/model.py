"""A loaded model: inputs are encoded, planned into batches, run and decoded, and come back in their order."""

from __future__ import annotations

from copy import copy
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, overload

from onnxhub._calls.failures import locate, raise_failures
from onnxhub._calls.monitor import CallMonitor
from onnxhub._calls.prepare import check_prepared, prepare
from onnxhub._calls.run import OnePass, stack_rows
from onnxhub._calls.streams import LOOK_AHEAD, stream
from onnxhub._contracts.info import Config, ModelInfo, draw_info
from onnxhub._contracts.inputs import check_iterable
from onnxhub._contracts.preprocessor import Preprocessor
from onnxhub._contracts.task import option_names
from onnxhub._process.once import lazy
from onnxhub._process.public import publish
from onnxhub._strings.plain_text import plain
from onnxhub.errors import IndexedError, InvalidInputError, InvalidOptionError, listing, nearest

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Callable,
        Generator,
        Iterable,
        Mapping,
        Sequence,
    )

    from onnxhub._calls.failures import Failure
    from onnxhub._calls.runners import Runner
    from onnxhub._contracts.foreign import InferenceSession, ORTModel
    from onnxhub._contracts.postprocessor import Postprocessor
    from onnxhub._contracts.preprocessor import Prepared
    from onnxhub._contracts.protocols import Backend, Column, ListOf, Outputs
    from onnxhub._contracts.registry import Task

__all__ = ["Model", "ModelInfo"]

InputT = TypeVar("InputT")
ResultT = TypeVar("ResultT")
ManyT = TypeVar("ManyT")
PartT = TypeVar("PartT")


class Model(Generic[InputT, ResultT, ManyT]):
    """A model that was loaded for a task: call it with one input, or with a list of them.

    Immutable, and shared by any number of threads. A ``list`` (also a numpy array or pandas Series) is many inputs;
    anything else is one. ``with_options`` gives another Model over the same session.
    """

    runner: ClassVar[type[Runner]] = OnePass
    """How its models get from prepared inputs to results: in one pass of the graph, unless a class names another."""

    preprocessor: Any
    """The task's Preprocessor; of any type, since each task's has fields of its own."""

    def __init__(
        self,
        task: Task[Self],
        backend: Backend,
        *,
        preprocessor: Preprocessor[InputT, Any],
        postprocessor: Postprocessor[Any, ResultT],
        info: ModelInfo,
        reload: Callable[[], Self] | None = None,
    ) -> None:
        """Put a model together from its finished parts; ``load`` does this.

        Args:
            task: The registry row.
            backend: The open session and its tokenizer.
            preprocessor: Inputs to rows and items.
            postprocessor: Outputs and items to results.
            info: What was loaded.
            reload: How to load it again; what a pickle of the model holds.
        """
        self.task = task
        self.backend = backend
        self.preprocessor = preprocessor
        self.postprocessor = postprocessor
        self.info = info
        self._reload = reload
        self._options: Mapping[str, object] = {}
        available = backend.output_shapes
        self._wanted = next((tuple(names) for names in task.outputs if set(names) <= set(available)), tuple(available))

    @property
    def provider(self) -> str:
        """The execution provider that really runs, by its short name."""
        return self.info.provider

    @property
    def sessions(self) -> Mapping[str, InferenceSession]:
        """ONNX Runtime's sessions, by the role of their file (``"model"``, ``"encoder"``, ...)."""
        return self.backend.sessions

    @property
    def config(self) -> Config:
        """``config.json``, a mapping whose keys are attributes too, as those of transformers' configurations are."""
        return Config(self.backend.config, self.info.labels)

    @property
    def session(self) -> InferenceSession:
        """ONNX Runtime's session, of a model that has just one."""
        sessions = self.sessions
        if len(sessions) != 1:
            msg = f"{self!r} has {len(sessions)} sessions, not one: {listing(sessions)}"
            raise InvalidInputError(msg)
        return next(iter(sessions.values()))

    @lazy
    def ort_model(self) -> ORTModel:
        """Build the ORTModelForXXX of the task, of optimum, over the same session: for what else is written for such objects.

        Raises:
            MissingDependencyError: optimum is not installed.
        """
        return self.backend.ort_model(self.task.ort_class_of(self.backend.config))

    @overload
    def __call__(self, inputs: InputT) -> ResultT: ...
    @overload
    def __call__(self, inputs: ListOf[InputT] | Column) -> ManyT: ...
    def __call__(self, inputs: object) -> object:
        """Run the model: one input gives one result, a list gives a list in the same order."""
        return self.call_with(inputs, {})

    def attempt(self, inputs: ListOf[InputT] | Column) -> list[ResultT | Failure]:
        """Return the results of a list, in order, with a ``Failure`` in the place of each input that has none.

        An input fails alone, whatever it shares a batch with. Options are those of the model: ``with_options(...)``.

        Args:
            inputs: A list, numpy array or pandas Series.

        Raises:
            InvalidInputError: ``inputs`` is one input, and no list.
            ClosedModelError: the model was closed. As what is wrong with the model, this is no input's failure.

        Examples:
            >>> model = onnxhub.load("text-classification", "builtin:sentiment")
            >>> model.attempt(["Quite easy!", None])[0]
            Classification(label='POSITIVE', score=0.9644)
        """
        many = self.preprocessor.as_many(inputs)
        if many is None:
            msg = f"attempt takes a list of inputs, got {type(inputs).__name__}; one input goes to the call itself"
            raise InvalidInputError(msg)
        return list(stream(self._attempt, many, self.preprocessor.weight, first=LOOK_AHEAD))

    def stream(self, inputs: Iterable[InputT], *, progress: bool = False) -> Generator[ResultT, None, None]:
        """Yield the results of any number of inputs, in order, with bounded memory.

        What comes before an input that cannot be used, or was read before the iterable itself fails, has its result
        before the error is raised. Closing the stream, or letting it go, ends the work, and closes a generator.

        Args:
            inputs: Any iterable; read ahead by 32 inputs at first, later by at most 2,048, or 32 MB: a million characters,
                or so many bytes and arrays.
            progress: Show a bar on stderr, if that is a terminal: inputs, tokens a second, and the time that is left
                where ``inputs`` has a length.

        Raises:
            InvalidInputError: ``inputs`` is one text, or cannot be iterated; an input cannot be used, with its index.
        """
        return raise_failures(self.attempt_stream(inputs, progress=progress))

    def attempt_stream(
        self, inputs: Iterable[InputT], *, progress: bool = False
    ) -> Generator[ResultT | Failure, None, None]:
        """Do as ``stream``, with a ``Failure`` in the place of each input that has no result.

        Args:
            inputs: Any iterable, as for ``stream``. If it raises an error itself, so does the stream.
            progress: Show a bar on stderr, as for ``stream``.

        Raises:
            InvalidInputError: ``inputs`` is one text, or cannot be iterated.
        """
        self._check_stream(inputs, "__iter__")
        return stream(self._attempt, inputs, self.preprocessor.weight, progress=progress)

    @overload
    async def acall(self, inputs: InputT) -> ResultT: ...
    @overload
    async def acall(self, inputs: ListOf[InputT] | Column) -> ManyT: ...
    async def acall(self, inputs: object) -> object:
        """Call it from asyncio, in a thread of the event loop's own executor: the loop is not blocked.

        If it is cancelled, the thread is free again after the batch that runs.
        """
        import asyncio

        monitor = CallMonitor()
        try:
            return await asyncio.to_thread(self._answer, inputs, monitor)
        finally:
            monitor.cancel()

    def astream(
        self, inputs: AsyncIterable[InputT] | Iterable[InputT], *, progress: bool = False
    ) -> AsyncGenerator[ResultT, None]:
        """Stream from asyncio: yield the results of any number of inputs, in order, while the event loop is free.

        What is sent while a batch runs makes up the next one, so an input never waits for others to come.

        Args:
            inputs: An async iterable; or a plain one, which is read in threads, one at a time.
            progress: Show a bar on stderr, as for ``stream``.

        Raises:
            InvalidInputError: ``inputs`` is one text, or cannot be iterated; an input cannot be used, with its index.
        """
        from onnxhub._calls.async_streams import async_results

        self._check_stream(inputs, "__iter__", "__aiter__")
        return async_results(self._attempt, inputs, self.preprocessor.weight, progress=progress)

    def outputs(self, inputs: InputT | ListOf[InputT] | Column) -> Outputs:
        """Return the raw logits: output name -> float32 array ``(rows, ...)``, padded with zeros to the longest row.

        The rows are those of ``encode``, in order; ``postprocessor(outputs, items)`` turns them into results.
        """
        ready = [replace(entry, finish=_keep_outputs) for entry in self.encode(inputs)]
        is_list = self.preprocessor.as_many(inputs) is not None
        found: dict[int, Outputs] = {}
        for number, outputs in self._runner()(ready, None):
            if isinstance(outputs, IndexedError):
                raise outputs.at(number if is_list else None) from outputs.__cause__
            found[number] = outputs
        rows = [(found[number], place) for number, entry in enumerate(ready) for place in range(len(entry.rows))]
        return stack_rows([{name: values[place] for name, values in outputs.items()} for outputs, place in rows])

    def encode(self, inputs: InputT | ListOf[InputT] | Column) -> list[Prepared[Any]]:
        """Return what the graph and the postprocessor get for inputs: always a list, also for one input."""
        many = self.preprocessor.as_many(inputs)
        ready: list[Prepared[Any]] = []
        for number, entry in enumerate(prepare(self.preprocessor, [inputs] if many is None else many)):
            if isinstance(entry, IndexedError):
                raise entry.at(None if many is None else number) from entry.__cause__
            ready.append(entry)
        return ready

    def with_options(self) -> Self:
        """Return another Model over the same session, with other defaults for its call options."""
        return self

    def close(self) -> None:
        """Free the session; the model, and all that share its session, cannot be called any more."""
        self.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        info = self.info
        source = " ".join(plain(part) for part in (info.model_id, info.file) if part)
        return f"<{type(self).__name__} {source} ({plain(info.dtype)}) on {plain(info.provider)}>"

    def _repr_html_(self) -> str:
        return draw_info(type(self).__name__, self.info)

    def __copy__(self) -> Self:
        # By its default, copy would go through __reduce__, and load the model again.
        model = object.__new__(type(self))
        vars(model).update(vars(self))
        return model

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[object, ...]]:
        if self._reload is None:
            msg = f"{self!r} was not loaded from files, so a pickle could not load it again"
            raise TypeError(msg)
        return _unpickle, (self._reload, self._options)

    def copy_with(self, options: Mapping[str, object]) -> Self:
        """Return this model with other values of some options; what ``with_options`` of a task is made of.

        Args:
            options: Fields of the preprocessor or the postprocessor, by name; ``...`` leaves one as it is.

        Raises:
            InvalidOptionError: neither has such a field.
        """
        given = {name: value for name, value in options.items() if value is not ...}
        if not given:
            return self
        left = dict(given)
        preprocessor = _replace_fields(self.preprocessor, left)
        postprocessor = _replace_fields(self.postprocessor, left)
        if left:
            raise self._explain_option(*next(iter(left.items())))
        if preprocessor is self.preprocessor and postprocessor is self.postprocessor:
            return self
        model = copy(self)
        vars(model).update(preprocessor=preprocessor, postprocessor=postprocessor, _options={**self._options, **given})
        return model

    def call_with(self, inputs: object, options: Mapping[str, object]) -> object:
        """Run with these options on one input, or on many; what ``__call__`` of a task is made of.

        Args:
            inputs: What the preprocessor takes for one input, or for many.
            options: As ``copy_with`` takes them.
        """
        return self.copy_with(options)._answer(inputs, None)  # noqa: SLF001

    def _explain_option(self, name: str, value: object) -> InvalidOptionError:
        """Return the error about an option that neither part has."""
        known = option_names(self.task.options)
        if name in known:  # the model was loaded with a postprocessor of its own
            return InvalidOptionError(name, value, f"an option of {type(self.postprocessor).__name__}, which has none")
        if self.task.options is None:
            known = _field_names(self.preprocessor) | _field_names(self.postprocessor)
        listed = listing(sorted(known)) + nearest(name, known) if known else "it has none"
        return InvalidOptionError(name, value, f"an option of {type(self).__name__}: {listed}")

    def _answer(self, inputs: object, monitor: CallMonitor | None) -> object:
        many = self.preprocessor.as_many(inputs)
        if many is not None:
            return self._gather(self._run(many, monitor))
        try:
            [ready] = check_prepared(self.preprocessor, [inputs], self.preprocessor([inputs]))
            return self._runner().run_alone(ready, monitor)
        except IndexedError as error:
            raise error.at(None) from error.__cause__

    def _gather(self, results: list[ResultT]) -> ManyT:
        """Return what a list of inputs gives; a list of results unless the task can do better."""
        return results  # type: ignore[return-value]  # ManyT is list[ResultT] wherever this is not overridden

    def _run(self, inputs: Sequence[object], monitor: CallMonitor | None) -> list[ResultT]:
        """Return the results in order; an error is raised with its input's index."""
        results: dict[int, ResultT] = {}
        for number, result in self._runner()(prepare(self.preprocessor, inputs), monitor):
            if isinstance(result, IndexedError):
                raise result.at(number) from result.__cause__
            results[number] = result
        return [results[number] for number in range(len(inputs))]

    def _attempt(self, inputs: Sequence[object], offset: int, monitor: CallMonitor) -> list[ResultT | Failure]:
        """Return the results of inputs of which the first is at the offset, with failures in the place of errors."""
        found = dict(self._runner()(prepare(self.preprocessor, inputs), monitor))
        return [locate(found[number], offset + number) for number in range(len(inputs))]

    def _runner(self) -> Runner:
        return self.runner(self.backend, self.preprocessor, self.postprocessor, self._wanted)

    def _check_stream(self, inputs: object, *methods: str) -> None:
        """Raise ``InvalidInputError`` if it is one input, or no iterable at all."""
        check_iterable(inputs, *methods)
        # Only of a task with an as_many of its own can an array be one input; the default's would copy all that is streamed.
        may_be_one = type(self.preprocessor).as_many is not Preprocessor.as_many and getattr(inputs, "shape", None)
        if may_be_one and self.preprocessor.as_many(inputs) is None:
            msg = (
                f"expected an iterable of inputs, got one ({type(inputs).__name__}); one input goes to the call itself"
            )
            raise InvalidInputError(msg)


def _keep_outputs(outputs: Outputs) -> Outputs:
    return outputs


def _replace_fields(part: PartT, options: dict[str, object]) -> PartT:
    """Return the dataclass with the options that are fields of it, which are taken out; itself if none has another value."""
    if not is_dataclass(part):
        return part
    mine: dict[str, object] = {field.name: options.pop(field.name) for field in fields(part) if field.name in options}
    if all(getattr(part, name) is value for name, value in mine.items()):
        return part
    return replace(part, **mine)  # type: ignore[type-var]


def _field_names(part: object) -> frozenset[str]:
    return frozenset(entry.name for entry in fields(part)) if is_dataclass(part) else frozenset()


def _unpickle(reload: Callable[[], ModelT], options: Mapping[str, object]) -> ModelT:
    return reload().copy_with(options)


ModelT = TypeVar("ModelT", bound="Model[object, object, object]")


publish(globals(), "Model")
