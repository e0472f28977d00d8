"""A loaded model: inputs are encoded, planned into batches, run and decoded, and come back in their order."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

import numpy as np

from onnxhub._batching import collate, stack
from onnxhub._execution import run
from onnxhub.errors import IndexedError, InvalidInputError, InvalidOptionError, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from onnxruntime import InferenceSession  # noqa: TID251  # for a type alone
    from optimum.onnxruntime import ORTModel  # noqa: TID251  # for a type alone

    from onnxhub._encoder import Encoded, Encoder
    from onnxhub._postprocessor import Item, Postprocessor
    from onnxhub._protocols import Backend, Column, Features, ListOf, Outputs
    from onnxhub._registry import Task

__all__ = ["Model", "ModelInfo"]

LOOK_AHEAD = 2048
"""Inputs of a stream that are read together: bounds its memory."""
LOOK_AHEAD_CHARACTERS = 1_000_000
"""The same for long inputs; a document of 20,000 words takes about 20 MB when it is encoded."""

SLICE = 64
"""Inputs that are encoded at once; others run meanwhile."""

InputT = TypeVar("InputT")
ResultT = TypeVar("ResultT")
ManyT = TypeVar("ManyT")
T = TypeVar("T")
PartT = TypeVar("PartT")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What was loaded, and why."""

    task: str
    """Canonical task name."""
    task_reason: str
    """Why this task: it was asked for, or what says so."""
    model_id: str
    """Hub id or folder."""
    revision: str | None
    """The commit hash; None for a local folder."""
    file: str
    """The ONNX file that runs."""
    reason: str
    """Why this file."""
    dtype: str
    """The file's variant: ``"fp32"``, ``"q8"``, ..."""
    provider: str
    """The execution provider that really runs, by its short name."""
    labels: tuple[str, ...]
    """The model's labels, in the order of its outputs; empty where the task has none."""
    max_length: int | None
    """Tokens that the model takes, special tokens included; None: no limit is known."""


