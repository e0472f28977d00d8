"""What a repository holds, and what ``load`` would make of it.

Read from its listing and its small files; of weights, only what is on disk already is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from onnxhub._label_names import MOST_LABELS, declared_size
from onnxhub._sentence_files import length_settings
from onnxhub.backend import exporting, quantizing
from onnxhub.backend.entries import retry_if_cleared
from onnxhub.backend.graph import read_graph
from onnxhub.backend.hub import fetch_model
from onnxhub.backend.parts import choose_parts
from onnxhub.backend.preparation import read_config
from onnxhub.backend.tokenizer import usable_length
from onnxhub.backend.variants import dtype_of
from onnxhub.errors import NoOnnxFileError, OnnxHubError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._registry import Task
    from onnxhub.backend.graph import Graph
    from onnxhub.backend.hub import Repository

__all__ = ["Inspection", "OnnxFile", "look_into"]


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
    ort_class: str
    """The class of ``optimum.onnxruntime`` that it was looked at for."""
    labels: tuple[str, ...]
    max_length: int | None
    files: tuple[OnnxFile, ...]
    choice: str
    """Why ``load`` would take the chosen files, or what it would raise."""
    graphs: Mapping[str, Graph]
    """What the chosen files say of themselves, of those that are on disk."""
    error: OnnxHubError | None
    """What ``load`` would raise, as far as it can be told."""


@retry_if_cleared
def look_into(repository: Repository, task: Task[Any], *, dtype: str = "auto", file: str | None = None) -> Inspection:
    """Look at a repository without fetching weights, as ``load`` would for this task on the CPU."""
    config = repository.json("config.json") or {}
    ort_class = task.ort_class_of(config)
    choices, reason, error = _chosen(repository, task, ort_class, dtype, file)
    graphs: dict[str, Graph] = {}
    for name in filter(repository.is_here, choices):
        try:
            fetch_model(repository, name, missing=False)
            graphs[name] = read_graph(repository.path(name))
        except OnnxHubError as refused:
            error = error or refused
    files = tuple(
        OnnxFile(name, dtype_of(name), _size(repository, name), name in choices)
        for name in sorted(repository.files)
        if name.endswith(".onnx")
    )
    return Inspection(
        model_id=repository.model_id,
        revision=repository.commit,
        architecture=", ".join(map(str, _list(config.get("architectures")))),
        ort_class=ort_class,
        labels=_labels(config),
        max_length=usable_length(length_settings(repository), repository.json("tokenizer_config.json") or {}, config),
        files=files,
        choice=reason,
        graphs=graphs,
        error=error,
    )


def _chosen(
    repository: Repository, task: Task[Any], ort_class: str, dtype: str, file: str | None
) -> tuple[tuple[str, ...], str, OnnxHubError | None]:
    """The files that ``load`` would take (none where it would make them), why, and what it would raise in their place."""
    try:
        read_config(repository, task)
        choices = choose_parts(repository, ort_class, dtype=dtype, file=file, gpu=False)
    except OnnxHubError as missing:
        if file is not None:
            return (), str(missing), missing
        try:
            return (), _made(repository, ort_class, dtype, missing), None
        except OnnxHubError as error:
            return (), str(error), error
    return tuple(choice.file for choice in choices.values()), next(iter(choices.values())).reason, None


def _made(repository: Repository, ort_class: str, dtype: str, missing: OnnxHubError) -> str:
    """What ``load`` would make, in place of what is missing."""
    if isinstance(missing, NoOnnxFileError):
        return exporting.foretold(repository, ort_class)
    if isinstance(missing, VariantNotFoundError):
        return quantizing.foretold(repository, ort_class, dtype, missing)
    raise missing


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
    """The labels as ``load`` names them, but for what it refuses: those are here as they are."""
    labels = config.get("id2label")
    if isinstance(labels, dict) and labels:
        # In the order of the outputs, which the file need not have: by the numbers that are its keys.
        return tuple(str(labels[key]) for key in sorted(labels, key=lambda key: (len(key), key)))
    inverted = config.get("label2id")
    if isinstance(inverted, dict) and inverted:
        return tuple(sorted(inverted, key=lambda label: (len(str(inverted[label])), str(inverted[label]))))
    size = declared_size(config)
    return () if size is None or not 0 < size <= MOST_LABELS else tuple(f"LABEL_{index}" for index in range(size))
