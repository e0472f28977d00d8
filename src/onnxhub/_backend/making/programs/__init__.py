"""Programs that ``child_process`` runs in processes of their own, and the code with which each of them begins.

They may import torch and transformers and use much memory, which is freed when they end.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import sys
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["DISK", "REFUSED", "UNSAFE", "ForeignFileError", "begin", "refuse", "refuse_foreign"]

REFUSED: Final = 3
"""The exit status of a program whose last line is the whole reason."""
UNSAFE: Final = 4
"""The same, where the reason is that a file elsewhere would have been read."""
DISK: Final = 5
"""The exit status of a program that the disk failed; its last line is JSON: [errno, message, path]."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that a process gets when its parent ends."""


class ForeignFileError(PermissionError):
    """A file that is neither the model's nor of Python or the system was not opened."""


def begin() -> dict[str, Any]:
    """Read the request of the parent.

    From now on this process ends when the parent does, in whatever way; and, on Linux, its Python code opens no
    file but those that it was given, those of Python, and some of the system.
    """
    if sys.platform == "linux":
        # The kernel does it at once. On other systems a thread does, when it is scheduled.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    request: dict[str, Any] = json.loads(sys.stdin.readline())
    sys.excepthook = _explain
    if sys.platform == "linux":
        from onnxhub._backend.making.programs.confinement import confine

        confine(request["folders"])
    Thread(target=_end_with_parent, daemon=True).start()
    asked: dict[str, Any] = request["asked"]
    return asked


def refuse(reason: str) -> NoReturn:
    """End, with a reason that the parent passes on as it is."""
    _say(reason)
    sys.exit(REFUSED)


def refuse_foreign(error: BaseException) -> None:
    """End if an error was caused by a file that was not opened, also where a library wrapped it."""
    foreign = _find_cause(error, ForeignFileError)
    if foreign is not None:
        _say(str(foreign))
        sys.exit(UNSAFE)


def _say(reason: str) -> None:
    sys.stderr.write(f"\n{' '.join(reason.split())}\n")


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End with an exit status and a last line that tell the parent about an error that was not caught."""
    sys.__excepthook__(kind, error, trace)
    foreign, disk = _find_cause(error, ForeignFileError), _find_cause(error, OSError)
    if foreign is not None:
        _say(str(foreign))
    elif isinstance(disk, OSError) and disk.errno in _FULL:
        _say(json.dumps([disk.errno, disk.strerror, disk.filename and str(disk.filename)]))
    else:
        return
    sys.stderr.flush()
    os._exit(DISK if foreign is None else UNSAFE)


def _find_cause(error: BaseException | None, kind: type[OSError]) -> OSError | None:
    """Return the first error of a kind among the causes and contexts of an error."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, kind):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _end_with_parent() -> None:
    # The file descriptor itself: a thread that waits in sys.stdin would hold its lock when the interpreter ends.
    while os.read(0, 1):
        pass
    if sys.platform == "win32":
        os._exit(1)
    os.killpg(os.getpgrp(), signal.SIGKILL)
