"""A lock between processes, on which nothing depends: it spares work that another process is doing already.

It is a file's (``flock``), which the system lets go of when the file is closed, however the process ends. Some file systems
have no such locks, or only pretend to: then everybody goes on at once.

    with lock_file(path) as file:
        take(file)

What is entered is a file, whose methods are not written in Python: an interrupt between any two steps closes it. Not so
``filelock``, whose lock would stay held by this process for as long as a traceback lives.
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
"""What the system says of a lock that another process holds, and would have to be waited for."""


class BusyError(Exception):
    """Another process, or thread, holds the lock."""


class _LockFiles:
    """Those that are open: a forked child would hold its parent's locks for as long as it lives."""

    def __init__(self) -> None:
        self.files: WeakSet[FileIO] = WeakSet()
        self.told = False
        watch(self)

    def forked(self) -> None:
        """Close them, which leaves the parent's as they are."""
        for file in list(self.files):
            file.close()
        self.files = WeakSet()

    def lack(self, file: FileIO, error: OSError) -> None:
        """Say once that there are no locks."""
        log = _log.debug if self.told else _log.info
        self.told = True
        log(
            "the file system of %s has no locks (%s): processes that start together may make the same", file.name, error
        )


_files = _LockFiles()


def lock_file(path: Path) -> FileIO:
    """Open the file of a lock, which is made if need be; ``take`` takes the lock.

    Raises:
        OSError: the folder cannot be written.
        UnsafeModelError: the file, or its folder, is a link or a pipe: opening it could make a file elsewhere, or wait.
    """
    if path.parent.is_symlink():
        raise UnsafeModelError(str(path.parent), "it is a link, and no folder of locks; delete it")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = FileIO(path, "a", opener=_open)
    except PermissionError:
        file = FileIO(path, opener=_open)  # another user's, whose lock can be taken all the same
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
    """Take the lock of an open file, until it is closed; where the file system has none, do nothing.

    Raises:
        BusyError: somebody has it, and ``wait`` is False.
    """
    try:
        _take(file, wait=wait)
    except OSError as error:
        if not wait and error.errno in _HELD_BY_OTHERS:
            raise BusyError from error
        _files.lack(file, error)


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
