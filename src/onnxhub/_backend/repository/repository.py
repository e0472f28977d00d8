"""From a model id to local files: a folder, a bundled model, the Hub's cache, or the Hub itself, in that order.

What exists is decided by the listing of one commit, stored beside the cached repository (``hub_cache``), and never by
what happens to be on disk. A model that is cached needs no network, and huggingface_hub is not even imported.
"""

from __future__ import annotations

import logging
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from onnxhub import builtin
from onnxhub._backend.graphs.safety import check_links, check_place, read_facts
from onnxhub._backend.kept.assets import assets_dir
from onnxhub._backend.kept.digests import compute_sha256, digest_of, has_digest, matches
from onnxhub._backend.kept.locking import lock_file, take
from onnxhub._backend.repository.advice import advise_of_file
from onnxhub._backend.repository.cache import (
    CachedRepository,
    default_cache_dir,
    files_on_disk,
    offline_because,
    real_path,
)
from onnxhub._backend.repository.client import HubModel, checked_token
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
"""Where the locks of those that fetch lie: a kind of nothing that is kept."""
_MISSING: Final = "is not in the cache"
_TWICE: Final = "; it was fetched twice, so its mirror or a proxy may be to blame"

_log = logging.getLogger("onnxhub")
_Json = TypeVar("_Json", dict[str, object], list[object])

_ID: Final = re.compile(r"(\b[\w.-]{1,96}\b/)?\b[\w.-]{1,96}\b", re.ASCII)  # huggingface_hub's own rule
_REVISION: Final = re.compile(r"[^\s\\~^:?*\[/][^\s\\~^:?*\[]*")  # git's own rule, near enough to be safe in a path


