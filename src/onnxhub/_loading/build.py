"""A Model from an open backend, and what is checked of a model before and after its sessions are open."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from onnxhub._backend.model_files import GraphSummary, read_shapes
from onnxhub._calls.own_postprocessor import build_postprocessor, explain_build
from onnxhub._contracts.outputs import match_outputs, rename
from onnxhub._contracts.preprocessor import Preprocessor
from onnxhub._contracts.protocols import GraphInput, width
from onnxhub._contracts.registry import ANY_NAME, Task, get_task
from onnxhub._loading.infer_task import infer_from_files
from onnxhub.errors import TaskMismatchError, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from onnxhub._backend.graphs.signature import Graph
    from onnxhub._backend.repository.repository import Repository
    from onnxhub._calls.model import Model
    from onnxhub._calls.own_postprocessor import AnyPostprocessor
    from onnxhub._contracts.info import ModelInfo
    from onnxhub._contracts.protocols import Backend

__all__ = ["build_model", "check_files", "check_graph", "check_labels"]

INPUTS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"input_ids", "inputs_embeds", "decoder_input_ids"}),
    "image": frozenset({"pixel_values", "flattened_patches"}),
    "audio": frozenset({"input_values", "input_features"}),
}
"""Modality -> the names that transformers' models have for such inputs."""
KNOWN: Final = frozenset(
    ["end_logits", "last_hidden_state", "logits", "sentence_embedding", "start_logits", "token_embeddings"]
)
"""Names of outputs that say what they are."""
OTHER_OUTPUTS: Final = r"logit|score|prob|label|class"
"""Names of outputs that are no vectors of texts or tokens."""


def build_model(
    task: Task[Any],
    backend: Backend,
    info: ModelInfo,
    *,
    postprocessor: AnyPostprocessor | None,
    reload: Callable[[], Model[Any, Any, Any]] | None = None,
) -> Model[Any, Any, Any]:
    """Build a Model over an open backend, checked to fit the task.

    Args:
        task: What the model is for.
        backend: The model's files and sessions.
        info: What is known of the model; its task, id, labels and longest input are filled in here.
        postprocessor: In the place of the task's own: a class that is built for the model, or an instance.
        reload: Loads the model again, for a pickle.

    Raises:
        TaskMismatchError: The model does not fit the task.
        InvalidOptionError: The postprocessor cannot be built, or ``for_model`` of a class gives no instance of it.
    """
    check_graph(task, backend)
    chosen = build_postprocessor(task, postprocessor, backend)
    labels = tuple(getattr(chosen, "labels", ()))
    if not task.raw:  # arrays are right whatever their labels are
        check_labels(task, backend, labels)
    preprocessor = task.preprocessor.for_model(backend)
    if not isinstance(preprocessor, Preprocessor):
        raise explain_build("preprocessor", task.preprocessor, preprocessor)
    max_length = getattr(getattr(preprocessor, "tokenizer", None), "max_length", None)
    full = replace(info, task=task.name, model_id=backend.model_id, labels=labels, max_length=max_length)
    model: Model[Any, Any, Any] = task.model(
        task, backend, preprocessor=preprocessor, postprocessor=chosen, info=full, reload=reload
    )
    return model


def check_files(
    task: Task[Any], repository: Repository, graph: Graph, outputs: Mapping[str, str] | None = None
) -> None:
    """Raise what ``load`` would of a graph and of the files beside it, as far as they tell it without a session.

    Raises:
        TaskMismatchError: The graph's outputs, the labels or the tokenizer do not fit the task.
        InvalidOptionError: See ``match_outputs``.
        MissingDependencyError: The tokenizer would have to be converted, and cannot.
        IntegrityError: A file is damaged.
    """
    from onnxhub._backend.making.tokenizer_conversion import check_vocabulary  # which a load does without

    config = repository.json("config.json") or {}
    shapes = read_shapes(graph)
    is_open_ended = any(port.shape is None for port in graph.outputs)  # ONNX Runtime infers what the file leaves open
    renamed = {} if is_open_ended and not outputs else match_outputs(task, shapes, outputs)
    taken = {port.name: GraphInput(None, port.shape or ()) for port in graph.inputs}
    model = cast("Backend", GraphSummary(repository, config, rename(shapes, renamed), taken))
    if not is_open_ended:
        check_graph(task, model)
    is_ours = all(kind.__module__.partition(".")[0] == "onnxhub" for kind in (task.preprocessor, task.postprocessor))
    if task.raw or not is_ours:  # those of other packages may ask for more than is known here
        return
    if task.modality == "text" and check_vocabulary(repository):
        return  # the conversion tells what the tokenizer will be
    task.preprocessor.for_model(model)
    if not is_open_ended:
        check_labels(task, model, tuple(getattr(task.postprocessor.for_model(model), "labels", ())))


