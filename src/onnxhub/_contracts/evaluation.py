"""How a task is tried on plain texts: what ``onnxhub bench`` runs, and how ``onnxhub verify`` compares what models say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._calls.model import Model
    from onnxhub._contracts.registry import Task

    AnyModel: TypeAlias = Model[Any, Any, Any]

__all__ = ["COSINE", "QUESTION", "Decision", "Evaluation", "inputs_for", "made_ready", "require_texts"]

COSINE: Final = "cosine similarity"
QUESTION: Final = "What is it about?"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a model says of an input, in a form that can be compared with what another says of it.

    Examples:
        >>> Decision({"POSITIVE": 0.9, "NEGATIVE": 0.1}, frozenset({"POSITIVE"})).best
        frozenset({'POSITIVE'})
    """

    scores: Mapping[Any, float] | NDArray[np.float32]
    """By what they are for; or a vector."""
    best: frozenset[Hashable] | None = None
    """What it decides for; None: a vector decides nothing, and its direction counts."""


def _itself(_model: AnyModel, texts: Sequence[str]) -> object:
    return texts[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How a task is tried on plain texts, with what else it asks for made up.

    What is left out suits a task that takes a text: its models are then compared by their graphs' outputs. Functions are
    those of a module, so that models of the task can be pickled.

    Examples:
        >>> def asked(model, texts):
        ...     return "What is it about?", texts[0]
        >>> Evaluation(input=asked).input(None, ["A text."])
        ('What is it about?', 'A text.')
    """

    input: Callable[[Any, Sequence[str]], object] = _itself
    """A model and some texts, one of them if not ``competing``, to an input of the task."""
    options: Mapping[str, object] = field(default_factory=dict)
    """What the model's ``with_options`` is told before, such as the labels to choose from."""
    competing: int = 1
    """Texts that make up one input when models are compared: more than one, if there were nothing to decide else."""
    measure: str = f"{COSINE} of the outputs"
    """What agreement means, in a few words: ``"same label"``."""
    decision: Callable[[Any], Decision] | None = None
    """A result of the task, in a form that can be compared; None: the graph's outputs are compared instead."""


def made_ready(model: AnyModel) -> AnyModel:
    """The model with what no text can tell, such as the labels to choose from."""
    options = model.task.evaluation.options
    ready: Any = model
    return ready.with_options(**options) if options else model


def require_texts(task: Task[Any]) -> None:
    """Raise ``InvalidOptionError`` for a task that runs on arrays, for which no text is an input."""
    if task.raw:
        raise InvalidOptionError("task", task.name, "a task on texts; this one runs on arrays")


def inputs_for(model: AnyModel, texts: Sequence[str], *, competing: bool = False) -> list[object]:
    """The texts as inputs of the model's task: alone, or with what else the task asks for.

    Args:
        model: Which takes them.
        texts: At least one.
        competing: Whether there has to be something to decide.

    Raises:
        InvalidOptionError: the task is not one on texts.
    """
    task = model.task
    require_texts(task)
    number = task.evaluation.competing if competing else 1
    return [task.evaluation.input(model, texts[start : start + number]) for start in range(0, len(texts), number)]
