"""Rows in, outputs out: rows are read while batches run, planned a window at a time, and run a few batches at once."""

from __future__ import annotations

import os
from collections import deque
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from onnxhub._calls.batches import collate, plan
from onnxhub._calls.neighbours import shape_of
from onnxhub._process.workers import Job, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
    from typing import TypeAlias

    from onnxhub._contracts.protocols import Backend, Features, Neighbours, Outputs

    Row: TypeAlias = tuple[int, Features]

__all__ = ["Lanes", "run"]

T = TypeVar("T")

FIRST_WINDOW, LARGEST_WINDOW = 256, 2048
"""Rows that are planned together: so many that hardly any is padded; but few at first, where lanes would stand idle."""
WINDOW_TOKENS = 100_000
"""The same for long rows: bounds the memory of what was read and has not run."""
AHEAD = 3
"""Batches of a lane that run, wait, or have outputs that wait. With 2, the lanes of a small model stand idle for a tenth
of the time, since others are tokenised meanwhile; more than 3 are hardly faster, and hold more outputs."""


class Lanes:
    """How many batches of a model run at once, and the threads for it, which all who call the model share."""

    def __init__(self, number: int = 1) -> None:
        """Make no thread yet: the first who needs one does."""
        self.number = number
        self._workers: dict[int, Workers] = {}

    def __call__(self, jobs: Iterable[Callable[[bool], T]]) -> Iterator[T]:
        """What the jobs give, in order. They are taken a few ahead, while those before run.

        Each is told whether others run beside it.

        If one fails, or the iterator is closed, those that wait are dropped, and those that run are waited for.
        """
        waiting = iter(jobs)
        first, second = next(waiting, None), next(waiting, None)
        if second is None:
            # Nothing to run beside it: no other thread has to wake up.
            return iter(()) if first is None else iter((first(False),))
        return self._all(chain(filter(None, (first, second)), waiting))

    def _all(self, jobs: Iterator[Callable[[bool], T]]) -> Iterator[T]:
        running: deque[Job[T]] = deque()
        # A forked child has none of its parent's threads. And those that lost a race have not started any.
        workers = self._workers.setdefault(os.getpid(), Workers(self.number))
        try:
            for job in jobs:
                running.append(Job(partial(job, self.number > 1)))
                workers.begin(running[-1])
                if len(running) >= AHEAD * self.number:
                    yield _first(running)
            while running:
                yield _first(running)
        finally:
            _stop(running)


def _first(running: deque[Job[T]]) -> T:
    running[0].wait()  # where it is interrupted, the job is still one of those to stop
    return running.popleft().result()


def _stop(running: Iterable[Job[T]]) -> None:
    for job in [one for one in running if not one.drop()]:
        job.wait()


def run(backend: Backend, rows: Iterable[Features], wanted: Sequence[str]) -> Iterator[tuple[int, Outputs]]:
    """Run rows in batches of similar length.

    Args:
        backend: The model.
        rows: Graph input name -> array ``(length,)``. Read as they are needed: while a window of them runs, the next one
            is read, a share of it with each batch.
        wanted: The outputs to compute.

    Yields:
        Each row's number and its outputs ``(...)``, in the planner's order.
    """
    padding = backend.tokenizer.padding
    neighbours = backend.neighbours(tuple(wanted))

    def outputs(batch: Sequence[Row], beside: bool) -> tuple[Sequence[Row], Sequence[Outputs]]:
        def run_batch(some: Sequence[Features]) -> Outputs:
            return backend.run(collate(some, padding), wanted, beside=beside)

        return batch, neighbours.run([row for _, row in batch], run_batch)

    for batch, found in backend.lanes(partial(outputs, batch) for batch in _batches(backend, neighbours, rows)):
        for (number, _), values in zip(batch, found, strict=True):
            yield number, values


def _batches(backend: Backend, neighbours: Neighbours, rows: Iterable[Features]) -> Iterator[list[Row]]:
    """The batches of one window after another; each row waits for those of its own window at the most."""
    coming = enumerate(rows)
    # One batch at a time keeps the cores busy for so long that good batches save more than an early start.
    window = _Window(FIRST_WINDOW if backend.lanes.number > 1 else LARGEST_WINDOW)
    window.read(coming)
    while window.rows:
        following = _Window(min(2 * window.most, LARGEST_WINDOW))
        batches = plan(window.lengths, backend.batch_tokens, _kinds(backend, neighbours, window))
        for number, batch in enumerate(batches, 1):
            yield [window.rows[place] for place in batch]
            following.read(coming, number / len(batches))
        window = following


def _kinds(backend: Backend, neighbours: Neighbours, window: _Window) -> Sequence[Hashable]:
    """What rows must have in common to share a batch; what was measured is asked for only if any could be padded."""
    kinds = [backend.kind(row) for _, row in window.rows]
    if window.is_of_one_length or not neighbours.need_one_length:
        return kinds
    return [(kind, shape_of(row)) for kind, (_, row) in zip(kinds, window.rows, strict=True)]


class _Window:
    """Rows that are planned together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows: list[Row] = []
        self.lengths: list[int] = []
        self._tokens = 0

    @property
    def is_of_one_length(self) -> bool:
        """Whether no row is shorter than another."""
        return self.lengths.count(self.lengths[0]) == len(self.lengths)

    def read(self, rows: Iterator[Row], share: float = 1.0) -> None:
        """Read on, until so much of what the window may hold was read."""
        while len(self.rows) < share * self.most and self._tokens < share * WINDOW_TOKENS:
            found = next(rows, None)
            if found is None:
                return
            self.rows.append(found)
            self.lengths.append(max(values.size for values in found[1].values()))
            self._tokens += self.lengths[-1]
