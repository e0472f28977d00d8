"""The contract of a task's first station: inputs to rows for the graph, and items for the postprocessor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from onnxhub._contracts.postprocessor import ItemT
from onnxhub._process.public import publish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._contracts.protocols import Backend, Features

__all__ = ["Prepared", "Preprocessor"]

InputT = TypeVar("InputT")


@dataclass(frozen=True, slots=True)
class Prepared(Generic[ItemT]):
    """One input, ready for the graph: its rows, and the item that its postprocessor will want."""

    rows: Sequence[Features]
    """Graph input name -> array ``(length,)``; k >= 1 of them."""
    item: ItemT
    """Everything that the result needs beside the outputs."""


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
        """Encode inputs.

        Raises:
            InvalidInputError: one of them cannot be used; with its index.
        """


publish(globals(), "Prepared", "Preprocessor")
