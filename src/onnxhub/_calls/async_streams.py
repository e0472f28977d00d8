"""The same from asyncio: the loop waits for inputs, threads do the work, and a stream takes what has come meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from onnxhub._calls.failures import raise_failure
from onnxhub._calls.monitor import CallMonitor, open_monitor
from onnxhub._calls.streams import LOOK_AHEAD, LOOK_AHEAD_BYTES, pieces

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

    from onnxhub._calls.failures import Failure
    from onnxhub._calls.streams import Weight, Work

__all__ = ["async_results"]

T = TypeVar("T")
R = TypeVar("R")


async def async_results(
    work: Work[T, R | Failure], source: AsyncIterable[T] | Iterable[T], weight: Weight, *, progress: bool
) -> AsyncGenerator[R, None]:
    """Yield the results one by one, up to the first failure, whose error is raised.

    The work is done in threads; a plain source is read there, too, since it may block.
    """
    monitor = open_monitor(source, progress=progress)
    read = _read_plain if isinstance(source, Iterable) else _read_async
    parts: AsyncGenerator[list[R | Failure], None] = read(work, source, weight, monitor)  # type: ignore[arg-type]
    async with aclosing(parts):
        async for part in parts:
            for result in part:
                yield raise_failure(result)


async def _read_plain(
    work: Work[T, R], source: Iterable[T], weight: Weight, monitor: CallMonitor
) -> AsyncGenerator[list[R], None]:
    parts = pieces(work, source, weight, monitor)
    try:
        while (part := await _run_in_thread(monitor, lambda: next(parts, None))) is not None:
            yield part
    finally:
        monitor.cancel()
        await asyncio.to_thread(parts.close)


async def _read_async(
    work: Work[T, R], source: AsyncIterable[T], weight: Weight, monitor: CallMonitor
) -> AsyncGenerator[list[R], None]:
    reader = _Reader(source, weight)
    offset = 0
    try:
        while chunk := await reader.take():
            yield await _run_in_thread(monitor, work, chunk, offset, monitor)
            offset += len(chunk)
    finally:
        monitor.cancel()
        await reader.close()


async def _run_in_thread(monitor: CallMonitor, work: Callable[..., R], *arguments: object) -> R:
    """Work in a thread; if the caller is cancelled, the work is cancelled too, and has ended when this does."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        monitor.cancel()
        while not task.done():  # and may be cancelled again meanwhile
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        task.exception()  # whatever it raises now, nobody waits for it
        raise


class _Reader(Generic[T]):
    """Reads an async source ahead, in a task, while threads work on what it has read."""

    def __init__(self, source: AsyncIterable[T], weight: Weight) -> None:
        self._source = source
        self._weight = weight
        self._read: list[T] = []
        self._size = 0
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(lambda _: self._changed.set())

    async def take(self) -> list[T]:
        """Return all that has been read and not taken, at least one input; none at the end. Raises the source's error."""
        while not self._read and not self._task.done():
            self._changed.clear()
            await self._changed.wait()
        if not self._read:
            await self._task
        chunk, self._read, self._size = self._read, [], 0
        self._taken.set()
        return chunk

    async def close(self) -> None:
        """Read no more, and close a source that is a generator."""
        self._task.cancel()
        await asyncio.wait({self._task})
        if isinstance(self._source, AsyncGenerator):
            await self._source.aclose()

    async def _run(self) -> None:
        async for value in self._source:
            self._read.append(value)
            self._size += self._weight(value)
            self._changed.set()
            while len(self._read) >= LOOK_AHEAD or self._size >= LOOK_AHEAD_BYTES:
                self._taken.clear()
                await self._taken.wait()
