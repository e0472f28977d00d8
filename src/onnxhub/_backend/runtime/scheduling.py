"""How batches are scheduled: how many run at once, and how many tokens each has. All numbers were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.precision import DYNAMIC_QUANTIZATION

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

__all__ = ["Schedule", "choose_schedule"]

CPU_BUDGET: Final = 1024
"""Padded tokens of a batch on the CPU; larger batches fall out of its caches."""
GPU_BUDGET: Final = 16384
SMALL: Final = 24 * 2**20
"""Bytes of a model whose operators are too short for several threads: a list is up to 1.7 times as fast in as many
batches at once."""
FOUR_BITS: Final = "MatMulNBits"
"""An operator that does as much work as those of a model of eight times the size."""
PATIENCE: Final = 8
"""Concurrent batches of a large model before the second session is built. Building takes 40 milliseconds for int8 of
DistilBERT's size: as long as it saves on 18 batches."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the batches of a model are run."""

    lanes: int
    """Batches at once, each with one thread, if more than one; else a batch has all threads."""
    budget: int
    """Padded tokens of a batch; 1: each row is run alone."""
    batches_before_second_session: int = 0
    """Concurrent batches that the first session runs before a session with one thread is built for them."""


def choose_schedule(
    *,
    size: int,
    operators: AbstractSet[str],
    on_cpu: bool,
    cores: int,
    shares_weights: bool,
    allow_concurrent: bool,
    budget: int | None,
) -> Schedule:
    """Choose how the batches of a model are run.

    Args:
        size: Bytes of its files.
        operators: The types of its operators.
        on_cpu: Whether the CPU runs it; any other device has one stream of work.
        cores: Cores that this process may use.
        shares_weights: Whether a second session would share the weights of the first, so that memory holds them once.
        allow_concurrent: Whether the options of ``load`` leave room for several batches at once.
        budget: The option ``batch_tokens`` of ``load``.

    Examples:
        >>> usual = {"operators": {"MatMul"}, "on_cpu": True, "cores": 4, "budget": None}
        >>> usual |= {"shares_weights": True, "allow_concurrent": True}
        >>> choose_schedule(size=2**20, **usual)
        Schedule(lanes=4, budget=1024, batches_before_second_session=0)
        >>> choose_schedule(size=2**28, **usual)
        Schedule(lanes=1, budget=1024, batches_before_second_session=8)
        >>> choose_schedule(size=2**28, **usual | {"operators": {"DynamicQuantizeLinear"}})
        Schedule(lanes=4, budget=1, batches_before_second_session=8)
    """
    small, quantized = size <= SMALL, bool(DYNAMIC_QUANTIZATION & operators)
    faster = quantized or (small and FOUR_BITS not in operators)
    # A dynamically quantized graph scales by the range of the whole batch: rows in one would depend on each other.
    usual = CPU_BUDGET if on_cpu else GPU_BUDGET
    return Schedule(
        lanes=cores if allow_concurrent and on_cpu and faster and (shares_weights or small) else 1,
        budget=1 if quantized else budget or usual,
        # For a small model it takes milliseconds, and concurrent batches of the first session would grow its memory.
        batches_before_second_session=0 if small else PATIENCE,
    )
