"""Progress on stderr, for people at a terminal; nothing is drawn where stderr is none."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING

from tqdm import tqdm

from onnxhub.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ProgressBar", "waiting"]


class ProgressBar:
    """Inputs, tokens a second, and the time that is left where the number of inputs is known."""

    def __init__(self, total: int | None) -> None:
        """Draw it, empty.

        Args:
            total: Inputs in all; None: nobody knows.
        """
        self._bar = tqdm(total=total, unit=" inputs", disable=None)
        self._start = perf_counter()
        self._tokens = 0

    def add(self, items: int, tokens: int) -> None:
        """Show that so much more is done."""
        self._tokens += tokens
        if self._tokens and not self._bar.disable:
            rate = self._tokens / (perf_counter() - self._start)
            self._bar.set_postfix_str(f"{rate:,.0f} tokens/s", refresh=False)
        self._bar.update(items)

    def close(self) -> None:
        """Leave it as it is."""
        self._bar.close()


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show a line that says what is waited for, and for how long by now."""
    done = Event()
    with tqdm(desc=one_line(what), bar_format="{desc} ... {elapsed}", leave=False, disable=None) as line:

        def tick() -> None:
            while not done.wait(1):
                line.refresh()

        clock = Thread(target=tick, daemon=True)
        if not line.disable:
            clock.start()
        try:
            yield
        finally:
            done.set()
            if clock.is_alive():
                clock.join()
