"""What ``load`` would do with a model, told of its files alone: for ``onnxhub inspect``, ``export`` and ``bench``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from onnxhub._backend.files.roles import MODEL
from onnxhub._backend.inputs.safetensors import read_safetensors
from onnxhub._backend.inputs.tokenizer import load_tokenizer
from onnxhub._backend.making.tokenizer_conversion import check_vocabulary
from onnxhub._contracts.outputs import match_outputs, rename
from onnxhub._contracts.protocols import GraphInput
from onnxhub._contracts.registry import get_task
from onnxhub._loading.inspection import look_into
from onnxhub._loading.request import check_graph, check_labels
from onnxhub._loading.resolve import check_convertible, task_of_files, task_of_graph
from onnxhub.errors import OnnxHubError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._backend.graphs.signature import Graph
    from onnxhub._backend.repository.repository import Repository
    from onnxhub._contracts.protocols import Backend, Tokenizer
    from onnxhub._contracts.registry import Task
    from onnxhub._loading.infer_task import Inferred
    from onnxhub._loading.inspection import Inspection

__all__ = ["Forecast", "check_files", "forecast"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would come of loading a model."""

    task: Task[Any] | None
    """None: nothing that is here tells it."""
    task_reason: str
    found: Inspection
    error: OnnxHubError | None
    """What ``load`` would raise, as far as it can be told."""


@dataclass(frozen=True)
class Unopened:
    """A model of which the files are known, and no session is open: as much of a Backend as a task asks when it is built."""

    repository: Repository
    config: Mapping[str, object]
    output_shapes: Mapping[str, tuple[int | None, ...]]
    wanted: Mapping[str, GraphInput]

    @property
    def input_names(self) -> tuple[str, ...]:
        """The graph's inputs."""
        return tuple(self.wanted)

    @property
    def sessions(self) -> Mapping[str, None]:
        """The parts of the model: one, which is not open."""
        return {MODEL: None}

    def inputs(self, part: str) -> Mapping[str, GraphInput]:
        """What the graph wants, by name."""
        del part
        return self.wanted

    @property
    def model_id(self) -> str:
        """Hub id or folder."""
        return self.repository.model_id

    @property
    def tokenizer(self) -> Tokenizer:
        """That of ``tokenizer.json``."""
        return load_tokenizer(self.repository, self.config)

    def json(self, name: str) -> Mapping[str, object] | None:
        """The object of a JSON file of the repository; None if it has no such file."""
        return self.repository.json(name)

    def json_list(self, name: str) -> Sequence[object] | None:
        """The list of a JSON file of the repository; None if it has no such file."""
        return self.repository.json_list(name)

    def weights(self, name: str) -> Mapping[str, NDArray[np.float32]] | None:
        """A safetensors file of the repository; None if it has no such file."""
        return read_safetensors(self.repository.path(name)) if self.repository.has(name) else None


def forecast(
    repository: Repository,
    name: str,
    *,
    dtype: str = "auto",
    file: str | Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
) -> Forecast:
    """Foretell ``load`` on the CPU for a task, or for ``"auto"``, of what is on disk and of the repository's small files."""
    inferred: Inferred | None = None
    task, reason, error = None if name == "auto" else get_task(name), "it was named", None
    if task is None:
        reason = "nothing; load would ask the graph"
        try:
            inferred = task_of_files(repository)
            inferred = inferred or task_of_graph(repository, dtype=dtype, file=file, outputs=outputs, fetch=False)
        except OnnxHubError as unclear:
            reason, error = "nothing", unclear
        if inferred is not None:
            task, reason = get_task(inferred.task), inferred.reason
    found = look_into(repository, task or get_task("custom"), dtype=dtype, file=file)
    error = error or _problem(repository, task, found, outputs)
    return Forecast(task, reason, found, error)


def check_files(
    task: Task[Any], repository: Repository, graph: Graph, outputs: Mapping[str, str] | None = None
) -> None:
    """Raise what ``load`` would of a graph and of the files beside it, as far as they tell it without a session.

    Raises:
        TaskMismatchError: the graph's outputs, the labels or the tokenizer do not fit the task.
        InvalidOptionError: see ``match_outputs``.
        MissingDependencyError: the tokenizer would have to be converted, and cannot.
        IntegrityError: a file is damaged.
    """
    config = repository.json("config.json") or {}
    given = {port.name: port.shape for port in graph.outputs}
    shapes = {
        name: tuple(size if isinstance(size, int) else None for size in shape or ()) for name, shape in given.items()
    }
    open_ended = None in given.values()  # what the file leaves open, ONNX Runtime infers
    renamed = {} if open_ended and not outputs else match_outputs(task, shapes, outputs)
    wanted = {port.name: GraphInput(None, port.shape or ()) for port in graph.inputs}
    model = cast("Backend", Unopened(repository, config, rename(shapes, renamed), wanted))
    if not open_ended:
        check_graph(task, model)
    ours = all(kind.__module__.partition(".")[0] == "onnxhub" for kind in (task.preprocessor, task.postprocessor))
    if task.raw or not ours:  # those of other packages may ask for more than is known here
        return
    if check_vocabulary(repository):
        return  # what the tokenizer will be, its conversion tells
    task.preprocessor.for_model(model)
    if not open_ended:
        check_labels(task, model, tuple(getattr(task.postprocessor.for_model(model), "labels", ())))


def _problem(
    repository: Repository, task: Task[Any] | None, found: Inspection, outputs: Mapping[str, str] | None
) -> OnnxHubError | None:
    if task is None:
        return found.error
    try:
        check_convertible(repository, task)
        if found.error is not None:
            return found.error
        if found.graphs and len(found.graphs) == sum(file.chosen for file in found.files):
            # Of several parts, the first is the one that takes the inputs.
            check_files(task, repository, next(iter(found.graphs.values())), outputs)
    except OnnxHubError as error:
        return error
    return None
