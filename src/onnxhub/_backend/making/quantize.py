"""A variant that the repository lacks: ONNX Runtime's own tools make it of the full-precision file, once.

It is made in a child process, and kept under what it was made of: the commit and the file (of a folder: the digests of
the file and of its external data), the dtype, and the versions of the packages that made it. Whoever finds it there
needs none of these packages.
"""

from __future__ import annotations

import errno
import glob
import logging
import os
import shutil
import time
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from onnxhub._backend.files.naming import find_precision
from onnxhub._backend.files.roles import choose_roles
from onnxhub._backend.files.variants import describe_variants, name_variant, normalize_dtype
from onnxhub._backend.kept.building import make
from onnxhub._backend.kept.digests import sha256
from onnxhub._backend.kept.store import Origin
from onnxhub._backend.making.child_process import run_child
from onnxhub._backend.repository.repository import fetch_model
from onnxhub._backend.runtime.gathering import gather_files
from onnxhub._backend.runtime.providers import import_onnxruntime
from onnxhub.errors import ExportError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.kept.entries import Entry
    from onnxhub._backend.repository.repository import Repository

__all__ = ["NotMakeableError", "Quantize", "plan_variants"]

_log = logging.getLogger("onnxhub")

KIND: Final = "variants"
RECIPE: Final = 1
"""Counts the changes of ``programs/quantize.py`` that change what is made."""
MADE: Final = frozenset({"int8", "uint8", "q8", "fp16"})
"""What is made; four bits and fewer lose too much to be made unseen."""
LARGE: Final = 2**30
"""Bytes from which on the weights go into a file of their own; a protobuf holds less than 2 GiB."""
ROOM: Final = 3
"""Times the size of the source: the tools write it twice, and then the variant."""
TOOLS: Final = "onnx"
"""The package that ONNX Runtime's tools need."""


class NotMakeableError(Exception):
    """Raised where a variant cannot be made; ``plan`` makes the error about the missing variant of it."""

    def __init__(self, hint: str = "", variants: tuple[str, ...] | None = None) -> None:
        """Take what is in the way, and the variants by what their graphs say where that was looked at."""
        super().__init__(hint)
        self.hint = hint
        self.variants = variants


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantize:
    """A variant that a repository lacks, made before or still to make."""

    repository: Repository
    source: str
    """The full-precision file."""
    target: str
    """The path that the variant has in the repository."""
    dtype: str
    origin: Origin
    entry: Entry | None
    """The cache entry of the variant; None: there is none yet."""

    @property
    def description(self) -> str:
        """Who made it, or who would."""
        if self.entry is None:
            return f"{self.target} would be made of {self.source} (by the package {TOOLS})"
        return f"{self.target} was made of {self.source} (by onnxruntime {_maker(self.entry)})"

    @property
    def maker(self) -> str:
        """Who made it, and of what; empty if it is not made yet."""
        return "" if self.entry is None else f"made of {self.source} by onnxruntime {_maker(self.entry)}"

    @property
    def files(self) -> dict[str, Path]:
        """The path in the repository of each file that was made -> where it is."""
        folder = PurePosixPath(self.target).parent
        if self.entry is None:
            return {}
        return {(folder / name).as_posix(): self.entry.folder / name for name in self.entry.files}

    def run(self) -> Quantize:
        """Make it, if it is not made yet.

        Raises:
            ExportError: The tools failed, or find nothing to do.
            OSError: The disk is full.
        """
        if self.entry is not None:
            return self
        return replace(self, entry=_quantize(self.repository, self.source, self.dtype, self.target, self.origin))


def plan_variants(
    repository: Repository,
    ort_class: str,
    dtype: str,
    *,
    allowed: bool,
    fetch: bool,
    done: Mapping[str, Quantize],
) -> tuple[Quantize, ...]:
    """Return the variants that the repository lacks in a dtype, each made before or to be made.

    Args:
        repository: What was looked through.
        ort_class: The class of ``optimum.onnxruntime`` that it is for.
        dtype: What was asked for.
        allowed: Whether anything may be made.
        fetch: Whether the graph of a source is fetched to be checked, where it is not on disk.
        done: Target -> the step that has made it just now.

    Raises:
        NotMakeableError: It is not a dtype that is made, or there is no full-precision file, or nothing to make it with.
        AmbiguousFileError: Several files might be its source.
    """
    wanted = normalize_dtype(dtype)
    planned = []
    for target, source in _find_sources(repository, ort_class, wanted).items():
        if not allowed:
            raise NotMakeableError(f"export=False forbids to make it of {source}")
        if target in done:
            planned.append(done[target])
            continue
        origin = _origin(repository, source, wanted)
        entry = origin.find()
        if entry is None:
            _check_installed(origin, source)
            if fetch or repository.is_here(source):
                _check_precision(repository, source)
        planned.append(
            Quantize(repository=repository, source=source, target=target, dtype=wanted, origin=origin, entry=entry)
        )
    return tuple(planned)


