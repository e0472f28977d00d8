"""Where the library keeps what it makes, and how small files are written: in one step, and with a seal."""

from __future__ import annotations

import atexit
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from stat import S_ISREG
from typing import Final
from uuid import uuid4

from onnxhub.errors import InvalidOptionError

__all__ = [
    "assets_dir",
    "behind_a_link",
    "expanded",
    "hub_home",
    "read_sealed",
    "sweep_unfinished",
    "write_atomically",
    "write_sealed",
]

_log = logging.getLogger("onnxhub")

_UNFINISHED: Final = re.compile(r"\.[0-9a-f]{32}\.tmp")
"""The names under which small files are written."""
_WRITTEN: Final = 60
"""Seconds after which nobody is writing one any more."""
_LARGEST: Final = 2**26
"""Bytes of a small file; the listing of the largest repositories has some 30 million."""
_OPENING: Final = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""How a file is opened that somebody else may have put there: not through a link, and without waiting at a pipe."""


def assets_dir(kind: str) -> Path:
    """Where huggingface_hub lets other libraries keep what they make (its ``cached_assets_path``)."""
    named = os.environ.get("HF_ASSETS_CACHE") or os.environ.get("HUGGINGFACE_ASSETS_CACHE")
    return expanded(named or os.path.join(hub_home(), "assets")) / "onnxhub" / kind


def behind_a_link(kind: str) -> bool:
    """Tell whether a kind's folder, or the one around all kinds, is a link: what is in it may be anybody's."""
    folder = assets_dir(kind)
    return os.path.realpath(folder) != os.path.join(os.path.realpath(folder.parent.parent), folder.parent.name, kind)


def hub_home() -> str:
    """The folder of all that huggingface_hub keeps, by the environment variables that it documents."""
    return os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")


def expanded(path: str) -> Path:
    """The path from the root, with its variables and its ``~`` filled in.

    A user who has no home folder (a container's, of a number alone, without HOME) gets one that goes with this process.

    Raises:
        InvalidOptionError: it begins with the home folder of a user that there is not.
    """
    filled = os.path.expanduser(path)
    if filled.startswith("~"):
        user, slash, rest = filled.partition("/")
        if user != "~":
            raise InvalidOptionError("the folder of the cache", path, f"another: there is no user {user[1:]!r} here")
        filled = f"{_stand_in_home(os.getpid())}{slash}{rest}"
    return Path(os.path.expandvars(filled)).absolute()


@cache
def _stand_in_home(pid: int) -> str:
    """A folder of this process, which nobody else can write."""
    folder = tempfile.mkdtemp(prefix="onnxhub-home-")

    def remove() -> None:
        if os.getpid() == pid:  # and not when a child that it forked ends
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    _log.warning(
        "this user has no home folder: what is fetched and made is kept in %s, for this process alone; "
        "set HF_HOME to a folder that lasts", folder,
    )  # fmt: skip
    return folder


def write_atomically(path: Path, text: str) -> None:
    """Write the file in one step, so that nobody ever reads a part of it."""
    unfinished = path.with_name(f".{uuid4().hex}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def sweep_unfinished(folder: Path) -> None:
    """Delete the small files of a folder that processes which are gone were writing."""
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):  # it is finished, or not ours to delete
            if _UNFINISHED.fullmatch(path.name) and time.time() - path.stat().st_mtime > _WRITTEN:
                path.unlink()


def write_sealed(path: Path, value: object) -> None:
    """Write a small JSON file whose first line is the digest of the rest, in one step."""
    text = json.dumps(value)
    write_atomically(path, f"{_seal(text)}\n{text}")


def read_sealed(path: Path) -> dict[str, object]:
    """The object that ``write_sealed`` wrote.

    Raises:
        ValueError: it is not as it was written.
        OSError: it cannot be read, or is a link.
    """
    seal, _, text = _read_small(path).decode().partition("\n")
    try:
        value = json.loads(text) if seal == _seal(text) else None
    except RecursionError:  # anybody can seal what is nested for ever
        value = None
    if not isinstance(value, dict):
        msg = "it is not as it was written"
        raise ValueError(msg)  # noqa: TRY004  # what is wrong is a value: the file's
    return value


def _read_small(path: Path) -> bytes:
    """Return the bytes of a file that may be a copy from somebody else, as a pipe or a link to a device may be."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _OPENING)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(error.errno, "it is a link", str(path)) from error
        raise
    with open(descriptor, "rb") as file:  # noqa: PTH123  # of a descriptor
        stat = os.fstat(descriptor)
        if not S_ISREG(stat.st_mode) or stat.st_size > _LARGEST:
            msg = f"it is no file of at most {_LARGEST:,} bytes"
            raise ValueError(msg)
        return file.read()


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
