"""The folder of generated files, and small files in it: written in one step, and sealed with a digest."""

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
    "expand_path",
    "hub_home",
    "is_behind_link",
    "read_sealed",
    "sweep_small_files",
    "write_atomically",
    "write_sealed",
]

_log = logging.getLogger("onnxhub")

_UNFINISHED: Final = re.compile(r"\.[0-9a-f]{32}\.tmp")
"""The names under which small files are written."""
_ABANDONED: Final = 60
"""Seconds after which no process can still be writing one."""
_LARGEST: Final = 2**26
"""Bytes of a small file; the listings of the largest repositories have about 30 million."""
_OPENING: Final = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags for opening a file that another user may have put there: no links are followed, and pipes do not block."""


def assets_dir(kind: str) -> Path:
    """Return the folder of a kind, where huggingface_hub lets other libraries keep files (its ``cached_assets_path``)."""
    named = os.environ.get("HF_ASSETS_CACHE") or os.environ.get("HUGGINGFACE_ASSETS_CACHE")
    return expand_path(named or os.path.join(hub_home(), "assets")) / "onnxhub" / kind


def is_behind_link(kind: str) -> bool:
    """Tell whether a kind's folder, or the folder of all kinds, is a link: its files may belong to another program."""
    folder = assets_dir(kind)
    return os.path.realpath(folder) != os.path.join(os.path.realpath(folder.parent.parent), folder.parent.name, kind)


def hub_home() -> str:
    """Return the folder of huggingface_hub's files, by the environment variables that it documents."""
    return os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")


def expand_path(path: str) -> Path:
    """Return the absolute path, with variables and ``~`` expanded.

    A user without a home folder (in a container, known by a number alone, without HOME) gets a temporary one.

    Raises:
        InvalidOptionError: it begins with the home folder of an unknown user.
    """
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        user, slash, rest = expanded.partition("/")
        if user != "~":
            raise InvalidOptionError("the folder of the cache", path, f"another: there is no user {user[1:]!r} here")
        expanded = f"{_make_home(os.getpid())}{slash}{rest}"
    return Path(os.path.expandvars(expanded)).absolute()


@cache
def _make_home(pid: int) -> str:
    """Make a home folder for this process, which no other user can write, and which is deleted at its end."""
    folder = tempfile.mkdtemp(prefix="onnxhub-home-")

    def remove() -> None:
        if os.getpid() == pid:  # not when a forked child ends
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    _log.warning(
        "this user has no home folder: what is fetched and made is kept in %s, for this process alone; "
        "set HF_HOME to a folder that lasts",
        folder,
    )
    return folder


def write_atomically(path: Path, text: str) -> None:
    """Write the file in one step, so that no process ever reads a part of it."""
    unfinished = path.with_name(f".{uuid4().hex}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def sweep_small_files(folder: Path) -> None:
    """Delete the small files of a folder that were left half written."""
    for path in folder.glob(".*.tmp"):
        with suppress(OSError):  # it has just been moved into place, or may not be deleted
            if _UNFINISHED.fullmatch(path.name) and time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()


def write_sealed(path: Path, value: object) -> None:
    """Write a small JSON file whose first line is the digest of the rest, in one step."""
    text = json.dumps(value)
    write_atomically(path, f"{_seal(text)}\n{text}")


def read_sealed(path: Path) -> dict[str, object]:
    """Return the object that ``write_sealed`` wrote.

    Raises:
        ValueError: the file was changed.
        OSError: it cannot be read, or is a link.
    """
    seal, _, text = _read_small(path).decode().partition("\n")
    try:
        value = json.loads(text) if seal == _seal(text) else None
    except RecursionError:  # the seal is no signature: anybody can seal deeply nested JSON
        value = None
    if not isinstance(value, dict):
        msg = "it is not as it was written"
        raise ValueError(msg)  # noqa: TRY004  # what is wrong is a value: the file's
    return value


def _read_small(path: Path) -> bytes:
    """Return the bytes of a file that may be a copy from somebody else: it must be a regular file, and small."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _OPENING)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(error.errno, "it is a link", str(path)) from error
        raise
    with open(descriptor, "rb") as file:  # noqa: PTH123  # a descriptor has no Path
        stat = os.fstat(descriptor)
        if not S_ISREG(stat.st_mode) or stat.st_size > _LARGEST:
            msg = f"it is no file of at most {_LARGEST:,} bytes"
            raise ValueError(msg)
        return file.read()


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
