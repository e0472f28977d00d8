"""How a model is run: threads within an operator, batches at once, tokens of a batch. All of it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = ["DYNAMIC_QUANTIZATION", "Pace", "choose_pace"]

BATCH_TOKENS: Final = 1024
"""Padded tokens of a batch on the CPU; larger ones fall out of its caches."""
GPU_BATCH_TOKENS: Final = 16384
SMALL: Final = 24 * 2**20
"""Bytes of a model whose operators are too short for several threads: a list is up to 1.7 times as fast in as many
batches at once."""
DYNAMIC_QUANTIZATION: Final = frozenset({
    "DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat",
})  # fmt: skip
"""Operators that scale by the range of the whole batch: there, a row's result would depend on its neighbours. So rows are
run alone, which is too little work for several threads: a list is 1.3 times as fast with a row on each core."""
FOUR_BITS: Final = "MatMulNBits"
"""Does as much work as a model of eight times the size."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a model is run."""

    threads: int
    """Within an operator, of a batch that runs alone."""
    lanes: int
    """Batches at once; each has one thread, if there are several."""
    batch_tokens: int
    """Padded tokens of a batch; 1: each row is run alone."""


def choose_pace(
    *, size: int, operators: AbstractSet[str], on_cpu: bool, cores: int, threads: int | None, batch_tokens: int | None
) -> Pace:
    """How a model is run.

    Args:
        size: Bytes of its files.
        operators: The types of its operators.
        on_cpu: Whether the CPU runs it; on any other device there is one stream of work.
        cores: What this process may use.
        threads: What ``load`` was told: threads within an operator, and no other batch beside.
        batch_tokens: What ``load`` was told.

    Examples:
        >>> usual = {"operators": {"MatMul"}, "on_cpu": True, "cores": 4, "threads": None, "batch_tokens": None}
        >>> choose_pace(size=2**20, **usual)
        Pace(threads=4, lanes=4, batch_tokens=1024)
        >>> choose_pace(size=2**28, **usual)
        Pace(threads=4, lanes=1, batch_tokens=1024)
        >>> choose_pace(size=2**28, **usual | {"operators": {"DynamicQuantizeLinear"}})
        Pace(threads=4, lanes=4, batch_tokens=1)
    """
    free = threads is None and on_cpu
    small = free and size <= SMALL and FOUR_BITS not in operators
    quantized = bool(DYNAMIC_QUANTIZATION & operators)
    if quantized:
        batch_tokens = 1
    return Pace(
        threads=threads or cores,
        lanes=cores if small or (free and quantized) else 1,
        batch_tokens=batch_tokens or (BATCH_TOKENS if on_cpu else GPU_BATCH_TOKENS),
    )
