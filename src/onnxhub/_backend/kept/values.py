"""Validate values of a Hub, a mirror or a copied cache before they become a path, a key or an argument.

A listing names files, digests, sizes and commits. Its author chooses these texts, so each is checked here, once, before it
is used: a digest is hexadecimal digits and can be nothing else.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Final

from onnxhub._backend.kept.digests import DIGEST
from onnxhub._strings.plain_text import shorten
from onnxhub.errors import UnsafeModelError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_commit", "parse_commit", "parse_digest", "parse_file_name", "parse_size", "relative_location"]

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_LARGEST_FILE: Final = 2**50
"""Bytes; no file of a model has a petabyte."""
_LONGEST_LOCATION: Final = 4096  # no file system takes more
_MEMORY_ADDRESS: Final = "_ORT_"
"""Begins a part of ONNX Runtime's marks for data at an address in memory; the part before it is a star."""
_LONGEST_NAME: Final = 1024
_LONGEST_PART: Final = 255
"""Bytes of a path, and of a name in it, that every file system accepts."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names of devices on Windows, in whatever folder they are."""


def is_commit(value: object) -> bool:
    """Tell whether a value is a full commit hash, whose content never changes."""
    return isinstance(value, str) and _COMMIT.fullmatch(value) is not None


def parse_commit(value: object) -> str:
    """Return a commit's hash.

    Raises:
        ValueError: the value is something else.
    """
    if not isinstance(value, str) or not is_commit(value):
        raise ValueError(f"{shorten(value)} is not a commit hash (40 hexadecimal digits)")
    return value


def parse_digest(value: object) -> str | None:
    """Return a digest by which the Hub names bytes, in lower case: git's blob id or SHA-256; None for None.

    Raises:
        ValueError: the value is something else.
    """
    if value is None:
        return None
    digest = value.lower() if isinstance(value, str) else ""
    if DIGEST.fullmatch(digest) is None:
        raise ValueError(f"{shorten(value)} is not a digest (40 or 64 hexadecimal digits)")
    return digest


def parse_size(value: object) -> int | None:
    """Return a number of bytes; None for None.

    Raises:
        ValueError: the value is something else, or larger than any file.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_FILE:
        raise ValueError(f"{shorten(value)} is not a size in bytes")
    return value


def parse_file_name(value: object, source: str, *, windows: bool) -> str:
    """Return the path of a file inside a repository, with ``/``.

    Args:
        value: The name as it was read.
        source: What it was read from, for the error.
        windows: Whether the name must be valid on Windows, too.

    Raises:
        ValueError: it is not a text, is too long, not in plain form, or holds control characters.
        UnsafeModelError: it is absolute, or leads out of the folder.
    """
    if not isinstance(value, str):
        raise ValueError(f"{shorten(value)} is not the name of a file")  # noqa: TRY004  # the value was read, not passed
    if _CONTROL.search(value):
        raise ValueError(f"{shorten(value)} has control characters, which no name of a file may have")
    parts = value.split("/")
    if len(value) > _LONGEST_NAME or max(len(part.encode()) for part in parts) > _LONGEST_PART:
        raise ValueError(f"{shorten(value)} is too long for the name of a file")
    if relative_location(value, source) != value:
        raise ValueError(f"{shorten(value)} is not a path in plain form")
    if windows and any(_is_foreign_to_windows(part) for part in parts):
        raise ValueError(f"{shorten(value)} is not a name that Windows takes")
    return value


def _is_foreign_to_windows(part: str) -> bool:
    return _DEVICE.fullmatch(part) is not None or part.endswith((".", " ")) or any(sign in part for sign in '<>:"|?*\\')


def relative_location(location: str, path: str | Path) -> str:
    """Return the location in plain form, which is inside the folder of ``path`` by the rules of every platform.

    Raises:
        UnsafeModelError: it is empty, absolute, or leads out of the folder.
    """
    if len(location) > _LONGEST_LOCATION:
        raise UnsafeModelError(str(path), f"it refers to a file whose name has {len(location)} characters")
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    parts = (*posix.parts, *windows.parts)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in parts
    address = "*" in parts and any(part.startswith(_MEMORY_ADDRESS) for part in parts)
    if outside or address or not posix.parts or "\0" in location:
        raise UnsafeModelError(str(path), f"it refers to {location!r}, which is not a file inside its folder")
    return posix.as_posix()
