"""The layers and similarities of sentence-transformers in NumPy: the modules behind the transformer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

import numpy as np

from onnxhub._toolkit.numeric import l2_normalize, sigmoid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    Vectors: TypeAlias = NDArray[np.float32]
    Function: TypeAlias = Callable[[Vectors], Vectors]

__all__ = [
    "ACTIVATIONS",
    "POOLINGS",
    "SIMILARITIES",
    "Dense",
    "Layer",
    "LayerNorm",
    "Pooling",
    "Similarity",
    "UnitLength",
    "width_after",
]

Pooling = Literal["cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
Similarity = Literal["cosine", "dot", "euclidean", "manhattan"]

LAYER_NORM_EPSILON: Final = np.float32(1e-5)
"""The default of ``torch.nn.LayerNorm``, which sentence-transformers does not change."""
SELU_SCALE: Final = np.float32(1.0507009873554804934193349852946)
SELU_ALPHA: Final = np.float32(1.6732632423543772848170429916717)


def _average_by_position(tokens: Vectors, skipped: int) -> Vectors:
    # By the position in the whole row: also what is left out is counted.
    weights = np.arange(skipped + 1, skipped + len(tokens) + 1, dtype=np.float32)
    return np.asarray(weights @ tokens / weights.sum())


POOLINGS: Final[Mapping[str, Callable[[Vectors, int], Vectors]]] = {
    "cls": lambda tokens, _: tokens[0],
    "mean": lambda tokens, _: np.asarray(tokens.mean(axis=0)),
    "max": lambda tokens, _: np.asarray(tokens.max(axis=0)),
    "mean_sqrt_len_tokens": lambda tokens, _: np.asarray(tokens.sum(axis=0) / np.sqrt(np.float32(len(tokens)))),
    "weightedmean": _average_by_position,
    "lasttoken": lambda tokens, _: tokens[-1],
}
"""The pooling modes of sentence-transformers (``Pooling.forward``) for one text: of the vectors of its tokens, and the
number of those before them that are left out; shape ``(tokens, dim) -> (dim,)``."""


def _gelu(values: Vectors) -> Vectors:
    # The error function itself, not its approximation by tanh, which is another activation (GELU's `approximate`).
    errors = np.array([math.erf(value) for value in (values.ravel() * math.sqrt(0.5)).tolist()], np.float32)
    return np.asarray(values * (1 + errors.reshape(values.shape)) / 2, np.float32)


def _softplus(values: Vectors) -> Vectors:
    return np.logaddexp(np.float32(0), values)


def _elu(values: Vectors) -> Vectors:
    return np.where(values > 0, values, np.expm1(np.minimum(values, np.float32(0))))


def _hard_sigmoid(values: Vectors) -> Vectors:
    return np.asarray(np.clip(values + 3, 0, 6) / 6, np.float32)


ACTIVATIONS: Final[Mapping[str, Function]] = {
    "Identity": lambda values: values,
    "Tanh": np.tanh,
    "Sigmoid": sigmoid,
    "ReLU": lambda values: np.maximum(values, np.float32(0)),
    "ReLU6": lambda values: np.clip(values, np.float32(0), np.float32(6)),
    "LeakyReLU": lambda values: np.where(values > 0, values, values * np.float32(0.01)),
    "ELU": _elu,
    "SELU": lambda values: SELU_SCALE * np.where(values > 0, values, SELU_ALPHA * _elu(values)),
    "GELU": _gelu,
    "SiLU": lambda values: values * sigmoid(values),
    "Mish": lambda values: values * np.tanh(_softplus(values)),
    "Softplus": _softplus,
    "Softsign": lambda values: values / (1 + np.abs(values)),
    "LogSigmoid": lambda values: -_softplus(-values),
    "Hardtanh": lambda values: np.clip(values, np.float32(-1), np.float32(1)),
    "Hardsigmoid": _hard_sigmoid,
    "Hardswish": lambda values: values * _hard_sigmoid(values),
}
"""Class of ``torch.nn`` -> what it computes with its defaults, in float32; any shape."""


class Layer(Protocol):
    """A step from the pooled vector of a text to its embedding."""

    def __call__(self, vectors: Vectors) -> Vectors:
        """Shape: ``(in,) -> (out,)``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A linear layer after the pooling."""

    weight: Vectors
    """Shape ``(out, in)``."""
    bias: Vectors | None
    """Shape ``(out,)``."""
    activation: Function
    """Applied to the result."""
    use_residual: bool = False
    """Add the input to the result of the activation."""
    residual: Vectors | None = None
    """Weights that bring the input to the size of the result before it is added; shape ``(out, in)``."""

    def __call__(self, vectors: Vectors) -> Vectors:
        """Shape: ``(in,) -> (out,)``."""
        result = vectors @ self.weight.T
        result = self.activation(result if self.bias is None else result + self.bias)
        if not self.use_residual:
            return result
        return result + (vectors if self.residual is None else vectors @ self.residual.T)


@dataclass(frozen=True, slots=True, eq=False)
class LayerNorm:
    """Mean 0 and variance 1 over the dimensions, then a scale and a shift for each."""

    weight: Vectors
    """Shape ``(dim,)``."""
    bias: Vectors
    """Shape ``(dim,)``."""

    def __call__(self, vectors: Vectors) -> Vectors:
        """Shape: ``(dim,) -> (dim,)``."""
        centred = vectors - vectors.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        return np.asarray(centred / np.sqrt(variance + LAYER_NORM_EPSILON) * self.weight + self.bias)


@dataclass(frozen=True, slots=True)
class UnitLength:
    """The length 1, where other layers follow."""

    def __call__(self, vectors: Vectors) -> Vectors:
        """Shape: ``(dim,) -> (dim,)``."""
        return l2_normalize(vectors)


def width_after(layers: tuple[Layer, ...], size: int) -> int:
    """Return the dimensions of the vectors behind layers that get vectors of this size."""
    return next((len(layer.weight) for layer in reversed(layers) if isinstance(layer, Dense)), size)


def _cosine(left: Vectors, right: Vectors) -> Vectors:
    # Rounding may carry the product of a vector with itself beyond 1.
    return np.asarray((l2_normalize(left) @ l2_normalize(right).T).clip(-1, 1), np.float32)


def _dot(left: Vectors, right: Vectors) -> Vectors:
    return np.asarray(left @ right.T, np.float32)


def _negative_distance(left: Vectors, right: Vectors, order: int) -> Vectors:
    # Row by row: all differences at once would take (n, m, dim), and by products near vectors lose their digits.
    rows = [-np.linalg.norm(right - row, ord=order, axis=-1) for row in left]
    return np.array(rows, np.float32).reshape(len(left), len(right))


SIMILARITIES: Final[Mapping[str, Callable[[Vectors, Vectors], Vectors]]] = {
    "cosine": _cosine,
    "dot": _dot,
    "euclidean": lambda left, right: _negative_distance(left, right, 2),
    "manhattan": lambda left, right: _negative_distance(left, right, 1),
}
"""``similarity_fn_name`` -> how alike vectors are, more for nearer ones; shape ``(n, dim), (m, dim) -> (n, m)``."""
