"""Progress on stderr, for people at a terminal; nothing is drawn where stderr is none."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from inspect import signature
from threading import Event, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from onnxhub.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ProgressBar", "hub_bars", "waiting"]


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
        """So much more is done."""
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
    """A line that says what is waited for, and for how long by now."""
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


@cache
def hub_bars() -> dict[str, Any]:
    """The options with which ``hf_hub_download`` draws names of files, which a server may choose, as printable text.

    Empty where huggingface_hub has none, as before its 1.0.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import tqdm as hub_tqdm

    if "tqdm_class" not in signature(hf_hub_download).parameters:
        return {}

    class PlainBar(hub_tqdm):
        def __init__(self, *arguments: Any, desc: str | None = None, **options: Any) -> None:
            super().__init__(*arguments, desc=None if desc is None else one_line(desc), **options)  # type: ignore[no-untyped-call]

    return {"tqdm_class": PlainBar}
