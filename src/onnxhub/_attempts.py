"""Inputs that fail alone: what fails together is tried in halves, until what is at fault is found."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from onnxhub.errors import IndexedError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

__all__ = ["Failure", "apart", "without_failures"]

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Failure:
    """What ``attempt`` and ``attempt_stream`` give in the place of an input's result, if it has none.

    Examples:
        >>> model = onnxhub.load("text-classification", "builtin:sentiment")
        >>> model.attempt(["Quite easy!", 3])[1]
        Failure(index=1, error=InvalidInputError('expected a str as text (or a tuple of two), got int: 3'))
    """

    index: int
    """The input's position in the list, or in what was streamed."""
    error: IndexedError
    """What was wrong; its ``index`` is the same."""

    def __repr__(self) -> str:
        return f"Failure(index={self.index}, error={type(self.error).__name__}({str(self.error.at(None))!r}))"

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON; the error as its type and message."""
        error = {"type": type(self.error).__name__, "message": str(self.error.at(None))}
        return {"index": self.index, "error": error}


def apart(
    work: Callable[[Sequence[T]], Iterable[tuple[int, R]]], items: Sequence[T]
) -> Iterator[tuple[int, R | IndexedError]]:
    """The result of each item, or the error that it raises alone, with its position; in the order of the work.

    What the work gave before an error is kept. What is left is done in two halves, so that n items of which k are at
    fault cost k log n attempts; and a batch that does not fit into memory is a smaller one in the end.

    Args:
        work: Gives (position, result) of each of its items, in any order, or raises.
        items: What it is to do.
    """
    return _apart(work, items, range(len(items)))


def _apart(
    work: Callable[[Sequence[T]], Iterable[tuple[int, R]]], items: Sequence[T], chosen: Sequence[int]
) -> Iterator[tuple[int, R | IndexedError]]:
    left = dict.fromkeys(chosen)
    try:
        for position, result in work([items[number] for number in chosen]):
            del left[chosen[position]]
            yield chosen[position], result
    except IndexedError as error:
        if len(left) == 1:
            yield next(iter(left)), error
            return
        if not left:
            raise
    rest = list(left)
    for half in (rest[: len(rest) // 2], rest[len(rest) // 2 :]):
        if half:
            yield from _apart(work, items, half)


def without_failures(results: Generator[R | Failure, None, None]) -> Generator[R, None, None]:
    """The results up to the first failure, whose error is raised."""
    with closing(results):
        for one in results:
            if isinstance(one, Failure):
                raise one.error
            yield one