class Model(Generic[InputT, ResultT, ManyT]):
    """A model that was loaded for a task: call it with one input, or with a list of them.

    Immutable, and shared by any number of threads. A ``list`` (also a numpy array or pandas Series) is many inputs;
    anything else is one. ``with_options`` gives another Model over the same session.
    """

    def __init__(
        self,
        task: Task[Self],
        backend: Backend,
        *,
        encoder: Encoder[InputT, Any],
        postprocessor: Postprocessor[Any, ResultT],
        info: ModelInfo,
        reload: Callable[[], Self] | None = None,
    ) -> None:
        """Put a model together from its finished parts; ``load`` does this.

        Args:
            task: The registry row.
            backend: The open session and its tokenizer.
            encoder: Inputs to rows and items.
            postprocessor: Outputs and items to results.
            info: What was loaded.
            reload: How to load it again; what a pickle of the model holds.
        """
        self.task = task
        self.backend = backend
        self.encoder = encoder
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
    def session(self) -> InferenceSession:
        """ONNX Runtime's session, of a model that has just one."""
        sessions = self.sessions
        if len(sessions) != 1:
            msg = f"{self!r} has {len(sessions)} sessions, not one: {listing(sessions)}"
            raise InvalidInputError(msg)
        return next(iter(sessions.values()))

    @cached_property
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

    @overload
    async def acall(self, inputs: InputT) -> ResultT: ...
    @overload
    async def acall(self, inputs: ListOf[InputT] | Column) -> ManyT: ...
    async def acall(self, inputs: object) -> object:
        """The same from asyncio, in a thread: the event loop is not blocked."""
        import asyncio

        return await asyncio.to_thread(self._call, inputs, {})

    def stream(self, inputs: Iterable[InputT], *, progress: bool = False) -> Iterator[ResultT]:
        """Results of any number of inputs, in order, with bounded memory.

        Args:
            inputs: Any iterable; read ahead by 32 inputs at first, later by at most 2,048 or a million characters.
            progress: Show a progress bar on stderr.

        Raises:
            InvalidInputError: ``inputs`` is one text, or cannot be iterated; an input cannot be used, with its index.
        """
        if isinstance(inputs, str | bytes) or not hasattr(inputs, "__iter__"):
            msg = f"stream takes an iterable of inputs, got {type(inputs).__name__}; one input goes to the call itself"
            raise InvalidInputError(msg)
        if progress:
            from onnxhub.backend.progress import bar

            inputs = bar(inputs)
        return self._stream(iter(inputs))

    def _stream(self, source: Iterator[InputT]) -> Iterator[ResultT]:
        offset = 0
        for chunk in _chunks(source, first=32):
            yield from self._results(chunk, offset)
            offset += len(chunk)

    def outputs(self, inputs: InputT | ListOf[InputT] | Column) -> Outputs:
        """The raw logits: output name -> float32 array ``(rows, ...)``, padded with zeros to the longest row.

        The rows are those of ``encode``, in order; ``postprocessor(outputs, items)`` turns them into results.
        """
        encoded = self.encode(inputs)
        rows = [row for one in encoded for row in one.rows]
        by_row = dict(self._run(rows))
        return _stacked([by_row[index] for index in range(len(rows))])

    def encode(self, inputs: InputT | ListOf[InputT] | Column) -> list[Encoded[Any]]:
        """What the graph and the postprocessor get for inputs: always a list, also for one input."""
        many = as_many(inputs)
        return self._encode([inputs], offset=None) if many is None else self._encode(many, offset=0)

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
        return f"<{type(self).__name__} {info.model_id} {info.file} ({info.dtype}) on {info.provider}>"

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
        """This model with some options of its encoder or postprocessor changed; ``...`` leaves one as it is."""
        given = {name: value for name, value in options.items() if value is not ...}
        if not given:
            return self
        left = dict(given)
        encoder, postprocessor = _replaced(self.encoder, left), _replaced(self.postprocessor, left)
        if left:
            name, value = next(iter(left.items()))
            raise InvalidOptionError(name, value, f"an option of {type(self.postprocessor).__name__}, which has none")
        if encoder is self.encoder and postprocessor is self.postprocessor:
            return self
        model = copy(self)
        vars(model).update(encoder=encoder, postprocessor=postprocessor, _options={**self._options, **given})
        return model

    def _call(self, inputs: object, options: Mapping[str, object]) -> object:
        """What ``__call__`` of each task does: run with these options on one input, or on many."""
        model, many = self._with(options), as_many(inputs)
        if many is not None:
            return model._gather(model._results(many, offset=0))  # noqa: SLF001
        return model._results([inputs], offset=None)[0]  # noqa: SLF001

    def _gather(self, results: list[ResultT]) -> ManyT:
        """What a list of inputs gives; a list of results unless the task can do better."""
        return results  # type: ignore[return-value]  # ManyT is list[ResultT] wherever this is not overridden

    def _encode(self, inputs: Sequence[object], offset: int | None) -> list[Encoded[Any]]:
        try:
            # Whether they are of the encoder's type is for the encoder to find out, and to say.
            return self.encoder(cast("Sequence[InputT]", inputs))
        except IndexedError as error:
            raise error.at(_shift(error.index, offset)) from error.__cause__

    def _results(self, inputs: Sequence[object], offset: int | None) -> list[ResultT]:
        """Encode, run and decode; an item is decoded as soon as its last row has run, and its outputs are dropped."""
        parts: Iterator[list[Encoded[Any]]] = (
            self._encode(part, _shift(start, offset)) for start, part in _slices(inputs)
        )
        if len(inputs) == 1:
            (encoded,) = next(parts)
            if len(encoded.rows) == 1:
                # The call for one short input: nothing to plan, nothing to wait for.
                outputs = self.backend.run(collate(encoded.rows, {}), self._wanted)
                return [self._decode(outputs, encoded.item, _shift(0, offset))]
            parts = iter([[encoded]])
        owners: dict[int, tuple[int, Encoded[Any]]] = {}
        waiting: dict[int, dict[int, Outputs]] = {}
        results: dict[int, ResultT] = {}
        for row, outputs in self._run(_rows(parts, owners)):
            index, one = owners.pop(row)
            found = waiting.setdefault(index, {})
            found[row] = outputs
            if len(found) == len(one.rows):
                whole = _stacked([found[row] for row in sorted(found)])
                results[index] = self._decode(whole, one.item, _shift(index, offset))
                del waiting[index]
        return [results[index] for index in range(len(inputs))]

    def _run(self, rows: Iterable[Features]) -> Iterator[tuple[int, Outputs]]:
        """Each row's number and outputs ``(...)``, in the planner's order."""
        return run(self.backend, rows, self._wanted)

    def _decode(self, rows: Outputs, item: Item, index: int | None) -> ResultT:
        try:
            return self.postprocessor(rows, [item])[0]
        except IndexedError as error:
            raise error.at(index) from error.__cause__


