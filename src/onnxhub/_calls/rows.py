"""Rows that have more than their input: each beside its result, or beside the failure of its key or its input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxhub._calls.failures import locate
from onnxhub._process.signals import is_from_handler
from onnxhub.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["attempt_rows"]


def attempt_rows(
    run: Callable[[list[object]], Iterable[tuple[int, object]]],
    rows: Sequence[object],
    key: Callable[[Any], object],
    offset: int,
) -> list[tuple[object, object]]:
    """Return each row with the result of its input, or with the failure of either.

    Args:
        run: Inputs to their numbers and results, in any order.
        rows: Of which the first is at the offset.
        key: A row to its input.
        offset: Position of the first row in what is streamed.
    """
    found: dict[int, object] = {}
    inputs: dict[int, object] = {}
    for number, row in enumerate(rows):
        try:
            inputs[number] = key(row)
        except Exception as error:  # whatever it is, it takes no other row along
            if is_from_handler(error):
                raise
            failed = InvalidInputError(f"the key raised {type(error).__name__}: {error}")
            failed.__cause__ = error
            found[number] = locate(failed, offset + number)
    numbers = list(inputs)
    for place, result in run(list(inputs.values())):
        found[numbers[place]] = locate(result, offset + numbers[place])
    return [(row, found[number]) for number, row in enumerate(rows)]
