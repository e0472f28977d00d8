"""The Hub's cache on disk, by its documented layout: nothing here imports huggingface_hub or opens a socket.

    <cache folder>/
    ├── blobs/<2 digits>/<hash>              bytes that repositories share, put there by huggingface_hub (1.32 and later)
    └── models--org--name/
        ├── blobs/<digest>                   the bytes, or a link to those that are shared
        ├── refs/<branch or tag>             a commit hash
        ├── snapshots/<commit>/<path>        links to the blobs
        └── onnxhub/<quoted revision>.json   what the Hub said the commit holds: written here, read here

What is on disk says little about what a repository has, since any tool may have fetched any part of it. So the commit's
listing is kept beside it, and decides.

A cache may be a copy from somebody else. So what is read from it is parsed like an answer of the Hub, no file is read or
written through a link that leads out of it, and nothing is deleted: bytes are replaced, in one step, by those that were
fetched and compared.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from uuid import uuid4

from onnxhub._backend.kept.assets import expand_path, hub_home, read_sealed, sweep_small_files, write_sealed
from onnxhub._backend.kept.unfinished import name_unfinished, sweep_folder
from onnxhub._backend.kept.values import is_commit, parse_digest
from onnxhub._backend.repository.listing import Blob, Listing, restore_listing
from onnxhub.errors import ModelNotFoundError, UnsafeModelError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CachedRepository", "default_cache_dir", "files_on_disk", "offline_because", "real_path"]

_log = logging.getLogger("onnxhub")

_TRUE: Final = {"1", "ON", "YES", "TRUE"}
_MAX_DEPTH: Final = 4
_MAX_FILES: Final = 10_000
_SHARED_MARKER: Final = ".huggingface-shared-blobs"
"""The file by which huggingface_hub tells its store of shared bytes from a folder of somebody else."""
_SHARED: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CachedRepository:
    """The folder of one repository in the cache."""

    folder: Path

    def snapshot(self, commit: str) -> Path:
        """Return the folder of a commit's files."""
        return self.folder / "snapshots" / commit

    def locate(self, commit: str, name: str) -> Path:
        """Return where a file of a commit is, or is to be: in the repository's own folder, whatever links there are.

        Raises:
            UnsafeModelError: a folder on the way is a link that leads somewhere else.
        """
        path = self.snapshot(commit) / name
        self._check_real(path.parent)
        return path

    def check_folders(self) -> None:
        """Look whether the folders of the layout are here.

        Raises:
            UnsafeModelError: one of them is a link that leads somewhere else.
        """
        for name in ("onnxhub", "snapshots", "blobs"):
            self._check_real(self.folder / name)

    def named_digest(self, path: Path) -> str | None:
        """Return the digest by which the cache itself names a file: the name of the blob that it is a link to.

        Of a chain of links the first one counts: it leads to a blob, which may be a link to bytes that are shared, and
        these have names of another kind.
        """
        try:
            return parse_digest(self._blob_of(path).name)
        except ValueError:
            return None

    def owns(self, path: Path, *, named: bool) -> bool:
        """Tell whether a file may be read as one of this repository, wherever links lead.

        Args:
            path: Where it is in a snapshot.
            named: Whether its digest is known, and tells what it is: then it may lie anywhere in the cache, as it does
                where repositories share bytes; else it lies in this repository, or in the cache's store of shared bytes.
        """
        blob = self._blob_of(path)
        if blob.name and not os.path.islink(blob) and not os.path.islink(blob.parent):  # noqa: PTH114  # on every load
            return True
        real, cache = real_path(path), real_path(self.folder.parent)
        if real.is_relative_to(cache if named else real_path(self.folder)):
            return True
        shared = cache / "blobs"
        if not real.is_relative_to(shared) or not (shared / _SHARED_MARKER).is_file():
            return False
        return _SHARED.fullmatch(real.relative_to(shared).as_posix()) is not None

    def _blob_of(self, path: Path) -> Path:
        """Return the blob of this repository that a file is a link to; an empty path if it is no such link."""
        try:
            target = os.path.normpath(os.path.join(path.parent, os.readlink(path)))  # noqa: PTH115
        except OSError:
            return Path()
        blob = Path(target)
        return blob if blob.parent == Path(os.path.normpath(self.folder / "blobs")) else Path()

    def begin(self, digest: str | None) -> Path:
        """Make an empty file for bytes that are to come, under a name that nobody else has.

        Raises:
            OSError: the disk is full, or cannot be written.
            UnsafeModelError: see ``locate``.
        """
        folder = self.folder / "blobs"
        self._check_real(folder)
        folder.mkdir(parents=True, exist_ok=True)
        sweep_folder(folder)
        path = folder / name_unfinished(digest or "unnamed")
        with path.open("xb"):
            return path

    def finish(self, fetched: Path, digest: str, commit: str, name: str) -> Path:
        """Put fetched bytes into their place, in one step; whoever has the old ones open goes on with those.

        Raises:
            OSError: the disk is full, or cannot be written.
            UnsafeModelError: see ``locate``.
        """
        path = self.locate(commit, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        blob, link = self.folder / "blobs" / digest, path.with_name(f".{uuid4().hex[:16]}.link")
        try:
            link.symlink_to(os.path.relpath(blob, path.parent))
        except OSError:  # no right to make links, as on Windows: the bytes themselves lie in the snapshot
            fetched.replace(path)
            return path
        try:
            fetched.replace(blob)
            link.replace(path)
        finally:
            link.unlink(missing_ok=True)
        return path

    def stored(self, revision: str) -> Listing | None:
        """Return the listing that was stored for the revision; a damaged one is as good as none.

        Raises:
            UnsafeModelError: see ``locate``.
        """
        path = self._listing_path(revision)
        self._check_real(path)
        try:
            return restore_listing(read_sealed(path), str(path), self.folder.name, revision)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as exc:
            _log.warning("the stored listing %s cannot be used (%s), and is made anew", path, one_line(exc))
            return None

    def store(self, revision: str, listing: Listing) -> None:
        """Store the listing under the revision and under its commit; a cache that cannot be written is left alone.

        Raises:
            UnsafeModelError: see ``locate``.
        """
        for name in {revision, listing.commit}:
            path = self._listing_path(name)
            self._check_real(path.parent)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                sweep_small_files(path.parent)
                write_sealed(path, listing.to_json(self.folder.name))
            except OSError as exc:
                _log.debug("the listing %s is not stored: %s", path, exc)

    def on_disk(self, revision: str) -> Listing | None:
        """Return what another tool has left of the revision, which may be a part of it.

        Raises:
            UnsafeModelError: see ``locate``.
        """
        commit = revision if is_commit(revision) else self._ref(revision)
        if commit is None or not self.snapshot(commit).is_dir():
            return None
        self._check_real(self.snapshot(commit))
        sizes = files_on_disk(self.snapshot(commit))
        return Listing(commit, {name: Blob(size, None) for name, size in sizes.items()})

    def _ref(self, revision: str) -> str | None:
        path = self.folder / "refs" / revision
        try:
            self._check_real(path)
            if not path.is_file():  # a pipe would have us wait
                return None
            with path.open(encoding="utf-8") as file:
                commit = file.read(64).strip()
        except (OSError, ValueError) as exc:
            _log.debug("no ref of %s: %s", revision, exc)
            return None
        return commit if is_commit(commit) else None

    def _listing_path(self, revision: str) -> Path:
        return self.folder / "onnxhub" / f"{quote(revision, safe='')}.json"

    def _check_real(self, path: Path) -> None:
        """Refuse a path that leads somewhere else: through a link, files anywhere would be read and written.

        Raises:
            UnsafeModelError: it does.
        """
        place = self.folder
        for part in path.relative_to(self.folder).parts:
            place /= part
            if os.path.islink(place):  # noqa: PTH114  # on every load
                raise UnsafeModelError(str(path), f"{place} is a link, which leads to {real_path(place)}")


def real_path(path: Path) -> Path:
    """Return where a path leads, through all links; of a loop of links, which Path.resolve refuses, the path itself."""
    return Path(os.path.realpath(path))


def default_cache_dir() -> Path:
    """Where huggingface_hub keeps its cache, by the environment variables that it documents."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return expand_path(named or os.path.join(hub_home(), "hub"))


def offline_because(*, local_files_only: bool) -> str | None:
    """What forbids to ask the Hub, if anything does; the variables are those of huggingface_hub."""
    if local_files_only:
        return "local_files_only=True"
    variable = "HF_HUB_OFFLINE" if os.environ.get("HF_HUB_OFFLINE") else "TRANSFORMERS_OFFLINE"
    value = os.environ.get(variable, "")
    return f"{variable}={value}" if value.upper() in _TRUE else None


def files_on_disk(folder: Path) -> dict[str, int]:
    """The folder's files and their sizes, by their paths with ``/``, in order; hidden folders are left out.

    Raises:
        ModelNotFoundError: There are far too many for a model: it is the wrong folder.
    """
    sizes: dict[str, int] = {}
    for file in _walk(folder, 0):
        sizes[file.relative_to(folder).as_posix()] = file.stat().st_size
        if len(sizes) > _MAX_FILES:
            raise ModelNotFoundError(str(folder), f"more than {_MAX_FILES} files: this is not the folder of one model")
    return sizes


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        elif path.is_dir() and depth < _MAX_DEPTH and not path.name.startswith("."):
            yield from _walk(path, depth + 1)
