"""Convert a repository that has PyTorch's weights alone to ONNX: in a child process, once, with the installed exporter.

A conversion is kept under its sources: the commit (for a folder: the digests of its files), the class of
``optimum.onnxruntime`` that it is for, and the versions of the packages that made it. To find it again takes none of
these packages.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from onnxhub._backend.kept.building import make
from onnxhub._backend.kept.digests import sha256
from onnxhub._backend.kept.store import Origin
from onnxhub._backend.making.exporters import NATIVE, OPTIMUM, find_exporter, find_version
from onnxhub._backend.making.settings import RECIPE as RULES
from onnxhub.errors import ExportError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.kept.entries import Entry
    from onnxhub._backend.making.exporters import Exporter
    from onnxhub._backend.repository.repository import Repository

__all__ = ["Conversion", "Export", "plan_export"]

_log = logging.getLogger("onnxhub")

KIND: Final = "exported"
STATIC: Final = frozenset({"model2vec", "static"})
"""Model types whose weights are a table of vectors."""
RECIPE: Final = 3
"""The version of this code's request to the exporters: another number leaves earlier conversions unused."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """When a repository is converted."""

    export: bool | Literal["auto"] = "auto"
    """"auto": where it has no ONNX file; True: even if it has one; False: never."""
    anew: bool = False
    """Whether a conversion that is there is made once more."""
    allow_pickle: bool = False
    """Whether weights may be pickles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """The conversion that a repository needs, made before or still to make."""

    repository: Repository
    files: tuple[str, ...]
    """The files that it is made of."""
    ort_class: str
    origin: Origin
    exporter: Exporter | None
    """The exporter that makes it; None where it is made already."""
    entry: Entry | None
    """The cache entry of the conversion; None: there is none yet."""
    anew: bool

    @property
    def description(self) -> str:
        """Who made it, or who would."""
        if self.entry is not None:
            return self.maker
        name = "" if self.exporter is None else self.exporter.name
        return f"it has no ONNX file: it would be converted, once (by the package {name})"

    @property
    def maker(self) -> str:
        """Who made it; empty if it is not made yet."""
        return "" if self.entry is None else _describe_makers(self.entry.made_of)

    def run(self) -> Export:
        """Make it, if it is not made yet.

        Raises:
            ExportError: The conversion failed.
            OSError: The disk is full.
        """
        if self.entry is not None or self.exporter is None:
            return self
        entry = _convert(self.repository, self.files, self.ort_class, self.origin, self.exporter, anew=self.anew)
        return replace(self, entry=entry)

    def convert(self, repository: Repository) -> Repository | None:
        """Return the repository with what was made in the place of its own ONNX files; None if it is not made yet."""
        if self.entry is None:
            return None
        own = {name: size for name, size in repository.files.items() if not name.endswith(".onnx")}
        return replace(repository, files=own).with_generated(
            {name: self.entry.folder / name for name in self.entry.files}
        )


def plan_export(repository: Repository, ort_class: str, asked: Conversion) -> Export | None:
    """Return the conversion that a repository needs; None if it needs none.

    Raises:
        NoOnnxFileError: It has nothing that could be converted.
        MissingDependencyError: It was not converted before, and nothing that converts is installed.
        UnsafeModelError: Its weights are pickles.
        ExportError: It cannot be converted, or not by what is installed.
    """
    has_onnx = any(name.endswith(".onnx") for name in repository.files)
    if asked.export is False or (asked.export == "auto" and has_onnx):
        return None
    from onnxhub._backend.making.staging import files_to_export

    files = files_to_export(repository, allow_pickle=asked.allow_pickle)
    origin = _origin(repository, files, ort_class)
    entry = None if asked.anew else origin.find()
    exporter = None
    if entry is None:
        check_model_type(repository)
        exporter = _require_exporter(repository)
        if exporter is OPTIMUM:
            _restate(repository, repository.json("config.json") or {})
    return Export(
        repository=repository,
        files=files,
        ort_class=ort_class,
        origin=origin,
        exporter=exporter,
        entry=entry,
        anew=asked.anew,
    )


def check_model_type(repository: Repository) -> None:
    """Raise ``ExportError`` where transformers has no class for the model, as far as that is told without importing it."""
    from onnxhub._backend.making.programs.known_settings import advise_newer
    from onnxhub._backend.making.settings import declares_remote_code

    config = repository.json("config.json")
    if config is None:
        raise ExportError(repository.model_id, "it has no config.json, which says what its weights are")
    kind = config.get("model_type")
    if kind in STATIC:
        reason = f"it is of static embeddings ({kind}), one fixed vector for each token, and no transformer to convert"
        raise ExportError(repository.model_id, reason)
    if isinstance(kind, str) and _is_known(kind):
        return
    if declares_remote_code(config):
        reason = "its model is code of the repository (auto_map in config.json), and such code is never run here"
    elif kind is None:
        reason = "its config.json does not say of which model_type it is"
    else:
        installed = find_version("transformers") or ""
        advice = advise_newer(config.get("transformers_version"), installed)
        reason = f"transformers {installed} knows no models of type {kind!r}{advice}"
    raise ExportError(repository.model_id, reason)


def _is_known(kind: str) -> bool:
    """Return whether the installed transformers lists the model type; True where it is not installed."""
    from importlib.util import find_spec

    spec = find_spec("transformers")
    if spec is None or spec.origin is None:
        return True
    lists = [
        *Path(spec.origin).parent.glob("models/auto/configuration_auto.py"),
        *Path(spec.origin).parent.glob("models/auto/auto_mappings.py"),
    ]
    quoted = (f'"{kind}"', f"'{kind}'")
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in lists]
    return not texts or any(name in text for text in texts for name in quoted)


def _origin(repository: Repository, files: tuple[str, ...], ort_class: str) -> Origin:
    source = [RECIPE, RULES, ort_class, *_identity(repository, files)]
    found = find_exporter()
    return Origin(KIND, source, found and found[1])


def _require_exporter(repository: Repository) -> Exporter:
    """Return the exporter that is installed.

    Raises:
        MissingDependencyError: none is; the error names the one that fits the installed transformers.
    """
    found = find_exporter()
    if found is not None:
        return found[0]
    purpose = f"converting {repository.model_id} to ONNX"
    newer = (find_version("transformers") or "").startswith("5.")
    wanted = NATIVE if newer else OPTIMUM
    missing = next((package for package in wanted.packages if find_version(package) is None), "transformers")
    raise MissingDependencyError(missing, purpose, _describe_installation(repository, wanted))


def _convert(
    repository: Repository, files: tuple[str, ...], ort_class: str, origin: Origin, exporter: Exporter, *, anew: bool
) -> Entry:
    from tempfile import TemporaryDirectory

    from onnxhub._backend.making.child_process import run_child
    from onnxhub._backend.making.settings import declares_remote_code
    from onnxhub._backend.making.staging import stage

    made_of: dict[str, object] = {
        "model": repository.model_id,
        "revision": repository.commit,
        "for": ort_class,
        "with": origin.versions,
    }

    def build(folder: Path) -> None:
        started = time.monotonic()
        # Inside the entry's own unfinished folder, so that whoever clears that away clears this away.
        with TemporaryDirectory(prefix=".export-", dir=folder) as work:
            source, output = Path(work, "source"), Path(work, "output")
            source.mkdir()
            output.mkdir()
            stage(repository, files, source)
            config = source / "config.json"
            if exporter is OPTIMUM and config.exists():
                config.write_text(json.dumps(_restate(repository, json.loads(config.read_bytes()))), encoding="utf-8")
            asked = {
                "source": str(source),
                "output": str(output),
                "ort_class": ort_class,
                "pickle": any(name.endswith(".bin") for name in files),
                "code": declares_remote_code(repository.json("config.json")),
            }
            what = f"converting {repository.model_id} to ONNX"
            run_child(exporter.program, asked, model_id=repository.model_id, what=what, work=Path(work))
            made_of.update(json.loads((output / "facts.json").read_bytes()))
            for path in output.iterdir():
                if ".onnx" in path.name:
                    path.rename(folder / path.name)
        _log.info("%s was converted to ONNX in %.1f s", repository.model_id, time.monotonic() - started)

    return make(KIND, origin.key, made_of, build, replace=anew)


def _restate(repository: Repository, config: Mapping[str, object]) -> dict[str, object]:
    """Return the configuration as the version of transformers that optimum works with writes it."""
    from onnxhub._backend.making.newer_settings import NewerSettingsError, restate_config

    try:
        return restate_config(config)
    except NewerSettingsError as error:
        raise ExportError(repository.model_id, str(error)) from error


def _identity(repository: Repository, files: tuple[str, ...]) -> list[str]:
    """Return what identifies the model's files; those of a commit are not read."""
    if repository.commit is not None:
        return [repository.model_id, repository.commit]
    return [f"{name}:{sha256(repository.path(name))}" for name in files]


def _describe_makers(made_of: Mapping[str, object]) -> str:
    versions = made_of.get("with")
    names = (
        ", ".join(f"{name} {version}" for name, version in versions.items())
        if isinstance(versions, dict)
        else "optimum"
    )
    return f"converted from PyTorch's weights by {names}"


def _describe_installation(repository: Repository, exporter: Exporter) -> str:
    without = f"uvx --from 'onnxhub[{exporter.extra},cli]' onnxhub export {repository.model_id} -o FOLDER"
    return f"pip install 'onnxhub[{exporter.extra}]' converts it on the first load, and `{without}` without installing anything"
