"""The content of a repository, and the files that ``load`` would take of it.

Only the listing, small files and graphs that are on disk are read; no weights are fetched.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from onnxhub._backend.files.variants import Choice, parse_dtype
from onnxhub._backend.graphs.signature import read_graph
from onnxhub._backend.inputs.tokenizer import find_usable_length, load_tokenizer
from onnxhub._backend.kept.entries import retry_if_cleared
from onnxhub._backend.plan import FileRequest, settle_if_here
from onnxhub._backend.repository.repository import fetch_files
from onnxhub._backend.runtime.compiled import check_compiled
from onnxhub._backend.runtime.providers import choose_candidates
from onnxhub._backend.runtime.session import SessionOptions
from onnxhub._backend.runtime.support import check_support
from onnxhub._contracts.registry import Task, get_task
from onnxhub._loading.build import check_files
from onnxhub._loading.resolve import AUTO, CUSTOM, Resolution, resolve
from onnxhub._toolkit.label_names import MOST_LABELS, count_labels
from onnxhub._toolkit.sentence_transformers.files import read_length_settings
from onnxhub.errors import OnnxHubError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.graphs.signature import Graph
    from onnxhub._backend.repository.repository import Repository
    from onnxhub._loading.request import LoadRequest

__all__ = ["Inspection", "OnnxFile", "inspect_model", "inspect_repository"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Facts of a model that are known before its weights are fetched."""

    task: Task[Any] | None
    """None: nothing that is on disk tells it."""
    task_reason: str
    """The evidence for the task."""
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
    compiled: str
    """What ``load`` on the CPU would do about a compiled graph; empty where the weights are not on disk yet."""
    graphs: Mapping[str, Graph]
    """The graphs of the chosen files that are on disk, by file."""
    error: OnnxHubError | None
    """The error that ``load`` would raise, as far as it is known."""


def inspect_model(request: LoadRequest) -> Inspection:
    """Look at the model of a request without fetching weights; ``load`` on the CPU would take what it says.

    Raises:
        ModelNotFoundError: There is no such folder, repository or revision.
        OfflineError, GatedModelError: The Hub does not give its listing.
    """
    return inspect_repository(
        request.open_repository(), request.task, dtype=request.dtype, file=request.file, outputs=request.outputs
    )


@retry_if_cleared
def inspect_repository(
    repository: Repository,
    task: str | Task[Any] = AUTO,
    *,
    dtype: str = "auto",
    file: str | Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
) -> Inspection:
    """Look at a repository without fetching weights; see ``load`` for the arguments."""
    asked = task if isinstance(task, Task) else None if task == AUTO else get_task(task)
    found = resolve(repository, asked, FileRequest(dtype=dtype, file=file), outputs=outputs, fetch=False)
    repository = repository if found.plan is None else found.plan.repository
    config = found.config
    graphs, unread = _read_graphs(repository, found)
    chosen = {choice.file: choice.dtype for choice in found.files.values()}
    files = tuple(
        OnnxFile(name, chosen.get(name) or _find_dtype(repository, name), _sum_sizes(repository, name), name in chosen)
        for name in sorted(repository.files)
        if name.endswith(".onnx")
    )
    problems = (*found.problems, *unread)
    return Inspection(
        task=found.task,
        task_reason=found.task_reason,
        model_id=repository.model_id,
        revision=repository.commit,
        architecture=", ".join(map(str, _as_list(config.get("architectures")))),
        ort_class=(found.task or get_task(CUSTOM)).ort_class_of(config),
        labels=_name_labels(config),
        max_length=find_usable_length(
            read_length_settings(repository), repository.json("tokenizer_config.json") or {}, config
        ),
        files=files,
        choice=str(found.problems[-1]) if found.plan is None else found.plan.reason,
        compiled=_describe_compiled(found),
        graphs=graphs,
        error=next(iter(problems), None) or _find_misfit(repository, found, graphs, outputs),
    )


def _read_graphs(repository: Repository, found: Resolution) -> tuple[dict[str, Graph], list[OnnxHubError]]:
    """Return the graphs of the chosen files that are on disk, and what reading them would make ``load`` raise."""
    graphs: dict[str, Graph] = {}
    problems: list[OnnxHubError] = []
    for choice in found.files.values():
        if repository.is_here(choice.file):
            try:
                path = fetch_files(repository, choice.file, missing=False).path
                graphs[choice.file] = read_graph(path)
                check_support(path)
            except OnnxHubError as refused:
                problems.append(refused)
    return graphs, problems


def _describe_compiled(found: Resolution) -> str:
    try:
        steps = found.plan_compiled(choose_candidates("cpu", None), SessionOptions(), compiled=check_compiled("auto"))
    except OnnxHubError:  # without an ONNX Runtime, or with a switch that is none, load raises it
        return ""
    return "; ".join(dict.fromkeys(step.description for step in steps.values()))


def _find_misfit(
    repository: Repository, found: Resolution, graphs: Mapping[str, Graph], outputs: Mapping[str, str] | None
) -> OnnxHubError | None:
    """Return what ``load`` would raise of the tokenizer and of a graph that does not fit the task."""
    if found.task is None:
        return None
    try:
        if not found.task.raw and repository.has("tokenizer.json") and repository.is_here("tokenizer.json"):
            load_tokenizer(repository, found.config)
        if graphs and len(graphs) == len(found.files):
            # The file of the first role takes the inputs.
            check_files(found.task, repository, next(iter(graphs.values())), outputs)
    except OnnxHubError as error:
        return error
    return None


def _find_dtype(repository: Repository, name: str) -> str:
    """Return the precision of a file: by its graph, if that is here and can be read, else by its name."""
    return settle_if_here(repository, "", Choice(name, parse_dtype(name), ""), "auto")[0].dtype


def _sum_sizes(repository: Repository, name: str) -> int | None:
    """Return the bytes of a file and of what lies beside it under its name; only its graph tells what else it refers to."""
    path = PurePosixPath(name)
    beside = [
        other for other in repository.files if PurePosixPath(other).parent == path.parent and _belongs(other, path.name)
    ]
    sizes = [repository.files[other] for other in beside]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _belongs(file: str, name: str) -> bool:
    other = PurePosixPath(file).name
    return other == name or other.startswith((f"{name}_data", f"{name}.data"))


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _name_labels(config: Mapping[str, object]) -> tuple[str, ...]:
    """Return the labels as ``load`` names them; those that it refuses are here as they are."""
    labels = config.get("id2label")
    if isinstance(labels, dict) and labels:
        # In the order of the outputs, which the file need not have: by the numbers that are its keys.
        return tuple(str(labels[key]) for key in sorted(labels, key=lambda key: (len(key), key)))
    inverted = config.get("label2id")
    if isinstance(inverted, dict) and inverted:
        return tuple(sorted(inverted, key=lambda label: (len(str(inverted[label])), str(inverted[label]))))
    size = count_labels(config)
    return () if size is None or not 0 < size <= MOST_LABELS else tuple(f"LABEL_{index}" for index in range(size))
