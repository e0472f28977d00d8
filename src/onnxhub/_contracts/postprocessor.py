"""The contract between a task and the people who subclass its postprocessor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, Self, TypeVar, final

import numpy as np

from onnxhub._process.public import publish
from onnxhub._strings.plain_text import shorten
from onnxhub.errors import IndexedError, InvalidInputError, InvalidOptionError, listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from onnxhub._contracts.protocols import Backend, Outputs

__all__ = ["Item", "Postprocessor", "misfit", "numbers", "of_shape", "same_shape", "stack_vectors"]


class Item(Protocol):
    """What a postprocessor needs to know of one input beside the model's outputs for it."""

    @property
    def rows(self) -> int:
        """How many rows of the outputs belong to the input: windows of a long text, else 1."""
        ...


ItemT = TypeVar("ItemT", bound=Item)
ResultT = TypeVar("ResultT")


class Postprocessor(ABC, Generic[ItemT, ResultT]):
    """Raw model outputs to typed results; pure: no tokenizer, no session, no files.

    To write one, subclass it (or, more often, a task's own postprocessor) as a frozen dataclass whose fields are the
    labels and options, and override ``decode``. ``__call__`` is final: it makes everything float32, gives each item
    its rows, keeps the order and names the item that an error is about.

    Pass the subclass to ``load(..., postprocessor=Mine)``, and ``for_model`` builds it from the model's configuration;
    or pass an instance, and it is used as it is.

    Examples:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Calibrated(onnxhub.ClassificationPostprocessor):
        ...     temperature: float = 2.0
        ...
        ...     def scores(self, logits):
        ...         return onnxhub.softmax(logits / self.temperature)
        >>> Calibrated(labels=("NEG", "POS"))([[-2.0, 2.0]])[0].label
        'POS'
    """

    outputs: ClassVar[tuple[str, ...]] = ()
    """The outputs that ``decode`` needs; a call without one of them is an error. None named: nothing is checked."""
    item: ClassVar[type[Item] | None] = None
    """The class of its items; ``load`` compares it with that of the task. None: any."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if isinstance(cls.outputs, str):
            raise InvalidOptionError("outputs", cls.outputs, f"a tuple of names, such as ({cls.outputs!r},)")

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Build it for a model, from its configuration; the default needs nothing of it."""
        del backend
        return cls()

    @abstractmethod
    def decode(self, rows: Outputs, item: ItemT) -> ResultT:
        """Turn one item's outputs into its result.

        Args:
            rows: Output name -> float32 array ``(item.rows, ...)``; rows that were padded in their batch are longer
                than the item.
            item: What the task's preprocessor kept of the input.
        """

    def default_items(self, rows: int) -> Sequence[ItemT]:
        """Return items for outputs that come without; only for tasks whose items carry nothing."""
        msg = f"{type(self).__name__} needs items: one for each input, {rows} rows in all"
        raise InvalidInputError(msg)

    @final
    def __call__(
        self,
        outputs: Mapping[str, NDArray[np.generic]] | Sequence[object] | NDArray[np.generic],
        items: Sequence[ItemT] | None = None,
    ) -> list[ResultT]:
        """Decode the outputs of a batch.

        Args:
            outputs: Output name -> array ``(rows, ...)``, of any float type; or one bare array, called ``logits``.
            items: One for each input, in the order of the rows; None where the task's items carry nothing.

        Returns:
            One result for each item, in order.

        Raises:
            NonFiniteOutputError: a score is NaN or infinite; with the item's index.
            InvalidInputError: an output is missing, or the items do not fit the outputs.
        """
        results: list[ResultT] = []
        for result in self.decode_each(outputs, items):
            if isinstance(result, IndexedError):
                raise result from result.__cause__
            results.append(result)
        return results

    @final
    def decode_each(
        self,
        outputs: Mapping[str, NDArray[np.generic]] | Sequence[object] | NDArray[np.generic],
        items: Sequence[ItemT] | None = None,
    ) -> Iterator[ResultT | IndexedError]:
        """Yield the result of each item, or the error about it with its index; each is decoded once.

        Raises:
            InvalidInputError: an output is missing, or the items do not fit the outputs; before any is decoded.
        """
        arrays = self._arrays(outputs)
        rows = {len(values) for values in arrays.values()}
        items, wanted = self._items(self.default_items(max(rows, default=0)) if items is None else items)
        if rows != {wanted} and (rows or items):
            msg = f"{wanted} rows of items for outputs of {sorted(rows)} rows"
            raise InvalidInputError(msg)
        start = 0
        for index, item in enumerate(items):
            stop = start + item.rows
            yield self._decode({name: values[start:stop] for name, values in arrays.items()}, item, index)
            start = stop

    def _arrays(self, outputs: object) -> dict[str, NDArray[np.float32]]:
        """Return the outputs by name, as float32 with an axis of rows."""
        named = outputs if isinstance(outputs, Mapping) else {"logits": outputs}
        if named and not all(name in named for name in self.outputs):
            given = listing(map(str, named)) if named is outputs else "one array without a name"
            msg = f"{type(self).__name__} needs a mapping with {' and '.join(self.outputs)}, got {given}"
            raise InvalidInputError(msg)
        try:
            # The slice costs nothing, and refuses a single number, which has no rows.
            return {name: np.asarray(values, dtype=np.float32)[:] for name, values in named.items()}
        except (TypeError, ValueError, IndexError) as error:
            msg = f"{type(self).__name__} needs arrays of numbers with an axis of rows: {error}"
            raise InvalidInputError(msg) from error

    def _items(self, items: Iterable[ItemT]) -> tuple[list[ItemT], int]:
        """Return the items as a list, and their rows in all."""
        try:
            listed = list(items)
            return listed, sum(item.rows for item in listed)
        except (TypeError, AttributeError) as error:
            kind = "items" if self.item is None else self.item.__name__
            msg = f"{type(self).__name__} needs a list of {kind}, got {type(items).__name__}: {error}"
            raise InvalidInputError(msg) from error

    def _decode(self, rows: Outputs, item: ItemT, index: int) -> ResultT | IndexedError:
        try:
            return self.decode(rows, item)
        except IndexedError as error:
            found = error.at(index)
            found.__cause__ = error.__cause__
            return found


