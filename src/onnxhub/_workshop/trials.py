"""Models and inputs for an evaluation: how plain texts become inputs of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from onnxhub._calls.model import Model
    from onnxhub._contracts.registry import Task

    AnyModel: TypeAlias = Model[Any, Any, Any]

__all__ = ["configure_for_evaluation", "require_texts", "sample_inputs"]


def configure_for_evaluation(model: AnyModel) -> AnyModel:
    """Return the model with the options that its task's evaluation needs, such as the labels to choose from."""
    options = model.task.evaluation.options
    ready: Any = model
    return ready.with_options(**options) if options else model


def require_texts(task: Task[Any]) -> None:
    """Raise ``InvalidOptionError`` for a task that runs on arrays or on images, for which no text is an input."""
    if task.raw or task.modality != "text":
        given = "arrays" if task.raw else f"inputs of the kind {task.modality}"
        raise InvalidOptionError("task", task.name, f"a task on texts; this one runs on {given}")


def sample_inputs(model: AnyModel, texts: Sequence[str], *, competing: bool = False) -> list[object]:
    """Return texts as inputs of the model's task: alone, or with what else the task asks for.

    Args:
        model: The model that takes them.
        texts: At least one.
        competing: Whether there has to be something to decide.

    Raises:
        InvalidOptionError: the task is not one on texts.
    """
    task = model.task
    require_texts(task)
    number = task.evaluation.competing if competing else 1
    return [task.evaluation.input(model, texts[start : start + number]) for start in range(0, len(texts), number)]
