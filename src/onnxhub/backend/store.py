"""What is made here and kept, such as converted tokenizers. One folder an entry, complete or not there.

    <assets>/onnxhub/<kind>/
    ├── <key>/manifest.json           what it was made of, and every file's size and SHA-256; with a seal of its own
    ├── <key>/...                     the files
    ├── .<key>.<host>.<pid>.<token>/  one that is being made
    └── .locks/<key>.lock

An entry is made in a folder that nobody else knows, and moved into place when it is finished. A lock between processes
sees to it that one makes it while others wait; but nothing depends on the lock, which some file systems only pretend to
have: whoever comes second finds the place taken, and uses what is there. A file that is not as the manifest says was
damaged: the entry is dropped, and made anew.
"""

from __future__ import annotations

import atexit
import errno
import hashlib
import logging
import os
import shutil
import socket
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from onnxhub.backend.assets import assets_dir, read_sealed, write_sealed
from onnxhub.backend.digests import digest_of, sha256
from onnxhub.errors import IntegrityError, OnnxHubError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = [
    "LIMIT",
    "Entry",
    "Origin",
    "discard",
    "find",
    "keys",
    "make",
    "make_unless_busy",
    "newest",
    "one_at_a_time",
    "read",
    "sweep",
    "sweep_folder",
    "unfinished_name",
]

_log = logging.getLogger("onnxhub")

MANIFEST: Final = "manifest.json"
LIMIT: Final = "ONNXHUB_CACHE_LIMIT"
"""The environment variable that says how much may be kept, such as 20GB."""
ABANDONED: Final = 24 * 3600
"""Seconds after which a folder that another machine was making is taken for left behind."""


def _host() -> str:
    """This machine, or, of containers that share its name, this one: the numbers of processes are each one's own."""
    try:
        numbers = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  # what it names is no path
    except OSError:
        numbers = ""
    return hashlib.sha256(f"{socket.gethostname()}{numbers}".encode()).hexdigest()[:8]


_HOST: Final = _host()
_TOKEN: Final = uuid4().hex[:8]
"""Of this process: its number alone may have belonged to another before."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished entry."""

    folder: Path
    made_of: Mapping[str, object]
    """What it was made from and with, for people to read."""
    files: Mapping[str, tuple[int, str]]
    """Path -> size in bytes, SHA-256."""

    def check(self) -> None:
        """Compare every file with the manifest.

        Raises:
            IntegrityError: one is missing, or not as it was written; its path is in the error.
        """
        for error in self.damage():
            raise error

    def damage(self, *, anew: bool = False) -> Iterator[IntegrityError]:
        """An error for each file that is missing, or not as it was written; ``anew`` reads those that are remembered, too."""
        for name, (size, digest) in self.files.items():
            path = self.folder / name
            if not path.is_file():
                yield IntegrityError(str(path), "it is missing")
            elif path.stat().st_size != size or sha256(path, anew=anew) != digest:
                yield IntegrityError(str(path), "it is not as it was written")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry comes from whose makers need not be installed any more: what was made with them is found all the same."""

    kind: str
    source: Sequence[object]
    """All that it is made of."""
    versions: Mapping[str, str] | None
    """Of the packages that make it; None: not all of them are installed."""

    @property
    def key(self) -> str:
        """Begins alike for one source, whatever made it."""
        return f"{self._prefix}{digest_of(self.versions)[:16]}"

    def found(self) -> Entry | None:
        """What these packages made; where not all are installed, what any made last."""
        return newest(self.kind, self._prefix) if self.versions is None else find(self.kind, self.key)

    @property
    def _prefix(self) -> str:
        return f"{digest_of(self.source)[:32]}-"


def find(kind: str, key: str) -> Entry | None:
    """The entry, if it is there and as it was made; a damaged one is dropped, and the log says which file it was."""
    folder = assets_dir(kind) / key
    try:
        entry = _read(folder)
        entry.check()
    except FileNotFoundError:
        return None
    except PermissionError as error:  # somebody else's, who lets nobody look
        _log.debug("the cached %s cannot be used: %s", kind, error)
        return None
    except IntegrityError as error:
        _log.warning("%s: the cached %s is dropped", error, kind)
        _drop(folder)
        return None
    _used(folder)
    return entry


def read(kind: str, key: str) -> Entry:
    """The entry, with its files as the manifest has them.

    Raises:
        FileNotFoundError: there is none.
        IntegrityError: its manifest is missing or damaged.
    """
    return _read(assets_dir(kind) / key)


def keys(kind: str) -> list[str]:
    """Of all entries, damaged ones included. A link, or a folder that has no manifest, is somebody else's."""
    folder = assets_dir(kind)
    found = (path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else ()
    return sorted(path.name for path in found if not path.is_symlink() and (path / MANIFEST).is_file())


def sweep(kind: str) -> None:
    """Delete what processes that are gone were making."""
    sweep_folder(assets_dir(kind))


def newest(kind: str, prefix: str) -> Entry | None:
    """Of the entries whose keys begin so, the one that was made last."""
    try:
        folders = [folder for folder in assets_dir(kind).iterdir() if folder.name.startswith(prefix)]
        folders.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    except OSError:  # there are none, one was dropped just now, or they are somebody else's, who lets nobody look
        return None
    return next((entry for folder in folders if (entry := find(kind, folder.name))), None)


_own: dict[tuple[str, str], Entry] = {}
"""Entries of this process, where the cache cannot be written."""


def make(
    kind: str, key: str, made_of: Mapping[str, object], build: Callable[[Path], None], *, anew: bool = False
) -> Entry:
    """The entry: found, awaited from whoever is making it, or made by ``build``, which gets an empty folder to write into.

    ``anew`` makes it even if it is there, and then puts it in that one's place. ``made_of`` is written when it is
    finished, so ``build`` may still add to it. What ``build`` raises goes to the caller, and nothing is left behind. Where
    the cache cannot be written, the entry is kept in a temporary folder for the life of this process.

    Raises:
        OSError: the disk is full.
    """
    try:
        with _lock(kind, key):
            entry = None if anew else find(kind, key)
            return entry or _made(assets_dir(kind) / key, made_of, build, anew=anew)
    except OSError as error:
        if isinstance(error, OnnxHubError) or not _is_read_only(error):
            raise
        found = find(kind, key) or (None if anew else _own.get((kind, key)))
        if found is not None:
            return found
        _log.warning("the cache cannot be written (%s): what is made now is kept for this process alone", error)
    folder = Path(tempfile.mkdtemp(prefix=f"onnxhub-{key[:8]}-"))
    atexit.register(_remove_own, folder, os.getpid())
    build(folder)
    _own[kind, key] = _sealed(folder, made_of)
    return _own[kind, key]


def make_unless_busy(kind: str, key: str, made_of: Mapping[str, object], build: Callable[[Path], None]) -> Entry | None:
    """The entry as ``make`` gives it; None, without waiting, while another process makes it or the cache is read-only.

    Raises:
        OSError: the disk is full.
    """
    from filelock import Timeout

    try:
        with _lock(kind, key, wait=False):
            return find(kind, key) or _made(assets_dir(kind) / key, made_of, build, anew=False)
    except Timeout:
        return None
    except OSError as error:
        if not _is_read_only(error):
            raise
        return None


def discard(kind: str, key: str) -> bool:
    """Delete an entry, if it is there and can be; whoever has it open goes on with it."""
    return _drop(assets_dir(kind) / key)


def _remove_own(folder: Path, pid: int) -> None:
    """Delete a temporary folder when the process that made it ends, not when a child that it forked does."""
    if os.getpid() == pid:
        shutil.rmtree(folder, ignore_errors=True)


def _is_read_only(error: OSError) -> bool:
    return isinstance(error, PermissionError | NotADirectoryError) or error.errno == errno.EROFS


@contextmanager
def one_at_a_time(key: str) -> Iterator[None]:
    """Let one process at a time do what a key stands for, as far as the file system has locks; nothing depends on it."""
    with ExitStack() as held:
        try:
            held.enter_context(_lock(".downloads", key))
        except OSError as error:
            _log.debug("several processes may fetch the same: %s", error)
        yield


@contextmanager
def _lock(kind: str, key: str, *, wait: bool = True) -> Iterator[None]:
    from filelock import FileLock  # which takes longer to import than a found entry takes to check

    folder = assets_dir(kind) / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{key}.lock", timeout=-1 if wait else 0):
        yield


def _read(folder: Path) -> Entry:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    try:
        value: Any = read_sealed(path)
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in value["files"].items()}
        return Entry(folder, dict(value["made_of"]), files)
    except PermissionError:
        raise
    except OSError as error:
        raise IntegrityError(str(path), f"it cannot be read ({error})") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(str(path), "it is not as it was written") from error


