"""A pair of sessions: concurrent batches are fastest with one thread each, a batch alone with all threads."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from onnxhub._process.forking import Lock, watch
from onnxhub.errors import ClosedModelError, OnnxHubError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._backend.runtime.session import Session
    from onnxhub._contracts.protocols import Features, Outputs

__all__ = ["SessionPair"]

_log = logging.getLogger("onnxhub")


class SessionPair:
    """A model's session, and a second one with a single thread, which is built when enough batches run concurrently.

    Both map the same weights of a compiled graph, so that the second takes little memory. Any number of threads may run
    them; a batch takes the second session if others are running.
    """

    def __init__(self, first: Session, *, after: int) -> None:
        """Take the first session; build nothing yet.

        Args:
            first: The session that was built for the model, with all threads.
            after: Concurrent batches that it runs before the second is built.
        """
        self._first = first
        self._after = after
        self._second: Session | None = None
        self._batches = 0
        self._building = Lock()
        self._running: set[object] = set()
        watch(self)

    def run(self, features: Features, outputs: Sequence[str], *, concurrent: bool) -> Outputs:
        """Run one batch; ``concurrent`` tells whether the caller runs others at the same time."""
        session = self.choose_second() if concurrent or self._running else self._first
        mark = object()
        try:
            self._running.add(mark)  # an interrupt here leaves the marks of other threads alone
            return session.run(features, outputs)
        finally:
            self._running.discard(mark)

    def choose_second(self) -> Session:
        """Return the session for a batch that does not run alone."""
        if self._second is None:
            with self._building.plain:
                self._batches += 1
                if self._second is None and self._batches > self._after:
                    self._second = self._build_second()
        return self._second or self._first

    def _build_second(self) -> Session:
        try:
            return self._first.clone(threads=1)
        except ClosedModelError:
            raise
        except OnnxHubError as error:  # the file was replaced or deleted meanwhile
            _log.warning("batches go on with all threads each: %s", error)
            return self._first

    def forked(self) -> None:
        """Forget the batches of the parent's threads."""
        self._running.clear()

    def close(self) -> None:
        """Drop the second session."""
        with self._building.plain:
            if self._second is not None:
                self._second.close()
