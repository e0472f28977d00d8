"""A model as a folder of its own, which ``load`` takes, and optimum's ``from_pretrained``."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from onnxhub._backend.files.layout import VOCABULARIES, is_of_model
from onnxhub._backend.inputs.japanese import find_japanese_tokenizer
from onnxhub._backend.kept.filesystems import remove_tree
from onnxhub._backend.making.tokenizer_conversion import FAST, find_fast_form
from onnxhub.errors import InvalidOptionError, MissingDependencyError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.plan import ChosenFiles
    from onnxhub._backend.repository.repository import Repository

__all__ = ["check_folder", "write_folder"]

_log = logging.getLogger("onnxhub")

RECORD: Final = "onnxhub-export.json"
"""A record of what the folder was made of, and of its files: a folder without others may be written anew."""


def check_folder(folder: Path, *, force: bool) -> None:
    """Check that the folder may be written.

    Raises:
        InvalidOptionError: Something else is in it, and ``force`` is not set.
    """
    if folder.exists() and not force and not _is_replaceable(folder):
        expected = "a new or empty folder, or one that only an earlier export has written to; --force writes into any"
        raise InvalidOptionError("output", str(folder), expected)


def write_folder(ready: ChosenFiles, folder: Path, made_of: Mapping[str, object], *, force: bool) -> dict[str, int]:
    """Write the model's files, and return their sizes by name; a new folder appears when it is whole.

    Raises:
        InvalidOptionError: See ``check_folder``.
        OSError: The disk is full, or cannot be written.
    """
    check_folder(folder, force=force)
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.{uuid4().hex}")
    unfinished.mkdir()
    try:
        for name, path in _list_files(ready).items():
            (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, unfinished / name)
        written = [path for path in sorted(unfinished.rglob("*")) if path.is_file()]
        sizes = {path.relative_to(unfinished).as_posix(): path.stat().st_size for path in written}
        record = json.dumps({**made_of, "files": list(sizes)}, indent=2, ensure_ascii=False)
        (unfinished / RECORD).write_text(f"{record}\n", encoding="utf-8")
        _move(unfinished, folder)
    finally:
        remove_tree(unfinished)
    return sizes


def _list_files(ready: ChosenFiles) -> dict[str, Path]:
    """Return each name in the folder and its file: the graphs in the root, and the small files of the model."""
    repository = ready.repository
    small = [name for name in repository.files if _belongs(name)]
    found = {name: repository.path(name) for name in small}
    if not repository.has(FAST) and (tokenizer := _make_fast_tokenizer(repository)) is not None:
        found[FAST] = tokenizer
    for choice in ready.choices.values():
        fetched = ready.fetched[choice.file]
        found[PurePosixPath(choice.file).name] = fetched.path
        found |= fetched.weights
    return found


def _make_fast_tokenizer(repository: Repository) -> Path | None:
    """Make a ``tokenizer.json`` of the vocabulary, so that the folder loads where transformers is not installed."""
    if not any(repository.has(name) for name in VOCABULARIES):
        return None
    try:
        if find_japanese_tokenizer(repository, repository.json("config.json") or {}) is not None:
            return None  # there is no such form of it, and it is made of the vocabulary without transformers
        return find_fast_form(repository)
    except (TaskMismatchError, MissingDependencyError) as error:  # a graph that takes arrays needs none
        _log.warning("%s is written without a tokenizer.json: %s", repository.model_id, error)
        return None


def _belongs(name: str) -> bool:
    about = "/" not in name and (name.endswith(".md") or name.startswith("LICENSE"))
    return name != RECORD and (about or is_of_model(name))


def _is_replaceable(folder: Path) -> bool:
    """Return whether the folder holds only files that an export has written."""
    if not folder.is_dir():
        return False
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    try:
        record: Any = json.loads((folder / RECORD).read_bytes())
        return present <= {RECORD, *record["files"]}
    except (OSError, ValueError, TypeError, KeyError):
        return not present


def _move(unfinished: Path, folder: Path) -> None:
    """Put the finished folder into its place; into one that has other files as well, file by file."""
    if not folder.exists() or _is_replaceable(folder):
        old = folder.with_name(f"{unfinished.name}.old")
        if folder.exists():
            folder.rename(old)
        unfinished.rename(folder)
        remove_tree(old)
        return
    for path in sorted(unfinished.rglob("*")):
        place = folder / path.relative_to(unfinished)
        if path.is_dir():
            place.mkdir(exist_ok=True)
        else:
            path.replace(place)
