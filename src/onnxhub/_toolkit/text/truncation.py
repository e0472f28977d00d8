"""The warning about a text of which a part was not read."""

from __future__ import annotations

import sys
import warnings

from onnxhub._process.public import publish
from onnxhub._strings.plain_text import PlainWarning

__all__ = ["TruncationWarning", "warn_cut"]


class TruncationWarning(PlainWarning):
    """A text was longer than the model takes, and a part of it was not read."""


def warn_cut(limit: int, advice: str) -> None:
    """Say that a text was cut, at the line of the caller that gave it; Python shows the same warning once."""
    level, frame = 1, sys._getframe()  # noqa: SLF001  # skip_file_prefixes is new in Python 3.12
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "onnxhub":
        level, frame = level + 1, frame.f_back
    warnings.warn(f"a text was cut to the {limit} tokens that the model takes{advice}", TruncationWarning, level)


publish(globals(), "TruncationWarning")
