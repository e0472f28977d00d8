"""What is made here and kept, such as converted tokenizers. One folder an entry, complete or not there.

    <assets>/onnxhub/<kind>/
    ├── <key>/manifest.json           what it was made of, and every file's size and SHA-256; with a seal of its own
    ├── <key>/...                     the files
    ├── .<key>.<host>.<pid>.<token>/  one that is being made
    └── .locks/<key>.lock

An entry is made in a folder that nobody else knows, and moved into place when it is finished. A lock between processes
sees to it that one makes it while others wait; but nothing depends on the lock, which some file systems only pretend to
have: whoever comes second finds the place taken, and uses what is there. A file that is not as the manifest says was
damaged: the entry is dropped, and made anew. And since anybody may clear entries away at any time, whoever finds one and
has not opened its files yet does so inside ``retry_if_cleared`` (``entries``).
"""

from __future__ import annotations

import atexit
import errno
import hashlib
import logging
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from onnxhub._backend.kept.assets import assets_dir, read_sealed, sweep_unfinished, write_sealed
from onnxhub._backend.kept.digests import digest_of, note_place, sha256
from onnxhub._backend.kept.entries import MANIFEST, Entry, note
from onnxhub._backend.kept.locking import BusyError, lock_file, take
from onnxhub._backend.kept.values import parse_digest, parse_file_name, parse_size
from onnxhub.errors import IntegrityError, OnnxHubError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from io import FileIO

__all__ = [
    "LIMIT",
    "MANIFEST",
    "Entry",
    "Origin",
    "discard",
    "find",
    "keys",
    "make",
    "make_unless_busy",
    "newest",
    "read",
    "sweep",
    "sweep_folder",
    "unfinished_name",
]

_log = logging.getLogger("onnxhub")

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
_UNFINISHED: Final = re.compile(r"\.(.+)\.([0-9a-f]{8})\.([0-9]{1,9})\.([0-9a-f]{16})", re.DOTALL)
"""The names that ``unfinished_name`` gives, and no others: nothing else in a folder is ours to delete."""


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
    except IntegrityError as error:
        if not os.path.lexists(folder):  # it was cleared away just now
            return None
        done = "is dropped" if _drop(folder) else "cannot be used, nor dropped"
        _log.warning("%s: the cached %s %s", error, kind, done)
        return None
    except OSError as error:  # somebody else's, who lets nobody look; or a disk that cannot be read
        _log.debug("the cached %s cannot be used: %s", kind, error)
        return None
    _used(folder)
    return note(entry)


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
    # Path.is_file would raise for an entry of somebody who lets nobody look.
    return sorted(path.name for path in found if not path.is_symlink() and os.path.isfile(path / MANIFEST))


def sweep(kind: str) -> None:
    """Delete what processes that are gone were making."""
    sweep_folder(assets_dir(kind))


def newest(kind: str, prefix: str) -> Entry | None:
    """Of the entries whose keys begin so, the one that was made last."""
    try:
        folders = [folder for folder in assets_dir(kind).iterdir() if folder.name.startswith(prefix)]
    except OSError:  # there are none, or they are somebody else's, who lets nobody look
        return None
    folders.sort(key=_changed, reverse=True)
    return next((entry for folder in folders if (entry := find(kind, folder.name))), None)


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # it was dropped just now
        return 0.0


_own: dict[Path, Entry] = {}
"""Entries of this process, by the place that they would have if the cache could be written."""


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
    place = assets_dir(kind) / key
    try:
        with _lock_file(kind, key) as file:
            take(file)
            entry = None if anew else find(kind, key) or _own.get(place)
            return entry or _made(place, made_of, build, anew=anew)
    except OSError as error:
        if isinstance(error, OnnxHubError) or not _is_read_only(error):
            raise
        found = None if anew else find(kind, key) or _own.get(place)
        if found is not None:
            return found
        _log.warning("the cache cannot be written (%s): what is made now is kept for this process alone", error)
    folder = _own_folder(key)
    build(folder)
    _own[place] = _sealed(folder, made_of)
    return _own[place]


