"""Inputs of unknown number, a chunk at a time: read ahead a little, followed by a monitor, and closed with the results."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeVar

from onnxhub._calls.monitor import CallMonitor, open_monitor
from onnxhub._contracts.inputs import iterate

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

__all__ = ["LOOK_AHEAD", "LOOK_AHEAD_BYTES", "Work", "chunks", "pieces", "stream"]

LOOK_AHEAD: Final = 2048
"""Inputs that are prepared and sorted together: bounds the memory of a long list or stream."""
LOOK_AHEAD_BYTES: Final = 32_000_000
"""The same for large inputs, by what they take while they wait: a million characters, or seven images of 5 MB."""
FIRST: Final = 32
"""Inputs that are read before a stream gives its first result."""

T = TypeVar("T")
R = TypeVar("R")

if TYPE_CHECKING:
    Work: TypeAlias = Callable[[list[T], int, CallMonitor], list[R]]
    """Inputs, the position of the first of them, and the monitor, to their results."""
    Weight: TypeAlias = Callable[[Any], int]
    """An input to the bytes that it takes while it waits."""


def stream(
    work: Work[T, R], source: Iterable[T], weight: Weight, *, progress: bool = False, first: int = FIRST
) -> Generator[R, None, None]:
    """Yield the results of a source one by one; see ``pieces``."""
    monitor = open_monitor(source, progress=progress)
    with closing(pieces(work, source, weight, monitor, first)) as parts:
        for part in parts:
            yield from part


def pieces(
    work: Work[T, R], source: Iterable[T], weight: Weight, monitor: CallMonitor, first: int = FIRST
) -> Generator[list[R], None, None]:
    """Yield the results of a source, chunk by chunk; a source that is a generator is closed in the end.

    What was read before the source fails is worked on, and its results are given, before its error is raised.

    Args:
        work: What is done with each chunk.
        source: All inputs.
        weight: How much each of them takes.
        monitor: What follows the work.
        first: Inputs of the first chunk.
    """
    offset = 0
    try:
        for chunk in chunks(iterate(source), first, LOOK_AHEAD, weight):
            yield work(chunk, offset, monitor)
            offset += len(chunk)
    finally:
        monitor.cancel()
        if isinstance(source, Generator):
            source.close()


def chunks(source: Iterator[T], first: int, most: int, weight: Weight) -> Iterator[list[T]]:
    """Yield inputs that are taken together: ``first`` of them, then twice as many, up to what memory should hold."""
    chunk: list[T] = []
    limit, size = first, 0
    try:
        for value in source:
            chunk.append(value)
            size += weight(value)
            if len(chunk) == limit or size >= LOOK_AHEAD_BYTES:
                yield chunk
                chunk, size, limit = [], 0, min(2 * limit, most)
    except Exception:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk
