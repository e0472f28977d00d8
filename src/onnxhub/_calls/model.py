"""A loaded model: inputs are encoded, planned into batches, run and decoded, and come back in their order."""

from __future__ import annotations

from copy import copy
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from onnxhub._calls.batches import collate
from onnxhub._calls.decoding import decoded, encoded, located, stacked
from onnxhub._calls.failures import without_failures
from onnxhub._calls.run import run
from onnxhub._calls.streams import LOOK_AHEAD, Watch, check_iterable, streamed, tokens
from onnxhub._contracts.info import Config, ModelInfo
from onnxhub._contracts.inputs import as_many
from onnxhub._process.once import lazy
from onnxhub._process.public import publish
from onnxhub._strings.plain_text import plain
from onnxhub.errors import IndexedError, InvalidInputError, InvalidOptionError, listing

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Callable,
        Generator,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from onnxhub._calls.failures import Failure
    from onnxhub._contracts.foreign import InferenceSession, ORTModel
    from onnxhub._contracts.postprocessor import Item, Postprocessor
    from onnxhub._contracts.preprocessor import Prepared, Preprocessor
    from onnxhub._contracts.protocols import Backend, Column, Features, ListOf, Outputs
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
        """The ORTModelForXXX of the task, of optimum, over the same session, for what else is written for such objects.

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
        return self._call(inputs, {})

    def attempt(self, inputs: ListOf[InputT] | Column) -> list[ResultT | Failure]:
        """The results of a list, in order, with a ``Failure`` in the place of each input that has none.

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
        many = as_many(inputs)
        if many is None:
            msg = f"attempt takes a list of inputs, got {type(inputs).__name__}; one input goes to the call itself"
            raise InvalidInputError(msg)
        return list(streamed(self._attempts, many, first=LOOK_AHEAD))

    def stream(self, inputs: Iterable[InputT], *, progress: bool = False) -> Generator[ResultT, None, None]:
        """Results of any number of inputs, in order, with bounded memory.

        What comes before an input that cannot be used, or was read before the iterable itself fails, has its result
        before the error is raised. Closing the stream, or letting it go, ends the work, and closes a generator.

        Args:
            inputs: Any iterable; read ahead by 32 inputs at first, later by at most 2,048 or a million characters.
            progress: Show a bar on stderr, if that is a terminal: inputs, tokens a second, and the time that is left
                where ``inputs`` has a length.

        Raises:
            InvalidInputError: ``inputs`` is one text, or cannot be iterated; an input cannot be used, with its index.
        """
        return without_failures(self.attempt_stream(inputs, progress=progress))

    def attempt_stream(
        self, inputs: Iterable[InputT], *, progress: bool = False
    ) -> Generator[ResultT | Failure, None, None]:
        """``stream``, with a ``Failure`` in the place of each input that has no result.

        Args:
            inputs: Any iterable, as for ``stream``. If it raises an error itself, so does the stream.
            progress: Show a bar on stderr, as for ``stream``.

        Raises:
            InvalidInputError: ``inputs`` is one text, or cannot be iterated.
        """
        check_iterable(inputs, "__iter__")
        return streamed(self._attempts, inputs, progress=progress)

    @overload
    async def acall(self, inputs: InputT) -> ResultT: ...
    @overload
    async def acall(self, inputs: ListOf[InputT] | Column) -> ManyT: ...
    async def acall(self, inputs: object) -> object:
        """The call from asyncio, in a thread of the event loop's own executor: the loop is not blocked.

        If it is cancelled, the thread is free again after the batch that runs.
        """
        import asyncio

        watch = Watch()
        try:
            return await asyncio.to_thread(self._answer, inputs, watch)
        finally:
            watch.stop()

    def astream(
        self, inputs: AsyncIterable[InputT] | Iterable[InputT], *, progress: bool = False
    ) -> AsyncGenerator[ResultT, None]:
        """``stream`` from asyncio: results of any number of inputs, in order, while the event loop is free.

        What is sent while a batch runs makes up the next one, so an input never waits for others to come.

        Args:
            inputs: An async iterable; or a plain one, which is read in threads, one at a time.
            progress: Show a bar on stderr, as for ``stream``.

        Raises:
            InvalidInputError: ``inputs`` is one text, or cannot be iterated; an input cannot be used, with its index.
        """
        from onnxhub._calls.async_streams import async_results

        check_iterable(inputs, "__iter__", "__aiter__")
        return async_results(self._attempts, inputs, progress=progress)

    def outputs(self, inputs: InputT | ListOf[InputT] | Column) -> Outputs:
        """The raw logits: output name -> float32 array ``(rows, ...)``, padded with zeros to the longest row.

        The rows are those of ``encode``, in order; ``postprocessor(outputs, items)`` turns them into results.
        """
        rows = [row for one in self.encode(inputs) for row in one.rows]
        by_row = dict(self._run(rows))
        return stacked([by_row[index] for index in range(len(rows))])

    def encode(self, inputs: InputT | ListOf[InputT] | Column) -> list[Prepared[Any]]:
        """What the graph and the postprocessor get for inputs: always a list, also for one input."""
        many = as_many(inputs)
        ready: list[Prepared[Any]] = []
        for number, found in enumerate(encoded(self.preprocessor, [inputs] if many is None else many)):
            if isinstance(found, IndexedError):
                raise found.at(None if many is None else number) from found.__cause__
            ready.append(found)
        return ready

    def with_options(self) -> Self:
        """Another Model over the same session, with other defaults for its call options."""
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
        about = f"{plain(info.model_id)} {plain(info.file)} ({plain(info.dtype)}) on {plain(info.provider)}"
        return f"<{type(self).__name__} {about}>"

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

    def _with(self, options: Mapping[str, object]) -> Self:
        """This model with some options of its preprocessor or postprocessor changed; ``...`` leaves one as it is."""
        given = {name: value for name, value in options.items() if value is not ...}
        if not given:
            return self
        left = dict(given)
        preprocessor, postprocessor = _replaced(self.preprocessor, left), _replaced(self.postprocessor, left)
        if left:
            name, value = next(iter(left.items()))
            raise InvalidOptionError(name, value, f"an option of {type(self.postprocessor).__name__}, which has none")
        if preprocessor is self.preprocessor and postprocessor is self.postprocessor:
            return self
        model = copy(self)
        vars(model).update(preprocessor=preprocessor, postprocessor=postprocessor, _options={**self._options, **given})
        return model

    def _call(self, inputs: object, options: Mapping[str, object]) -> object:
        """What ``__call__`` of each task does: run with these options on one input, or on many."""
        return self._with(options)._answer(inputs, None)  # noqa: SLF001

    def _answer(self, inputs: object, watch: Watch | None) -> object:
        many = as_many(inputs)
        if many is not None:
            return self._gather(self._results(many, watch))
        try:
            [one] = self.preprocessor([inputs])
            return self._alone(one, watch)
        except IndexedError as error:
            raise error.at(None) from error.__cause__

    def _gather(self, results: list[ResultT]) -> ManyT:
        """What a list of inputs gives; a list of results unless the task can do better."""
        return results  # type: ignore[return-value]  # ManyT is list[ResultT] wherever this is not overridden

    def _results(self, inputs: Sequence[object], watch: Watch | None) -> list[ResultT]:
        """The results in order; an error is raised with its input's index."""
        results: dict[int, ResultT] = {}
        for number, result in self._outcomes(inputs, watch):
            if isinstance(result, IndexedError):
                raise result.at(number) from result.__cause__
            results[number] = result
        return [results[number] for number in range(len(inputs))]

    def _attempts(self, inputs: Sequence[object], offset: int, watch: Watch) -> list[ResultT | Failure]:
        """The results of inputs of which the first is at the offset, with failures in the place of errors."""
        found = dict(self._outcomes(inputs, watch))
        return [located(found[number], offset + number) for number in range(len(inputs))]

    def _outcomes(self, inputs: Sequence[object], watch: Watch | None) -> Iterator[tuple[int, ResultT | IndexedError]]:
        """Each input's number and result, or the error that it raises alone, as soon as its last row has run."""
        return self._decoded(encoded(self.preprocessor, inputs), watch)

    def _decoded(
        self, ready: Iterable[Prepared[Any] | IndexedError], watch: Watch | None
    ) -> Iterator[tuple[int, ResultT | IndexedError]]:
        return decoded(ready, self._run, self._decode, watch)

    def _alone(self, one: Prepared[Any], watch: Watch | None) -> ResultT:
        """The result of one input; with one row, there is nothing to plan, and nothing to wait for."""
        if len(one.rows) != 1:
            [(_, result)] = self._decoded([one], watch)
            if isinstance(result, IndexedError):
                raise result
            return result
        if watch is not None:
            watch.done(1, tokens(one.rows[0]))
        return self._decode(self.backend.run(collate(one.rows, {}), self._wanted), one.item)

    def _run(self, rows: Iterable[Features]) -> Iterator[tuple[int, Outputs]]:
        """Each row's number and outputs ``(...)``, in the planner's order."""
        return run(self.backend, rows, self._wanted)

    def _decode(self, rows: Outputs, item: Item) -> ResultT:
        return self.postprocessor(rows, [item])[0]


def _replaced(part: PartT, options: dict[str, object]) -> PartT:
    """The dataclass with the options that are fields of it, which are taken out; itself if none has another value."""
    if not is_dataclass(part):
        return part
    mine: dict[str, object] = {field.name: options.pop(field.name) for field in fields(part) if field.name in options}
    if all(getattr(part, name) is value for name, value in mine.items()):
        return part
    return replace(part, **mine)  # type: ignore[type-var]


def _unpickle(reload: Callable[[], ModelT], options: Mapping[str, object]) -> ModelT:
    return reload()._with(options)  # noqa: SLF001  # the other half of Model.__reduce__


ModelT = TypeVar("ModelT", bound="Model[object, object, object]")


publish(globals(), "Model")
