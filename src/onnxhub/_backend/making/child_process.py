"""Runs a program of ``programs`` in a process of its own, whose imports and memory are freed when it ends.

The child never outlives its parent. It is killed, with all that it started, when the parent stops waiting for it: at
Ctrl-C, an exception or the time limit. It ends by itself when the parent was killed (see ``begin``).
"""

from __future__ import annotations

import json
import logging
import os
import signal
import site
import subprocess
import sys
from collections import deque
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from threading import Event, Timer
from typing import TYPE_CHECKING, Final

from onnxhub._backend.making.programs import DISK, REFUSED, UNSAFE
from onnxhub._process.progress import waiting
from onnxhub.errors import ExportError, InvalidOptionError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["run_child"]

_log = logging.getLogger("onnxhub")

LIMIT: Final = "ONNXHUB_EXPORT_SECONDS"
"""The environment variable with the most seconds that a program may take."""
DEFAULT_SECONDS: Final = 3600.0
LINES: Final = 15
"""How many of the last lines an error quotes."""
_PASSED: Final = frozenset(
    {
        "COMSPEC",
        "CONDA_PREFIX",
        "CUDA_DEVICE_ORDER",
        "CUDA_HOME",
        "CUDA_PATH",
        "CUDA_VISIBLE_DEVICES",
        "LANG",
        "LANGUAGE",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "DYLD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
        "MALLOC_ARENA_MAX",
        "NUMBER_OF_PROCESSORS",
        "NVIDIA_DRIVER_CAPABILITIES",
        "NVIDIA_VISIBLE_DEVICES",
        "OPENBLAS_NUM_THREADS",
        "PATH",
        "PATHEXT",
        "PROCESSOR_ARCHITECTURE",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONFAULTHANDLER",
        "PYTHONHASHSEED",
        "PYTHONHOME",
        "PYTHONMALLOC",
        "PYTHONNOUSERSITE",
        "PYTHONUTF8",
        "SYSTEMDRIVE",
        "SYSTEMROOT",
        "TZ",
        "WINDIR",
    }
)
_FAMILIES: Final = ("GOMP_", "KMP_", "LC_", "MKL_", "NUMEXPR_", "OMP_", "ORT_", "VECLIB_")
"""Environment variables that a child gets, and prefixes of such: places of programs and libraries, language, threads and
devices. No other variable is passed on, since any may hold a token or a password."""
_ENVIRONMENT: Final = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "DISABLE_SAFETENSORS_CONVERSION": "1",  # else transformers asks a robot of the Hub to convert .bin files
    "PYTHONIOENCODING": "utf-8",
    "PYTHONUNBUFFERED": "1",
    "PYTHONWARNINGS": "ignore",  # a tracer has many
}
"""A child uses the files that it is given, and nothing else: no network, no token."""
_HOMES: Final = (
    "HOME",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "HF_HOME",
    "TORCH_HOME",
    "TMPDIR",
    "TEMP",
    "TMP",
)
"""Variables that name the folders in which libraries read and write the files of the user."""


def run_child(
    program: str, arguments: Mapping[str, object], *, model_id: str, what: str, work: Path, reads: Iterable[Path] = ()
) -> None:
    """Run a program to its end: a module's name, and arguments that JSON can write.

    Its lines go to the log as they come; ``what`` stands on a terminal while it runs. The files that it may open are
    those of the folder ``work``, where its home and its temporary files are as well, and of the folders ``reads``.

    Raises:
        ExportError: it failed, was killed or took too long; the reason has its last lines.
        UnsafeModelError: the model would have made it read a file elsewhere.
        OSError: the disk is full.
        InvalidOptionError: the time limit is no number.
    """
    seconds = _read_time_limit()
    expired = Event()
    tail: deque[str] = deque(maxlen=LINES)
    request = {"asked": arguments, "folders": [str(folder) for folder in (work, *reads)]}
    with (
        waiting(what),
        TemporaryDirectory(prefix=".home-", dir=work) as home,
        _start(program, model_id, home) as child,
    ):

        def stop() -> None:
            expired.set()
            _kill(child)

        timer = Timer(seconds, stop)
        timer.daemon = True
        timer.start()
        try:
            _talk(child, request, tail)
        finally:
            timer.cancel()
    if expired.is_set():
        reason = f"it took more than {seconds:g} seconds (the environment variable {LIMIT} allows more)"
        raise ExportError(model_id, reason)
    if child.returncode:
        raise _make_error(child.returncode, tail, model_id)


@contextmanager
def _start(program: str, model_id: str, home: str) -> Iterator[subprocess.Popen[str]]:
    """Start the process; it is killed when the block ends."""
    # The child imports what this process can import, and nothing else: -P keeps the working directory out.
    command = [sys.executable, "-P", "-m", program]
    try:
        child = subprocess.Popen(  # noqa: S603  # this Python, and a module of ours
            command,
            env=_make_environment(home),
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ExportError(model_id, f"no process could be started for it: {error}") from error
    with child:
        try:
            yield child
        finally:
            _kill(child)
            with suppress(BrokenPipeError):  # its unread input is still to be written
                if child.stdin is not None:
                    child.stdin.close()


def _make_environment(home: str) -> dict[str, str]:
    """Return the environment of a child, in which it finds none of the user's own files."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _PASSED or name.upper().startswith(_FAMILIES)
    }
    own = {
        **dict.fromkeys(_HOMES, home),
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path if path),
    }
    if site.ENABLE_USER_SITE:
        own["PYTHONUSERBASE"] = site.getuserbase()
    return passed | _ENVIRONMENT | own


def _talk(child: subprocess.Popen[str], request: Mapping[str, object], tail: deque[str]) -> None:
    """Write the request to the child, and log its lines until it ends."""
    if child.stdin is None or child.stdout is None:
        raise AssertionError
    with suppress(BrokenPipeError):  # it ended at once, and its last lines say why
        child.stdin.write(f"{json.dumps(request)}\n")
        child.stdin.flush()
    for line in child.stdout:
        if line.strip():
            _log.info("%s", line.rstrip())
            tail.append(line.rstrip())
    child.wait()


def _kill(child: subprocess.Popen[str]) -> None:
    """End the child and all that it started, unless it has ended by itself."""
    if child.poll() is not None:
        return
    if sys.platform == "win32":
        child.kill()
        return
    with suppress(ProcessLookupError, PermissionError):  # it has ended just now
        os.killpg(child.pid, signal.SIGKILL)


def _make_error(status: int, tail: deque[str], model_id: str) -> Exception:
    """Return the error for a child that failed."""
    if status == UNSAFE and tail:
        return UnsafeModelError(model_id, tail[-1])
    if status == DISK and tail:
        with suppress(ValueError):
            return OSError(*json.loads(tail[-1]))
    return ExportError(model_id, _explain_status(status, tail))


def _explain_status(status: int, tail: deque[str]) -> str:
    if status == REFUSED and tail:
        return tail[-1]
    said = "; its last lines were:\n  " + "\n  ".join(tail) if tail else ""
    if status > 0:
        return f"its process ended with exit status {status}{said}"
    name = signal.Signals(-status).name
    memory = ", as the system does where memory runs out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{memory}{said}"


def _read_time_limit() -> float:
    text = os.environ.get(LIMIT) or str(DEFAULT_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 1e6:
        raise InvalidOptionError(LIMIT, text, "a number of seconds")
    return seconds
