"""How far two variants of a model agree: in their decisions, and in their scores."""

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
    """The meaning of agreement for the task: ``"same label"``, ``"cosine similarity"``, ..."""
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
        reference: The model that is taken for right.
        variant: The model that is compared with it.
        inputs: At least one; inputs of their task.
    """
    decisions = [_decide(model, inputs) for model in (reference, variant)]
    compared = [_compare_decisions(first, second) for first, second in zip(*decisions, strict=True)]
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


def _decide(model: AnyModel, inputs: Sequence[object]) -> list[Decision]:
    """Return a model's decision on each input; for a task that has none, the graph's outputs as one vector."""
    decision = model.task.evaluation.decision
    if decision is not None:
        return [*map(decision, model([*inputs]))]
    outputs = [model.outputs(value) for value in inputs]
    return [Decision(np.concatenate([array.ravel() for _, array in sorted(found.items())])) for found in outputs]


def _compare_decisions(first: Decision, second: Decision) -> tuple[float, NDArray[np.float64]]:
    """Return the agreement on an input, and the differences of its scores."""
    left, right = _align(first.scores, second.scores)
    if first.best is None or second.best is None:
        agreement = _compute_cosine(left, right)
    else:
        agreement = _compute_overlap(first.best, second.best)
    return agreement, np.abs(left - right)


def _align(first: Scores, second: Scores) -> list[NDArray[np.float64]]:
    """Return the scores in the same order; a name that one of them lacks has a score of 0 there."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        names = dict.fromkeys([*first, *second])
        return [np.array([scores.get(name, 0.0) for name in names]) for scores in (first, second)]
    return [np.asarray(scores, np.float64).ravel() for scores in (first, second)]


def _compute_overlap(first: Chosen, second: Chosen) -> float:
    """Return Dice's coefficient: 1 or 0 for one decision each, a share for several."""
    return 2 * len(first & second) / (len(first) + len(second)) if first or second else 1.0


def _compute_cosine(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return min(float(first @ second) / norms, 1.0) if norms else float(np.array_equal(first, second))
