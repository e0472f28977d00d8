"""Inputs to what the graph takes, a few at once; an input that cannot be used is an error in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from onnxhub._calls.streams import chunks
from onnxhub.errors import IndexedError, InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from onnxhub._contracts.preprocessor import Prepared, Preprocessor

__all__ = ["check_prepared", "prepare"]

SLICE: Final = 32
"""Inputs that are prepared at once: so few that the first batch need not wait long."""


def prepare(preprocessor: Preprocessor[Any, Any], inputs: Iterable[Any]) -> Iterator[Prepared[Any] | IndexedError]:
    """Yield each input prepared, or the error that it raises alone; in order, a few at once, as they are asked for.

    Raises:
        InvalidOptionError: the preprocessor gives too few or too many, or an input without rows.
    """
    for part in chunks(iter(inputs), SLICE, SLICE, preprocessor.weight):
        yield from _prepare_apart(preprocessor, part)


def _prepare_apart(
    preprocessor: Preprocessor[Any, Any], inputs: Sequence[Any]
) -> Sequence[Prepared[Any] | IndexedError]:
    """Prepare inputs together; those that fail together, in halves, until the input at fault is found."""
    try:
        ready = preprocessor(inputs)
    except IndexedError as error:
        if len(inputs) == 1:
            return [error]
        middle = len(inputs) // 2
        halves = inputs[:middle], inputs[middle:]
        return [entry for half in halves for entry in _prepare_apart(preprocessor, half)]
    return check_prepared(preprocessor, inputs, ready)


def check_prepared(
    preprocessor: Preprocessor[Any, Any], inputs: Sequence[Any], ready: Sequence[Prepared[Any]]
) -> Sequence[Prepared[Any]]:
    """Return what a preprocessor made of inputs.

    Raises:
        InvalidOptionError: it has lost an input, or gave one no rows.
    """
    if len(ready) != len(inputs) or not all(entry.rows for entry in ready):
        expected = "one that gives each input a Prepared of at least one row"
        raise InvalidOptionError("preprocessor", type(preprocessor).__name__, expected)
    return ready
