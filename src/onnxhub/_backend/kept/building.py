"""How an entry of the store comes to be: built under a name of its own, and moved into place when it is complete.

A lock between processes lets one build the entry while others wait. Correctness does not depend on the lock, which some
file systems only pretend to have: a process that comes second finds the place taken, and uses the entry that is there.
"""

from __future__ import annotations

import atexit
import errno
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from onnxhub._backend.kept import store
from onnxhub._backend.kept.assets import assets_dir, write_sealed
from onnxhub._backend.kept.digests import remember_moved, sha256
from onnxhub._backend.kept.entries import MANIFEST, Entry, track
from onnxhub._backend.kept.filesystems import remove_tree
from onnxhub._backend.kept.housekeeping import LIMIT, keep_within_limit
from onnxhub._backend.kept.locking import BusyError, lock_file, take
from onnxhub._backend.kept.unfinished import name_unfinished, sweep_folder
from onnxhub.errors import OnnxHubError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import FileIO

__all__ = ["make", "make_unless_busy"]

_log = logging.getLogger("onnxhub")

_private: dict[Path, Entry] = {}
"""Entries in temporary folders of this process, by the place that they would have if the cache could be written."""


def make(
    kind: str, key: str, made_of: Mapping[str, object], build: Callable[[Path], None], *, replace: bool = False
) -> Entry:
    """Return the entry, building it if needed; wait if another process is building it.

    Where the cache cannot be written, the entry is kept in a temporary folder for the life of this process. If ``build``
    raises, its error goes to the caller, and nothing is left behind.

    Args:
        kind: The entry's kind.
        key: Its key.
        made_of: What it is made from and with; written when it is complete, so ``build`` may still add to it.
        build: Writes the files into the empty folder that it gets.
        replace: Whether to build the entry even if there is one, and put it in that one's place.

    Raises:
        OSError: the disk is full.
    """
    place = assets_dir(kind) / key
    try:
        with _open_lock(kind, key) as file:
            take(file)
            entry = None if replace else store.find(kind, key) or _private.get(place)
            return entry or _build(kind, key, made_of, build, replace=replace)
    except OSError as error:
        if isinstance(error, OnnxHubError) or not _is_read_only(error):
            raise
        entry = None if replace else store.find(kind, key) or _private.get(place)
        if entry is not None:
            return entry
        _log.warning("the cache cannot be written (%s): what is made now is kept for this process alone", error)
    folder = _make_private_folder(key)
    build(folder)
    _private[place] = _seal(folder, made_of)
    return _private[place]


def make_unless_busy(kind: str, key: str, made_of: Mapping[str, object], build: Callable[[Path], None]) -> Entry | None:
    """Return the entry as ``make`` does; None, without waiting, if another process builds it or the cache is read-only.

    Raises:
        OSError: the disk is full.
    """
    try:
        with _open_lock(kind, key) as file:
            take(file, wait=False)
            return store.find(kind, key) or _build(kind, key, made_of, build, replace=False)
    except BusyError:
        return None
    except OSError as error:
        if not _is_read_only(error):
            raise
        return None


def _open_lock(kind: str, key: str) -> FileIO:
    return lock_file(assets_dir(kind) / ".locks" / f"{key}.lock")


def _is_read_only(error: OSError) -> bool:
    return isinstance(error, PermissionError | NotADirectoryError) or error.errno == errno.EROFS


def _build(
    kind: str, key: str, made_of: Mapping[str, object], build: Callable[[Path], None], *, replace: bool
) -> Entry:
    place = assets_dir(kind) / key
    sweep_folder(place.parent)
    unfinished = place.with_name(name_unfinished(key))
    unfinished.mkdir()
    try:
        build(unfinished)
        entry = _seal(unfinished, made_of)
        if replace:
            store.discard(kind, key)
        try:
            unfinished.rename(place)
        except OSError:
            present = store.find(kind, key)  # the lock did not hold, and another process was faster
            if present is None and not os.path.lexists(place):
                raise
            return present or _keep_private(place, unfinished, entry)
    finally:
        remove_tree(unfinished)
    for name in entry.files:
        remember_moved(place / name)
    if os.environ.get(LIMIT):
        keep_within_limit(os.environ[LIMIT], place)
    return track(Entry(place, entry.made_of, entry.files))


def _seal(folder: Path, made_of: Mapping[str, object]) -> Entry:
    """Write the manifest of a folder whose files are complete."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): (path.stat().st_size, sha256(path)) for path in paths}
    write_sealed(folder / MANIFEST, {"made_of": made_of, "files": files})
    return Entry(folder, made_of, files)


def _keep_private(place: Path, unfinished: Path, entry: Entry) -> Entry:
    """Keep the entry for this process alone: what is in its place can neither be used nor moved away."""
    _log.warning(
        "%s can be neither used nor replaced (another user's?): what is made now is for this process alone", place
    )
    folder = _make_private_folder(place.name)
    for path in unfinished.iterdir():
        shutil.move(path, folder / path.name)
    _private[place] = Entry(folder, entry.made_of, entry.files)
    return _private[place]


def _make_private_folder(key: str) -> Path:
    """Make a folder that is deleted when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix=f"onnxhub-{key[:8]}-"))
    atexit.register(_remove_private, folder, os.getpid())
    return folder


def _remove_private(folder: Path, pid: int) -> None:
    """Delete a temporary folder when the process that made it ends, not when a child that it forked does."""
    if os.getpid() == pid:
        remove_tree(folder)
