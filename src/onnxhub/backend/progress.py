"""Progress on stderr, where that is a terminal."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["bar", "waiting"]

T = TypeVar("T")


def bar(items: Iterable[T]) -> Iterable[T]:
    """The same items, counted on a bar; nothing is drawn where stderr is no terminal."""
    from tqdm.auto import tqdm

    shown: Iterable[T] = tqdm(items, unit=" inputs", disable=None)
    return shown


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A line that says what is waited for, and for how long by now; nothing is drawn where stderr is no terminal."""
    from tqdm.auto import tqdm

    done = Event()
    with tqdm(desc=what, bar_format="{desc} ... {elapsed}", leave=False, disable=None) as line:

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
