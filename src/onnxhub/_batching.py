"""Lengths in, batches out: pure, so that it can be tested by its properties alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    from onnxhub._protocols import Features

__all__ = ["collate", "plan", "stack"]

NumberT = TypeVar("NumberT", bound=np.generic)


def plan(lengths: Sequence[int], budget: int, kinds: Sequence[Hashable] | None = None) -> list[list[int]]:
    """Group rows of similar length, so that little of a batch is padding.

    Rows are taken longest first. A batch is closed when one more row would make it larger than the budget, padding
    included; a row that is larger than the budget by itself is a batch of its own.

    Args:
        lengths: Tokens of each row.
        budget: The most padded tokens of a batch: rows times the longest of them.
        kinds: Only rows of one kind share a batch; None: all are of one kind.

    Returns:
        Groups of row indices; every index once.

    Examples:
        >>> plan([3, 8, 2, 7], budget=16)
        [[1, 3], [0, 2]]
    """
    batches: list[list[int]] = []
    open_batches: dict[Hashable, list[int]] = {}
    for index in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        kind = None if kinds is None else kinds[index]
        batch = open_batches.get(kind)
        if batch and (len(batch) + 1) * lengths[batch[0]] <= budget:
            batch.append(index)
        else:
            open_batches[kind] = [index]
            batches.append(open_batches[kind])
    return batches


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
        return np.stack(arrays)
    stacked = np.full((len(arrays), *map(max, zip(*shapes, strict=True))), fill, dtype=arrays[0].dtype)
    for row, array in zip(stacked, arrays, strict=True):
        row[tuple(slice(size) for size in array.shape)] = array
    return stacked
