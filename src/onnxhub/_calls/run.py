"""Many inputs in one pass of the graph, in the order in which data flows: read, plan, start, finish."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from onnxhub._calls.batches import collate, plan, stack
from onnxhub._calls.lanes import Underway
from onnxhub._calls.neighbours import shape_of
from onnxhub._calls.runners import Runner
from onnxhub._contracts.batching import count_tokens, weigh_row
from onnxhub.errors import IndexedError, OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from onnxhub._calls.monitor import CallMonitor
    from onnxhub._contracts.batching import Batching
    from onnxhub._contracts.preprocessor import Prepared
    from onnxhub._contracts.protocols import Features, Outputs

__all__ = ["OnePass", "stack_rows"]

FIRST_WINDOW, LARGEST_WINDOW = 256, 2048
"""Rows that are planned together: so many that hardly any is padded; but few at first, where lanes would stand idle."""
WINDOW_BYTES: Final = 64_000_000
"""The same for large rows: bounds the memory of what was read and has not run."""

Row: TypeAlias = tuple[int, "Prepared[Any]", int]
"""The position of an input, the input, and the place of the row among its rows."""


class Batch(NamedTuple):
    """Rows that run together."""

    rows: Sequence[Row]
    is_alone: bool = False
    """Whether no other batch of the call may run at the same time: it is tried again, since there was too little memory."""


class Done(NamedTuple):
    """A batch that has run."""

    batch: Batch
    parts: Sequence[tuple[Sequence[int], Outputs]] | IndexedError
    """The places of rows in the batch, with their outputs ``(places, ...)``; or why it failed."""


class OnePass(Runner):
    """Runs rows in batches, several at once, and makes a result of an input's outputs as soon as its last row has run."""

    __slots__ = ()

    def __call__(
        self, prepared: Iterable[Prepared[Any] | IndexedError], monitor: CallMonitor | None
    ) -> Iterator[tuple[int, Any]]:
        """Yield each input's position and result, or error, in the order in which they are done."""
        return iter(Run(self, prepared, monitor))

    def run_alone(self, prepared: Prepared[Any], monitor: CallMonitor | None) -> Any:
        """Return the result of one input: with one row, there is nothing to plan, and nothing to wait for."""
        rows = prepared.rows
        if len(rows) != 1:
            [(_, result)] = self([prepared], monitor)
            if isinstance(result, IndexedError):
                raise result
            return result
        if monitor is not None:
            monitor.count(1, count_tokens(rows[0]))
        return self.decode(self.backend.run(collate(rows, {}), self.outputs), prepared)

    def condense(self, outputs: Outputs, prepared: Prepared[Any], place: int) -> Outputs:
        """Return what is kept of the outputs ``(...)`` of one row until those of all rows of its input are there.

        All of it, here. A class of models whose inputs have thousands of rows overrides it.
        """
        del prepared, place
        return outputs

    def decode(self, outputs: Outputs, prepared: Prepared[Any]) -> Any:
        """Return the result of an input from its outputs ``(rows, ...)``."""
        if prepared.finish is not None:
            return prepared.finish(outputs)
        return self.postprocessor(outputs, [prepared.item])[0]


