"""Progress on stderr, for people at a terminal or a notebook; elsewhere, as in a pipe, nothing is drawn."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

import tqdm

from onnxhub.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FileBar", "ProgressBar", "waiting"]

SOON = 1.0
"""Seconds: what is done by then has no bar."""


class ProgressBar:
    """Inputs, tokens a second, and the time that is left where the number of inputs is known."""

    def __init__(self, total: int | None) -> None:
        """Draw it, empty.

        Args:
            total: Inputs in all; None: nobody knows.
        """
        self._bar = _draw(total=total, unit=" inputs")
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


class FileBar:
    """How much of files is read, and how many inputs that was."""

    def __init__(self, total: int | None, *, shown: bool = True) -> None:
        """Draw it, unless all is done soon.

        Args:
            total: Bytes in all; None: nobody knows.
            shown: Whether to draw it at all.
        """
        self._bar = _draw(total=total, unit="B", unit_scale=True, delay=SOON) if shown else None
        self._before = 0
        self._inputs = 0

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it as it is."""
        if self._bar is not None:
            self._bar.close()

    def move(self, position: int, inputs: int) -> None:
        """Show where in the file it is, and that so many inputs more are done."""
        self._inputs += inputs
        if self._bar is not None:
            self._bar.set_postfix_str(f"{self._inputs:,} inputs", refresh=False)
            self._bar.update(self._before + position - self._bar.n)

    def finish(self, size: int) -> None:
        """Show that all of a file of so many bytes is done."""
        self._before += size
        if self._bar is not None:
            self._bar.update(self._before - self._bar.n)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show a line that says what is waited for, and for how long by now."""
    done = Event()
    with _draw(desc=one_line(what), bar_format="{desc} ... {elapsed}", leave=False) as line:

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


def _draw(**options: Any) -> Any:
    """Draw a bar of tqdm's: the widget of a notebook that has ipywidgets, else text; none where nobody looks."""
    if not _is_in_notebook():
        return tqdm.tqdm(disable=None, **options)
    if find_spec("ipywidgets") is None:
        # tqdm.auto would warn of that at each import. The kernel's stderr is no terminal, but is shown below the cell.
        return tqdm.tqdm(disable=False, **options)
    from tqdm.auto import tqdm as widget

    return widget(disable=False, **options)


def _is_in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook; IPython at a terminal is none."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None
