"""Names for what is being written, and the removal of what processes that have ended left half written.

A name says which machine and which process writes under it, so that any process can tell whether anybody still does.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from onnxhub._backend.kept.assets import sweep_small_files
from onnxhub._backend.kept.filesystems import remove_tree

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["name_unfinished", "sweep_folder"]

_ABANDONED: Final = 24 * 3600
"""Seconds after which what another machine was writing counts as left behind."""


def _identify_host() -> str:
    """Return a short name of this machine and its PID namespace: containers may share a host name, not process ids."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  # what it names is no path
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{socket.gethostname()}{namespace}".encode()).hexdigest()[:8]


_HOST: Final = _identify_host()
_TOKEN: Final = uuid4().hex[:8]
"""Identifies this process: its id alone may have belonged to another process before."""
_NAME: Final = re.compile(r"\.(.+)\.([0-9a-f]{8})\.([0-9]{1,9})\.([0-9a-f]{16})", re.DOTALL)
"""The names that ``name_unfinished`` gives: key, host, process id, token. Nothing else in a folder may be deleted."""


def name_unfinished(key: str) -> str:
    """Return a unique name for a file or folder that is being written; ``sweep_folder`` reads its writer from it."""
    return f".{key}.{_HOST}.{os.getpid()}.{_TOKEN}{uuid4().hex[:8]}"


def sweep_folder(folder: Path, key: str | None = None) -> None:
    """Delete what processes that have ended were writing in a folder; with a ``key``, only what was written for it."""
    for path in folder.glob(".*.*.*.*"):
        match = _NAME.fullmatch(path.name)
        if match is None or key not in {None, match[1]} or not _is_abandoned(path, *match.groups()[1:]):
            continue
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            with suppress(OSError):
                path.unlink()
    if key is None:
        sweep_small_files(folder)


def _is_abandoned(path: Path, host: str, pid: str, token: str) -> bool:
    if host != _HOST or sys.platform == "win32":  # on Windows, os.kill(pid, 0) would end the process
        try:
            return time.time() - path.lstat().st_mtime > _ABANDONED
        except OSError:  # its writer has just moved it into place
            return False
    if int(pid) == os.getpid():
        return not token.startswith(_TOKEN)
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # the process runs, as another user
    return False
