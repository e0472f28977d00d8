"""The Hub's cache on disk, by its documented layout: nothing here imports huggingface_hub or opens a socket.

    <cache folder>/models--org--name/
    ├── blobs/<hash>                     the bytes
    ├── refs/<branch or tag>             a commit hash
    ├── snapshots/<commit>/<path>        links to the blobs
    └── onnxhub/<quoted revision>.json   what the Hub said the commit holds: written here, read here

What is on disk says little about what a repository has, since any tool may have fetched any part of it. So the commit's
listing is kept beside it, and decides.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from onnxhub.backend.assets import expanded, hub_home, read_sealed, write_sealed
from onnxhub.backend.safety import relative_location
from onnxhub.errors import ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Blob", "CachedRepository", "Listing", "default_cache_dir", "files_on_disk", "is_commit", "offline_because"]

_log = logging.getLogger("onnxhub")

_TRUE: Final = {"1", "ON", "YES", "TRUE"}
_MAX_DEPTH: Final = 4
_MAX_FILES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Blob:
    """One file of a commit."""

    size: int | None
    """In bytes; None if the Hub did not say."""
    hash: str | None
    """Its name in ``blobs/``: the SHA-256 of a large (LFS) file, git's blob id (SHA-1) of any other."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a commit holds."""

    commit: str
    files: Mapping[str, Blob]

    def __post_init__(self) -> None:
        if not is_commit(self.commit):
            raise ValueError(f"{self.commit!r} is not a commit hash")
        for name in self.files:
            relative_location(name, f"the listing of {self.commit}")


@dataclass(frozen=True, slots=True)
class CachedRepository:
    """The folder of one repository in the cache."""

    folder: Path

    def snapshot(self, commit: str) -> Path:
        """The folder of a commit's files."""
        return self.folder / "snapshots" / commit

    def forget(self, digest: str) -> None:
        """Delete the blob of this digest, and what there is of its download."""
        for path in (self.folder / "blobs").glob(f"{digest}*"):
            path.unlink(missing_ok=True)

    def stored(self, revision: str) -> Listing | None:
        """The listing that was stored for the revision; a damaged one is as good as none."""
        path = self._listing_path(revision)
        try:
            data: Any = read_sealed(path)
            return Listing(data["commit"], {name: Blob(**blob) for name, blob in data["files"].items()})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
            _log.warning("the stored listing %s cannot be used (%s), and is made anew", path, exc)
            return None

    def store(self, revision: str, listing: Listing) -> None:
        """Store the listing under the revision and under its commit; a cache that cannot be written is left alone."""
        value = {"commit": listing.commit, "files": {name: asdict(blob) for name, blob in listing.files.items()}}
        for name in {revision, listing.commit}:
            path = self._listing_path(name)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_sealed(path, value)
            except OSError as exc:
                _log.debug("the listing %s is not stored: %s", path, exc)

    def on_disk(self, revision: str) -> Listing | None:
        """What another tool has left of the revision, which may be a part of it."""
        commit = revision if is_commit(revision) else self._ref(revision)
        if commit is None or not self.snapshot(commit).is_dir():
            return None
        sizes = files_on_disk(self.snapshot(commit))
        return Listing(commit, {name: Blob(size, None) for name, size in sizes.items()})

    def _ref(self, revision: str) -> str | None:
        try:
            commit = (self.folder / "refs" / revision).read_text().strip()
        except OSError as exc:
            _log.debug("no ref of %s: %s", revision, exc)
            return None
        return commit if is_commit(commit) else None

    def _listing_path(self, revision: str) -> Path:
        return self.folder / "onnxhub" / f"{quote(revision, safe='')}.json"


def is_commit(revision: str) -> bool:
    """Whether it is a full commit hash, which never comes to mean something else."""
    return re.fullmatch(r"[0-9a-f]{40}", revision) is not None


def default_cache_dir() -> Path:
    """Where huggingface_hub keeps its cache, by the environment variables that it documents."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return expanded(named or os.path.join(hub_home(), "hub"))


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
