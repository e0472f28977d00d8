"""From a model id to local files: a folder, a bundled model, the Hub's cache, or the Hub itself, in that order.

The listing of one commit, which is stored beside the cached repository (``cache``), decides which files exist, and never
what happens to be on disk. A cached model needs no network, and huggingface_hub is not even imported.
"""

from __future__ import annotations

import logging
import os
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from onnxhub import builtin
from onnxhub._backend.graphs.safety import check_links, check_place, read_facts
from onnxhub._backend.kept.assets import assets_dir
from onnxhub._backend.kept.digests import compute_sha256, digest_of, has_digest, matches
from onnxhub._backend.kept.filesystems import real_path
from onnxhub._backend.kept.locking import lock_file, take
from onnxhub._backend.repository.advice import advise_of_file, advise_offline, name_place
from onnxhub._backend.repository.cache import (
    CachedRepository,
    default_cache_dir,
    explain_offline,
    list_files,
)
from onnxhub._backend.repository.client import HubModel, check_token
from onnxhub._backend.repository.listing import Blob
from onnxhub._toolkit import json_files
from onnxhub.errors import (
    IntegrityError,
    InvalidOptionError,
    ModelNotFoundError,
    OfflineError,
    OnnxHubError,
    listing,
    nearest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.graphs.safety import GraphFacts
    from onnxhub._backend.repository.listing import Listing

__all__ = ["FetchedModel", "Repository", "fetch_files", "fetch_model", "open_repository"]

_DOWNLOADS: Final = ".downloads"
"""The folder of locks for downloads, beside the kinds of the store."""
_MISSING: Final = "is not in the cache"
_VERIFIED_FOR: Final = 10.0
"""Seconds for which a file that was compared with its digest, and not touched since, is not compared again."""
_SETTLED: Final = 2.0
"""Seconds after its last change from which on a file's times tell another change; some file systems store whole ones."""
_TWICE: Final = "; it was fetched twice, so its mirror or a proxy may be to blame"

_log = logging.getLogger("onnxhub")
_State: TypeAlias = tuple[int, int, int, int, int]
_Json = TypeVar("_Json", dict[str, object], list[object])

_ID: Final = re.compile(r"(\b[\w.-]{1,96}\b/)?\b[\w.-]{1,96}\b", re.ASCII)  # huggingface_hub's own rule
_REVISION: Final = re.compile(r"[^\s\\~^:?*\[/][^\s\\~^:?*\[]*")  # git's own rule, near enough to be safe in a path


@dataclass(frozen=True, eq=False)
class Repository:
    """The files of one model: those of a local folder, or of one commit on the Hub, downloaded when they are needed."""

    model_id: str
    folder: Path
    """Where the files are, or will be after the download."""
    files: Mapping[str, int | None]
    """Every file by its path with ``/``, and its size in bytes where it is known."""
    source: Literal["folder", "hub", "snapshot"]
    """What ``files`` was read from: a local folder, the Hub's listing of the commit, or (offline) what another tool fetched."""
    commit: str | None = None
    """The commit's hash on the Hub; None for a local folder."""
    hashes: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Path -> SHA-256 of an LFS file, git blob id of any other, as far as the Hub gave them."""
    local_files_only: bool = field(default=False, repr=False)
    token: str | bool | None = field(default=None, repr=False)
    generated: Mapping[str, Path] = field(default_factory=dict, repr=False)
    """Path -> a file that was generated here and lies in the store, which has checked it."""
    beside: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Path -> the file that is used in its place, beside the graph (``layout``)."""
    _verified: dict[str, tuple[_State, float]] = field(default_factory=dict, init=False, repr=False)
    """Path -> the state in which a file was compared with its digest, and when by the monotonic clock."""

    def __getstate__(self) -> dict[str, object]:
        # A pickle travels to machines that must not get the token, and whose clocks are others.
        return {**self.__dict__, "token": None, "_verified": {}}

    def has(self, name: str) -> bool:
        """Tell whether the repository has the file, downloaded or not."""
        return name in self.files

    def is_here(self, name: str) -> bool:
        """Tell whether the file is on disk."""
        return name in self.generated or (self.has(name) and (self.folder / self.beside.get(name, name)).is_file())

    def with_generated(self, generated: Mapping[str, Path]) -> Repository:
        """Return a copy with generated files, beside its own or in their place."""
        sizes = {name: path.stat().st_size for name, path in generated.items()}
        return replace(self, files={**self.files, **sizes}, generated={**self.generated, **generated})

    def path(self, name: str) -> Path:
        """Return the file on disk, downloaded if needed.

        Raises:
            ModelNotFoundError: The repository has no such file.
            OfflineError: It is not in the cache, and cannot be fetched.
            GatedModelError: The Hub wants a licence accepted, or another token.
            IntegrityError: Its content differs from the Hub's digest, and it cannot be downloaded again.
            UnsafeModelError: A folder of the cache is a link that leads somewhere else.
            OSError: The cache's disk is full or read-only, as Python says it.
        """
        if name in self.generated:
            return self.generated[name]
        if name not in self.files:
            raise ModelNotFoundError(self.model_id, self._explain_missing(name))
        name = self.beside.get(name, name)
        if self.commit is not None:
            return self._ensure_cached(name, self.commit)
        path = self.folder / name
        if not path.is_file():
            raise ModelNotFoundError(self.model_id, f"{name} has vanished from the folder since it was opened")
        return path

    def json(self, name: str) -> dict[str, object] | None:
        """Return the object in a JSON file; None if the repository has no such file.

        Raises:
            IntegrityError: The file is not valid JSON, or holds something other than an object.
        """
        return self._parse(name, dict) if self.has(name) else None

    def json_list(self, name: str) -> list[object] | None:
        """Return the list in a JSON file (``modules.json``); None if the repository has no such file.

        Raises:
            IntegrityError: The file is not valid JSON, or holds something other than a list.
        """
        return self._parse(name, list) if self.has(name) else None

    def _parse(self, name: str, kind: type[_Json]) -> _Json:
        return json_files.parse(self.path(name), self.beside.get(name, name), self.model_id, kind)

    @property
    def _cache(self) -> CachedRepository:
        return CachedRepository(self.folder.parent.parent)

    def _ensure_cached(self, name: str, commit: str) -> Path:
        """Return the file in the Hub's cache, verified against the Hub's digest; downloaded if missing or damaged."""
        path = self._cache.locate(commit, name)
        problem = self._find_problem(name, path)
        if problem is None:
            return path
        because = explain_offline(local_files_only=self.local_files_only)
        if because and problem == _MISSING:
            raise OfflineError(self.model_id, f"{name} {problem}, and {because}", advise_offline(self.model_id))
        if because:
            reason = f"{self.model_id}: {problem}; {because} forbids to fetch it anew"
            raise IntegrityError(name, reason)
        with ExitStack() as held:
            key = self.hashes.get(name) or digest_of([self.model_id, commit, name])
            try:
                take(held.enter_context(lock_file(assets_dir(_DOWNLOADS) / f"{key}.lock")))
            except OSError as error:
                _log.debug("several processes may fetch %s at once: %s", name, error)
            if self._find_problem(name, path) is None:  # another process was faster
                return path
            return self._fetch(name, commit, None if problem == _MISSING else problem)

    def _find_problem(self, name: str, path: Path) -> str | None:
        """Return what is wrong with a file of the Hub's cache: ``_MISSING``, or a sentence; None if nothing is."""
        try:
            stat = path.stat()
            return self._compare_once(name, path, stat) if S_ISREG(stat.st_mode) else f"{path} is no file"
        except (FileNotFoundError, NotADirectoryError):  # another process may have cleared it away just now
            return _MISSING
        except OSError as error:
            return f"{path} cannot be read ({error.strerror})"

    def _compare_once(self, name: str, path: Path, stat: os.stat_result) -> str | None:
        """Return in what a file differs from the Hub's, as ``_compare`` does; an equal file is not compared again for some seconds.

        A load asks several times for the same file. If its inode, size and times are the same, comparing it again would
        protect nothing: it could also be changed between the last comparison and the moment when ONNX Runtime opens it.
        """
        state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        known, since = self._verified.get(name, (None, 0.0))
        if known == state and time.monotonic() - since < _VERIFIED_FOR:
            return None
        problem = self._compare(name, path, stat.st_size)
        if problem is None and time.time() - stat.st_ctime > _SETTLED:
            self._verified[name] = (state, time.monotonic())
        return problem

    def _compare(self, name: str, path: Path, size: int) -> str | None:
        """Return in what a file differs from the Hub's; None if it does not."""
        # Without a listing, the digest is the cache's own name of the file.
        digest = self.hashes.get(name) or self._cache.read_digest(path)
        real, expected = real_path(path), self.files[name]
        if not self._cache.owns(path, named=digest is not None):
            return f"{path} is a link to {real}, outside of the cache"
        if expected is not None and expected != size:
            return f"{real} has {size} bytes where {expected} are expected"
        if digest is not None and not matches(real, digest):
            return f"{real} does not have the digest {digest}"
        return None

    def _fetch(self, name: str, commit: str, damaged: str | None) -> Path:
        """Download the file; once more, and without Xet, if the bytes differ from the Hub's digest.

        Raises:
            IntegrityError: they differ again, or the damaged file cannot be replaced.
        """
        if damaged is not None:
            _log.warning("%s: %s is damaged and fetched anew: %s", self.model_id, name, damaged)
        try:
            try:
                return self._fetch_once(name, commit, plainly=False)
            except IntegrityError as error:
                _log.warning("%s; it is fetched once more", error)
                return self._fetch_once(name, commit, plainly=True)
        except OSError as error:
            if damaged is None or isinstance(error, OnnxHubError):
                raise
            raise IntegrityError(name, f"{self.model_id}: {damaged}, and it cannot be replaced: {error}") from error

    def _fetch_once(self, name: str, commit: str, *, plainly: bool) -> Path:
        blob = Blob(self.files[name], self.hashes.get(name))
        place = self._cache.begin(blob.hash)
        try:
            HubModel(self.model_id, self.token).fetch(name, blob, commit, place, plainly=plainly)
            size = place.stat().st_size
            problem = None
            if blob.size is not None and size != blob.size:
                problem = f"has {size} bytes where {blob.size} are expected"
            elif blob.hash is not None and not has_digest(place, blob.hash):
                problem = f"does not have the digest {blob.hash}"
            if problem is not None:
                reason = f"what the Hub sends {problem}{_TWICE if plainly else ''}"
                raise IntegrityError(name, f"{self.model_id}: {reason}")
            return self._cache.finish(place, blob.hash or compute_sha256(place), commit, name)
        finally:
            place.unlink(missing_ok=True)

    def _explain_missing(self, name: str) -> str:
        part = " of what is on disk (the Hub could not be asked)" if self.source == "snapshot" else ""
        return f"no file {name!r}{part}{nearest(name, self.files)}; it has: {listing(self.files)}"


def open_repository(
    model_id: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    refresh: bool = False,
    named: bool = True,
) -> Repository:
    """Find a model: a local folder if there is one of that name, else a bundled model or a repository of the Hub.

    The Hub is not asked if the revision's listing is stored; ``refresh`` asks it which commit the revision is now.
    ``named`` is whether the caller gave the id, which may then have been meant for a folder.

    Raises:
        ModelNotFoundError: There is no such folder, repository or revision.
        InvalidOptionError: The id, the revision or the token is malformed.
        OfflineError: It is not in the cache, and the Hub cannot be asked.
        GatedModelError: The Hub refuses access.
    """
    folder = _find_folder(model_id)
    if folder is not None:
        return _open_folder(os.fspath(model_id), folder, revision)
    checked = _check_id(model_id)
    cache = Path(os.path.expanduser(cache_dir)) if cache_dir else default_cache_dir()
    cached = CachedRepository(cache / f"models--{checked.replace('/', '--')}")
    model = HubModel(checked, check_token(token), maybe_folder=named and not cached.folder.exists())
    offline = explain_offline(local_files_only=local_files_only)
    listed, source = _find_listing(model, cached, _check_revision(revision), offline, refresh=refresh)
    if source == "hub":
        _warn_of_missing_digests(model.model_id, listed)
    return Repository(
        model_id=model.model_id,
        folder=cached.snapshot(listed.commit),
        files={name: blob.size for name, blob in listed.files.items()},
        source=source,
        commit=listed.commit,
        hashes={name: blob.hash for name, blob in listed.files.items() if blob.hash},
        local_files_only=local_files_only,
        token=model.token,
    )


@dataclass(frozen=True, slots=True)
class FetchedModel:
    """An ONNX file on disk, and the files of its weights."""

    path: Path
    weights: Mapping[str, Path]
    """Location beside the file -> the file that it refers to, of those that are on disk."""
    facts: GraphFacts
    """What the file says of itself."""


def fetch_model(repository: Repository, file: str, *, missing: bool = True) -> GraphFacts:
    """Fetch an ONNX file as ``fetch_files`` does, and return what it says of itself."""
    return fetch_files(repository, file, missing=missing).facts


def fetch_files(repository: Repository, file: str, *, missing: bool = True) -> FetchedModel:
    """Fetch an ONNX file, and every external-data file that it refers to beside it.

    ``missing=False`` checks the external-data files that are on disk, and downloads none.

    Raises:
        IntegrityError: A file is damaged, or one that the model refers to is missing from the repository.
        UnsafeModelError: The model refers to files outside its folder, by their names or by links.
    """
    model = repository.path(file)
    facts = read_facts(model)
    weights: dict[str, Path] = {}
    for location, needed in facts.external_data.items():
        name = (PurePosixPath(file).parent / location).as_posix()
        if not repository.has(name):
            raise IntegrityError(file, f"{repository.model_id}: its weights are in {name}, which does not exist")
        if not missing and not repository.is_here(name):
            continue
        weights[location] = repository.path(name)
        size = weights[location].stat().st_size
        # All others are known to be the bytes of the Hub, or our own, wherever they lie and whatever their other names.
        if repository.source == "folder" and name not in repository.generated:
            check_place(model, location)
            check_links(model, location)
        if size < needed:
            reason = f"its weights are {needed} bytes of {name}, which has {size}: it is cut, or of another version"
            raise IntegrityError(file, f"{repository.model_id}: {reason}")
    return FetchedModel(model, weights, facts)


def _find_listing(
    model: HubModel, cached: CachedRepository, revision: str, offline: str | None, *, refresh: bool
) -> tuple[Listing, Literal["hub", "snapshot"]]:
    """Return the commit's listing and where it is from: the stored one, else the Hub's, else what is on disk."""
    stored = None if refresh else cached.load_listing(revision)
    if stored is not None:
        return stored, "hub"
    try:
        return _ask_hub(model, cached, revision, offline), "hub"
    except OfflineError:
        on_disk = None if refresh else cached.scan_snapshot(revision)
        if on_disk is None:
            raise
        _log.info("%s: the Hub cannot be asked; using the files of %s on disk", model.model_id, on_disk.commit)
        return on_disk, "snapshot"


def _warn_of_missing_digests(model_id: str, listed: Listing) -> None:
    names = [name for name, blob in listed.files.items() if blob.hash is None]
    if names:
        _log.warning(
            "%s: the Hub's listing has no digest of %s, whose content cannot be compared", model_id, listing(names, 3)
        )


def _ask_hub(model: HubModel, cached: CachedRepository, revision: str, offline: str | None) -> Listing:
    if offline:
        reason = f"the Hub would have to be asked for revision {revision!r}, which {offline} forbids{model.also}"
        raise OfflineError(
            model.model_id,
            reason,
            f"load it once without that (into {cached.folder.parent}); {advise_offline(model.model_id)}",
        )
    listed = model.fetch_listing(revision)
    cached.save_listing(revision, listed)
    return listed


def _open_folder(model_id: str, folder: Path, revision: str | None) -> Repository:
    if revision is not None:
        raise InvalidOptionError("revision", revision, f"None, since {model_id} is a local folder")
    files = list_files(folder)
    if not files:
        raise ModelNotFoundError(model_id, "the folder is empty")
    return Repository(model_id, folder, files, "folder")


def _find_folder(model_id: str | os.PathLike[str]) -> Path | None:
    """Return the folder that the id names, or of a bundled model; None for an id of the Hub."""
    name = os.fspath(model_id)
    path = Path(os.path.expanduser(name))
    if name and os.path.isdir(path):  # where Path.is_dir would raise for a name that is too long
        return path.absolute()  # a session may be built again when this process works in another folder
    if os.path.isfile(path):
        raise ModelNotFoundError(name, advise_of_file(path))
    if name.startswith(builtin.PREFIX):
        return builtin.folder(name)
    if isinstance(model_id, os.PathLike) or _is_like_path(name):
        raise ModelNotFoundError(name, f"no such folder{name_place(name)}")
    return None


def _is_like_path(name: str) -> bool:
    if "://" in name:
        return False
    windows = os.sep == "\\" and "\\" in name
    return windows or name.startswith((".", "/", "~")) or name.endswith("/") or name.count("/") > 1


def _check_id(model_id: str | os.PathLike[str]) -> str:
    name = os.fspath(model_id)
    forbidden = "--" in name or ".." in name or name.endswith(".git")
    if forbidden or not _ID.fullmatch(name):
        raise InvalidOptionError("model_id", name, "an id of the Hub such as 'org/name', or a local folder")
    return name


def _check_revision(revision: str | None) -> str:
    name = "main" if revision is None else revision
    if ".." in name or not _REVISION.fullmatch(name):
        raise InvalidOptionError("revision", revision, "a branch, a tag or a commit hash")
    return name
