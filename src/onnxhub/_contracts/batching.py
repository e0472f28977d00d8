"""Which rows may share a batch, what a row costs, and how short rows are padded: each task says it of its own rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from onnxhub._process.public import publish
from onnxhub.errors import TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from onnxhub._contracts.protocols import Backend, Features

__all__ = ["Batching", "batch_arrays", "batch_tokens", "count_tokens", "weigh_row"]

NUMBERS_PER_TOKEN: Final = 2352
"""Numbers of an array that cost as much as a token: an image of 224 by 224 with three channels is 64 tokens, so that 16 of
them fill the 1,024 tokens of a batch on the CPU."""
BYTES_PER_TOKEN: Final = 640
"""What a token takes until its row has run: its place in each input of the graph, its characters and its word."""


@dataclass(frozen=True, slots=True)
class Batching:
    """Which rows of a task share a batch.

    Examples:
        >>> by_shape = onnxhub.Batching(budget=16, cost=lambda row: 1, group=lambda row: row["pixel_values"].shape)
        >>> by_shape.padding
        {}
    """

    budget: int
    """The most that a batch may cost; a row that costs more is a batch of its own."""
    cost: Callable[[Features], int]
    """The cost of a row, at least 1, in any unit: tokens, images, samples. A batch costs its rows times the dearest."""
    group: Callable[[Features], Hashable]
    """Only rows of one group share a batch. Rows of one group need not have one shape: they are padded."""
    padding: Mapping[str, int] = field(default_factory=dict)
    """Graph input -> the value that fills up a shorter row; default 0."""


def batch_tokens(backend: Backend) -> Batching:
    """Return the batching of rows of tokens, which are padded with what the tokenizer pads with.

    Without a tokenizer nobody knows what is padding: then only rows of one shape share a batch.
    """
    try:
        padding = backend.tokenizer.padding
    except TaskMismatchError:
        return Batching(backend.batch_tokens, count_tokens, lambda row: (backend.kind(row), _shape(row)))
    return Batching(backend.batch_tokens, count_tokens, backend.kind, padding)


def batch_arrays(backend: Backend) -> Batching:
    """Return the batching of other rows: only those of one shape share a batch, so that nothing is padded.

    The budget is the backend's in tokens. Where the graph declares how many rows it takes, each row is run by itself.
    """
    role = next(iter(backend.sessions), None)
    declared = {} if role is None else backend.inputs(role)
    is_fixed = any(entry.shape and isinstance(entry.shape[0], int) for entry in declared.values())
    return Batching(1 if is_fixed else backend.batch_tokens, _count_numbers, _shape)


def count_tokens(row: Features) -> int:
    """Return the tokens of a row; 0 if it has none."""
    return row["input_ids"].size if "input_ids" in row else 0


def weigh_row(row: Features) -> int:
    """Return the bytes that a row takes until it has run, about."""
    if "input_ids" in row:
        return row["input_ids"].size * BYTES_PER_TOKEN
    return sum(values.nbytes for values in row.values())


def _count_numbers(row: Features) -> int:
    return max(sum(values.size for values in row.values()) // NUMBERS_PER_TOKEN, 1)


def _shape(row: Features) -> Hashable:
    return tuple([(name, values.shape) for name, values in row.items()])


publish(globals(), "Batching")
