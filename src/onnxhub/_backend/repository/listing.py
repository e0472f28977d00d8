"""The files of a commit of the Hub, read from the Hub's answer or from a stored listing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from onnxhub._backend.kept.values import is_commit, parse_commit, parse_digest, parse_file_name, parse_size
from onnxhub.errors import IntegrityError, UnsafeModelError, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Blob", "Listing", "read_listing", "restore_listing"]

_MOST_FILES: Final = 200_000
"""Files of a commit; the largest repositories have some 100,000."""
_FORMAT: Final = 2
"""The format of a stored listing; listings of another format are asked for again."""
_WINDOWS: Final = os.name == "nt"


@dataclass(frozen=True, slots=True)
class Blob:
    """One file of a commit."""

    size: int | None
    """In bytes; None if the Hub did not say."""
    hash: str | None
    """Its name in ``blobs/``: the SHA-256 of a large (LFS) file, git's blob id (SHA-1) of any other."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a commit."""

    commit: str
    files: Mapping[str, Blob]

    def to_json(self, repository: str) -> dict[str, object]:
        """Return the JSON that is stored for a repository of this name; ``restore_listing`` reads it."""
        files = {name: (blob.size, blob.hash) for name, blob in self.files.items()}
        return {"format": _FORMAT, "repository": repository, "commit": self.commit, "files": files}


def read_listing(value: object, what: str, model_id: str, revision: str) -> Listing:
    """Read the Hub's answer about a revision of a model.

    Args:
        value: The parsed JSON.
        what: Names the request in errors.
        model_id: The model that was asked for; the answer may have another name, if the model was renamed.
        revision: The revision that was asked for; if it is a commit, the answer must be about that commit.

    Raises:
        IntegrityError: the answer has another form, or an invalid file name, digest, size or commit.
        UnsafeModelError: a file is outside of the repository, by its name.
    """
    entry = ""
    try:
        fields = _as_object(value)
        commit = _read_commit(fields.get("sha"), revision)
        files: dict[str, Blob] = {}
        for index, sibling in enumerate(_as_list(fields.get("siblings"))):
            entry = f"siblings[{index}]: "
            name, blob = _read_sibling(_as_object(sibling), what)
            _add(files, name, blob)
    except UnsafeModelError:
        raise
    except ValueError as exc:
        raise IntegrityError(what, f"{model_id}: the Hub's answer cannot be used: {entry}{one_line(exc)}") from exc
    return Listing(commit, files)


def restore_listing(value: Mapping[str, object], what: str, repository: str, revision: str) -> Listing:
    """Read a listing that was stored; ``what`` names it in errors.

    Raises:
        ValueError: it is of another form, version, repository or commit.
        UnsafeModelError: a file is outside of the repository, by its name.
    """
    if value.get("format") != _FORMAT:
        raise ValueError("it was stored by another version")
    if value.get("repository") != repository:
        raise ValueError("it is of another repository")
    files: dict[str, Blob] = {}
    for name, pair in _as_object(value.get("files")).items():
        size, digest = _as_list(pair, exactly=2)
        _add(files, parse_file_name(name, what, windows=_WINDOWS), Blob(parse_size(size), parse_digest(digest)))
    return Listing(_read_commit(value.get("commit"), revision), files)


def _read_commit(value: object, revision: str) -> str:
    commit = parse_commit(value)
    if is_commit(revision) and commit != revision:
        raise ValueError(f"it is about commit {commit}, and not about {revision}")
    return commit


def _read_sibling(fields: Mapping[str, object], what: str) -> tuple[str, Blob]:
    name = parse_file_name(fields.get("rfilename"), what, windows=_WINDOWS)
    size, digest = parse_size(fields.get("size")), parse_digest(fields.get("blobId"))
    if fields.get("lfs") is None:
        return name, Blob(size, digest)
    large = _as_object(fields["lfs"])
    digest = parse_digest(large.get("sha256"))
    if digest is None or len(digest) != 64:
        raise ValueError(f"the lfs.sha256 of {name!r} is missing, or is no SHA-256")
    whole = parse_size(large.get("size"))
    if size is not None and whole is not None and size != whole:
        raise ValueError(f"{name!r} has two sizes, {size} and {whole}")
    return name, Blob(whole if size is None else size, digest)


def _add(files: dict[str, Blob], name: str, blob: Blob) -> None:
    if name in files:
        raise ValueError(f"{name!r} is listed twice")
    files[name] = blob


def _as_object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} is where an object is expected")  # noqa: TRY004  # a value of JSON
    return value


def _as_list(value: object, *, exactly: int | None = None) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"a {type(value).__name__} is where a list is expected")  # noqa: TRY004  # a value of JSON
    if len(value) > _MOST_FILES or exactly not in {None, len(value)}:
        raise ValueError(f"a list has {len(value):,} entries")
    return value
