"""How far two variants of a model agree: in what they say, and in their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from onnxhub._bench import QUESTION, inputs_for

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._bench import AnyModel

    Scores: TypeAlias = Mapping[Any, float] | NDArray[np.float32]
    Decision: TypeAlias = frozenset[Hashable]

__all__ = ["Agreement", "comparable", "compare"]

DOCUMENTS: Final = 8
"""Texts that compete for one query."""
COSINE: Final = "cosine similarity"


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a variant agrees with the reference, over some inputs."""

    measure: str
    """What agreement means for the task: ``"same label"``, ``"cosine similarity"``, ..."""
    mean: float
    """The mean over the inputs; at most 1."""
    least: float
    """The worst of them."""
    worst: int
    """Its place; the first of several."""
    largest_difference: float
    """Between two scores, or two numbers of a vector."""
    mean_difference: float


@dataclass(frozen=True, slots=True)
class Said:
    """What a model says of an input, in a form that can be compared."""

    scores: Scores
    """By what they are for; or a vector."""
    best: Decision | None = None
    """What it decides for; None: a vector decides nothing, and its direction counts."""


def comparable(model: AnyModel, texts: Sequence[str]) -> list[object]:
    """The texts as inputs of the model's task, such that there is something to decide.

    Raises:
        InvalidOptionError: the task is not one on texts.
    """
    if model.task.name == "text-ranking":
        return [(QUESTION, [*texts[start : start + DOCUMENTS]]) for start in range(0, len(texts), DOCUMENTS)]
    return inputs_for(model, texts)


def compare(reference: AnyModel, variant: AnyModel, inputs: Sequence[object]) -> Agreement:
    """Run both on the inputs, and compare input by input.

    A task whose results are not known here, as one of another package, is compared by the graph's outputs.

    Args:
        reference: What is taken for right.
        variant: What is compared with it.
        inputs: At least one; inputs of their task.
    """
    measure, view = _VIEWS.get(reference.task.name, (f"{COSINE} of the outputs", None))
    said = [_raw(model, inputs) if view is None else [*map(view, model([*inputs]))] for model in (reference, variant)]
    compared = [_compared(one, other) for one, other in zip(*said, strict=True)]
    agreements = [agreement for agreement, _ in compared]
    differences = np.concatenate([apart for _, apart in compared])
    return Agreement(
        measure=measure,
        mean=float(np.mean(agreements)),
        least=min(agreements),
        worst=int(np.argmin(agreements)),
        largest_difference=float(differences.max(initial=0.0)),
        mean_difference=float(differences.mean()) if differences.size else 0.0,
    )


def _compared(one: Said, other: Said) -> tuple[float, NDArray[np.float64]]:
    """The agreement of one input, and the differences of its scores."""
    first, second = _aligned(one.scores, other.scores)
    agreement = _cosine(first, second) if one.best is None or other.best is None else _overlap(one.best, other.best)
    return agreement, np.abs(first - second)


def _aligned(one: Scores, other: Scores) -> list[NDArray[np.float64]]:
    """Scores in the same order; what only one of them names has no score by the other, and counts in full."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = dict.fromkeys([*one, *other])
        return [np.array([scores.get(name, 0.0) for name in names]) for scores in (one, other)]
    return [np.asarray(scores, np.float64).ravel() for scores in (one, other)]


def _overlap(one: Decision, other: Decision) -> float:
    """Dice's coefficient: 1 or 0 for one decision each, a share for several."""
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return min(float(one @ other) / norms, 1.0) if norms else float(np.array_equal(one, other))


def _raw(model: AnyModel, inputs: Sequence[object]) -> list[Said]:
    """The graph's outputs, of each input as one vector."""
    outputs = [model.outputs(one) for one in inputs]
    return [Said(np.concatenate([values.ravel() for _, values in sorted(one.items())])) for one in outputs]


def _labels(result: Any) -> Said:
    return Said({one.label: one.score for one in result.ranking}, frozenset({result.label}))


def _choices(result: Any) -> Said:
    return Said({one.index: one.score for one in result.ranking}, frozenset({result.index}))


def _answer(result: Any) -> Said:
    span = (result.start, result.end)
    return Said({span: result.score}, frozenset({span}))


def _entities(result: Any) -> Said:
    found = {(one.label, one.start, one.end): one.score for one in result}
    return Said(found, frozenset(found))


def _documents(result: Any) -> Said:
    return Said({one.index: one.score for one in result}, frozenset({result[0].index}))


def _words(result: Any) -> Said:
    scores = {(mask, one.text): one.score for mask, found in enumerate(result) for one in found}
    return Said(scores, frozenset((mask, found[0].text) for mask, found in enumerate(result)))


def _weights(result: Any) -> Said:
    return Said(dict(zip(result.indices, result.values, strict=True)))


_VIEWS: Final[Mapping[str, tuple[str, Callable[[Any], Said]]]] = {
    "text-classification": ("same label", _labels),
    "zero-shot-classification": ("same label", _labels),
    "token-classification": ("same entities", _entities),
    "question-answering": ("same answer", _answer),
    "multiple-choice": ("same choice", _choices),
    "text-ranking": ("same best text", _documents),
    "fill-mask": ("same word", _words),
    "sparse-feature-extraction": (COSINE, _weights),
    "feature-extraction": (COSINE, Said),
}
"""Task -> what agreement means, and how a result is seen for it."""
