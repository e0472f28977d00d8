"""From rows that run in any order to the results of the inputs that own them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from onnxhub._attempts import Failure, apart
from onnxhub._batching import stack
from onnxhub._streams import tokens
from onnxhub.errors import IndexedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from onnxhub._encoder import Encoded
    from onnxhub._protocols import Features, Outputs
    from onnxhub._streams import Watch

__all__ = ["attempted", "decoded", "stacked"]

R = TypeVar("R")


def decoded(
    encoded: Sequence[Encoded[Any]],
    run: Callable[[Sequence[Features]], Iterator[tuple[int, Outputs]]],
    decode: Callable[[Outputs, Any], R],
    watch: Watch | None,
) -> Iterator[tuple[int, R | IndexedError]]:
    """Each input's number and result, or the error that it raises alone.

    An input is decoded as soon as its last row has run, and its outputs are dropped.

    Args:
        encoded: The inputs.
        run: Rows to the number and outputs ``(...)`` of each, in any order.
        decode: The outputs of all rows of an input, and its item, to its result.
        watch: What is told of each row; it may end the work.
    """
    rows = [row for one in encoded for row in one.rows]
    owners = [number for number, one in enumerate(encoded) for _ in one.rows]
    waiting: list[dict[int, Outputs | IndexedError]] = [{} for _ in encoded]
    for row, outputs in apart(run, rows):
        number = owners[row]
        mine = waiting[number]
        mine[row] = outputs
        whole = len(mine) == len(encoded[number].rows)
        if whole:
            yield number, _result([mine[row] for row in sorted(mine)], encoded[number].item, decode)
            mine.clear()
        if watch is not None:
            watch.done(int(whole), tokens(rows[row]))


def _result(rows: Sequence[Outputs | IndexedError], item: Any, decode: Callable[[Outputs, Any], R]) -> R | IndexedError:
    ran: list[Outputs] = []
    for row in rows:
        if isinstance(row, IndexedError):
            return row
        ran.append(row)
    try:
        return decode(stacked(ran), item)
    except IndexedError as error:
        return error


def attempted(
    inputs: Sequence[Any],
    offset: int,
    encode: Callable[[Sequence[Any]], Sequence[Encoded[Any]]],
    decode: Callable[[Sequence[Encoded[Any]], Watch], Iterable[tuple[int, R | IndexedError]]],
    watch: Watch,
) -> list[R | Failure]:
    """The results of inputs, in order, with failures in the place of errors.

    Args:
        inputs: Of the right type or not.
        offset: The position of the first of them.
        encode: The task's encoder.
        decode: Encoded inputs to results, as ``decoded``.
        watch: What is told of all of it.
    """
    good: dict[int, Encoded[Any]] = {}
    found: dict[int, R | IndexedError] = {}
    for number, one in apart(lambda some: enumerate(encode(some)), inputs):
        if isinstance(one, IndexedError):
            found[number] = one
            watch.done(1, 0)
        else:
            good[number] = one
    numbers = list(good)
    for place, result in decode(list(good.values()), watch):
        found[numbers[place]] = result
    return [_located(found[number], offset + number) for number in range(len(inputs))]


def _located(result: R | IndexedError, index: int) -> R | Failure:
    if not isinstance(result, IndexedError):
        return result
    error = result.at(index)
    error.__cause__ = result.__cause__
    return Failure(index, error)


def stacked(rows: Sequence[Outputs]) -> Outputs:
    """The outputs of rows with an axis of them in front, filled up with zeros to the longest."""
    if not rows:
        return {}
    if len(rows) == 1:
        return {name: values[np.newaxis] for name, values in rows[0].items()}
    return {name: stack([row[name] for row in rows]) for name in rows[0]}
