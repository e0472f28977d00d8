"""Threads that work off jobs, of which no interrupt of the main thread leaves one waiting for good.

``concurrent.futures`` and ``threading.Condition`` take their locks in functions that are written in Python: Ctrl-C between
two steps of one leaves its lock held, and the pool stands still. Here, all that the main thread touches is one step each:
Python's own locks, and its queue that is written in C.
"""

from __future__ import annotations

import atexit
from _thread import start_new_thread
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from onnxhub._process.forking import watch

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Job", "Workers"]

T = TypeVar("T")


class Job(Generic[T]):
    """Something to do once, by whoever claims it first."""

    def __init__(self, work: Callable[[], T]) -> None:
        """Wait to be claimed."""
        self._work = work
        self._value: T
        self._error: BaseException | None = None
        self._claim = Lock()
        self._undone = Lock()
        self._undone.acquire()

    def run(self) -> None:
        """Do it, unless it was done or dropped; what it raises, ``result`` raises."""
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._value = self._work()
        except BaseException as error:  # noqa: BLE001  # raised again by whoever asks for the result
            self._error = error
        finally:
            self._undone.release()

    def drop(self) -> bool:
        """See to it that nobody begins it; False: somebody has begun already."""
        return self._claim.acquire(blocking=False)

    def wait(self) -> None:
        """Wait until it is done."""
        with self._undone:
            pass

    def result(self) -> T:
        """Return what it gave, or raise what it raised."""
        self.wait()
        error, self._error = self._error, None
        if error is None:
            return self._value
        try:
            raise error
        finally:
            del error  # whose traceback holds this very frame


class Workers:
    """So many threads; they end when this object is gone."""

    def __init__(self, number: int) -> None:
        """Start none yet: the first job does."""
        self._number = number
        self._started = 0
        self._starting = Lock()
        self._jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()

    def __del__(self) -> None:
        self._jobs.put(None)

    def begin(self, job: Job[T]) -> None:
        """Do the job when a thread is free; at once, by the caller, where no thread can be started any more."""
        with self._starting:
            while self._started < self._number:
                try:
                    start_new_thread(_work_off, (self._jobs,))
                except RuntimeError:  # the interpreter is ending, or the system has no more threads
                    break
                self._started += 1
        if not self._started:
            job.run()
        self._jobs.put(job)


class _Busy:
    """The jobs that threads of this process are doing."""

    def __init__(self) -> None:
        self.jobs: set[Job[Any]] = set()
        self.ending = False
        watch(self)

    def forked(self) -> None:
        """Know nothing of the parent's."""
        self.jobs.clear()

    def end(self) -> None:
        """Begin no more, and wait for the rest: a thread must not be in the midst of a run when the interpreter goes."""
        self.ending = True
        for job in list(self.jobs):
            job.wait()


_busy = _Busy()
atexit.register(_busy.end)


def _work_off(jobs: SimpleQueue[Job[Any] | None]) -> None:
    while (job := jobs.get()) is not None:
        _busy.jobs.add(job)
        if not _busy.ending:
            job.run()
        _busy.jobs.discard(job)
        del job  # which would be held, with all that it gave, until the next one comes
    jobs.put(None)  # for the next thread
