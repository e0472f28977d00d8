"""A lock between processes that saves duplicate work; correctness must never depend on it.

It is a file lock (``flock``), which the system releases when the file is closed, however the process ends. Some file
systems have no such locks, or only pretend to have them: then all processes go on at once.

    with lock_file(path) as file:
        take(file)

The context manager is the file itself, whose methods are not written in Python: an interrupt between any two steps closes
it. ``filelock`` does not, and its lock would be held for as long as a traceback lives.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from io import FileIO
from stat import S_ISREG
from typing import TYPE_CHECKING
from weakref import WeakSet

from onnxhub._process.forking import watch
from onnxhub.errors import UnsafeModelError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BusyError", "lock_file", "take"]

_log = logging.getLogger("onnxhub")

_HELD_BY_OTHERS = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}
"""Error numbers that say that another process holds the lock."""


class BusyError(Exception):
    """Another process, or thread, holds the lock."""


class _LockFiles:
    """The open lock files: a forked child would hold its parent's locks for as long as it lives."""

    def __init__(self) -> None:
        self.files: WeakSet[FileIO] = WeakSet()
        self.is_reported = False
        watch(self)

    def forked(self) -> None:
        """Close the child's copies, which leaves the parent's locks held."""
        for file in list(self.files):
            file.close()
        self.files = WeakSet()

    def report_missing(self, file: FileIO, error: OSError) -> None:
        """Log that the file system has no locks; only the first time at level INFO."""
        log = _log.debug if self.is_reported else _log.info
        self.is_reported = True
        log(
            "the file system of %s has no locks (%s): processes that start together may make the same", file.name, error
        )


_files = _LockFiles()


def lock_file(path: Path) -> FileIO:
    """Open the file of a lock, creating it if needed; ``take`` takes the lock.

    Raises:
        OSError: the folder cannot be written.
        UnsafeModelError: the file, or its folder, is a link or a pipe: opening it could create a file elsewhere, or block.
    """
    if path.parent.is_symlink():
        raise UnsafeModelError(str(path.parent), "it is a link, and no folder of locks; delete it")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = FileIO(path, "a", opener=_open)
    except PermissionError:
        file = FileIO(path, opener=_open)  # another user's file, whose lock can be taken although it cannot be written
    _files.files.add(file)
    return file


def _open(path: str, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENXIO, errno.EISDIR}:
            raise
    else:
        if S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
    raise UnsafeModelError(str(path), "it is a link, a pipe or a folder, and no file of a lock; delete it")


def take(file: FileIO, *, wait: bool = True) -> None:
    """Take the lock of an open file until it is closed; do nothing where the file system has no locks.

    Raises:
        BusyError: another process or thread holds it, and ``wait`` is False.
    """
    try:
        _take(file, wait=wait)
    except OSError as error:
        if not wait and error.errno in _HELD_BY_OTHERS:
            raise BusyError from error
        _files.report_missing(file, error)


if sys.platform == "win32":
    import msvcrt

    def _take(file: FileIO, *, wait: bool) -> None:
        while True:
            try:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if not wait or error.errno not in _HELD_BY_OTHERS:
                    raise
                time.sleep(0.05)
            else:
                return
else:
    import fcntl

    def _take(file: FileIO, *, wait: bool) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
