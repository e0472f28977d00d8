"""What a repository holds, and what ``load`` would make of it.

Read from its listing and its small files; of weights, only what is on disk already is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from onnxhub._backend.files.layout import describe_beside
from onnxhub._backend.files.naming import choose_by_graphs, settle, take_as_they_are
from onnxhub._backend.files.variants import Choice, parse_dtype
from onnxhub._backend.graphs.signature import read_graph
from onnxhub._backend.inputs.tokenizer import find_usable_length, load_tokenizer
from onnxhub._backend.kept.entries import retry_if_cleared
from onnxhub._backend.making import export as exporting
from onnxhub._backend.making import quantize as quantizing
from onnxhub._backend.repository.repository import fetch_model
from onnxhub._backend.runtime.support import check_support
from onnxhub._toolkit.label_names import MOST_LABELS, count_labels
from onnxhub._toolkit.sentence_transformers.files import read_length_settings
from onnxhub.errors import NoOnnxFileError, OnnxHubError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.graphs.signature import Graph
    from onnxhub._backend.repository.repository import Repository
    from onnxhub._contracts.registry import Task

__all__ = ["Inspection", "OnnxFile", "look_into"]


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """One ONNX file of a repository."""

    file: str
    """Its path."""
    dtype: str
    """Its precision: by its graph, where that is on disk, else by its name."""
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
def look_into(
    repository: Repository, task: Task[Any], *, dtype: str = "auto", file: str | Mapping[str, str] | None = None
) -> Inspection:
    """Look at a repository without fetching weights, as ``load`` would for this task on the CPU."""
    config = repository.json("config.json") or {}
    ort_class = task.ort_class_of(config)
    choices, reason, error = _chosen(repository, ort_class, dtype, file)
    graphs: dict[str, Graph] = {}
    for choice in choices:
        if repository.is_here(choice.file):
            try:
                fetch_model(repository, choice.file, missing=False)
                graphs[choice.file] = read_graph(repository.path(choice.file))
                check_support(repository.path(choice.file))
            except OnnxHubError as refused:
                error = error or refused
    error = error or _refused_tokenizer(repository, task, config)
    chosen = {choice.file: choice.dtype for choice in choices}
    files = tuple(
        OnnxFile(name, chosen.get(name) or _dtype(repository, name), _size(repository, name), name in chosen)
        for name in sorted(repository.files)
        if name.endswith(".onnx")
    )
    return Inspection(
        model_id=repository.model_id,
        revision=repository.commit,
        architecture=", ".join(map(str, _list(config.get("architectures")))),
        ort_class=ort_class,
        labels=_labels(config),
        max_length=find_usable_length(
            read_length_settings(repository), repository.json("tokenizer_config.json") or {}, config
        ),
        files=files,
        choice=reason,
        graphs=graphs,
        error=error,
    )


def _chosen(
    repository: Repository, ort_class: str, dtype: str, file: str | Mapping[str, str] | None
) -> tuple[tuple[Choice, ...], str, OnnxHubError | None]:
    """The files that ``load`` would take (none where it would make them), why, and what it would raise in their place."""
    try:
        choices = choose_by_graphs(repository, ort_class, dtype=dtype, file=file, gpu=False)
    except OnnxHubError as missing:
        if file is not None:
            return (), str(missing), missing
        try:
            return (), _made(repository, ort_class, dtype, missing), None
        except OnnxHubError as error:
            choices = take_as_they_are(repository, ort_class, dtype) if isinstance(error, VariantNotFoundError) else {}
            if not choices:
                return (), str(error), error
    try:
        settled = tuple(
            _settled(repository, role, choice, "auto" if file else dtype) for role, choice in choices.items()
        )
    except VariantNotFoundError as untrue:
        return (), str(untrue), untrue
    beside = describe_beside(repository)
    reason = ", ".join(filter(None, (settled[0].reason, beside and f"with {beside}")))
    return settled, reason, None


def _settled(repository: Repository, role: str, choice: Choice, dtype: str) -> Choice:
    """The choice by what its graph says, if that is here and can be read."""
    if not repository.is_here(choice.file):
        return choice
    try:
        facts = fetch_model(repository, choice.file, missing=False)
    except OnnxHubError:  # which is told when the graph is looked at
        return choice
    return settle(repository, choice, facts, dtype=dtype, role=role)


def _dtype(repository: Repository, name: str) -> str:
    """The precision of a file: by its graph, if that is here and can be read, else by its name."""
    return _settled(repository, "", Choice(name, parse_dtype(name), ""), "auto").dtype


def _refused_tokenizer(
    repository: Repository, task: Task[Any], config: Mapping[str, object]
) -> OnnxHubError | None:  # fmt: skip
    """What ``load`` would raise of a tokenizer.json that is here."""
    if task.raw or not repository.has("tokenizer.json") or not repository.is_here("tokenizer.json"):
        return None
    try:
        load_tokenizer(repository, config)
    except OnnxHubError as refused:
        return refused
    return None


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
    size = count_labels(config)
    return () if size is None or not 0 < size <= MOST_LABELS else tuple(f"LABEL_{index}" for index in range(size))
