"""A progress bar on stderr."""

from __future__ import annotations

from time import perf_counter

from tqdm import tqdm

__all__ = ["ProgressBar"]


class ProgressBar:
    """Inputs, tokens a second, and the time that is left where the number of inputs is known.

    Nothing is drawn where stderr is no terminal.
    """

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