class Run:
    """One call: its inputs on their way to results.

    A batch that fails is run again in two halves, so that n rows of which k are at fault cost k log n runs; and a batch that
    does not fit into memory is a smaller one in the end.
    """

    def __init__(
        self, runner: OnePass, prepared: Iterable[Prepared[Any] | IndexedError], monitor: CallMonitor | None
    ) -> None:
        """Read nothing yet."""
        self._runner = runner
        self._inputs = enumerate(prepared)
        self._monitor = monitor
        self._batching = runner.preprocessor.batching(runner.backend)
        self._neighbours = runner.backend.neighbours(tuple(runner.outputs))
        # One batch at a time keeps the cores busy for so long that good batches save more than an early start.
        self._window = _Window(FIRST_WINDOW if runner.backend.lanes.number > 1 else LARGEST_WINDOW, self._batching)
        self._batches: deque[Batch] = deque()
        self._planned = 1
        self._underway: Underway[Done] = Underway(runner.backend.lanes)
        self._outputs: dict[int, dict[int, Outputs | IndexedError]] = {}
        self._results: deque[tuple[int, Any]] = deque()

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        """Yield each input's position and result, or error, as soon as its last row has run."""
        underway = self._underway
        try:
            while True:
                if not self._batches:
                    self._plan()
                while self._results:
                    yield self._results.popleft()
                if self._batches and not underway.is_full and not (self._batches[0].is_alone and len(underway)):
                    self._start(self._batches.popleft())
                elif len(underway):
                    self._finish(underway.finish())
                else:
                    return
        finally:
            underway.stop()

    def _plan(self) -> None:
        """Cut the rows of the window into batches; the next window is read while these run."""
        self._read(1.0)
        window = self._window
        if window.rows:
            self._window = _Window(min(2 * window.most, LARGEST_WINDOW), self._batching)
            batches = plan(window.costs, self._batching.budget, self._groups(window))
            self._batches.extend(Batch([window.rows[place] for place in batch]) for batch in batches)
            self._planned = len(batches)

    def _groups(self, window: _Window) -> Sequence[Hashable]:
        """Return what rows must have in common; what was measured is asked for only if any could be padded."""
        rows = [prepared.rows[place] for _, prepared, place in window.rows]
        groups = [self._batching.group(row) for row in rows]
        if window.is_of_one_cost or not self._neighbours.need_one_length:
            return groups
        return [(group, shape_of(row)) for group, row in zip(groups, rows, strict=True)]

    def _read(self, share: float) -> None:
        """Read on, until so much of what the window may hold was read."""
        window = self._window
        while not window.is_full(share):
            number, prepared = next(self._inputs, (0, None))
            if prepared is None:
                return
            if isinstance(prepared, IndexedError):
                self._give(number, prepared, 0)
            else:
                window.add(number, prepared)

    def _start(self, batch: Batch) -> None:
        """Start a batch, and read the share of the next window that belongs to it."""
        is_last = not self._batches and not len(self._underway)
        if is_last:
            self._read(1.0)
        if batch.is_alone or (is_last and not self._window.rows):
            self._finish(self._run(batch, False))  # nothing runs beside it: no other thread has to wake up
        else:
            self._underway.start(partial(self._run, batch))
            self._read(1 - len(self._batches) / self._planned)

    def _run(self, batch: Batch, beside: bool) -> Done:
        """Run a batch, in any thread; ``beside``: whether others run at the same time."""
        backend, padding, names = self._runner.backend, self._batching.padding, self._runner.outputs

        def run_batch(rows: Sequence[Features]) -> Outputs:
            return backend.run(collate(rows, padding), names, beside=beside)

        try:
            rows = [prepared.rows[place] for _, prepared, place in batch.rows]
            return Done(batch, self._neighbours.run(rows, run_batch))
        except IndexedError as error:
            return Done(batch, error)

    def _finish(self, done: Done) -> None:
        """Give each row of a batch its outputs, or see to it that a batch that failed is tried again."""
        rows, parts = done.batch.rows, done.parts
        if isinstance(parts, IndexedError):
            self._retry(done.batch, parts)
            return
        for places, outputs in parts:
            some = [rows[place] for place in places]
            if all(map(_is_whole, some)):
                self._decode(some, outputs)
                continue
            for place, row in enumerate(some):
                self._deliver(row, self._condense({name: values[place] for name, values in outputs.items()}, row))

    def _retry(self, batch: Batch, error: IndexedError) -> None:
        """Run a batch again in two halves; where memory was short, with nothing beside it."""
        rows, is_short = batch.rows, isinstance(error, OutOfMemoryError)
        if len(rows) == 1 and (batch.is_alone or not is_short):
            self._deliver(rows[0], error)
            return
        middle = len(rows) // 2
        halves = [half for half in (rows[middle:], rows[:middle]) if half]
        self._batches.extendleft([Batch(half, is_short) for half in halves])

    def _decode(self, rows: Sequence[Row], outputs: Outputs) -> None:
        """Give inputs of one row each their results, all by one call of the postprocessor."""
        try:
            # Not by the call, which ends at the first error: a decode may work in place, so no item is decoded twice.
            items = [prepared.item for _, prepared, _ in rows]
            results: Sequence[Any] = list(self._runner.postprocessor.decode_each(outputs, items))
        except IndexedError as error:  # the outputs do not fit the items, of which none was decoded
            single = len(rows) == 1
            results = [error] if single else [self._decode_one(row, outputs, place) for place, row in enumerate(rows)]
        self._results.extend(zip([number for number, _, _ in rows], results, strict=True))
        if self._monitor is not None:
            self._monitor.count(len(rows), sum(count_tokens(prepared.rows[0]) for _, prepared, _ in rows))

    def _decode_one(self, row: Row, outputs: Outputs, place: int) -> Any:
        try:
            return self._runner.decode({name: values[place : place + 1] for name, values in outputs.items()}, row[1])
        except IndexedError as error:
            return error

    def _condense(self, outputs: Outputs, row: Row) -> Outputs | IndexedError:
        _, prepared, place = row
        try:
            return self._runner.condense(outputs, prepared, place)
        except IndexedError as error:
            return error

    def _deliver(self, row: Row, outputs: Outputs | IndexedError) -> None:
        """Give an input the outputs ``(...)`` of one of its rows, and its result once they are complete."""
        number, prepared, place = row
        tokens, count = count_tokens(prepared.rows[place]), len(prepared.rows)
        found = self._outputs.setdefault(number, {})
        found[place] = outputs
        if len(found) < count:
            if self._monitor is not None:
                self._monitor.count(0, tokens)
            return
        del self._outputs[number]
        self._give(number, self._combine([found[place] for place in range(count)], prepared), tokens)

    def _combine(self, rows: Sequence[Outputs | IndexedError], prepared: Prepared[Any]) -> Any:
        error = next((row for row in rows if isinstance(row, IndexedError)), None)
        if error is not None:
            return error
        try:
            return self._runner.decode(stack_rows(rows), prepared)  # type: ignore[arg-type]  # no error is among them
        except IndexedError as refused:
            return refused

    def _give(self, number: int, result: Any, tokens: int) -> None:
        self._results.append((number, result))
        if self._monitor is not None:
            self._monitor.count(1, tokens)


