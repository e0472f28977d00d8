"""From what ``load`` was asked to a finished Model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from onnxhub._model import Model, ModelInfo
from onnxhub._registry import Task, get_task
from onnxhub.backend.hub import open_repository
from onnxhub.backend.model import open_model
from onnxhub.backend.providers import candidates
from onnxhub.backend.session import SessionOptions
from onnxhub.errors import InvalidOptionError, TaskMismatchError, listing

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from onnxhub._postprocessor import Postprocessor
    from onnxhub._protocols import Backend
    from onnxhub.backend.model import OnnxBackend

__all__ = ["Recipe", "build_model"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All arguments of ``load`` but the token: what a pickled model is loaded from again."""

    task: str | Task[Any]
    model_id: str | os.PathLike[str] | None
    provider: str | Sequence[str]
    postprocessor: type[Postprocessor[Any, Any]] | Postprocessor[Any, Any] | None
    dtype: str
    file: str | None
    revision: str | None
    threads: int | None
    provider_options: Mapping[str, str | int | bool] | None
    session_options: Mapping[str, str | int | bool] | None
    cache_dir: str | os.PathLike[str] | None
    local_files_only: bool

    def __call__(self) -> Model[Any, Any, Any]:
        """Load the model again, at the commit that was loaded."""
        return self.load(token=None, refresh=False)

    def load(self, *, token: str | bool | None, refresh: bool) -> Model[Any, Any, Any]:
        """Open the files, then put the model together."""
        task = self._task()
        providers = candidates(self.provider, self.provider_options)
        repository = open_repository(
            self._model_id(task), revision=self.revision, token=token, cache_dir=self.cache_dir,
            local_files_only=self.local_files_only, refresh=refresh,
        )  # fmt: skip
        backend = open_model(
            repository, task.name, providers=providers, dtype=self.dtype, file=self.file,
            options=SessionOptions(self.threads, self.session_options),
        )  # fmt: skip
        return build_model(task, backend, replace(self, revision=repository.commit))

    def _task(self) -> Task[Any]:
        if isinstance(self.task, str):
            return get_task(self.task)
        if isinstance(self.task, Task):
            return self.task
        raise InvalidOptionError("task", self.task, "the name of a task, or a Task")

    def _model_id(self, task: Task[Any]) -> str | os.PathLike[str]:
        name = task.default_model if self.model_id is None else self.model_id
        if name is None:
            raise InvalidOptionError("model_id", name, f"a Hub id or folder, for {task.name} has no default model")
        return name


def build_model(task: Task[Any], backend: OnnxBackend, recipe: Recipe) -> Model[Any, Any, Any]:
    """A Model from an open backend, checked to fit the task."""
    check_graph(task, backend)
    wanted = task.postprocessor if recipe.postprocessor is None else recipe.postprocessor
    postprocessor = wanted.for_model(backend) if isinstance(wanted, type) else wanted
    labels = tuple(getattr(postprocessor, "labels", ()))
    check_labels(task, backend, labels)
    info = ModelInfo(
        task=task.name,
        model_id=backend.model_id,
        revision=recipe.revision,
        file=backend.choice.file,
        reason=backend.choice.reason,
        dtype=backend.choice.dtype,
        provider=backend.session.provider,
        labels=labels,
        max_length=backend.tokenizer.max_length,
    )
    model: Model[Any, Any, Any] = task.model(
        task, backend, encoder=task.encoder.for_model(backend), postprocessor=postprocessor, info=info, reload=recipe
    )
    return model


def check_graph(task: Task[Any], backend: Backend) -> None:
    """Raise ``TaskMismatchError`` unless the graph has outputs that the task can work with, of the right rank."""
    shapes = backend.output_shapes
    if any(all(len(shapes.get(name, ())) == rank for name, rank in wanted.items()) for wanted in task.outputs):
        return
    wanted = " or ".join(" and ".join(f"{name} of {rank} axes" for name, rank in one.items()) for one in task.outputs)
    found = ", ".join(f"{name} of {len(shape)}" for name, shape in shapes.items())
    raise TaskMismatchError(backend.model_id, task.name, (f"its graph gives {found}, not {wanted}", *_says(backend)))


def check_labels(task: Task[Any], backend: Backend, labels: tuple[str, ...]) -> None:
    """Raise ``TaskMismatchError`` if the graph is known to have another number of logits than there are labels."""
    size = backend.output_shapes.get("logits", (None,))[-1]
    if labels and size is not None and size != len(labels):
        problem = f"its graph gives {size} logits, but there are {len(labels)} labels: {listing(labels)}"
        raise TaskMismatchError(backend.model_id, task.name, (problem, *_says(backend)))


def _says(backend: Backend) -> tuple[str, ...]:
    architectures = backend.config.get("architectures")
    if not isinstance(architectures, list) or not architectures:
        return ()
    return (f"config.json says that it is a {' and a '.join(map(str, architectures))}",)