def _made(place: Path, made_of: Mapping[str, object], build: Callable[[Path], None], *, anew: bool) -> Entry:
    sweep_folder(place.parent)
    unfinished = place.with_name(unfinished_name(place.name))
    unfinished.mkdir()
    try:
        build(unfinished)
        entry = _sealed(unfinished, made_of)
        if anew:
            _drop(place)
        try:
            unfinished.rename(place)
        except OSError:
            there = find(place.parent.name, place.name)
            if there is None:
                raise
            return there  # the lock did not hold, and another process was faster
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    with suppress(OSError):  # another process has dropped it already
        for name in entry.files:
            sha256(place / name)  # whose digest is remembered under the name that it had until now
    if os.environ.get(LIMIT):
        from onnxhub.backend.kept import keep_within_limit

        keep_within_limit(os.environ[LIMIT], place)
    return Entry(place, entry.made_of, entry.files)


def _sealed(folder: Path, made_of: Mapping[str, object]) -> Entry:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): (path.stat().st_size, sha256(path)) for path in paths}
    write_sealed(folder / MANIFEST, {"made_of": made_of, "files": files})
    return Entry(folder, made_of, files)


def unfinished_name(key: str) -> str:
    """Return a name that nobody else has, for what is being made; ``sweep_folder`` knows by it whose it was."""
    return f".{key}.{_HOST}.{os.getpid()}.{_TOKEN}{uuid4().hex[:8]}"


def sweep_folder(folder: Path) -> None:
    """Delete what processes that are gone were making in a folder."""
    for path in folder.glob(".*.*.*.*"):
        if not _left_behind(path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def _left_behind(path: Path) -> bool:
    _, _, host, pid, token = path.name.split(".", 4)
    if host != _HOST or not pid.isdecimal() or sys.platform == "win32":  # where asking for a process ends it
        try:
            return time.time() - path.stat().st_mtime > ABANDONED
        except OSError:  # it is finished, and was moved into place just now
            return False
    if int(pid) == os.getpid():
        return not token.startswith(_TOKEN)
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it is there, and another user's
    return False


def _used(folder: Path) -> None:
    """Note when it was used: the manifest's own date, since those of the files tell whether they were touched."""
    try:
        os.utime(folder / MANIFEST)
    except OSError as error:
        _log.debug("that %s was used is not noted: %s", folder, error)


def _drop(folder: Path) -> bool:
    doomed = folder.with_name(unfinished_name(folder.name))
    try:
        folder.rename(doomed)
    except OSError as error:  # another process was faster, or the cache cannot be written
        _log.debug("%s is not removed: %s", folder, error)
        return False
    shutil.rmtree(doomed, ignore_errors=True)
    return True
