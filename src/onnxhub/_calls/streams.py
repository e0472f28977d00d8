"""Inputs of unknown number, a chunk at a time: read ahead a little, watched, and closed with whoever reads the results."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sized
from contextlib import closing
from typing import TYPE_CHECKING, Protocol, TypeVar

from onnxhub._contracts.inputs import is_table
from onnxhub.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from onnxhub._contracts.protocols import Features

__all__ = [
    "LOOK_AHEAD",
    "LOOK_AHEAD_CHARACTERS",
    "Stopped",
    "Watch",
    "Work",
    "characters",
    "check_iterable",
    "chunks",
    "pieces",
    "streamed",
    "tokens",
    "watching",
]

LOOK_AHEAD = 2048
"""Inputs that are encoded and sorted together: bounds the memory of a long list or stream."""
LOOK_AHEAD_CHARACTERS = 1_000_000
"""The same for long inputs; a document of 20,000 words takes about 20 MB when it is encoded."""
FIRST = 32
"""Inputs that are read before a stream gives its first result."""

T = TypeVar("T")
R = TypeVar("R")

if TYPE_CHECKING:
    Work: TypeAlias = Callable[[list[T], int, "Watch"], list[R]]
    """Inputs, the position of the first of them, and the watch, to their results."""


class Bar(Protocol):
    """Something that shows how far the work is."""

    def add(self, items: int, tokens: int) -> None:
        """So much more is done."""
        ...

    def close(self) -> None:
        """Show no more."""
        ...


class Stopped(Exception):  # noqa: N818  # no error: nobody is there to see it
    """The work ends here, since nobody waits for it."""


class Watch:
    """Is told of each row that is done: counts on a bar, and ends the work when nobody waits for it any more."""

    def __init__(self, bar: Bar | None = None) -> None:
        """Count on a bar, or nowhere."""
        self._bar = bar
        self._stopped = False

    def done(self, items: int, tokens: int) -> None:
        """So many inputs, and so many tokens, are done.

        Raises:
            Stopped: nobody waits for the rest.
        """
        if self._stopped:
            raise Stopped
        if self._bar is not None:
            self._bar.add(items, tokens)

    def stop(self) -> None:
        """Nobody waits any more; from any thread."""
        self._stopped = True
        if self._bar is not None:
            self._bar.close()


def watching(inputs: object, *, progress: bool) -> Watch:
    """What follows the work on these inputs."""
    if not progress:
        return Watch()
    from onnxhub._process.progress import ProgressBar

    return Watch(ProgressBar(len(inputs) if isinstance(inputs, Sized) else None))


def check_iterable(inputs: object, *methods: str) -> None:
    """Raise ``InvalidInputError`` unless inputs have one of these methods, and are no text, and no table of columns."""
    if isinstance(inputs, Mapping) or is_table(inputs):
        msg = f"expected an iterable of inputs, got {type(inputs).__name__}; pass one of its columns"
        raise InvalidInputError(msg)
    single = isinstance(inputs, str | bytes) or getattr(inputs, "shape", None) == ()
    if single or not any(hasattr(inputs, method) for method in methods):
        msg = f"expected an iterable of inputs, got {type(inputs).__name__}; one input goes to the call itself"
        raise InvalidInputError(msg)


def streamed(
    work: Work[T, R], source: Iterable[T], *, progress: bool = False, first: int = FIRST
) -> Generator[R, None, None]:
    """The results of a source one by one; see ``pieces``."""
    watch = watching(source, progress=progress)
    with closing(pieces(work, source, watch, first)) as parts:
        for part in parts:
            yield from part


def pieces(work: Work[T, R], source: Iterable[T], watch: Watch, first: int = FIRST) -> Generator[list[R], None, None]:
    """The results of a source, chunk by chunk; a source that is a generator is closed in the end.

    What was read before the source fails is worked on, and its results are given, before its error is raised.

    Args:
        work: What is done with each chunk.
        source: All inputs.
        watch: What is told of the work.
        first: Inputs of the first chunk.
    """
    offset = 0
    try:
        for chunk in chunks(iter(_values(source)), first):
            yield work(chunk, offset, watch)
            offset += len(chunk)
    finally:
        watch.stop()
        if isinstance(source, Generator):
            source.close()


def _values(source: Iterable[T]) -> Iterable[T]:
    # An Arrow array gives scalars of its own, which are no texts.
    to_list: Callable[[], list[T]] | None = getattr(source, "to_pylist", None)
    return source if to_list is None else to_list()


def chunks(source: Iterator[T], first: int, most: int = LOOK_AHEAD) -> Iterator[list[T]]:
    """Inputs that are taken together: ``first`` of them, then twice as many, up to what memory should hold."""
    chunk: list[T] = []
    limit, size = first, 0
    try:
        for one in source:
            chunk.append(one)
            size += characters(one)
            if len(chunk) == limit or size >= LOOK_AHEAD_CHARACTERS:
                yield chunk
                chunk, size, limit = [], 0, min(2 * limit, most)
    except Exception:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def characters(value: object) -> int:
    """Of a text, or of all texts of a tuple, such as a query with a list of documents."""
    if isinstance(value, list | tuple):
        return sum(map(characters, value))
    return len(value) if isinstance(value, str) else 0


def tokens(row: Features) -> int:
    """Of a row that is made of text."""
    return row["input_ids"].size if "input_ids" in row else 0
