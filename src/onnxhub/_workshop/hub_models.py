"""The models of the Hub's cache that onnxhub uses: a list of them, damage to their files, and changes on the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from onnxhub._backend.kept.assets import read_sealed
from onnxhub._backend.kept.digests import DIGEST, matches
from onnxhub._backend.kept.filesystems import real_path
from onnxhub._backend.repository.cache import CachedRepository, default_cache_dir
from onnxhub._backend.repository.repository import open_repository
from onnxhub.errors import IntegrityError, InvalidOptionError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from onnxhub._backend.repository.listing import Listing

__all__ = ["CachedModel", "Change", "Refreshed", "hub_models", "refresh", "size_on_disk"]

_PREFIX: Final = "models--"


@dataclass(frozen=True, slots=True)
class CachedModel:
    """One repository of the Hub's cache that onnxhub has listed."""

    model_id: str
    folder: Path

    @property
    def revisions(self) -> tuple[str, ...]:
        """The branches, tags and commits that were asked for by these names."""
        return tuple(sorted(unquote(path.stem) for path in self._listings()))

    @property
    def payloads(self) -> dict[tuple[int, int], int]:
        """Where bytes lie on disk (device and inode) -> how many, other tools' included; repositories may share some."""
        stats = [path.stat() for path in self._files()]
        return {(stat.st_dev, stat.st_ino): stat.st_size for stat in stats}

    @property
    def size(self) -> int:
        """Bytes on disk, those of other tools and those that are shared included."""
        return sum(self.payloads.values())

    @property
    def used(self) -> float:
        """When a file of it was read last, as far as the file system notes it, in seconds since the epoch."""
        stats = [path.lstat() for path in (*self._files(), *self._listings())]
        return max(max(stat.st_atime, stat.st_mtime) for stat in stats)

    def damage(self) -> Iterator[IntegrityError]:
        """Yield an error for each file that is not as the Hub has it; all are read, and the Hub is not asked."""
        cached = CachedRepository(self.folder)
        try:
            cached.check_folders()
        except UnsafeModelError as error:  # a copy from somebody else, of which nothing is read
            yield IntegrityError(error.path, error.reason)
            return
        for path in self._listings():
            try:
                read_sealed(path)
            except (OSError, ValueError) as error:
                yield IntegrityError(str(path), str(error))
        checked: set[Path] = set()
        for link, known in self._names().items():
            real = real_path(link)
            digest = known or cached.read_digest(link)
            if not cached.owns(link, named=bool(digest)):
                yield IntegrityError(str(link), f"it is a link to {real}, outside of the cache")
            elif not real.is_file():
                yield IntegrityError(str(link), f"it is a link to {real}, which is missing")
            elif digest and real not in checked and not matches(real, digest, reread=True):
                named = "that is its name" if real.name == digest else digest
                yield IntegrityError(str(real), f"it does not have the digest {named}; it is {link.name}")
            checked.add(real)
        yield from self._find_damaged_blobs(cached, checked)

    def _find_damaged_blobs(self, cached: CachedRepository, checked: set[Path]) -> Iterator[IntegrityError]:
        for blob in self._blobs():
            if not DIGEST.fullmatch(blob.name) or real_path(blob) in checked:
                continue
            if not cached.owns(blob, named=True):
                yield IntegrityError(str(blob), f"it is a link to {real_path(blob)}, outside of the cache")
            elif not matches(blob, blob.name, reread=True):
                yield IntegrityError(str(blob), "it does not have the digest that is its name; it is no file of now")

    def _names(self) -> dict[Path, str]:
        """Return each file of a snapshot, and its digest where the Hub has told it."""
        found: dict[Path, str] = {}
        for snapshot in sorted(self.folder.glob("snapshots/*")):
            if snapshot.is_symlink():
                found[snapshot] = ""
                continue
            listing = CachedRepository(self.folder).load_listing(snapshot.name)
            known = {} if listing is None else {name: blob.hash or "" for name, blob in listing.files.items()}
            for path in sorted(snapshot.rglob("*")):
                if path.is_symlink() or path.is_file():
                    found[path] = known.get(path.relative_to(snapshot).as_posix(), "")
        return found

    def _listings(self) -> list[Path]:
        return sorted(self.folder.glob("onnxhub/*.json"))

    def _blobs(self) -> list[Path]:
        return [path for path in sorted(self.folder.glob("blobs/*")) if path.is_file()]

    def _files(self) -> list[Path]:
        """List all files that hold bytes: blobs, and the files of snapshots on systems without links."""
        copies = [path for path in self.folder.glob("snapshots/*/**/*") if path.is_file() and not path.is_symlink()]
        return [*self._blobs(), *copies]


@dataclass(frozen=True, slots=True)
class Change:
    """A file that two commits do not have in common."""

    kind: str
    """``added``, ``removed`` or ``changed``."""
    file: str
    size: int | None
    """Bytes that it has now; of a removed one, those that it had; None: the Hub did not say."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The result of asking the Hub what a revision points to."""

    model_id: str
    before: str | None
    """The commit that was known; None: none was."""
    now: str
    """The commit that ``load`` takes from now on."""
    changes: tuple[Change, ...]


def hub_models(cache: Path | None = None) -> list[CachedModel]:
    """List the models of the Hub's cache that onnxhub has listed, by their names."""
    folder = default_cache_dir() if cache is None else cache
    found = [path for path in folder.glob(f"{_PREFIX}*") if any(path.glob("onnxhub/*.json"))]
    return sorted(
        (CachedModel(path.name.removeprefix(_PREFIX).replace("--", "/"), path) for path in found),
        key=lambda model: model.model_id,
    )


def refresh(model_id: str, revision: str | None, token: str | bool | None = None) -> Refreshed:
    """Ask the Hub for the newest commit, and return what has changed since the one that was known.

    Raises:
        InvalidOptionError: It is a local folder, or a bundled model.
        OfflineError, ModelNotFoundError, GatedModelError: See ``open_repository``.
    """
    cached = CachedRepository(default_cache_dir() / f"{_PREFIX}{model_id.replace('/', '--')}")
    before = cached.load_listing(revision or "main")
    repository = open_repository(model_id, revision=revision, token=token, refresh=True)
    if repository.commit is None:
        raise InvalidOptionError("model", model_id, "an id of the Hub; a folder is always as it is on disk")
    now = cached.load_listing(revision or "main")
    changes = () if before is None or now is None else _changes(before, now)
    return Refreshed(repository.model_id, before.commit if before else None, repository.commit, changes)


def _changes(before: Listing, now: Listing) -> tuple[Change, ...]:
    found = []
    for name in sorted({*before.files, *now.files}):
        old, new = before.files.get(name), now.files.get(name)
        if new is None and old is not None:
            found.append(Change("removed", name, old.size))
        elif new is not None and old != new:
            found.append(Change("changed" if old else "added", name, new.size))
    return tuple(found)


def size_on_disk(models: Iterable[CachedModel]) -> int:
    """Return the bytes of all these models together; those that several of them share count once."""
    payloads: dict[tuple[int, int], int] = {}
    for model in models:
        payloads |= model.payloads
    return sum(payloads.values())
