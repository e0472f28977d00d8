"""Lengths in, batches out: pure, so that it can be tested by its properties alone."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Features

__all__ = ["collate", "plan", "stack"]

NumberT = TypeVar("NumberT", bound=np.generic)

STARTS = 32
"""Batches whose start costs as much as the tokens of a whole one. On the CPU with its budget of 1,024 tokens, measured
for encoders from 2 layers of 128 to 6 of 768: a start costs as much as 20 to 40 tokens."""


def plan(lengths: Sequence[int], budget: int, kinds: Sequence[Hashable] | None = None) -> list[list[int]]:
    """Group rows of similar length, so that as little as possible is spent on padding and on starting batches.

    Of all ways to cut the rows, longest first, into batches within the budget, this is the cheapest one: a batch costs
    its padded tokens, and a 32nd of the budget for being one. A row that is larger than the budget by itself is a batch
    of its own.

    Args:
        lengths: Tokens of each row.
        budget: The most padded tokens of a batch: rows times the longest of them.
        kinds: Only rows of one kind share a batch; None: all are of one kind.

    Returns:
        Groups of row indices, the longest first; every index once.

    Examples:
        >>> plan([3, 80, 2, 78], budget=160)
        [[1, 3], [0, 2]]
    """
    groups: dict[Hashable, list[int]] = {}
    for index in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        groups.setdefault(None if kinds is None else kinds[index], []).append(index)
    batches = [
        group[start:stop]
        for group in groups.values()
        for start, stop in pairwise(_cuts([lengths[index] for index in group], budget))
    ]
    return sorted(batches, key=lambda batch: lengths[batch[0]], reverse=True)


def _cuts(falling: Sequence[int], budget: int) -> list[int]:
    """Return where to cut rows of falling lengths: 0, the end, and what is between."""
    number = len(falling)
    rows = np.arange(1, number + 1)
    rest = np.zeros(number + 1)  # what the rows from here on cost, cut at best
    sizes = [0] * number
    for first in range(number - 1, -1, -1):
        length = falling[first]
        most = max(budget // max(length, 1), 1)
        costs = rest[first + 1 : first + 1 + most]
        costs = costs + length * rows[: len(costs)]
        best = int(costs.argmin())
        sizes[first], rest[first] = best + 1, costs[best] + budget / STARTS
    cuts = [0]
    while cuts[-1] < number:
        cuts.append(cuts[-1] + sizes[cuts[-1]])
    return cuts


def collate(rows: Sequence[Features], padding: Mapping[str, int]) -> Features:
    """Stack rows into a batch, each filled up on the right with its input's padding value (default 0).

    The right, whatever the tokenizer's side: offsets then stay valid, and a model with an attention mask does not
    tell the sides apart.
    """
    if len(rows) == 1:
        return {name: values[np.newaxis] for name, values in rows[0].items()}
    return {name: stack([row[name] for row in rows], padding.get(name, 0)) for name in rows[0]}


def stack(arrays: Sequence[NDArray[NumberT]], fill: int = 0) -> NDArray[NumberT]:
    """Stack arrays of one rank but different lengths: ``(len(arrays), *longest along each axis)``."""
    shapes = [array.shape for array in arrays]
    if shapes.count(shapes[0]) == len(shapes):
        # np.stack takes three times as long for the few numbers of a text.
        return np.concatenate(arrays).reshape(len(arrays), *shapes[0]) if shapes[0] else np.stack(arrays)
    stacked = np.full((len(arrays), *map(max, zip(*shapes, strict=True))), fill, dtype=arrays[0].dtype)
    if stacked.ndim == 2:
        for row, array in zip(stacked, arrays, strict=True):
            row[: len(array)] = array
    else:
        for row, array in zip(stacked, arrays, strict=True):
            row[tuple(slice(size) for size in array.shape)] = array
    return stacked
