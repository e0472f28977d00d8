"""How a model is run: batches at once, and tokens of a batch. All of it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.precision import DYNAMIC_QUANTIZATION

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = ["Pace", "choose_pace"]

BATCH_TOKENS: Final = 1024
"""Padded tokens of a batch on the CPU; larger ones fall out of its caches."""
GPU_BATCH_TOKENS: Final = 16384
SMALL: Final = 24 * 2**20
"""Bytes of a model whose operators are too short for several threads: a list is up to 1.7 times as fast in as many
batches at once."""
FOUR_BITS: Final = "MatMulNBits"
"""Does as much work as a model of eight times the size."""


PATIENCE: Final = 8
"""Batches of a large model that run at once before they get a session of their own, which takes 40 milliseconds for int8
of DistilBERT's size: as long as it saves on 18 batches."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a model is run."""

    lanes: int
    """Batches at once, each with one thread, if more than one; else a batch has all threads."""
    batch_tokens: int
    """Padded tokens of a batch; 1: each row is run alone."""
    patience: int = 0
    """Batches that run at once before they get a session of their own."""


def choose_pace(
    *,
    size: int,
    operators: AbstractSet[str],
    on_cpu: bool,
    cores: int,
    mapped: bool,
    together: bool,
    batch_tokens: int | None,
) -> Pace:
    """How a model is run.

    Args:
        size: Bytes of its files.
        operators: The types of its operators.
        on_cpu: Whether the CPU runs it; on any other device there is one stream of work.
        cores: What this process may use.
        mapped: Whether a second session would share the weights of the first: a large model has them in memory once.
        together: Whether several batches may run at once, by what ``load`` was told.
        batch_tokens: What ``load`` was told.

    Examples:
        >>> usual = {"operators": {"MatMul"}, "on_cpu": True, "cores": 4, "mapped": True, "together": True}
        >>> choose_pace(size=2**20, batch_tokens=None, **usual)
        Pace(lanes=4, batch_tokens=1024, patience=0)
        >>> choose_pace(size=2**28, batch_tokens=None, **usual)
        Pace(lanes=1, batch_tokens=1024, patience=8)
        >>> choose_pace(size=2**28, batch_tokens=None, **usual | {"operators": {"DynamicQuantizeLinear"}})
        Pace(lanes=4, batch_tokens=1, patience=8)
    """
    small, quantized = size <= SMALL, bool(DYNAMIC_QUANTIZATION & operators)
    faster = quantized or (small and FOUR_BITS not in operators)
    if quantized:
        batch_tokens = 1
    return Pace(
        lanes=cores if together and on_cpu and faster and (mapped or small) else 1,
        batch_tokens=batch_tokens or (BATCH_TOKENS if on_cpu else GPU_BATCH_TOKENS),
        # Of a small model, it takes milliseconds; and until it is there, batches at once grow the first one's memory.
        patience=0 if small else PATIENCE,
    )
