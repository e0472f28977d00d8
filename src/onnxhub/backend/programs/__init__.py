"""Programs that run in processes of their own, started by ``onnxhub.backend.child``; and how each of them begins.

They may import torch and transformers, and use much memory: all of that goes when they end.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from threading import Thread
from typing import Any, Final, NoReturn

__all__ = ["REFUSED", "begin", "refuse"]

REFUSED: Final = 3
"""The exit status of a program whose last line is the whole reason."""
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that a process gets when its parent ends."""


def begin() -> dict[str, Any]:
    """What the parent asks for. From now on this process ends when the parent does, however that comes about."""
    if sys.platform == "linux":
        # The kernel does it at once, whatever this process is about. Elsewhere a thread sees to it, when it gets its turn.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    asked: dict[str, Any] = json.loads(sys.stdin.readline())
    Thread(target=_end_with_parent, daemon=True).start()
    return asked


def refuse(reason: str) -> NoReturn:
    """End, with a reason that the parent passes on as it is."""
    sys.stderr.write(f"\n{' '.join(reason.split())}\n")
    sys.exit(REFUSED)


def _end_with_parent() -> None:
    # The file descriptor itself: a thread that waits in sys.stdin would hold its lock when the interpreter ends.
    while os.read(0, 1):
        pass
    if sys.platform == "win32":
        os._exit(1)
    os.killpg(os.getpgrp(), signal.SIGKILL)
