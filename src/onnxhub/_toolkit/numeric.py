"""The numerics of all postprocessors, written once: float32, max-shifted, NaN refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from onnxhub._process.public import publish
from onnxhub.errors import NonFiniteOutputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "l2_normalize",
    "log_sum_exp",
    "require_finite",
    "require_usable",
    "sigmoid",
    "softmax",
    "top_indices",
]

LOWEST = float(np.finfo(np.float32).min)
FEW = 32
"""Numbers for which NumPy's calls cost more than its loops save."""


def softmax(logits: ArrayLike, axis: int = -1) -> NDArray[np.float32]:
    """Compute probabilities along ``axis``, shifted by the maximum so that nothing overflows.

    Positions that must not count are ``-inf`` in ``logits`` and get probability 0. A row where every position is
    ``-inf`` is all zeros rather than NaN.

    Args:
        logits: Shape ``(..., labels, ...)``.
        axis: The axis that sums to 1.

    Returns:
        float32, the shape of ``logits``.

    Examples:
        >>> softmax([0.0, 0.0]).tolist()
        [0.5, 0.5]
    """
    values = np.asarray(logits, dtype=np.float32)
    if values.ndim == 1 and values.size <= FEW:
        return np.array(_softmax_of_few(values.tolist()), np.float32)
    # Not lower than the lowest number: the distance of -inf to it is -inf, to -inf it would be NaN.
    peak = values.max(axis=axis, keepdims=True, initial=LOWEST)
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # far below the peak is 0; infinity is for `require_finite` to find
        exponentials: NDArray[np.float32] = np.exp(values - peak)
    # The peak itself counts 1, so that only a row without one is divided by less, and NaN stays NaN.
    exponentials /= np.maximum(exponentials.sum(axis=axis, keepdims=True), np.float32(1))
    return exponentials


def _softmax_of_few(logits: list[float]) -> list[float]:
    """Compute the same in Python: for a few labels, NumPy's calls alone take two to three times as long.

    Without this second form, a list of short texts takes 2 % longer.
    """
    peak = max([LOWEST, *logits])
    exponentials = [math.exp(value - peak) for value in logits]
    total = max(sum(exponentials), 1.0)
    return [value / total for value in exponentials]


def log_sum_exp(values: NDArray[np.float32]) -> np.float32:
    """Compute the logarithm of the sum of exponentials over all axes; ``-inf`` if all values are."""
    peak = values.max(initial=-np.inf)
    if np.isneginf(peak):
        return np.float32(peak)
    return np.float32(peak + np.log(np.exp(values - peak).sum()))


def sigmoid(logits: ArrayLike) -> NDArray[np.float32]:
    """Compute the logistic function, without overflow at either end.

    Args:
        logits: Any shape.

    Returns:
        float32, the shape of ``logits``.

    Examples:
        >>> sigmoid([0.0, -1000.0]).tolist()
        [0.5, 0.0]
    """
    values = np.asarray(logits, dtype=np.float32)
    exponentials = np.exp(-np.abs(values))
    positive = 1 / (1 + exponentials)
    result: NDArray[np.float32] = np.where(values >= 0, positive, exponentials * positive)
    return result


def l2_normalize(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale vectors to length 1 along the last axis; a zero vector stays zero, as in torch (eps 1e-12)."""
    try:
        with np.errstate(over="raise"):  # which costs less than to look at the norms
            norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    except FloatingPointError:
        # From 1.8e19 on, squares are infinite: large vectors are brought to the size of 1 first, others stay as they are.
        largest = np.abs(vectors).max(axis=-1, keepdims=True)
        scale: NDArray[np.float32] = np.where(largest > 1e16, largest, np.float32(1))
        return l2_normalize(np.asarray(vectors / scale, np.float32))
    result: NDArray[np.float32] = vectors / np.maximum(norms, np.float32(1e-12))
    return result


def require_finite(values: NDArray[np.float32], what: str = "scores") -> NDArray[np.float32]:
    """Return the array, or raise ``NonFiniteOutputError`` if a value is NaN or infinite."""
    if values.ndim == 1 and values.size <= FEW:
        good = all(map(math.isfinite, values.tolist()))
    else:
        good = bool(np.isfinite(values).all())
    if not good:
        raise NonFiniteOutputError(what)
    return values


def require_usable(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits, or raise ``NonFiniteOutputError`` if scores would hide that a row is broken.

    A sigmoid makes 1.0 of infinity, a softmax zeros of a row of ``-inf`` alone. Single ones of ``-inf`` are masked
    labels, so what must be finite is the largest of each row; NaN counts as such.

    Args:
        logits: Shape ``(..., labels)``, with at least one label.
    """
    if logits.ndim == 1 and logits.size <= FEW:
        values = logits.tolist()
        good = -math.inf < max(values) < math.inf and not math.isnan(sum(values))
    else:
        good = bool(np.isfinite(logits.max(axis=-1)).all())
    if not good:
        raise NonFiniteOutputError("logits")
    return logits


def top_indices(scores: NDArray[np.float32], count: int | None = None) -> list[int]:
    """Return the positions of the highest scores, the highest first, the first of equals first; shape ``(n,)``.

    Examples:
        >>> top_indices(np.array([0.1, 0.5, 0.5, 0.2], np.float32), 3)
        [1, 2, 3]
    """
    if count is None or count >= len(scores):
        values = scores.tolist()  # of a few labels, one call of NumPy takes longer than to sort them in Python
        return sorted(range(len(values)), key=values.__getitem__, reverse=True)
    # A vocabulary has 250,000 entries: only those that can be among the best are put in order.
    chosen = np.flatnonzero(scores >= np.partition(scores, -count)[-count])
    order: list[int] = chosen[np.argsort(-scores[chosen], kind="stable")[:count]].tolist()
    return order


publish(globals(), "sigmoid", "softmax")