def _find_sources(repository: Repository, ort_class: str, wanted: str) -> dict[str, str]:
    """Return the files that the repository lacks in a dtype, and what each of them is made of."""
    if wanted not in MADE:
        raise NotMakeableError
    try:
        choices = choose_roles(repository, ort_class, dtype="fp32", file=None, gpu=False)
    except VariantNotFoundError as error:
        raise NotMakeableError("int8, uint8, q8 and fp16 are made of an fp32 file, which it lacks too") from error
    targets = {name_variant(choice.file, wanted): choice.file for choice in choices.values()}
    return {target: source for target, source in targets.items() if not repository.has(target)}


def _origin(repository: Repository, file: str, dtype: str) -> Origin:
    return Origin(KIND, [RECIPE, dtype, *_identity(repository, file)], _versions())


def _check_installed(origin: Origin, source: str) -> None:
    if origin.versions is None:
        hint = f"pip install {TOOLS} (or 'onnxhub[optimum]') lets the first load make it of {source}"
        raise NotMakeableError(hint)


def _check_precision(repository: Repository, source: str) -> None:
    """Check that it is a full-precision file, as its name says: of another, the tools make nothing, or something else."""
    found = find_precision(fetch_model(repository, source, missing=False))
    if found.is_quantised or found.dtype in {"fp16", "bf16"}:
        reason = f"int8, uint8, q8 and fp16 are made of an fp32 file, and the graph of {source} is {found.description}"
        raise NotMakeableError(reason, describe_variants(repository.files, {source: found.dtype}))


def _quantize(repository: Repository, file: str, dtype: str, target: str, origin: Origin) -> Entry:
    name = PurePosixPath(target).name
    made_of = {
        "model": repository.model_id,
        "revision": repository.commit,
        "file": file,
        "dtype": dtype,
        "with": origin.versions,
    }

    def build(folder: Path) -> None:
        started = time.monotonic()
        # Inside the entry's own unfinished folder, so that whoever clears that away clears this away.
        with TemporaryDirectory(prefix=".quantize-", dir=folder) as work:
            model, *weights = (repository.path(part) for part in _files(repository, file))
            size = sum(path.stat().st_size for path in (model, *weights))
            _require_room(folder, ROOM * size)
            what = f"making {dtype} of {repository.model_id}"
            with gather_files(model, weights) as source:
                asked = {"source": str(source), "output": str(Path(work, name)), "dtype": dtype, "large": size > LARGE}
                try:
                    run_child(
                        "onnxhub._backend.making.programs.quantize",
                        asked,
                        model_id=f"{repository.model_id}, {file}",
                        what=what,
                        work=Path(work),
                        reads=[source.parent],
                    )
                except ExportError as error:
                    raise replace(error, target=dtype) from error
            for path in Path(work).glob(f"{glob.escape(name)}*"):
                path.rename(folder / path.name)
        _log.info("%s: %s was made in %.1f s", repository.model_id, target, time.monotonic() - started)

    return make(KIND, origin.key, made_of, build)


def _require_room(folder: Path, size: int) -> None:
    """Fail before the work and not in the midst of it."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(
            errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({size / 1e6:,.0f} MB are needed)", str(folder.parent)
        )


def _files(repository: Repository, file: str) -> list[str]:
    """Return the file, and those that its weights are in."""
    folder = PurePosixPath(file).parent
    return [file, *((folder / name).as_posix() for name in fetch_model(repository, file).external_data)]


def _identity(repository: Repository, file: str) -> list[str]:
    """Return what identifies the source; files of a commit are not read."""
    if repository.commit is not None and file not in repository.generated:
        return [repository.model_id, repository.commit, file]
    return [f"{name}:{sha256(repository.path(name))}" for name in _files(repository, file)]


def _versions() -> dict[str, str] | None:
    """Return the versions of the packages that make variants; None if one of them is missing."""
    try:
        return {"onnxruntime": import_onnxruntime().__version__, TOOLS: metadata.version(TOOLS)}
    except metadata.PackageNotFoundError:
        return None


def _maker(entry: Entry) -> str:
    versions = entry.made_of.get("with")
    return str(versions.get("onnxruntime")) if isinstance(versions, dict) else ""
