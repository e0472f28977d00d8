"""What the store holds: listed, checked, and removed, the least recently used entries first.

Only whole entries are removed, by being renamed in one step, so that processes that have their files open keep them.
Entries that are being built, that belong to another user, or that lie behind a link stay where they are.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from stat import S_ISREG
from typing import TYPE_CHECKING, Final

from onnxhub._backend.kept import store
from onnxhub._backend.kept.assets import assets_dir, is_behind_link
from onnxhub._backend.kept.digests import forget
from onnxhub._backend.kept.entries import MANIFEST
from onnxhub._backend.kept.unfinished import sweep_folder
from onnxhub._process import sizes as _units
from onnxhub.errors import IntegrityError, InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = [
    "DIGESTS",
    "LIMIT",
    "EntryInfo",
    "Removal",
    "clear",
    "find_damage",
    "keep_within_limit",
    "list_entries",
    "list_kinds",
    "measure_digests",
    "prune",
]

_log = logging.getLogger("onnxhub")

LIMIT: Final = "ONNXHUB_CACHE_LIMIT"
"""The environment variable that limits the size of the store, such as 20GB."""
DIGESTS: Final = "digests"
"""The kind that holds no entries but remembered digests, a small file each."""
KINDS: Final = ("compiled", "exported", "padding", "tensorrt", "tokenizers", "variants")
"""The kinds that may be named although there are no entries of them."""
RECENT: Final = 600
"""Seconds after its last use during which the limit spares an entry: its user may be about to open its files."""


@dataclass(frozen=True, slots=True)
class EntryInfo:
    """An entry of the store as it is listed."""

    kind: str
    key: str
    made_of: Mapping[str, object]
    """What it was made from and with; empty if its manifest is damaged."""
    size: int
    """Bytes on disk."""
    used: float
    """When it was last found or made, in seconds since the epoch."""

    @property
    def folder(self) -> Path:
        """Where it is."""
        return assets_dir(self.kind) / self.key

    @property
    def model(self) -> str:
        """The model that it was made of."""
        return str(self.made_of.get("model", ""))

    @property
    def made_with(self) -> str:
        """Everything else that it was made of, for people to read."""
        parts: list[tuple[str, object]] = []
        for name, value in self.made_of.items():
            parts += value.items() if isinstance(value, dict) else [(name, value)] if name != "model" else []
        return ", ".join(f"{name} {value}" for name, value in parts if value is not None)


@dataclass(slots=True)
class Removal:
    """The result of pruning or clearing."""

    removed: list[EntryInfo] = field(default_factory=list)
    skipped: list[tuple[EntryInfo, str]] = field(default_factory=list)
    """Entries that were to be removed, and why they stay."""


def list_kinds() -> list[str]:
    """Return the kinds of which there are entries."""
    root = assets_dir(DIGESTS).parent
    names = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return sorted(name for name in names if name != DIGESTS and not name.startswith("."))


def list_entries(kinds: Iterable[str] | None = None) -> list[EntryInfo]:
    """Return the entries of these kinds, or of all, sorted by kind and model."""
    entries = [entry for kind in (list_kinds() if kinds is None else kinds) for entry in _read_entries(kind)]
    return sorted(entries, key=lambda entry: (entry.kind, entry.model, entry.key))


def measure_digests() -> tuple[int, int]:
    """Return how many digests are remembered, and their bytes on disk."""
    sizes = []
    for path in assets_dir(DIGESTS).glob("*.json"):
        with suppress(OSError):  # another process has just deleted it
            sizes.append(path.stat().st_size)
    return len(sizes), sum(sizes)


def find_damage(entry: EntryInfo) -> list[IntegrityError]:
    """Read every file of an entry, and return an error for each that differs from the manifest."""
    try:
        errors = list(store.read(entry.kind, entry.key).find_damage(reread=True))
    except FileNotFoundError:  # another process has just discarded it
        return []
    except IntegrityError as error:
        errors = [error]
    except OSError as error:  # another user's, without read permission; or a disk that cannot be read
        errors = [IntegrityError(str(entry.folder), f"it cannot be read ({error})")]
    return errors if os.path.lexists(entry.folder) else []


def prune(limit: int | None = None, older_than: float | None = None, *, recent: float = 0) -> Removal:
    """Remove entries that were not used for a time, then the least recently used ones until the rest fits the limit.

    Args:
        limit: Bytes that may stay; None: any number.
        older_than: Seconds since the last use after which an entry is removed; None: entries of any age stay.
        recent: Seconds since the last use within which an entry stays in any case.
    """
    forget()
    entries, now, removal = sorted(list_entries(), key=lambda entry: entry.used), time.time(), Removal()
    for kind in list_kinds():
        _sweep(kind)
    total = sum(entry.size for entry in entries)
    for entry in entries:
        age = now - entry.used
        is_old = older_than is not None and age > older_than
        is_over = limit is not None and total > limit
        if (is_old or is_over) and not 0 <= age < recent and _remove(entry, removal):
            total -= entry.size
    return removal


def clear(kind: str | None = None) -> Removal:
    """Remove all entries of a kind, or of all kinds.

    Raises:
        InvalidOptionError: there is no such kind.
    """
    known = [*dict.fromkeys((*KINDS, *list_kinds())), DIGESTS]
    if kind is not None and kind not in known:
        raise InvalidOptionError("kind", kind, f"one of {', '.join(known)}", tuple(known))
    removal = Removal()
    for name in known if kind is None else [kind]:
        if name == DIGESTS:
            forget(every=True)
            continue
        _sweep(name)
        for entry in _read_entries(name):
            _remove(entry, removal)
    return removal


def keep_within_limit(limit: str, newest: Path) -> None:
    """Prune to the limit of the environment variable after an entry was made, which stays; errors are only logged."""
    try:
        most = _units.size(LIMIT, limit)
        os.utime(newest / MANIFEST)  # the last one to go, even if the clock was set back while it was built
        removal = prune(most, recent=RECENT)
    except (OSError, InvalidOptionError) as error:
        _log.warning("%s is not kept to: %s", LIMIT, error)
        return
    for entry in removal.removed:
        _log.info("%s %s of %s was cleared away to keep to %s=%s", entry.kind, entry.key, entry.model, LIMIT, limit)


def _read_entries(kind: str) -> Iterator[EntryInfo]:
    try:
        keys = store.list_keys(kind)
    except OSError as error:
        _log.warning("what is kept in %s cannot be listed: %s", assets_dir(kind), error)
        return
    for key in keys:
        folder = assets_dir(kind) / key
        try:
            size = sum(stat.st_size for path in folder.rglob("*") if S_ISREG((stat := path.lstat()).st_mode))
            yield EntryInfo(kind, key, _read_made_of(kind, key), size, (folder / MANIFEST).stat().st_mtime)
        except OSError as error:
            _log.debug("%s was dropped just now: %s", folder, error)


def _read_made_of(kind: str, key: str) -> Mapping[str, object]:
    try:
        return store.read(kind, key).made_of
    except IntegrityError:
        return {}


def _sweep(kind: str) -> None:
    """Delete what processes that have ended were building of a kind, unless its folder is a link to another place."""
    if not is_behind_link(kind):
        sweep_folder(assets_dir(kind))


def _remove(entry: EntryInfo, removal: Removal) -> bool:
    """Remove an entry, add it to the result, and return whether it is gone."""
    obstacle = _find_obstacle(entry)
    if obstacle is None and not store.discard(entry.kind, entry.key):
        if not entry.folder.exists():  # another process was faster
            return True
        obstacle = "it cannot be moved: it is in use, or its folder cannot be written"
    if obstacle is None:
        removal.removed.append(entry)
    else:
        removal.skipped.append((entry, obstacle))
    return obstacle is None


def _find_obstacle(entry: EntryInfo) -> str | None:
    """Return why an entry must not be removed; None if it may be."""
    if is_behind_link(entry.kind):
        return f"{assets_dir(entry.kind)} is a link to another place"
    try:
        owner = entry.folder.lstat().st_uid
    except OSError:
        return None
    return f"it belongs to another user ({owner})" if hasattr(os, "geteuid") and owner != os.geteuid() else None
