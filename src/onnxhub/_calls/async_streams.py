"""The same from asyncio: the loop waits for inputs, threads do the work, and a stream takes what has come meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from onnxhub._calls.failures import Failure
from onnxhub._calls.streams import LOOK_AHEAD, LOOK_AHEAD_CHARACTERS, characters, pieces, watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

    from onnxhub._calls.streams import Watch, Work

__all__ = ["async_results"]

T = TypeVar("T")
R = TypeVar("R")


async def async_results(
    work: Work[T, R | Failure], source: AsyncIterable[T] | Iterable[T], *, progress: bool
) -> AsyncGenerator[R, None]:
    """The results one by one, up to the first failure, whose error is raised.

    The work is done in threads; a plain source is read there, too, since it may block.
    """
    watch = watching(source, progress=progress)
    parts = _of_plain(work, source, watch) if isinstance(source, Iterable) else _of_async(work, source, watch)
    async with aclosing(parts):
        async for part in parts:
            for one in part:
                if isinstance(one, Failure):
                    raise one.error
                yield one


async def _of_plain(work: Work[T, R], source: Iterable[T], watch: Watch) -> AsyncGenerator[list[R], None]:
    parts = pieces(work, source, watch)
    try:
        while (part := await _in_thread(watch, lambda: next(parts, None))) is not None:
            yield part
    finally:
        watch.stop()
        await asyncio.to_thread(parts.close)


async def _of_async(work: Work[T, R], source: AsyncIterable[T], watch: Watch) -> AsyncGenerator[list[R], None]:
    reader = _Reader(source)
    offset = 0
    try:
        while chunk := await reader.take():
            yield await _in_thread(watch, work, chunk, offset, watch)
            offset += len(chunk)
    finally:
        watch.stop()
        await reader.close()


async def _in_thread(watch: Watch, work: Callable[..., R], *arguments: object) -> R:
    """Work in a thread; if the caller is cancelled, the work is stopped, and has ended when this does."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        watch.stop()
        while not task.done():  # and may be cancelled again meanwhile
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        task.exception()  # whatever it raises now, nobody waits for it
        raise


class _Reader(Generic[T]):
    """Reads an async source ahead, in a task, while threads work on what it has read."""

    def __init__(self, source: AsyncIterable[T]) -> None:
        self._source = source
        self._read: list[T] = []
        self._size = 0
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(lambda _: self._changed.set())

    async def take(self) -> list[T]:
        """All that has been read and not taken, at least one input; none at the end, or the source's error."""
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
        async for one in self._source:
            self._read.append(one)
            self._size += characters(one)
            self._changed.set()
            while len(self._read) >= LOOK_AHEAD or self._size >= LOOK_AHEAD_CHARACTERS:
                self._taken.clear()
                await self._taken.wait()