class _Window:
    """Rows that are planned together."""

    def __init__(self, most: int, batching: Batching) -> None:
        self.most = most
        self.rows: list[Row] = []
        self.costs: list[int] = []
        self._cost: Callable[[Features], int] = batching.cost
        self._bytes = 0

    @property
    def is_of_one_cost(self) -> bool:
        """Whether no row is dearer than another."""
        return self.costs.count(self.costs[0]) == len(self.costs)

    def is_full(self, share: float) -> bool:
        """Tell whether so much of what it may hold was read."""
        return len(self.rows) >= share * self.most or self._bytes >= share * WINDOW_BYTES

    def add(self, number: int, prepared: Prepared[Any]) -> None:
        """Add all rows of an input."""
        for place, row in enumerate(prepared.rows):
            self.rows.append((number, prepared, place))
            self.costs.append(self._cost(row))
            self._bytes += weigh_row(row)


def stack_rows(rows: Sequence[Outputs]) -> Outputs:
    """Return the outputs of rows with an axis of them in front, filled up with zeros to the longest."""
    if not rows:
        return {}
    if len(rows) == 1:
        return {name: values[np.newaxis] for name, values in rows[0].items()}
    return {name: stack([row[name] for row in rows]) for name in rows[0]}


def _is_whole(row: Row) -> bool:
    """Tell whether a row is all of its input, and the postprocessor makes its result."""
    prepared = row[1]
    return len(prepared.rows) == 1 and prepared.finish is None and getattr(prepared.item, "rows", None) == 1
