"""The store of generated files, such as converted tokenizers: one folder an entry, which is complete or does not exist.

    <assets>/onnxhub/<kind>/
    ├── <key>/manifest.json           what it was made of, and every file's size and SHA-256; sealed
    ├── <key>/...                     the files
    ├── .<key>.<host>.<pid>.<token>/  an entry that is being built
    └── .locks/<key>.lock

Entries are found, read and discarded here, and built in ``building``. A file that differs from its manifest is damaged:
``find`` discards the entry, so that it is built again. Any process may discard entries at any time: a caller that has
found an entry and not yet opened its files runs inside ``retry_if_cleared`` (``entries``).
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxhub._backend.kept.assets import assets_dir, read_sealed
from onnxhub._backend.kept.digests import digest_of
from onnxhub._backend.kept.entries import MANIFEST, Entry, track
from onnxhub._backend.kept.filesystems import remove_tree
from onnxhub._backend.kept.unfinished import name_unfinished
from onnxhub._backend.kept.values import parse_digest, parse_file_name, parse_size
from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Origin", "discard", "find", "find_newest", "list_keys", "read"]

_log = logging.getLogger("onnxhub")


@dataclass(frozen=True, slots=True)
class Origin:
    """Identifies a generated entry by source and tool versions, so that it is found even where the tools are missing."""

    kind: str
    source: Sequence[object]
    """Everything that it is made of."""
    versions: Mapping[str, str] | None
    """The versions of the packages that make it; None if some of them are not installed."""

    @property
    def key(self) -> str:
        """The entry's key; all keys of one source begin alike, whatever the versions."""
        return f"{self._prefix}{digest_of(self.versions)[:16]}"

    def find(self) -> Entry | None:
        """Return the entry of the installed versions; where some packages are missing, the newest of any versions."""
        return find_newest(self.kind, self._prefix) if self.versions is None else find(self.kind, self.key)

    @property
    def _prefix(self) -> str:
        return f"{digest_of(self.source)[:32]}-"


def find(kind: str, key: str) -> Entry | None:
    """Return the entry if it exists and is intact; a damaged one is discarded, and the log names the damaged file."""
    folder = assets_dir(kind) / key
    try:
        entry = read(kind, key)
        entry.check()
    except FileNotFoundError:
        return None
    except IntegrityError as error:
        if not os.path.lexists(folder):  # another process has just discarded it
            return None
        action = "is dropped" if discard(kind, key) else "cannot be used, nor dropped"
        _log.warning("%s: the cached %s %s", error, kind, action)
        return None
    except OSError as error:  # another user's, without read permission; or a disk that cannot be read
        _log.debug("the cached %s cannot be used: %s", kind, error)
        return None
    _record_use(folder)
    return track(entry)


def find_newest(kind: str, prefix: str) -> Entry | None:
    """Return the newest intact entry whose key starts with ``prefix``."""
    try:
        folders = [folder for folder in assets_dir(kind).iterdir() if folder.name.startswith(prefix)]
    except OSError:  # no entries, or another user's folder without read permission
        return None
    folders.sort(key=_read_mtime, reverse=True)
    return next((entry for folder in folders if (entry := find(kind, folder.name))), None)


def read(kind: str, key: str) -> Entry:
    """Read the entry's manifest; its files are not compared with it.

    Raises:
        FileNotFoundError: there is no such entry.
        IntegrityError: the manifest is missing or damaged.
        PermissionError: it may not be read.
    """
    folder = assets_dir(kind) / key
    path = folder / MANIFEST
    if folder.is_symlink():
        raise IntegrityError(str(folder), "it is a link, and no folder of the cache")
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    try:
        return _parse_manifest(folder, read_sealed(path))
    except PermissionError:
        raise
    except OSError as error:
        raise IntegrityError(str(path), f"it cannot be read ({error})") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(str(path), "it is not as it was written") from error


def list_keys(kind: str) -> list[str]:
    """Return the keys of all entries, damaged ones included; links and folders without a manifest are not entries.

    Raises:
        OSError: the folder of the kind cannot be listed.
    """
    folder = assets_dir(kind)
    paths = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    # Path.is_file would raise for an entry of another user without read permission.
    return sorted(path.name for path in paths if not path.is_symlink() and os.path.isfile(path / MANIFEST))


def discard(kind: str, key: str) -> bool:
    """Delete an entry and return whether it is gone; processes that have its files open keep them."""
    folder = assets_dir(kind) / key
    doomed = folder.with_name(name_unfinished(key))
    try:
        folder.rename(doomed)
    except OSError as error:  # another process was faster, or the cache cannot be written
        _log.debug("%s is not removed: %s", folder, error)
        return False
    if doomed.is_symlink():
        doomed.unlink(missing_ok=True)
    remove_tree(doomed)
    return True


def _parse_manifest(folder: Path, value: Mapping[str, object]) -> Entry:
    made_of, files = value["made_of"], value["files"]
    if not isinstance(made_of, dict) or not isinstance(files, dict):
        msg = "made_of and files are objects"
        raise TypeError(msg)
    return Entry(folder, made_of, dict(_parse_file(name, *facts) for name, facts in files.items()))


def _parse_file(name: object, size: object, digest: object) -> tuple[str, tuple[int, str]]:
    """Validate what a manifest says of a file: the folder may be a copy from somebody else.

    Raises:
        ValueError: it can be no file of the entry.
        UnsafeModelError: its name leads out of the entry.
    """
    parsed = parse_size(size), parse_digest(digest)
    if parsed[0] is None or parsed[1] is None:
        msg = "a file has no size, or no digest"
        raise ValueError(msg)
    return parse_file_name(name, MANIFEST, windows=False), (parsed[0], parsed[1])


def _read_mtime(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # another process has just discarded it
        return 0.0


def _record_use(folder: Path) -> None:
    """Set the manifest's date to now; the dates of the files must stay, since digests are remembered by them."""
    try:
        os.utime(folder / MANIFEST)
    except OSError as error:
        _log.debug("that %s was used is not noted: %s", folder, error)
