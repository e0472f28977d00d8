"""Inputs that fail, and all others, which do not: what takes the place of a result that an input does not have."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from onnxhub._process.public import publish
from onnxhub.errors import IndexedError

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Failure", "locate", "raise_failure", "raise_failures"]

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
        """Return field name -> value, ready for JSON; the error as its type and message."""
        error = {"type": type(self.error).__name__, "message": str(self.error.at(None))}
        return {"index": self.index, "error": error}


def locate(result: R | IndexedError, index: int) -> R | Failure:
    """Return the result; or, of an error, the failure of the input at this position."""
    if not isinstance(result, IndexedError):
        return result
    error = result.at(index, "failure")
    error.__cause__ = result.__cause__
    return Failure(index, error)


def raise_failures(results: Generator[R | Failure, None, None]) -> Generator[R, None, None]:
    """Yield the results up to the first failure, whose error is raised."""
    with closing(results):
        for result in results:
            yield raise_failure(result)


def raise_failure(result: Any) -> Any:
    """Return a result, or a row with its result; raise the error of a failure."""
    failed = result[1] if isinstance(result, tuple) and len(result) == 2 else result
    if isinstance(failed, Failure):
        raise failed.error.at(failed.index, "stream") from failed.error.__cause__
    return result


publish(globals(), "Failure")
