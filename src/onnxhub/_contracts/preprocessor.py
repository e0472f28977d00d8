"""The contract of a task's first station: inputs to rows for the graph, and items for the postprocessor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from onnxhub._contracts.batching import batch_arrays, batch_tokens
from onnxhub._contracts.inputs import as_many, weigh
from onnxhub._contracts.postprocessor import ItemT
from onnxhub._process.public import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxhub._contracts.batching import Batching
    from onnxhub._contracts.protocols import Backend, Features, Outputs

__all__ = ["Prepared", "Preprocessor"]

InputT = TypeVar("InputT")


@dataclass(frozen=True, slots=True)
class Prepared(Generic[ItemT]):
    """One input, ready for the graph: its rows, and the item that its postprocessor will want."""

    rows: Sequence[Features]
    """Graph input name -> array ``(length,)``; k >= 1 of them."""
    item: ItemT
    """Everything that the result needs beside the outputs."""
    finish: Callable[[Outputs], Any] | None = None
    """Outputs ``(rows, ...)`` of this input to its result, in the place of the model's postprocessor: so inputs that are
    asked for with different options share a batch. None: the postprocessor."""


class Preprocessor(ABC, Generic[InputT, ItemT]):
    """Inputs to ``Prepared`` values, in order; a frozen dataclass whose fields are what it needs and its options."""

    @classmethod
    @abstractmethod
    def for_model(cls, backend: Backend) -> Self:
        """Build it for a model.

        Raises:
            TaskMismatchError: the model has not what the task needs.
        """

    @abstractmethod
    def __call__(self, inputs: Sequence[InputT]) -> list[Prepared[ItemT]]:
        """Prepare inputs.

        Raises:
            InvalidInputError: one of them cannot be used; with its index.
        """

    def batching(self, backend: Backend) -> Batching:
        """Return which of its rows share a batch.

        The default suits tokens, which are padded to the longest of the batch; and, where the graph takes no
        ``input_ids``, arrays: only rows of one shape share a batch, as many as suit their size.
        """
        return batch_tokens(backend) if "input_ids" in backend.input_names else batch_arrays(backend)

    def as_many(self, inputs: object) -> Sequence[object] | None:
        """Return the inputs of what a call was given, or None if that is one input.

        The default takes a list, an array, a column of a table and any other sequence but a text, bytes and a tuple for
        many inputs. A task whose one input is an array overrides it: an image of ``(height, width, channels)`` is one.
        """
        return as_many(inputs)

    def weight(self, value: InputT) -> int:
        """Return the bytes that an input takes while it waits, about: what bounds how far a stream is read ahead."""
        return weigh(value)


publish(globals(), "Prepared", "Preprocessor")
