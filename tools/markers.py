"""Generated parts of a page, between two lines that mark them."""

from __future__ import annotations

import re

__all__ = ["replace_between"]


def replace_between(page: str, begin: str, end: str, made: str) -> str:
    """Return a page with this between the lines of its markers.

    Raises:
        ValueError: the markers are not there, once each.
    """
    parts = re.split(f"({re.escape(begin)}\n|{re.escape(end)}\n)", page)
    if [part.strip() for part in parts[1::2]] != [begin, end]:
        raise ValueError(f"a page has the lines {begin} and {end}, once each and in this order")
    before, first, _, last, after = parts
    return f"{before}{first}\n{made}\n{last}{after}"
