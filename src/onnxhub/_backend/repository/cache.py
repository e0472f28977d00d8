"""The Hub's cache on disk, by its documented layout; nothing here imports huggingface_hub or opens a socket.

    <cache folder>/
    ├── blobs/<2 digits>/<hash>              files that repositories share, stored by huggingface_hub (1.32 and later)
    └── models--org--name/
        ├── blobs/<digest>                   the files, or links to shared ones
        ├── refs/<branch or tag>             a commit hash
        ├── snapshots/<commit>/<path>        links to the blobs
        └── onnxhub/<quoted revision>.json   the Hub's listing of the commit: written here, read here

The files on disk say little about what a repository has, since any tool may have fetched any part of it. So the commit's
listing is stored beside it, and decides.

A cache may be a copy from somebody else. So everything read from it is parsed like an answer of the Hub, no file is read or
written through a link that leads out of it, and nothing is deleted: files are replaced, in one step, by others that were
downloaded and compared.
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
from onnxhub._backend.kept.filesystems import real_path
from onnxhub._backend.kept.unfinished import name_unfinished, sweep_folder
from onnxhub._backend.kept.values import is_commit, parse_digest
from onnxhub._backend.repository.listing import Blob, Listing, restore_listing
from onnxhub.errors import ModelNotFoundError, UnsafeModelError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CachedRepository", "default_cache_dir", "explain_offline", "list_files"]

_log = logging.getLogger("onnxhub")

_TRUE: Final = {"1", "ON", "YES", "TRUE"}
_MAX_DEPTH: Final = 4
_MAX_FILES: Final = 10_000
_SHARED_MARKER: Final = ".huggingface-shared-blobs"
"""The file that marks huggingface_hub's own store of shared files."""
_SHARED: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CachedRepository:
    """The folder of one repository in the cache."""

    folder: Path

    def snapshot(self, commit: str) -> Path:
        """Return the folder of a commit's files."""
        return self.folder / "snapshots" / commit

    def locate(self, commit: str, name: str) -> Path:
        """Return where a file of a commit is, or is to be: in the repository's own folder.

        Raises:
            UnsafeModelError: a folder on the way is a link that leads somewhere else.
        """
        path = self.snapshot(commit) / name
        self._check_real(path.parent)
        return path

    def check_folders(self) -> None:
        """Check that the folders of the layout are inside this repository.

        Raises:
            UnsafeModelError: one of them is a link that leads somewhere else.
        """
        for name in ("onnxhub", "snapshots", "blobs"):
            self._check_real(self.folder / name)

    def read_digest(self, path: Path) -> str | None:
        """Return the digest by which the cache itself names a file: the name of the blob that it is a link to.

        Only the first link of a chain counts: the blob may itself be a link to a shared file, whose name is of another kind.
        """
        try:
            return parse_digest(self._find_blob(path).name)
        except ValueError:
            return None

    def owns(self, path: Path, *, named: bool) -> bool:
        """Tell whether a file may be read as one of this repository.

        Args:
            path: Where it is in a snapshot.
            named: Whether its digest is known. If so, it may lie anywhere in the cache, since repositories share files;
                else it must lie in this repository, or in the cache's store of shared files.
        """
        blob = self._find_blob(path)
        if blob.name and not os.path.islink(blob) and not os.path.islink(blob.parent):  # noqa: PTH114  # on every load
            return True
        real, cache = real_path(path), real_path(self.folder.parent)
        if real.is_relative_to(cache if named else real_path(self.folder)):
            return True
        shared = cache / "blobs"
        if not real.is_relative_to(shared) or not (shared / _SHARED_MARKER).is_file():
            return False
        return _SHARED.fullmatch(real.relative_to(shared).as_posix()) is not None

    def _find_blob(self, path: Path) -> Path:
        """Return the blob of this repository that a file is a link to; an empty path if it is no such link."""
        try:
            target = os.path.normpath(os.path.join(path.parent, os.readlink(path)))  # noqa: PTH115
        except OSError:
            return Path()
        blob = Path(target)
        return blob if blob.parent == Path(os.path.normpath(self.folder / "blobs")) else Path()

    def begin(self, digest: str | None) -> Path:
        """Make an empty file for a download, under a unique name.

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
        """Move a downloaded file into its place, in one step; processes that have the old one open keep it.

        Raises:
            OSError: the disk is full, or cannot be written.
            UnsafeModelError: see ``locate``.
        """
        path = self.locate(commit, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        blob, link = self.folder / "blobs" / digest, path.with_name(f".{uuid4().hex[:16]}.link")
        try:
            link.symlink_to(os.path.relpath(blob, path.parent))
        except OSError:  # no right to make links, as on Windows: the file itself lies in the snapshot
            fetched.replace(path)
            return path
        try:
            fetched.replace(blob)
            link.replace(path)
        finally:
            link.unlink(missing_ok=True)
        return path

    def load_listing(self, revision: str) -> Listing | None:
        """Return the stored listing of the revision; None if there is none, or if it is damaged.

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

    def save_listing(self, revision: str, listing: Listing) -> None:
        """Store the listing under the revision and under its commit; do nothing if the cache cannot be written.

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

    def scan_snapshot(self, revision: str) -> Listing | None:
        """Return a listing of the revision's files on disk, fetched by another tool; None if there are none. It may be partial.

        Raises:
            UnsafeModelError: see ``locate``.
        """
        commit = revision if is_commit(revision) else self._read_ref(revision)
        if commit is None or not self.snapshot(commit).is_dir():
            return None
        self._check_real(self.snapshot(commit))
        sizes = list_files(self.snapshot(commit))
        return Listing(commit, {name: Blob(size, None) for name, size in sizes.items()})

    def _read_ref(self, revision: str) -> str | None:
        path = self.folder / "refs" / revision
        try:
            self._check_real(path)
            if not path.is_file():  # opening a pipe would block
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
        """Refuse a path with a link in it, through which files anywhere could be read and written.

        Raises:
            UnsafeModelError: a folder on the way is a link.
        """
        place = self.folder
        for part in path.relative_to(self.folder).parts:
            place /= part
            if os.path.islink(place):  # noqa: PTH114  # on every load
                raise UnsafeModelError(str(path), f"{place} is a link, which leads to {real_path(place)}")


def default_cache_dir() -> Path:
    """Return the folder of huggingface_hub's cache, by the environment variables that it documents."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return expand_path(named or os.path.join(hub_home(), "hub"))


def explain_offline(*, local_files_only: bool) -> str | None:
    """Return the setting that forbids asking the Hub, or None; the variables are those of huggingface_hub."""
    if local_files_only:
        return "local_files_only=True"
    variable = "HF_HUB_OFFLINE" if os.environ.get("HF_HUB_OFFLINE") else "TRANSFORMERS_OFFLINE"
    value = os.environ.get(variable, "")
    return f"{variable}={value}" if value.upper() in _TRUE else None


def list_files(folder: Path) -> dict[str, int]:
    """Return the folder's files by their paths with ``/``, in order, and their sizes; hidden folders are left out.

    Raises:
        ModelNotFoundError: there are too many files for a model: it is the wrong folder.
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
