"""A loaded model: inputs are encoded, planned into batches, run and decoded, and come back in their order."""

from __future__ import annotations

from contextvars import ContextVar, copy_context
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar, overload

from onnxhub._calls.failures import locate, raise_failures
from onnxhub._calls.monitor import CallMonitor
from onnxhub._calls.own_postprocessor import build_postprocessor, check_postprocessor, extra_names
from onnxhub._calls.prepare import check_prepared, prepare
from onnxhub._calls.rows import attempt_rows
from onnxhub._calls.run import OnePass, stack_rows
from onnxhub._calls.streams import LOOK_AHEAD, stream
from onnxhub._contracts.info import Config, ModelInfo, draw_info
from onnxhub._contracts.inputs import check_iterable, require_many, weigh
from onnxhub._contracts.options import check_names, field_names, option_names, replace_fields
from onnxhub._contracts.preprocessor import Preprocessor
from onnxhub._process.once import lazy
from onnxhub._process.public import publish
from onnxhub._strings.plain_text import plain
from onnxhub.errors import IndexedError, InvalidInputError, InvalidOptionError, UnknownOptionError, listing

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
    from onnxhub._calls.own_postprocessor import AnyPostprocessor
    from onnxhub._calls.runners import Runner
    from onnxhub._calls.streams import Work
    from onnxhub._contracts.foreign import InferenceSession, ORTModel
    from onnxhub._contracts.options import Called, OptionsP, ResultT_co, TakesOptions
    from onnxhub._contracts.postprocessor import Postprocessor
    from onnxhub._contracts.preprocessor import Prepared
    from onnxhub._contracts.protocols import Backend, Column, ListOf, Outputs
    from onnxhub._contracts.registry import Task

__all__ = ["Model", "ModelInfo"]

InputT = TypeVar("InputT")
ResultT = TypeVar("ResultT")
ManyT = TypeVar("ManyT")
RowT = TypeVar("RowT")

