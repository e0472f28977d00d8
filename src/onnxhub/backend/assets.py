"""Where the library keeps what it makes, and how small files are written: in one step, and with a seal."""

from __future__ import annotations

import atexit
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
from typing import Final
from uuid import uuid4

from onnxhub.errors import InvalidOptionError

__all__ = ["assets_dir", "expanded", "hub_home", "read_sealed", "sweep_unfinished", "write_atomically", "write_sealed"]

_log = logging.getLogger("onnxhub")

_UNFINISHED: Final = re.compile(r"\.[0-9a-f]{32}\.tmp")
"""The names under which small files are written."""
_WRITTEN: Final = 60
"""Seconds after which nobody is writing one any more."""


def assets_dir(kind: str) -> Path:
    """Where huggingface_hub lets other libraries keep what they make (its ``cached_assets_path``)."""
    named = os.environ.get("HF_ASSETS_CACHE") or os.environ.get("HUGGINGFACE_ASSETS_CACHE")
    return expanded(named or os.path.join(hub_home(), "assets")) / "onnxhub" / kind


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
        OSError: it cannot be read.
    """
    seal, _, text = path.read_bytes().decode().partition("\n")
    value = json.loads(text) if seal == _seal(text) else None
    if not isinstance(value, dict):
        msg = "it is not as it was written"
        raise ValueError(msg)  # noqa: TRY004  # what is wrong is a value: the file's
    return value


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
