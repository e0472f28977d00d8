"""How logits become scores: by transformers' rule, for texts as for images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from onnxhub._strings.plain_text import shorten
from onnxhub._toolkit.numeric import sigmoid, softmax
from onnxhub.errors import InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Activation", "activate", "activation_of", "check_activation"]

Activation = Literal["softmax", "sigmoid", "none"]

ACTIVATIONS: Final = ("softmax", "sigmoid", "none")
PROBLEM_TYPES: Final = ("single_label_classification", "multi_label_classification", "regression")


def activation_of(problem_type: object, labels: int, task: str = "text-classification") -> Activation:
    """Apply the rule of transformers (``TextClassificationPipeline.postprocess``): the problem type, else the number of labels.

    Raises:
        TaskMismatchError: it is none of the three problem types.
    """
    if problem_type and problem_type not in PROBLEM_TYPES:
        problem = f"problem_type in config.json is {shorten(problem_type)}, and known are {', '.join(PROBLEM_TYPES)}"
        raise TaskMismatchError("the model", task, (problem,))
    if problem_type == "regression":
        return "none"
    return "sigmoid" if problem_type == "multi_label_classification" or labels == 1 else "softmax"


def check_activation(activation: object) -> None:
    """Raise ``InvalidOptionError`` unless it is one."""
    if activation not in ACTIVATIONS:
        raise InvalidOptionError("activation", activation, "'softmax', 'sigmoid' or 'none'", ACTIVATIONS)


def activate(logits: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    """Return the scores of a row's labels; shape: ``(labels,) -> (labels,)``."""
    if activation == "softmax":
        return softmax(logits)
    return sigmoid(logits) if activation == "sigmoid" else logits