def check_graph(task: Task[Any], backend: Backend) -> None:
    """Raise ``TaskMismatchError`` unless the graph has outputs that the task can work with, of the right rank."""
    shapes = backend.output_shapes
    if task.raw:
        _check_modality(task, backend)
        return
    if any(
        # A shape without axes is one that the graph leaves open; the logits of a run are checked instead.
        all(name in shapes and len(shapes[name]) in (0, rank) for name, rank in wanted.items())
        or (ANY_NAME in wanted and has_sole_output(task, wanted[ANY_NAME], backend))
        for wanted in task.outputs
    ):
        return
    named = [outputs for outputs in task.outputs if ANY_NAME not in outputs]
    wanted = " or ".join(" and ".join(f"{name} of {rank} axes" for name, rank in outputs.items()) for outputs in named)
    found = ", ".join(f"{name} of {len(shape)} axes" for name, shape in shapes.items())
    first = next(iter(task.outputs[-1]))
    # An output whose name no task knows may be the right one; a known name is of another task.
    is_open = not shapes.keys() & KNOWN and not _has_wrong_rank(task, shapes)
    hint = f"; load(..., outputs={{{first!r}: ...}}) tells which is which" if is_open else ""
    raise TaskMismatchError(
        backend.model_id, task.name, (f"its graph gives {found}, not {wanted}{hint}", *_quote_config(backend))
    )


def _has_wrong_rank(task: Task[Any], shapes: Mapping[str, Sequence[object]]) -> bool:
    """Return whether the task's own output is there with other axes, and no output has those that it needs."""
    ranks = {0, *(rank for outputs in task.outputs for rank in outputs.values())}
    is_named = any(name in shapes for outputs in task.outputs for name in outputs)
    return is_named and not any(len(shape) in ranks for shape in shapes.values())


def _check_modality(task: Task[Any], backend: Backend) -> None:
    """Raise ``TaskMismatchError`` if all inputs of a graph whose names are known are of another modality."""
    said = {kind: [name for name in backend.input_names if name in names] for kind, names in INPUTS.items()}
    others = [name for names in said.values() for name in names]
    if task.modality in said and others and not said[task.modality]:
        problem = (
            f"its graph takes {', '.join(others)}, and not {task.modality} ({', '.join(sorted(INPUTS[task.modality]))})"
        )
        raise TaskMismatchError(backend.model_id, task.name, (problem, *_quote_config(backend)))


def has_sole_output(task: Task[Any], rank: int, backend: Backend) -> bool:
    """Return whether a graph has one output alone, of this rank, that no name or architecture gives to another task.

    Classifiers too have an output of 2 axes, and language models one of 3: a name such as ``logits`` tells them apart,
    and where the name tells nothing, the architecture does.
    """
    shapes = backend.output_shapes
    if [len(shape) for shape in shapes.values()] != [rank] or re.search(
        OTHER_OUTPUTS, next(iter(shapes)), re.IGNORECASE
    ):
        return False
    other = infer_from_files({"architectures": backend.config.get("architectures")}, (), {}, lambda: None)
    if other is None or other.task == task.name:
        return True
    # An output of three axes may be a language model's logits; one of two axes is a vector of a text or a classifier's.
    return rank == 2 and not any(rank in outputs.values() for outputs in get_task(other.task).outputs)


def check_labels(task: Task[Any], backend: Backend, labels: tuple[str, ...]) -> None:
    """Raise ``TaskMismatchError`` if the graph is known to have another number of logits than there are labels."""
    size = width(backend)
    if labels and size is not None and size != len(labels):
        problem = f"its graph gives {size} logits, but there are {len(labels)} labels: {listing(labels)}"
        raise TaskMismatchError(backend.model_id, task.name, (problem, *_quote_config(backend)))


def _quote_config(backend: Backend) -> tuple[str, ...]:
    architectures = backend.config.get("architectures")
    if not isinstance(architectures, list) or not architectures:
        return ()
    fitting = infer_from_files(backend.config, (), {}, lambda: None)
    hint = f", which is for {fitting.task}" if fitting else ""
    return (f"config.json says that it is a {' and a '.join(map(str, architectures))}{hint}",)
