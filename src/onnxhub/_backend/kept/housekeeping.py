"""What onnxhub has made and keeps: listed, checked, and cleared away, the least recently used first.

Only whole entries of the store go, by being moved aside in one step, so that whoever has one open goes on with it. What
is being made, what belongs to another user, and what lies behind a link stays where it is.
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
from onnxhub._backend.kept.assets import assets_dir, behind_a_link
from onnxhub._backend.kept.digests import forget
from onnxhub._process import sizes as _units
from onnxhub.errors import IntegrityError, InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = [
    "DIGESTS",
    "Kept",
    "Removal",
    "clear",
    "damage",
    "digests_size",
    "keep_within_limit",
    "kinds",
    "listed",
    "prune",
]

_log = logging.getLogger("onnxhub")

DIGESTS: Final = "digests"
"""The kind that is no entries: remembered digests, a small file each."""
KINDS: Final = ("compiled", "exported", "padding", "tensorrt", "tokenizers", "variants")
"""Those that there may be, though nothing of them is there."""
RECENT: Final = 600
"""Seconds within which an entry was used by somebody who may be about to open its files; the limit spares those."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One entry."""

    kind: str
    key: str
    made_of: Mapping[str, object]
    """What it was made from and with; empty if its manifest is damaged."""
    size: int
    """Bytes on disk."""
    used: float
    """When it was found or made last, in seconds since the epoch."""

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
        """The rest of what it was made of, for people to read."""
        parts: list[tuple[str, object]] = []
        for name, value in self.made_of.items():
            parts += value.items() if isinstance(value, dict) else [(name, value)] if name != "model" else []
        return ", ".join(f"{name} {value}" for name, value in parts if value is not None)


@dataclass(slots=True)
class Removal:
    """What came of clearing away."""

    removed: list[Kept] = field(default_factory=list)
    spared: list[tuple[Kept, str]] = field(default_factory=list)
    """What would have gone, and why it stays."""


def kinds() -> list[str]:
    """The kinds of entries that there are."""
    root = assets_dir(DIGESTS).parent
    found = [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return sorted(name for name in found if name != DIGESTS and not name.startswith("."))


def listed(of: Iterable[str] | None = None) -> list[Kept]:
    """The entries, by kind and model."""
    entries = [entry for kind in (kinds() if of is None else of) for entry in _of_kind(kind)]
    return sorted(entries, key=lambda one: (one.kind, one.model, one.key))


def digests_size() -> tuple[int, int]:
    """How many digests are remembered, and their bytes on disk."""
    sizes = []
    for path in assets_dir(DIGESTS).glob("*.json"):
        with suppress(OSError):  # it was deleted just now
            sizes.append(path.stat().st_size)
    return len(sizes), sum(sizes)


def damage(entry: Kept) -> list[IntegrityError]:
    """An error for each file that is not as it was written; all of them are read."""
    try:
        found = list(store.read(entry.kind, entry.key).damage(anew=True))
    except FileNotFoundError:  # somebody dropped it just now
        return []
    except IntegrityError as error:
        found = [error]
    except OSError as error:  # somebody else's, who lets nobody look; or a disk that cannot be read
        found = [IntegrityError(str(entry.folder), f"it cannot be read ({error})")]
    return found if os.path.lexists(entry.folder) else []


def prune(limit: int | None = None, older_than: float | None = None, *, recent: float = 0) -> Removal:
    """Clear away entries that were not used for that many seconds, then the least recently used until all fit the limit.

    ``recent``: entries that were used within so many seconds stay.
    """
    forget()
    entries, now, done = sorted(listed(), key=lambda one: one.used), time.time(), Removal()
    for kind in kinds():
        _swept(kind)
    total = sum(one.size for one in entries)
    for one in entries:
        old = older_than is not None and now - one.used > older_than
        large = limit is not None and total > limit
        if (old or large) and not 0 <= now - one.used < recent and _remove(one, done):
            total -= one.size
    return done


def clear(kind: str | None = None) -> Removal:
    """Clear away all entries of a kind, or of all.

    Raises:
        InvalidOptionError: there is no such kind.
    """
    known = [*dict.fromkeys((*KINDS, *kinds())), DIGESTS]
    if kind is not None and kind not in known:
        raise InvalidOptionError("kind", kind, f"one of {', '.join(known)}", tuple(known))
    done = Removal()
    for one in [name for name in known if kind in {None, name}]:
        if one == DIGESTS:
            forget(every=True)
            continue
        _swept(one)
        for entry in _of_kind(one):
            _remove(entry, done)
    return done


def keep_within_limit(limit: str, made: Path) -> None:
    """Prune to a limit that the environment names, after something was made, which stays; nothing here is an error."""
    try:
        most = _units.size(store.LIMIT, limit)
        os.utime(made / store.MANIFEST)  # so that it is the last to go, whatever the clock did since it was begun
        done = prune(most, recent=RECENT)
    except (OSError, InvalidOptionError) as error:
        _log.warning("%s is not kept to: %s", store.LIMIT, error)
        return
    for entry in done.removed:
        _log.info(
            "%s %s of %s was cleared away to keep to %s=%s", entry.kind, entry.key, entry.model, store.LIMIT, limit
        )


def _of_kind(kind: str) -> Iterator[Kept]:
    try:
        keys = store.keys(kind)
    except OSError as error:
        _log.warning("what is kept in %s cannot be listed: %s", assets_dir(kind), error)
        return
    for key in keys:
        folder = assets_dir(kind) / key
        try:
            size = sum(stat.st_size for path in folder.rglob("*") if S_ISREG((stat := path.lstat()).st_mode))
            yield Kept(kind, key, _made_of(kind, key), size, (folder / store.MANIFEST).stat().st_mtime)
        except OSError as error:
            _log.debug("%s was dropped just now: %s", folder, error)


def _made_of(kind: str, key: str) -> Mapping[str, object]:
    try:
        return store.read(kind, key).made_of
    except IntegrityError:
        return {}


def _swept(kind: str) -> None:
    if not behind_a_link(kind):
        store.sweep(kind)


def _remove(entry: Kept, done: Removal) -> bool:
    obstacle = _obstacle(entry)
    if obstacle is None and not store.discard(entry.kind, entry.key):
        if not entry.folder.exists():  # another process was faster
            return True
        obstacle = "it cannot be moved: it is in use, or its folder cannot be written"
    if obstacle is None:
        done.removed.append(entry)
    else:
        done.spared.append((entry, obstacle))
    return obstacle is None


def _obstacle(entry: Kept) -> str | None:
    if behind_a_link(entry.kind):
        return f"{assets_dir(entry.kind)} is a link to another place"
    try:
        owner = entry.folder.lstat().st_uid
    except OSError:
        return None
    return f"it belongs to another user ({owner})" if hasattr(os, "geteuid") and owner != os.geteuid() else None
