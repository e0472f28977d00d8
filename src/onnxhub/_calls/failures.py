"""Inputs that fail alone: what fails together is tried in halves, until what is at fault is found."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from onnxhub._process.public import publish
from onnxhub.errors import IndexedError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from typing import TypeAlias

__all__ = ["Failure", "apart", "without_failures"]

T = TypeVar("T")
R = TypeVar("R")


if TYPE_CHECKING:
    Work: TypeAlias = Callable[[Iterable[T]], Iterable[tuple[int, R]]]
    """Items to the position and result of each, in any order."""


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


def apart(work: Work[T, R], items: Iterable[T]) -> Iterator[tuple[int, R | IndexedError]]:
    """The result of each item, or the error that it raises alone, with its position; in the order of the work.

    What the work gave before an error is kept, and what it has not taken yet waits. What is between is done again in two
    halves, so that n items of which k are at fault cost k log n attempts; and a batch that does not fit into memory is a
    smaller one in the end.

    Args:
        work: Gives (position, result) of each of its items, in any order, or raises.
        items: What it is to do; taken as the work takes them.
    """
    source = enumerate(items)
    while True:
        taken: list[int] = []
        begun: dict[int, T] = {}
        try:
            for position, result in work(_noted(source, taken, begun)):
                del begun[taken[position]]
                yield taken[position], result
        except IndexedError as error:
            yield from _divided(work, begun, error)
        else:
            return


def _noted(source: Iterator[tuple[int, T]], taken: list[int], begun: dict[int, T]) -> Iterator[T]:
    for number, item in source:
        taken.append(number)
        begun[number] = item
        yield item


def _divided(work: Work[T, R], left: dict[int, T], error: IndexedError) -> Iterator[tuple[int, R | IndexedError]]:
    """The same for items that fail together."""
    numbers = list(left)
    if not numbers:
        raise error
    if len(numbers) == 1:
        yield numbers[0], error
        return
    middle = len(numbers) // 2
    for half in (numbers[:middle], numbers[middle:]):
        waiting = {number: left[number] for number in half}
        try:
            for position, result in work(list(waiting.values())):
                del waiting[half[position]]
                yield half[position], result
        except IndexedError as again:
            yield from _divided(work, waiting, again)


def without_failures(results: Generator[R | Failure, None, None]) -> Generator[R, None, None]:
    """The results up to the first failure, whose error is raised."""
    with closing(results):
        for one in results:
            if isinstance(one, Failure):
                raise one.error
            yield one


publish(globals(), "Failure")
