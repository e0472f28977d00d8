"""How a task is tried on plain texts: what ``onnxhub bench`` runs, and how ``onnxhub verify`` compares what models say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from onnxhub._process.public import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray


__all__ = ["COSINE", "QUESTION", "Decision", "Evaluation"]

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


def _itself(_model: object, texts: Sequence[str]) -> object:
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


publish(globals(), "Decision", "Evaluation")
