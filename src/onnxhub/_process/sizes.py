"""Sizes and ages as people write them: ``5GB``, ``30d``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["age", "format_size", "size"]

_POWERS: Final = {"K": 1, "M": 2, "G": 3, "T": 4}
_SIZES: Final = {
    "B": 1,
    **{f"{prefix}B": 1000**power for prefix, power in _POWERS.items()},
    **{f"{prefix}IB": 1024**power for prefix, power in _POWERS.items()},
}
_AGES: Final = {"S": 1, "M": 60, "H": 3600, "D": 86400, "W": 604800}


def size(option: str, text: str) -> int:
    """Return bytes; a number needs its unit, but for 0: who writes 5 may have gigabytes in mind.

    Examples:
        >>> size("limit", "1.5 GB"), size("limit", "20MiB"), size("limit", "0")
        (1500000000, 20971520, 0)

    Raises:
        InvalidOptionError: It is no size.
    """
    if text.strip() == "0":
        return 0
    return int(_product(option, text, _SIZES, "a size such as 20GB, 500MB or 1.5GiB"))


def age(option: str, text: str) -> float:
    """Return seconds.

    Examples:
        >>> age("older_than", "30d"), age("older_than", "12h")
        (2592000.0, 43200.0)

    Raises:
        InvalidOptionError: It is no age.
    """
    return _product(option, text, _AGES, "an age such as 30d, 12h or 2w")


def format_size(number: int) -> str:
    """Return a size for people to read.

    Examples:
        >>> format_size(7_600_000), format_size(812), format_size(12_345_000_000)
        ('7.6 MB', '812 B', '12.3 GB')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= factor:
            return f"{number / factor:,.1f} {unit}"
    return f"{number} B"


def _product(option: str, text: str, units: Mapping[str, int], expected: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip(), re.ASCII)
    if match is None or match[2].upper() not in units:
        raise InvalidOptionError(option, text, expected)
    return float(match[1]) * units[match[2].upper()]
