"""The graded pairs of texts by which the embedder is measured; needs numpy alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tools.builtin_models import sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["LARGEST", "NAME", "Pair", "correlate", "rank", "read_pairs"]

NAME: Final = "embed"
LARGEST: Final = 16_000_000
"""Bytes of the folder."""


@dataclass(frozen=True)
class Pair:
    """Two texts, and how near their meanings are, 0 to 5."""

    first: str
    second: str
    grade: int
    kind: str


def read_pairs() -> list[Pair]:
    """Read the graded pairs."""
    lines = (sets.HELD_OUT / f"{NAME}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Pair(**json.loads(line)) for line in lines]


def correlate(cosines: Sequence[float] | NDArray[np.floating], grades: Sequence[int]) -> float:
    """Return Spearman's rank correlation, ties at their mean rank."""
    ranks = [rank(np.asarray(values, np.float64)) for values in (cosines, grades)]
    return float(np.corrcoef(*ranks)[0, 1])


def rank(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank values from 1, ties at their mean rank."""
    below = (values[:, None] > values).sum(1)
    ties = (values[:, None] == values).sum(1)
    ranks: NDArray[np.float64] = below + (ties + 1) / 2
    return ranks