_monitor: Final[ContextVar[CallMonitor | None]] = ContextVar("onnxhub.monitor", default=None)
"""What follows the call that this thread runs, where it was made from asyncio."""


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
        self._progress = False
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
    def __call__(self, inputs: InputT, /) -> ResultT: ...
    @overload
    def __call__(self, inputs: ListOf[InputT] | Column, /) -> ManyT: ...
    def __call__(self, inputs: object, /) -> object:
        """Run the model: one input gives one result, a list gives a list in the same order."""
        return self.call_with(inputs, {})

    def attempt(
        self: TakesOptions[OptionsP],
        inputs: ListOf[InputT] | Column,
        *args: OptionsP.args,
        **options: OptionsP.kwargs,
    ) -> list[ResultT | Failure]:
        """Return the results of a list, in order, with a ``Failure`` in the place of each input that has none.

        An input fails alone, whatever it shares a batch with.

        Args:
            inputs: A list, numpy array or pandas Series.
            args: Nothing more.
            options: Those of a call.

        Raises:
            InvalidInputError: ``inputs`` is one input, and no list.
            UnknownOptionError: There is no such option.
            ClosedModelError: the model was closed. As what is wrong with the model, this is no input's failure.

        Examples:
            >>> model = onnxhub.load("text-classification", "builtin:sentiment")
            >>> model.attempt(["Quite easy!", None])[0]
            Classification(label='POSITIVE', score=0.9644)
        """
        return _apply(self, args, options)._attempt_list(inputs)  # noqa: SLF001

    @overload
    def stream(
        self: TakesOptions[OptionsP],
        inputs: Iterable[InputT],
        key: None = None,
        *args: OptionsP.args,
        **options: OptionsP.kwargs,
    ) -> Generator[ResultT, None, None]: ...
    @overload
    def stream(
        self: TakesOptions[OptionsP],
        inputs: Iterable[RowT],
        key: Callable[[RowT], InputT],
        *args: OptionsP.args,
        **options: OptionsP.kwargs,
    ) -> Generator[tuple[RowT, ResultT], None, None]: ...
    def stream(self, inputs: Iterable[Any], key: Callable[[Any], Any] | None = None, *args: Any, **options: Any) -> Any:
        """Yield the results of any number of inputs, in order, with bounded memory; with a key, rows and their results.

        What comes before an input that cannot be used, or was read before the iterable itself fails, has its result
        before the error is raised. Closing the stream, or letting it go, ends the work, and closes a generator.

        Args:
            inputs: Any iterable; read ahead by 32 inputs at first, later by at most 2,048, or 32 MB: a million characters,
                or so many bytes and arrays.
            key: A row of the iterable to its input; then each row comes back beside its result, as ``(row, result)``.
            args: Nothing more.
            options: Those of a call, and ``progress``: show a bar on stderr.

        Raises:
            InvalidInputError: ``inputs`` is one text, or cannot be iterated; an input cannot be used, with its index;
                the key raised an error, which is the cause.
            UnknownOptionError: There is no such option.

        Examples:
            >>> model = onnxhub.load("text-classification", "builtin:sentiment")
            >>> rows = [{"id": 7, "text": "Quite easy!"}, {"id": 8, "text": "Rather hard."}]
            >>> [(row["id"], result.label) for row, result in model.stream(rows, key=lambda row: row["text"])]
            [(7, 'POSITIVE'), (8, 'NEGATIVE')]
        """
        return raise_failures(self.attempt_stream(inputs, key, *args, **options))

    @overload
    def attempt_stream(
        self: TakesOptions[OptionsP],
        inputs: Iterable[InputT],
        key: None = None,
        *args: OptionsP.args,
        **options: OptionsP.kwargs,
    ) -> Generator[ResultT | Failure, None, None]: ...
    @overload
    def attempt_stream(
        self: TakesOptions[OptionsP],
        inputs: Iterable[RowT],
        key: Callable[[RowT], InputT],
        *args: OptionsP.args,
        **options: OptionsP.kwargs,
    ) -> Generator[tuple[RowT, ResultT | Failure], None, None]: ...
    def attempt_stream(
        self, inputs: Iterable[Any], key: Callable[[Any], Any] | None = None, *args: Any, **options: Any
    ) -> Any:
        """Do as ``stream``, with a ``Failure`` in the place of each input that has no result.

        Args:
            inputs: Any iterable, as for ``stream``. If it raises an error itself, so does the stream.
            key: As for ``stream``.
            args: Nothing more.
            options: As for ``stream``.

        Raises:
            InvalidInputError: ``inputs`` is one text, or cannot be iterated.
            UnknownOptionError: There is no such option.
        """
        return _apply(self, args, options)._attempt_stream(inputs, key)  # noqa: SLF001

    @overload
    async def acall(
        self: TakesOptions[OptionsP], inputs: InputT, *args: OptionsP.args, **options: OptionsP.kwargs
    ) -> ResultT: ...
    @overload
    async def acall(
        self: TakesOptions[OptionsP],
        inputs: ListOf[InputT] | Column,
        *args: OptionsP.args,
        **options: OptionsP.kwargs,
    ) -> ManyT: ...
    @overload
    async def acall(
        self: Called[OptionsP, ResultT_co], *args: OptionsP.args, **options: OptionsP.kwargs
    ) -> ResultT_co: ...
    async def acall(self, *args: Any, **options: Any) -> Any:
        """Call it from asyncio, in a thread of the event loop's own executor: the loop is not blocked.

        It takes what the call takes. If it is cancelled, the thread is free again after the batch that runs.
        """
        import asyncio

        monitor = CallMonitor()
        context = copy_context()
        context.run(_monitor.set, monitor)
        call = partial(self, *args, **options)
        try:
            return await asyncio.get_running_loop().run_in_executor(None, context.run, call)
        finally:
            monitor.cancel()

    @overload
    def astream(
        self: TakesOptions[OptionsP],
        inputs: AsyncIterable[InputT] | Iterable[InputT],
        key: None = None,
        *args: OptionsP.args,
        **options: OptionsP.kwargs,
    ) -> AsyncGenerator[ResultT, None]: ...
    @overload
    def astream(
        self: TakesOptions[OptionsP],
        inputs: AsyncIterable[RowT] | Iterable[RowT],
        key: Callable[[RowT], InputT],
        *args: OptionsP.args,
        **options: OptionsP.kwargs,
    ) -> AsyncGenerator[tuple[RowT, ResultT], None]: ...
    def astream(
        self,
        inputs: AsyncIterable[Any] | Iterable[Any],
        key: Callable[[Any], Any] | None = None,
        *args: Any,
        **options: Any,
    ) -> Any:
        """Stream from asyncio: yield the results of any number of inputs, in order, while the event loop is free.

        What is sent while a batch runs makes up the next one, so an input never waits for others to come.

        Args:
            inputs: An async iterable; or a plain one, which is read in threads, one at a time.
            key: As for ``stream``.
            args: Nothing more.
            options: As for ``stream``.

        Raises:
            InvalidInputError: ``inputs`` is one text, or cannot be iterated; an input cannot be used, with its index.
            UnknownOptionError: There is no such option.
        """
        return _apply(self, args, options)._astream(inputs, key)  # noqa: SLF001

    def outputs(
        self: TakesOptions[OptionsP],
        inputs: InputT | ListOf[InputT] | Column,
        *args: OptionsP.args,
        **options: OptionsP.kwargs,
    ) -> Outputs:
        """Return the raw logits: output name -> float32 array ``(rows, ...)``, padded with zeros to the longest row.

        The rows are those of ``encode``, in order; ``postprocessor(outputs, items)`` turns them into results. The options
        are those of a call; only some of them change the rows.
        """
        return _apply(self, args, options)._run_rows(inputs)  # noqa: SLF001

    def _run_rows(self, inputs: object) -> Outputs:
        ready = [replace(entry, finish=_keep_outputs) for entry in self._encode(inputs)]
        is_list = self.preprocessor.as_many(inputs) is not None
        found: dict[int, Outputs] = {}
        for number, outputs in self._runner()(ready, None):
            if isinstance(outputs, IndexedError):
                raise outputs.at(number if is_list else None, "list") from outputs.__cause__
            found[number] = outputs
        rows = [(found[number], place) for number, entry in enumerate(ready) for place in range(len(entry.rows))]
        return stack_rows([{name: values[place] for name, values in outputs.items()} for outputs, place in rows])

    def encode(
        self: TakesOptions[OptionsP],
        inputs: InputT | ListOf[InputT] | Column,
        *args: OptionsP.args,
        **options: OptionsP.kwargs,
    ) -> list[Prepared[Any]]:
        """Return what the graph and the postprocessor get for inputs: always a list, also for one input."""
        try:
            return _apply(self, args, options)._encode(inputs)  # noqa: SLF001
        except UnknownOptionError as error:
            # By this name, sentence-transformers embeds.
            instead = "encode() gives what the graph gets, and the model itself is called for results: model(texts)"
            raise replace(error, expected=f"{error.expected}; {instead}") from None

    def _encode(self, inputs: object) -> list[Prepared[Any]]:
        many = self.preprocessor.as_many(inputs)
        ready: list[Prepared[Any]] = []
        for number, entry in enumerate(prepare(self.preprocessor, [inputs] if many is None else many)):
            if isinstance(entry, IndexedError):
                raise entry.at(None if many is None else number, "list") from entry.__cause__
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
            options: Fields of the preprocessor or the postprocessor, by name, and ``progress``; ``...`` leaves one as it
                is. Those that the task names as options, and those that a postprocessor of one's own has besides.

        Raises:
            UnknownOptionError: There is no such option.
        """
        given = {name: value for name, value in options.items() if value is not ...}
        if not given:
            return self
        # Those of a postprocessor of one's own are looked up where the task's are not enough.
        if not given.keys() <= option_names(self.task.options):
            check_names(given, self._option_names, f"an option of {type(self).__name__}")
        return self.replace_fields(given)

    def with_postprocessor(self, postprocessor: AnyPostprocessor) -> Self:
        """Return another model over the same session, whose results a postprocessor of one's own makes.

        Options that ``with_options`` has set in the postprocessor of before, such as ``top_k``, go with it.

        Args:
            postprocessor: As ``load`` takes it: a class, a ``functools.partial`` of one, or an instance.

        Raises:
            InvalidOptionError: It is none for the items of the task, or cannot be built.

        Examples:
            >>> model = onnxhub.load("text-classification", "builtin:sentiment")
            >>> sums = model.with_postprocessor(functools.partial(onnxhub.ClassificationPostprocessor, activation="none"))
            >>> round(sums("Quite easy!").score, 2)
            1.67
        """
        check_postprocessor(self.task, postprocessor)
        chosen = build_postprocessor(self.task, postprocessor, self.backend)
        info = replace(self.info, labels=tuple(getattr(chosen, "labels", ())))
        reload = None if self._reload is None else partial(_reload_with, self._reload, postprocessor)
        kept = field_names(self.preprocessor) | {"progress"}
        options = {name: value for name, value in self._options.items() if name in kept}
        model = copy(self)
        vars(model).update(postprocessor=chosen, info=info, _reload=reload, _options=options)
        return model

    def replace_fields(self, values: Mapping[str, object]) -> Self:
        """Return this model with other values of fields of its preprocessor or postprocessor, options or not.

        Raises:
            InvalidOptionError: Neither has such a field.
        """
        left = dict(values)
        progress = left.pop("progress", self._progress)
        if not isinstance(progress, bool):
            raise InvalidOptionError("progress", progress, "True or False")
        preprocessor = replace_fields(self.preprocessor, left)
        postprocessor = replace_fields(self.postprocessor, left)
        if left:
            name, value = next(iter(left.items()))
            expected = f"an option of {type(self.postprocessor).__name__}, which has none of this name"
            raise InvalidOptionError(name, value, expected)
        unchanged = preprocessor is self.preprocessor and postprocessor is self.postprocessor
        if unchanged and progress is self._progress:
            return self
        model = copy(self)
        options = {**self._options, **values}
        vars(model).update(preprocessor=preprocessor, postprocessor=postprocessor, _progress=progress, _options=options)
        return model

    @property
    def _option_names(self) -> frozenset[str]:
        """The names of all options: those of the task, and the fields that only a postprocessor of one's own has."""
        if self.task.options is None:
            return field_names(self.preprocessor) | field_names(self.postprocessor) | {"progress"}
        return option_names(self.task.options) | extra_names(self.task, self.postprocessor) | {"progress"}

    def call_with(self, inputs: object, options: Mapping[str, object]) -> object:
        """Run with these options on one input, or on many; what ``__call__`` of a task is made of.

        Args:
            inputs: What the preprocessor takes for one input, or for many.
            options: As ``copy_with`` takes them.
        """
        return self.copy_with(options)._answer(inputs, _monitor.get())  # noqa: SLF001

    def _answer(self, inputs: object, monitor: CallMonitor | None) -> object:
        many = self.preprocessor.as_many(inputs)
        if many is not None:
            return self._gather(self._run_shown(many, monitor) if self._progress else self._run(many, monitor))
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
                raise result.at(number, "list") from result.__cause__
            results[number] = result
        return [results[number] for number in range(len(inputs))]

    def _run_shown(self, inputs: Sequence[object], monitor: CallMonitor | None) -> list[ResultT]:
        """Do as ``_run``, with a bar."""
        shown = monitor or CallMonitor()
        shown.draw(len(inputs))
        try:
            return self._run(inputs, shown)
        finally:
            shown.close()

    def _attempt_list(self, inputs: object) -> list[Any]:
        many = require_many(inputs, self.preprocessor.as_many(inputs))
        weight = self.preprocessor.weight
        return list(stream(self._attempt, many, weight, progress=self._progress, first=LOOK_AHEAD))

    def _attempt_stream(self, inputs: Any, key: Callable[[Any], Any] | None) -> Generator[Any, None, None]:
        self._check_stream(inputs, key, "__iter__")
        return stream(*self._work(key, inputs), progress=self._progress)

    def _astream(self, inputs: Any, key: Callable[[Any], Any] | None) -> AsyncGenerator[Any, None]:
        from onnxhub._calls.async_streams import async_results

        self._check_stream(inputs, key, "__iter__", "__aiter__")
        return async_results(*self._work(key, inputs), progress=self._progress)

    def _work(self, key: Callable[[Any], Any] | None, inputs: Any) -> tuple[Work[Any, Any], Any, Callable[[Any], int]]:
        """Return what a stream does with a chunk, the stream's inputs, and how much each of them weighs."""
        if key is None:
            return self._attempt, inputs, self.preprocessor.weight
        if not callable(key):
            raise InvalidOptionError("key", key, "a function that takes a row and returns its input")

        def work(rows: Sequence[object], offset: int, monitor: CallMonitor) -> list[tuple[object, object]]:
            return attempt_rows(
                lambda inputs: self._runner()(prepare(self.preprocessor, inputs), monitor), rows, key, offset
            )

        return work, inputs, weigh

    def _attempt(self, inputs: Sequence[object], offset: int, monitor: CallMonitor) -> list[ResultT | Failure]:
        """Return the results of inputs of which the first is at the offset, with failures in the place of errors."""
        found = dict(self._runner()(prepare(self.preprocessor, inputs), monitor))
        return [locate(found[number], offset + number) for number in range(len(inputs))]

    def _runner(self) -> Runner:
        return self.runner(self.backend, self.preprocessor, self.postprocessor, self._wanted)

    def _check_stream(self, inputs: object, key: object, *methods: str) -> None:
        """Raise ``InvalidInputError`` if it is one input, or no iterable at all."""
        check_iterable(inputs, *methods)
        if key is not None:
            return
        # Only of a task with an as_many of its own can an array be one input; the default's would copy all that is streamed.
        may_be_one = type(self.preprocessor).as_many is not Preprocessor.as_many and getattr(inputs, "shape", None)
        if may_be_one and self.preprocessor.as_many(inputs) is None:
            msg = (
                f"expected an iterable of inputs, got one ({type(inputs).__name__}); one input goes to the call itself"
            )
            raise InvalidInputError(msg)


def _apply(model: Any, args: tuple[object, ...], options: Mapping[str, object]) -> Model[Any, Any, Any]:
    """Return the model with the options of a call.

    Raises:
        TypeError: There are more arguments than inputs and a key.
        UnknownOptionError: There is no such option.
    """
    if args:
        msg = f"expected inputs, a key, and options by their names; got {len(args)} more: {listing(map(repr, args))}"
        raise TypeError(msg)
    applied: Model[Any, Any, Any] = model.copy_with(options) if options else model
    return applied


def _keep_outputs(outputs: Outputs) -> Outputs:
    return outputs


def _reload_with(reload: Callable[[], Any], postprocessor: AnyPostprocessor) -> Any:
    return reload().with_postprocessor(postprocessor)


def _unpickle(reload: Callable[[], ModelT], options: Mapping[str, object]) -> ModelT:
    return reload().replace_fields(options)


ModelT = TypeVar("ModelT", bound="Model[object, object, object]")


publish(globals(), "Model")
