"""From rows that run in any order to the results of the inputs that own them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from onnxhub._calls.batches import stack
from onnxhub._calls.failures import Failure, apart
from onnxhub._calls.streams import chunks, tokens
from onnxhub.errors import IndexedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from onnxhub._calls.streams import Watch
    from onnxhub._contracts.preprocessor import Prepared
    from onnxhub._contracts.protocols import Features, Outputs

__all__ = ["decoded", "encoded", "located", "stacked"]

SLICE = 32
"""Inputs that are encoded at once: so few that the first batch need not wait long."""

R = TypeVar("R")


def encoded(
    encode: Callable[[Sequence[Any]], Sequence[Prepared[Any]]], inputs: Sequence[Any]
) -> Iterator[Prepared[Any] | IndexedError]:
    """Each input encoded, or the error that it raises alone; in order, a few at once, as they are asked for."""
    for part in chunks(iter(inputs), first=SLICE, most=SLICE):
        found = dict(apart(lambda some: enumerate(encode(list(some))), part))
        yield from (found[number] for number in range(len(part)))


def decoded(
    inputs: Iterable[Prepared[Any] | IndexedError],
    run: Callable[[Iterable[Features]], Iterable[tuple[int, Outputs]]],
    decode: Callable[[Outputs, Any], R],
    watch: Watch | None,
) -> Iterator[tuple[int, R | IndexedError]]:
    """Each input's number and result, or the error that it raises alone.

    An input is decoded as soon as its last row has run, and its outputs are dropped.

    Args:
        inputs: The encoded inputs, taken as ``run`` takes their rows; an error is given back.
        run: Rows to the number and outputs ``(...)`` of each, in any order.
        decode: The outputs of all rows of an input, and its item, to its result.
        watch: What is told of each row; it may end the work.
    """
    failed: list[tuple[int, IndexedError]] = []
    owners: dict[int, tuple[int, Prepared[Any], int]] = {}
    waiting: dict[int, dict[int, Outputs | IndexedError]] = {}
    for row, outputs in apart(run, _rows(inputs, owners, failed)):
        yield from _popped(failed, watch)
        number, one, size = owners.pop(row)
        mine = waiting.setdefault(number, {})
        mine[row] = outputs
        whole = len(mine) == len(one.rows)
        if whole:
            yield number, _result([mine[row] for row in sorted(mine)], one.item, decode)
            del waiting[number]
        if watch is not None:
            watch.done(int(whole), size)
    yield from _popped(failed, watch)


def _rows(
    inputs: Iterable[Prepared[Any] | IndexedError],
    owners: dict[int, tuple[int, Prepared[Any], int]],
    failed: list[tuple[int, IndexedError]],
) -> Iterator[Features]:
    """All rows; ``owners`` is told the input and the tokens of each, ``failed`` the inputs that have none."""
    count = 0
    for number, one in enumerate(inputs):
        if isinstance(one, IndexedError):
            failed.append((number, one))
            continue
        for row in one.rows:
            owners[count] = (number, one, tokens(row))
            count += 1
            yield row


def _popped(failed: list[tuple[int, IndexedError]], watch: Watch | None) -> Iterator[tuple[int, IndexedError]]:
    while failed:
        yield failed.pop(0)
        if watch is not None:
            watch.done(1, 0)


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


def located(result: R | IndexedError, index: int) -> R | Failure:
    """The result; or the failure of the input at this position."""
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