def _own_folder(key: str) -> Path:
    """A folder that goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix=f"onnxhub-{key[:8]}-"))
    atexit.register(_remove_own, folder, os.getpid())
    return folder


def make_unless_busy(kind: str, key: str, made_of: Mapping[str, object], build: Callable[[Path], None]) -> Entry | None:
    """The entry as ``make`` gives it; None, without waiting, while another process makes it or the cache is read-only.

    Raises:
        OSError: the disk is full.
    """
    try:
        with _lock_file(kind, key) as file:
            take(file, wait=False)
            return find(kind, key) or _made(assets_dir(kind) / key, made_of, build, anew=False)
    except BusyError:
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


def _lock_file(kind: str, key: str) -> FileIO:
    return lock_file(assets_dir(kind) / ".locks" / f"{key}.lock")


def _read(folder: Path) -> Entry:
    path = folder / MANIFEST
    if folder.is_symlink():
        raise IntegrityError(str(folder), "it is a link, and no folder of the cache")
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    try:
        value: Any = read_sealed(path)
        files = dict(_parse_file(name, *facts) for name, facts in value["files"].items())
        return Entry(folder, {str(name): part for name, part in value["made_of"].items()}, files)
    except PermissionError:
        raise
    except OSError as error:
        raise IntegrityError(str(path), f"it cannot be read ({error})") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(str(path), "it is not as it was written") from error


def _parse_file(name: object, size: object, digest: object) -> tuple[str, tuple[int, str]]:
    """Hold what a manifest says of a file to its form: the folder may be a copy from somebody else.

    Raises:
        ValueError: it can be no file of the entry.
    """
    parsed = parse_size(size), parse_digest(digest)
    if parsed[0] is None or parsed[1] is None:
        msg = "a file has no size, or no digest"
        raise ValueError(msg)
    return parse_file_name(name, MANIFEST, windows=False), (parsed[0], parsed[1])


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
            there = find(place.parent.name, place.name)  # the lock did not hold, and another process was faster
            if there is None and not os.path.lexists(place):
                raise
            return there or _kept_here(place, unfinished, entry)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    for name in entry.files:
        note_place(place / name)  # whose digest is remembered under the name that it had until now
    if os.environ.get(LIMIT):
        from onnxhub._backend.kept.housekeeping import keep_within_limit

        keep_within_limit(os.environ[LIMIT], place)
    return note(Entry(place, entry.made_of, entry.files))


def _kept_here(place: Path, unfinished: Path, entry: Entry) -> Entry:
    """The entry, kept for this process alone, where what is in its place can neither be used nor moved away."""
    _log.warning(
        "%s can be neither used nor replaced (another user's?): what is made now is for this process alone", place
    )
    folder = _own_folder(place.name)
    for path in unfinished.iterdir():
        shutil.move(path, folder / path.name)
    _own[place] = Entry(folder, entry.made_of, entry.files)
    return _own[place]


def _sealed(folder: Path, made_of: Mapping[str, object]) -> Entry:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): (path.stat().st_size, sha256(path)) for path in paths}
    write_sealed(folder / MANIFEST, {"made_of": made_of, "files": files})
    return Entry(folder, made_of, files)


def unfinished_name(key: str) -> str:
    """Return a name that nobody else has, for what is being made; ``sweep_folder`` knows by it whose it was."""
    return f".{key}.{_HOST}.{os.getpid()}.{_TOKEN}{uuid4().hex[:8]}"


def sweep_folder(folder: Path, key: str | None = None) -> None:
    """Delete what processes that are gone were making in a folder; of a folder that is not ours, under one key alone."""
    for path in folder.glob(".*.*.*.*"):
        named = _UNFINISHED.fullmatch(path.name)
        if named is None or key not in {None, named[1]} or not _left_behind(path, *named.groups()[1:]):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    if key is None:
        sweep_unfinished(folder)


def _left_behind(path: Path, host: str, pid: str, token: str) -> bool:
    if host != _HOST or sys.platform == "win32":  # where asking for a process ends it
        try:
            return time.time() - path.lstat().st_mtime > ABANDONED
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
    if doomed.is_symlink():
        doomed.unlink(missing_ok=True)
    shutil.rmtree(doomed, ignore_errors=True)
    return True
