"""What follows a call from outside: the bar that shows how far it is, and the end that comes from another thread."""

from __future__ import annotations

from collections.abc import Sized
from typing import Protocol

__all__ = ["CallMonitor", "Cancelled", "open_monitor"]


class Bar(Protocol):
    """Something that shows how far the work is."""

    def add(self, items: int, tokens: int) -> None:
        """Show that so much more is done."""
        ...

    def close(self) -> None:
        """Show no more."""
        ...


class Cancelled(Exception):  # noqa: N818  # no error: nobody is there to see it
    """The work ends here, since nobody waits for it."""


class CallMonitor:
    """Counts what is done of a call on a bar, and ends the call when nobody waits for it any more."""

    def __init__(self) -> None:
        """Count nowhere, until a bar is drawn."""
        self._bar: Bar | None = None
        self._is_cancelled = False

    def count(self, items: int, tokens: int) -> None:
        """Count inputs and tokens that are done.

        Raises:
            Cancelled: nobody waits for the rest.
        """
        if self._is_cancelled:
            raise Cancelled
        if self._bar is not None:
            self._bar.add(items, tokens)

    def draw(self, total: int | None) -> None:
        """Count on a bar from now on."""
        from onnxhub._process.progress import ProgressBar

        self._bar = ProgressBar(total)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()

    def cancel(self) -> None:
        """Let the work end at the next count; from any thread."""
        self._is_cancelled = True
        self.close()


def open_monitor(inputs: object, *, progress: bool) -> CallMonitor:
    """Return what follows the work on these inputs, with a bar if that is asked for."""
    monitor = CallMonitor()
    if progress:
        monitor.draw(len(inputs) if isinstance(inputs, Sized) else None)
    return monitor
