"""How far two variants of a model agree: in what they say, and in their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxhub._contracts.evaluation import Decision

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._workshop.trials import AnyModel

    Scores: TypeAlias = Mapping[Any, float] | NDArray[np.float32]
    Chosen: TypeAlias = frozenset[Hashable]

__all__ = ["Agreement", "compare"]


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


def compare(reference: AnyModel, variant: AnyModel, inputs: Sequence[object]) -> Agreement:
    """Run both on the inputs, and compare input by input.

    A task whose results are not known here, as one of another package, is compared by the graph's outputs.

    Args:
        reference: What is taken for right.
        variant: What is compared with it.
        inputs: At least one; inputs of their task.
    """
    judgements = [_judgements(model, inputs) for model in (reference, variant)]
    compared = [_compared(one, other) for one, other in zip(*judgements, strict=True)]
    agreements = [agreement for agreement, _ in compared]
    differences = np.concatenate([apart for _, apart in compared])
    return Agreement(
        measure=reference.task.evaluation.measure,
        mean=float(np.mean(agreements)),
        least=min(agreements),
        worst=int(np.argmin(agreements)),
        largest_difference=float(differences.max(initial=0.0)),
        mean_difference=float(differences.mean()) if differences.size else 0.0,
    )


def _judgements(model: AnyModel, inputs: Sequence[object]) -> list[Decision]:
    """What the model says of each input; where nothing is known of its results, the graph's outputs as one vector."""
    decision = model.task.evaluation.decision
    if decision is not None:
        return [*map(decision, model([*inputs]))]
    outputs = [model.outputs(one) for one in inputs]
    return [Decision(np.concatenate([values.ravel() for _, values in sorted(one.items())])) for one in outputs]


def _compared(one: Decision, other: Decision) -> tuple[float, NDArray[np.float64]]:
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


def _overlap(one: Chosen, other: Chosen) -> float:
    """Dice's coefficient: 1 or 0 for one decision each, a share for several."""
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return min(float(one @ other) / norms, 1.0) if norms else float(np.array_equal(one, other))
