"""A terminal of a chosen width around a command: what a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(arguments: list[str], folder: Path, env: Mapping[str, str], width: int = 80) -> tuple[int, str]:
    """Run ``onnxhub`` with a terminal for all three streams; its exit code, and what the terminal got."""
    return in_a_terminal([sys.executable, "-m", "onnxhub", *arguments], folder, env, width)


def in_a_terminal(command: list[str], folder: Path, env: Mapping[str, str], width: int = 80) -> tuple[int, str]:
    """Run any command so."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    clean = {name: value for name, value in env.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        command, cwd=folder, env={"TERM": "xterm-256color", **clean},
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(ours)
    return process.wait(60), seen.decode().replace("\r\n", "\n")


def plain(seen: str) -> str:
    """Without colours."""
    return ESCAPES.sub("", seen)