def _slices(inputs: Sequence[T]) -> Iterator[tuple[int, list[T]]]:
    """Inputs that are encoded at once, and where they begin: so few that batches need not wait long for them."""
    start = 0
    for part in _chunks(iter(inputs), first=SLICE, most=SLICE):
        yield start, part
        start += len(part)


def _rows(parts: Iterable[Sequence[Encoded[Any]]], owners: dict[int, tuple[int, Encoded[Any]]]) -> Iterator[Features]:
    """All rows of the inputs; ``owners`` is told the input of each, by the row's number."""
    number = 0
    for index, one in enumerate(chain.from_iterable(parts)):
        for row in one.rows:
            owners[number] = (index, one)
            number += 1
            yield row


def _chunks(inputs: Iterator[T], first: int, most: int = LOOK_AHEAD) -> Iterator[list[T]]:
    """Inputs that are encoded together: ``first`` of them, then twice as many, up to what memory should hold."""
    chunk: list[T] = []
    limit, size = first, 0
    for one in inputs:
        chunk.append(one)
        size += _characters(one)
        if len(chunk) == limit or size >= LOOK_AHEAD_CHARACTERS:
            yield chunk
            chunk, size, limit = [], 0, min(2 * limit, most)
    if chunk:
        yield chunk


def _characters(value: object) -> int:
    """Of a text, or of all texts of a tuple, such as a query with a list of documents."""
    if isinstance(value, list | tuple):
        return sum(map(_characters, value))
    return len(value) if isinstance(value, str) else 0


def as_many(inputs: object) -> list[object] | None:
    """The inputs of a list, numpy array or pandas Series as a list; None if it is one input."""
    if isinstance(inputs, list):
        return inputs
    to_list = None if isinstance(inputs, str) else getattr(inputs, "tolist", None)
    values = None if to_list is None else to_list()
    return values if isinstance(values, list) else None


def _replaced(part: PartT, options: dict[str, object]) -> PartT:
    """The dataclass with the options that are fields of it, which are taken out; itself if none has another value."""
    if not is_dataclass(part):
        return part
    mine: dict[str, object] = {field.name: options.pop(field.name) for field in fields(part) if field.name in options}
    if all(getattr(part, name) is value for name, value in mine.items()):
        return part
    return replace(part, **mine)  # type: ignore[type-var]


def _shift(index: int | None, offset: int | None) -> int | None:
    return None if index is None or offset is None else index + offset


def _stacked(rows: Sequence[Outputs]) -> Outputs:
    if not rows:
        return {}
    if len(rows) == 1:
        return {name: values[np.newaxis] for name, values in rows[0].items()}
    return {name: stack([row[name] for row in rows]) for name in rows[0]}


def _unpickle(reload: Callable[[], ModelT], options: Mapping[str, object]) -> ModelT:
    return reload()._with(options)  # noqa: SLF001  # the other half of Model.__reduce__


ModelT = TypeVar("ModelT", bound="Model[object, object, object]")