def same_shape(scores: ArrayLike, logits: NDArray[np.float32], hook: str) -> NDArray[np.float32]:
    """Return what a hook made of logits, if it has their shape.

    Raises:
        InvalidOptionError: it has another; names the hook as it is called, such as ``"Calibrated.scores"``.
    """
    return of_shape(scores, logits.shape, hook, "keep the shape of its logits")


def of_shape(
    made: ArrayLike, shape: tuple[int, ...], hook: str, what: str = "give an array of the shape"
) -> NDArray[np.float32]:
    """Return what a hook made, as float32, if it has this shape.

    Raises:
        InvalidOptionError: it has another; names the hook as it is called, such as ``"Calibrated.scores"``.
    """
    array = numbers(made, hook)
    if array.shape != shape:
        raise misfit(hook, f"{what}, {shape}; it gave {array.shape}")
    return array


def numbers(made: ArrayLike, hook: str) -> NDArray[np.float32]:
    """Return what a hook made, as a float32 array: lists will do, and other types of number.

    Raises:
        InvalidOptionError: it is nothing of the kind.
    """
    if type(made) is np.ndarray and made.dtype == np.float32:  # as of nearly all hooks, for each row
        return made
    try:
        array = np.asarray(made)
    except (TypeError, ValueError) as error:  # lists of different lengths, among others
        raise misfit(hook, f"give numbers; {error}") from error
    if array.dtype.kind not in "fiub":
        raise misfit(hook, f"give numbers; it gave {shorten(made)}")
    return array.astype(np.float32, copy=False)


def misfit(hook: str, expected: str) -> InvalidOptionError:
    """Return the error about a hook that does not do what is expected of it."""
    return InvalidOptionError("postprocessor", hook.partition(".")[0], f"{hook} to {expected}")


def stack_vectors(vectors: Sequence[NDArray[np.float32]], postprocessor: object) -> NDArray[np.float32]:
    """Stack what a postprocessor gave for each input, ``(dim,)``, to ``(n, dim)``.

    Raises:
        InvalidOptionError: They are not all of one length; names the postprocessor.
    """
    if len(sizes := {np.shape(vector) for vector in vectors}) > 1:
        expected = f"give vectors of one length; it gave {', '.join(map(str, sorted(sizes)))}"
        raise misfit(type(postprocessor).__name__, expected)
    return np.stack(vectors)


publish(globals(), "Postprocessor")
