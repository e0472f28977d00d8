"""A second session of a model, for batches that run at once: each is fastest with one thread, a batch alone with all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from onnxhub._forking import Lock
from onnxhub.errors import ClosedModelError, OnnxHubError

if TYPE_CHECKING:
    from onnxhub.backend.session import Session

__all__ = ["Beside"]

_log = logging.getLogger("onnxhub")

WORTH_A_SESSION: Final = 32
"""Batches after which it is built: it takes a tenth of a second for a model of the size of DistilBERT, which fewer
batches would not make up for."""


class Beside:
    """The session for batches that run at once: the model's own at first, then one with a single thread.

    Both map the weights of one compiled graph, so the second takes little memory. Any number of threads may ask.
    """

    def __init__(self, main: Session) -> None:
        """Build nothing yet.

        Args:
            main: The model's own session, of a compiled graph.
        """
        self._main = main
        self._session: Session | None = None
        self._batches = 0
        self._lock = Lock()

    def session(self) -> Session:
        """The session for the next batch."""
        if self._session is None:
            with self._lock:
                self._batches += 1
                if self._session is None and self._batches > WORTH_A_SESSION:
                    self._session = self._built()
        return self._session or self._main

    def _built(self) -> Session:
        try:
            return self._main.alike(threads=1)
        except ClosedModelError:
            raise
        except OnnxHubError as error:  # the compiled graph was cleared away meanwhile
            _log.warning("batches go on with all threads each: %s", error)
            return self._main

    def close(self) -> None:
        """Drop the session."""
        with self._lock:
            if self._session is not None:
                self._session.close()