@dataclass(frozen=True, eq=False)
class Repository:
    """The files of one model: those of a local folder, or of one commit on the Hub, fetched as they are asked for."""

    model_id: str
    folder: Path
    """Where the files lie, or come to lie."""
    files: Mapping[str, int | None]
    """Every file by its path with ``/``, and its size in bytes where it is known."""
    source: Literal["folder", "hub", "snapshot"]
    """Who says what exists: a local folder, the Hub's listing of the commit, or (offline) what another tool fetched."""
    commit: str | None = None
    """The commit's hash on the Hub; None for a local folder."""
    hashes: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Path -> SHA-256 of a large file, git blob id of any other, where the Hub said so."""
    local_files_only: bool = field(default=False, repr=False)
    token: str | bool | None = field(default=None, repr=False)
    made: Mapping[str, Path] = field(default_factory=dict, repr=False)
    """Path -> a file that was made here and lies elsewhere; whoever found it has checked it."""
    beside: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Path -> where the file is that stands for it: beside the graph, as ``layout`` finds it."""

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "token": None}  # a pickle travels to places where a token must not

    def has(self, name: str) -> bool:
        """Whether the repository holds the file, fetched or not."""
        return name in self.files

    def is_here(self, name: str) -> bool:
        """Whether the file is on disk."""
        return name in self.made or (self.has(name) and (self.folder / self.beside.get(name, name)).is_file())

    def with_made(self, made: Mapping[str, Path]) -> Repository:
        """The same, with files that were made here: beside its own, or in their place."""
        sizes = {name: path.stat().st_size for name, path in made.items()}
        return replace(self, files={**self.files, **sizes}, made={**self.made, **made})

    def path(self, name: str) -> Path:
        """The file on disk, fetched first if need be.

        Raises:
            ModelNotFoundError: The repository has no such file.
            OfflineError: It is not in the cache, and cannot be fetched.
            GatedModelError: The Hub wants a licence accepted, or another token.
            IntegrityError: Its content is not what the Hub says, and it cannot be fetched anew.
            UnsafeModelError: A folder of the cache is a link that leads somewhere else.
            OSError: The cache's disk is full or read-only, as Python says it.
        """
        if name in self.made:
            return self.made[name]
        if name not in self.files:
            raise ModelNotFoundError(self.model_id, self._no_such_file(name))
        name = self.beside.get(name, name)
        if self.commit is not None:
            return self._cached_file(name, self.commit)
        path = self.folder / name
        if not path.is_file():
            raise ModelNotFoundError(self.model_id, f"{name} has vanished from the folder since it was opened")
        return path

    def json(self, name: str) -> dict[str, object] | None:
        """The object in a JSON file; None if the repository has no such file.

        Raises:
            IntegrityError: The file is not valid JSON, or holds something else than an object.
        """
        return self._parsed(name, dict) if self.has(name) else None

    def json_list(self, name: str) -> list[object] | None:
        """The list in a JSON file (``modules.json``); None if the repository has no such file.

        Raises:
            IntegrityError: The file is not valid JSON, or holds something else than a list.
        """
        return self._parsed(name, list) if self.has(name) else None

    def _parsed(self, name: str, kind: type[_Json]) -> _Json:
        return json_files.parse(self.path(name), self.beside.get(name, name), self.model_id, kind)

    @property
    def _cached(self) -> CachedRepository:
        return CachedRepository(self.folder.parent.parent)

    def _cached_file(self, name: str, commit: str) -> Path:
        """The file in the Hub's cache, once it is known to hold what the Hub says; fetched where it does not."""
        path = self._cached.locate(commit, name)
        problem = self._problem(name, path)
        if problem is None:
            return path
        because = offline_because(local_files_only=self.local_files_only)
        if because and problem == _MISSING:
            raise OfflineError(self.model_id, f"{name} {problem}, and {because}", "fetch it beforehand")
        if because:
            reason = f"{self.model_id}: {problem}; {because} forbids to fetch it anew"
            raise IntegrityError(name, reason)
        with ExitStack() as held:
            key = self.hashes.get(name) or digest_of([self.model_id, commit, name])
            try:
                take(held.enter_context(lock_file(assets_dir(_DOWNLOADS) / f"{key}.lock")))
            except OSError as error:
                _log.debug("several processes may fetch %s at once: %s", name, error)
            if self._problem(name, path) is None:  # another process was faster
                return path
            return self._fetch(name, commit, None if problem == _MISSING else problem)

    def _problem(self, name: str, path: Path) -> str | None:
        """What is wrong with a file of the Hub's cache: ``_MISSING``, or a sentence."""
        try:
            stat = path.stat()
            return self._difference(name, path, stat.st_size) if S_ISREG(stat.st_mode) else f"{path} is no file"
        except (FileNotFoundError, NotADirectoryError):  # another process may have cleared it away just now
            return _MISSING
        except OSError as error:
            return f"{path} cannot be read ({error.strerror})"

    def _difference(self, name: str, path: Path, size: int) -> str | None:
        """What makes a file that is there another one than the Hub's."""
        # Without a listing, the cache's own name of the bytes tells.
        digest = self.hashes.get(name) or self._cached.named_digest(path)
        real, expected = real_path(path), self.files[name]
        if not self._cached.owns(path, named=digest is not None):
            return f"{path} is a link to {real}, outside of the cache"
        if expected is not None and expected != size:
            return f"{real} has {size} bytes where {expected} are expected"
        if digest is not None and not matches(real, digest):
            return f"{real} does not have the digest {digest}"
        return None

    def _fetch(self, name: str, commit: str, damaged: str | None) -> Path:
        """Fetch the file; once more, and plainly, where what comes is not what the Hub says.

        Raises:
            IntegrityError: that was not it either, or the damaged file cannot be replaced.
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
        place = self._cached.begin(blob.hash)
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
            return self._cached.finish(place, blob.hash or compute_sha256(place), commit, name)
        finally:
            place.unlink(missing_ok=True)

    def _no_such_file(self, name: str) -> str:
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
) -> Repository:
    """Find a model: a local folder if there is one of that name, else a bundled model or a repository of the Hub.

    A commit that was listed before is used as it is; ``refresh`` asks the Hub what the revision means now.

    Raises:
        ModelNotFoundError: There is no such folder, repository or revision.
        InvalidOptionError: The id, the revision or the token is malformed.
        OfflineError: It is not in the cache, and the Hub cannot be asked.
        GatedModelError: The Hub refuses access.
    """
    folder = _local_folder(model_id)
    if folder is not None:
        return _open_folder(os.fspath(model_id), folder, revision)
    model = HubModel(_checked_id(model_id), checked_token(token))
    cache = Path(os.path.expanduser(cache_dir)) if cache_dir else default_cache_dir()
    cached = CachedRepository(cache / f"models--{model.model_id.replace('/', '--')}")
    offline = offline_because(local_files_only=local_files_only)
    found, source = _find(model, cached, _checked_revision(revision), offline, refresh=refresh)
    if source == "hub":
        _warn_of_unnamed_bytes(model.model_id, found)
    return Repository(
        model_id=model.model_id,
        folder=cached.snapshot(found.commit),
        files={name: blob.size for name, blob in found.files.items()},
        source=source,
        commit=found.commit,
        hashes={name: blob.hash for name, blob in found.files.items() if blob.hash},
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

    ``missing=False`` checks only those of the others that are on disk, and fetches none.

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
        if repository.source == "folder" and name not in repository.made:
            check_place(model, location)
            check_links(model, location)
        if size < needed:
            reason = f"its weights are {needed} bytes of {name}, which has {size}: it is cut, or of another version"
            raise IntegrityError(file, f"{repository.model_id}: {reason}")
    return FetchedModel(model, weights, facts)


def _find(
    model: HubModel, cached: CachedRepository, revision: str, offline: str | None, *, refresh: bool
) -> tuple[Listing, Literal["hub", "snapshot"]]:
    """The commit's listing: the stored one, else the Hub's, else what is on disk."""
    stored = None if refresh else cached.stored(revision)
    if stored is not None:
        return stored, "hub"
    try:
        return _asked(model, cached, revision, offline), "hub"
    except OfflineError:
        on_disk = None if refresh else cached.on_disk(revision)
        if on_disk is None:
            raise
        _log.info("%s: the Hub cannot be asked; using the files of %s on disk", model.model_id, on_disk.commit)
        return on_disk, "snapshot"


def _warn_of_unnamed_bytes(model_id: str, found: Listing) -> None:
    names = [name for name, blob in found.files.items() if blob.hash is None]
    if names:
        _log.warning(
            "%s: the Hub's listing has no digest of %s, whose content cannot be compared", model_id, listing(names, 3)
        )


def _asked(model: HubModel, cached: CachedRepository, revision: str, offline: str | None) -> Listing:
    if offline:
        reason = f"the Hub would have to be asked for revision {revision!r}, which {offline} forbids"
        raise OfflineError(model.model_id, reason, f"load it once without that (into {cached.folder.parent})")
    found = model.listing(revision)
    cached.store(revision, found)
    return found


def _open_folder(model_id: str, folder: Path, revision: str | None) -> Repository:
    if revision is not None:
        raise InvalidOptionError("revision", revision, f"None, since {model_id} is a local folder")
    files = files_on_disk(folder)
    if not files:
        raise ModelNotFoundError(model_id, "the folder is empty")
    return Repository(model_id, folder, files, "folder")


def _local_folder(model_id: str | os.PathLike[str]) -> Path | None:
    """The folder that the id names, or where a bundled model lies; None for an id of the Hub."""
    name = os.fspath(model_id)
    path = Path(os.path.expanduser(name))
    if name and os.path.isdir(path):  # where Path.is_dir would raise for a name that is too long
        return path.absolute()  # a session may be built again when this process works in another folder
    if os.path.isfile(path):
        raise ModelNotFoundError(name, advise_of_file(path))
    if name.startswith(builtin.PREFIX):
        return builtin.folder(name)
    if isinstance(model_id, os.PathLike) or _like_a_path(name):
        raise ModelNotFoundError(name, "no such folder")
    return None


def _like_a_path(name: str) -> bool:
    if "://" in name:
        return False
    windows = os.sep == "\\" and "\\" in name
    return windows or name.startswith((".", "/", "~")) or name.endswith("/") or name.count("/") > 1


def _checked_id(model_id: str | os.PathLike[str]) -> str:
    name = os.fspath(model_id)
    forbidden = "--" in name or ".." in name or name.endswith(".git")
    if forbidden or not _ID.fullmatch(name):
        raise InvalidOptionError("model_id", name, "an id of the Hub such as 'org/name', or a local folder")
    return name


def _checked_revision(revision: str | None) -> str:
    name = "main" if revision is None else revision
    if ".." in name or not _REVISION.fullmatch(name):
        raise InvalidOptionError("revision", revision, "a branch, a tag or a commit hash")
    return name
