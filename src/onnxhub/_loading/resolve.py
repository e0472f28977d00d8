"""What ``load`` will open: which task a model is for, found before it is opened, and what its files say against that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxhub._backend.files.naming import choose_by_graphs
from onnxhub._backend.files.roles import MODEL, has_roles
from onnxhub._backend.graphs.signature import read_graph
from onnxhub._backend.making.staging import files_to_export
from onnxhub._backend.repository.repository import fetch_model
from onnxhub._contracts.outputs import rename
from onnxhub._contracts.registry import get_task, list_tasks
from onnxhub._loading.infer_task import FRONT_MATTER, Inferred, infer_from_files, infer_from_graph, pipeline_tag
from onnxhub._toolkit.sentence_transformers.files import TRANSFORMER_TASKS
from onnxhub._toolkit.sentence_transformers.settings import read_settings
from onnxhub.errors import AmbiguousFileError, UnclearTaskError, UnknownTaskError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from onnxhub._backend.repository.repository import Repository
    from onnxhub._contracts.registry import Task

__all__ = ["check_convertible", "find_task", "make_unclear", "task_of_files", "task_of_graph"]

CUSTOM = "custom"
"""The task of a graph of which nothing else is known."""
PARTS = "its files are an encoder with its decoder: if they are of texts, text2text-generation loads them"


def find_task(
    repository: Repository,
    name: str,
    *,
    dtype: str = "auto",
    file: str | Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    gpu: bool = False,
) -> Inferred | None:
    """Find the task that was named, or, for ``"auto"``, the one that the files or the graph tell, which is then fetched.

    None: the graph leaves open what ONNX Runtime would infer of its outputs.

    Raises:
        UnknownTaskError: none has the name.
        UnclearTaskError: nothing tells it.
        NoOnnxFileError, VariantNotFoundError, AmbiguousFileError: there is no graph to ask.
    """
    if name != "auto":
        return Inferred(get_task(name).name, "it was asked for")
    return task_of_files(repository) or task_of_graph(repository, dtype=dtype, file=file, outputs=outputs, gpu=gpu)


def task_of_files(repository: Repository) -> Inferred | None:
    """The task by a repository's small files, if they tell it."""

    def card_tag() -> str | None:
        if not repository.has("README.md"):
            return None
        with repository.path("README.md").open(encoding="utf-8", errors="replace") as card:
            tag = pipeline_tag(card.read(FRONT_MATTER))
        try:
            return None if tag is None else get_task(tag).name
        except UnknownTaskError:
            return None

    return infer_from_files(
        repository.json("config.json") or {},
        repository.json_list("modules.json") or (),
        repository.json("config_sentence_transformers.json") or {},
        card_tag,
    )


def task_of_graph(
    repository: Repository,
    *,
    dtype: str = "auto",
    file: str | Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    gpu: bool = False,
    fetch: bool = True,
) -> Inferred | None:
    """The task by the graph that ``load`` would choose; None where the graph, or what is here of it, leaves it open.

    Args:
        repository: What is looked through.
        dtype: The precision that was asked for.
        file: The ONNX file that was asked for.
        outputs: Other names for the graph's outputs, as ``load`` takes them.
        gpu: Whether a GPU would run it.
        fetch: Whether a graph that is not on disk is fetched.

    Raises:
        UnclearTaskError: the graph does not tell it either.
        NoOnnxFileError, VariantNotFoundError, AmbiguousFileError: there is no graph to ask.
    """
    chosen = _graph_of(repository, dtype, file, gpu=gpu)
    if not fetch and not repository.is_here(chosen):
        return None
    fetch_model(repository, chosen, missing=fetch)
    graph = read_graph(repository.path(chosen))
    shapes = {
        port.name: tuple(size if isinstance(size, int) else None for size in port.shape or ()) for port in graph.outputs
    }
    found = infer_from_graph(rename(shapes, outputs or {}), repository.json("config.json") or {})
    if found is None and all(port.shape is not None for port in graph.outputs):
        raise make_unclear(repository, shapes)
    return found


def make_unclear(repository: Repository, outputs: Mapping[str, object] | None, hint: str = "") -> UnclearTaskError:
    """The error about a task that nothing tells; ``outputs``: those of the graph, where it was asked."""
    asked = [] if outputs is None else [f"the graph's outputs ({', '.join(outputs)})"]
    looked_at = ("config.json", "modules.json", "the card's pipeline_tag", *asked)
    return UnclearTaskError(repository.model_id, looked_at, tuple(task.name for task in list_tasks()), hint)


def check_convertible(repository: Repository, task: Task[Any]) -> None:
    """Raise ``TaskMismatchError`` before a conversion whose result would be refused for what the files say."""
    if task.name in TRANSFORMER_TASKS and not any(name.endswith(".onnx") for name in repository.files):
        read_settings(_Unconverted(repository, repository.json("config.json") or {}), task.name)


@dataclass(frozen=True)
class _Unconverted:
    """A model without a graph: what its settings are checked against."""

    repository: Repository
    config: Mapping[str, object]

    @property
    def model_id(self) -> str:
        """Hub id or folder."""
        return self.repository.model_id

    @property
    def output_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        """A conversion gives vectors of tokens, whatever is made of them behind the graph."""
        return {"last_hidden_state": (None, None, None)}

    def json(self, name: str) -> Mapping[str, object] | None:
        """The object of a JSON file; None if there is no such file."""
        return self.repository.json(name)

    def json_list(self, name: str) -> Sequence[object] | None:
        """The list of a JSON file; None if there is no such file."""
        return self.repository.json_list(name)


def _graph_of(repository: Repository, dtype: str, file: str | Mapping[str, str] | None, *, gpu: bool) -> str:
    """The ONNX file that tells what the model gives."""
    if not any(name.endswith(".onnx") for name in repository.files):
        files_to_export(repository, allow_pickle=True)  # says what is missing, if there is nothing to convert
        raise make_unclear(repository, None)
    if isinstance(file, Mapping) and set(file) != {MODEL}:
        raise make_unclear(repository, None, PARTS)
    kind = get_task(CUSTOM).ort_class
    try:
        try:
            choices = choose_by_graphs(repository, kind, dtype=dtype, file=file, gpu=gpu)
        except VariantNotFoundError:
            if file is not None or dtype == "auto":
                raise
            # It may be made of another, which has the same outputs.
            choices = choose_by_graphs(repository, kind, dtype="auto", file=None, gpu=gpu)
    except (VariantNotFoundError, AmbiguousFileError) as error:
        if file is not None or not has_roles(repository.files):
            raise
        raise make_unclear(repository, None, PARTS) from error
    if MODEL not in choices:
        raise make_unclear(repository, None, PARTS)
    return choices[MODEL].file
