"""What a repository holds, and what ``load`` would make of it: read from its listing and its small files alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from onnxhub.backend.hub import fetch_model
from onnxhub.backend.parts import choose_parts
from onnxhub.backend.quantizing import TOOLS, lacking
from onnxhub.backend.tokenizer import usable_length
from onnxhub.backend.variants import dtype_of
from onnxhub.errors import OnnxHubError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub.backend.hub import Repository
    from onnxhub.backend.model import OnnxBackend

__all__ = ["Inspection", "OnnxFile", "bytes_of", "look_into"]


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """One ONNX file of a repository."""

    file: str
    """Its path."""
    dtype: str
    """Its precision, as far as its name tells it."""
    size: int | None
    """Bytes, with the external data that is named after it; None: the Hub did not say."""
    chosen: bool
    """Whether ``load`` would take it."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of a model before its weights are fetched."""

    model_id: str
    revision: str | None
    """Commit hash; None for a folder."""
    architecture: str
    """transformers' class, by ``config.json``; empty if it does not say."""
    labels: tuple[str, ...]
    max_length: int | None
    files: tuple[OnnxFile, ...]
    choice: str
    """Why ``load`` would take the chosen files, or what it would raise."""


def look_into(repository: Repository, ort_class: str, *, dtype: str = "auto", gpu: bool = False) -> Inspection:
    """Look at a repository without fetching weights."""
    config = repository.json("config.json") or {}
    try:
        chosen, reason = _chosen(repository, ort_class, dtype, gpu=gpu)
    except OnnxHubError as error:
        chosen, reason = set(), str(error)
    files = tuple(
        OnnxFile(name, dtype_of(name), _size(repository, name), name in chosen)
        for name in sorted(repository.files)
        if name.endswith(".onnx")
    )
    return Inspection(
        model_id=repository.model_id,
        revision=repository.commit,
        architecture=", ".join(map(str, _list(config.get("architectures")))),
        labels=_labels(config),
        max_length=usable_length(
            repository.json("sentence_bert_config.json") or {}, repository.json("tokenizer_config.json") or {}, config
        ),
        files=files,
        choice=reason,
    )


def _chosen(repository: Repository, ort_class: str, dtype: str, *, gpu: bool) -> tuple[set[str], str]:
    """The files that ``load`` would take, and why; none where it would make them."""
    try:
        choices = choose_parts(repository, ort_class, dtype=dtype, file=None, gpu=gpu)
    except VariantNotFoundError as missing:
        made = lacking(repository, ort_class, dtype, missing)
        return set(), f"{', '.join(made)} would be made of {', '.join(made.values())} (by the package {TOOLS})"
    return {choice.file for choice in choices.values()}, next(iter(choices.values())).reason


def bytes_of(backend: OnnxBackend) -> int:
    """The size of the files that an open model was loaded from, all of their external data included."""
    total = 0
    for choice in backend.choices.values():
        path = backend.repository.path(choice.file)
        files = [path, *(path.parent / name for name in fetch_model(backend.repository, choice.file).external_data)]
        total += sum(file.stat().st_size for file in files)
    return total


def _size(repository: Repository, name: str) -> int | None:
    """Of the file and of what lies beside it under its name; what else it refers to, only the file itself tells."""
    path = PurePosixPath(name)
    beside = [one for one in repository.files if PurePosixPath(one).parent == path.parent and _belongs(one, path.name)]
    sizes = [repository.files[one] for one in beside]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _belongs(file: str, name: str) -> bool:
    other = PurePosixPath(file).name
    return other == name or other.startswith((f"{name}_data", f"{name}.data"))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _labels(config: Mapping[str, object]) -> tuple[str, ...]:
    labels = config.get("id2label")
    if not isinstance(labels, dict):
        return ()
    # In the order of the outputs, which the file need not have: by the numbers that are its keys.
    return tuple(str(labels[key]) for key in sorted(labels, key=lambda key: (len(key), key)))
