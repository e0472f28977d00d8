"""Whether what a row gives depends on its padding, and so on its neighbours: measured, since a mask is no proof.

A graph may have an attention mask and read padding all the same: ConvBERT's convolution does, and Nyströmformer's
landmarks are means over the padded row. So, where a batch pads a row further than was tried before, the row with the
most padding is run alone as well. If that makes no difference, rows of different lengths go on sharing batches; if it
does, only rows of one length do from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from onnxhub._process.forking import Lock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Features, Outputs

    Shape: TypeAlias = tuple[int, ...]
    RunBatch: TypeAlias = Callable[[Sequence[Features]], Outputs]
    Part: TypeAlias = tuple[Sequence[int], Outputs]

__all__ = ["Findings", "Memory", "Neighbours", "agree", "shape_of"]

ENOUGH: Final = 3
"""Different paddings that must have made no difference before others are taken for harmless, too."""
REACH: Final = 4
"""How many times as much padding, as a share of the row, is then taken for harmless; beyond it, a row is tried again. So
a graph is tried a dozen times at the most: from a token of padding beside 500 to 500 beside one."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out of a graph."""

    paddings: frozenset[tuple[int, int]] = frozenset()
    """Tokens of a row, and of the same row with its padding, that gave the same."""
    differs: bool = False
    """Whether some padding made a difference."""

    def cover(self, padding: tuple[int, int]) -> bool:
        """Tell whether this padding was tried, or is near enough to what was."""
        if padding in self.paddings:
            return True
        return len(self.paddings) >= ENOUGH and _share(padding) <= REACH * max(map(_share, self.paddings))

    def add(self, other: Findings) -> Findings:
        """Give what both know together."""
        return Findings(self.paddings | other.paddings, self.differs or other.differs)


class Memory(Protocol):
    """Where findings outlast the process."""

    def find(self) -> Findings:
        """Give what is known of the graph; nothing, if it was not tried yet."""
        ...

    def keep(self, findings: Findings) -> Findings:
        """Add to what is known, and give all of it."""
        ...


class Neighbours:
    """Runs batches so that no row's outputs depend on the others; any number of threads may share it."""

    def __init__(self, memory: Memory | None = None, tolerance: float = 0.0) -> None:
        """Look nothing up yet.

        Args:
            memory: What is known of the graph already; None: its rows may share any batch, and nothing is measured.
            tolerance: How far outputs that are the same may be apart, as ``agree`` takes it.
        """
        self._memory = memory
        self._tolerance = tolerance
        self._findings: Findings | None = None
        self._learning = Lock()

    @property
    def need_one_length(self) -> bool:
        """Whether only rows of one length may share a batch, as far as it is known."""
        return self._memory is not None and self._look_up(self._memory).differs

    def run(self, rows: Sequence[Features], run_batch: RunBatch) -> list[Part]:
        """Run rows in one batch; or in several, if padding turns out to make a difference.

        Args:
            rows: Graph input name -> array ``(length,)``, or ``(choices, length)``.
            run_batch: Pads some of the rows, and runs them together.

        Returns:
            What ran together: the places of rows, and their outputs ``(places, ...)``. Every row is in one of them.
        """
        if self._memory is None:
            return [(range(len(rows)), run_batch(rows))]
        shapes = [shape_of(row) for row in rows]
        if shapes.count(shapes[0]) == len(shapes):
            return [(range(len(rows)), run_batch(rows))]
        findings = self._findings or self._look_up(self._memory)
        if not findings.differs:
            outputs = run_batch(rows)
            place, padding = _find_most_padded(shapes)
            if findings.cover(padding):
                return [(range(len(rows)), outputs)]
            alone = _pick(run_batch([rows[place]]), 0)
            if agree(alone, _pick(outputs, place), self._tolerance):
                if any(np.isfinite(values).any() for values in alone.values()):  # else it would be the same anyhow
                    self._learn(self._memory, Findings(frozenset({padding})))
                return [(range(len(rows)), outputs)]
            self._learn(self._memory, Findings(differs=True))
        return _run_by_shape(rows, shapes, run_batch)

    def _look_up(self, memory: Memory) -> Findings:
        if self._findings is None:
            with self._learning.plain:
                if self._findings is None:
                    self._findings = memory.find()
        return self._findings

    def _learn(self, memory: Memory, findings: Findings) -> None:
        with self._learning.plain:
            known = self._findings or Findings()
            if known.add(findings) != known:  # else another batch has just found out the same
                self._findings = memory.keep(known.add(findings))


def agree(alone: Outputs, padded: Outputs, tolerance: float) -> bool:
    """Tell whether a row gives the same alone and in a batch that padded it, as far as its own tokens go.

    Args:
        alone: Its outputs ``(...)``.
        padded: The same, where an axis of tokens may be longer.
        tolerance: The largest difference; of outputs with numbers beyond 1, as a share of the largest.
    """
    return all(_agree(values, padded[name], tolerance) for name, values in alone.items())


def _agree(alone: NDArray[np.float32], padded: NDArray[np.float32], tolerance: float) -> bool:
    if alone.ndim != padded.ndim or any(size > longer for size, longer in zip(alone.shape, padded.shape, strict=True)):
        return False
    own = padded[tuple(slice(size) for size in alone.shape)]
    scale = max(1.0, float(np.abs(alone, where=np.isfinite(alone), out=np.zeros_like(alone)).max(initial=0)))
    return np.allclose(own, alone, rtol=0, atol=tolerance * scale, equal_nan=True)


def shape_of(row: Features) -> Shape:
    """Give the shape of a row's tokens; rows of one shape are not padded."""
    return (row["input_ids"] if "input_ids" in row else next(iter(row.values()))).shape


def _share(padding: tuple[int, int]) -> float:
    """Return the tokens of padding for each of the row's own."""
    own, padded = padding
    return (padded - own) / max(own, 1)


def _find_most_padded(shapes: Sequence[Shape]) -> tuple[int, tuple[int, int]]:
    """Return the place of the smallest row, and its tokens without and with padding."""
    if len(shapes[0]) == 1:  # as nearly all have
        least, most = min(shapes), max(shapes)
        return shapes.index(least), (least[0], most[0])
    sizes = [prod(shape) for shape in shapes]
    smallest = min(sizes)
    return sizes.index(smallest), (smallest, prod(map(max, zip(*shapes, strict=True))))


def _run_by_shape(rows: Sequence[Features], shapes: Sequence[Shape], run_batch: RunBatch) -> list[Part]:
    places: dict[Shape, list[int]] = {}
    for place, shape in enumerate(shapes):
        places.setdefault(shape, []).append(place)
    return [(group, run_batch([rows[place] for place in group])) for group in places.values()]


def _pick(outputs: Outputs, place: int) -> Outputs:
    return {name: values[place] for name, values in outputs.items()}
