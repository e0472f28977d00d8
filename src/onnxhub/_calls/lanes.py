"""The threads in which batches of a model run, and the batches of one call that are under way there."""

from __future__ import annotations

import os
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from onnxhub._process.workers import Job, Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxhub._contracts import protocols

__all__ = ["AHEAD", "Lanes", "Underway"]

T = TypeVar("T")

AHEAD: Final = 3
"""Batches of a lane that run, wait, or have outputs that wait. With 2, the lanes of a small model stand idle for a tenth
of the time, since others are tokenised meanwhile; more than 3 are hardly faster, and hold more outputs."""


class Lanes:
    """How many batches of a model run at once, and the threads for it, which all who call the model share."""

    def __init__(self, number: int = 1) -> None:
        """Make no thread yet: the first job does."""
        self.number = number
        self._workers: dict[int, Workers] = {}

    def begin(self, job: Job[T]) -> None:
        """Do a job in one of the threads, as soon as one is free."""
        # A forked child has none of its parent's threads. And those that lost a race have not started any.
        self._workers.setdefault(os.getpid(), Workers(self.number)).begin(job)


class Underway(Generic[T]):
    """The jobs of one call: they run at once in the lanes of a model, and give their values in the order of their start."""

    def __init__(self, lanes: protocols.Lanes) -> None:
        """Begin with none."""
        self._lanes = lanes
        self._most = AHEAD * lanes.number
        self._jobs: deque[Job[T]] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def is_full(self) -> bool:
        """Whether no other job should be started before the oldest has given its value."""
        return len(self._jobs) >= self._most

    def start(self, work: Callable[[bool], T]) -> None:
        """Start a job, which is told whether others run beside it."""
        self._jobs.append(Job(partial(work, self._lanes.number > 1)))
        self._lanes.begin(self._jobs[-1])

    def finish(self) -> T:
        """Wait for the oldest job, and return what it gave, or raise what it raised."""
        self._jobs[0].wait()  # where it is interrupted, the job is still one of those to stop
        return self._jobs.popleft().result()

    def stop(self) -> None:
        """Drop the jobs that wait, and wait for those that run."""
        for job in [job for job in self._jobs if not job.drop()]:
            job.wait()
