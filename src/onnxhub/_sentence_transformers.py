"""What sentence-transformers' files say: how token vectors become one vector for a text.

``modules.json`` lists the modules, each with a folder of its own; ``1_Pooling/config.json`` has the pooling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from onnxhub._numeric import sigmoid
from onnxhub.errors import TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._protocols import Backend

    Vectors: TypeAlias = NDArray[np.float32]

__all__ = ["POOLINGS", "Dense", "Pooling", "dense_layer", "modules", "pooling_modes"]

KINDS = ("Transformer", "Pooling", "Dense", "Normalize")
Pooling = Literal["cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


def modules(backend: Backend, kind: str) -> list[tuple[str, Mapping[str, object]]]:
    """Folder and configuration of sentence-transformers' modules of one kind (``Normalize`` has no files).

    Raises:
        TaskMismatchError: there is a module of a kind that is not known: without it, the vectors would be others.
    """
    listed = backend.json_list("modules.json")
    if listed is None:
        # Repositories with a pooling configuration but no list of modules exist.
        found = backend.json(f"1_{kind}/config.json") or {}
        return [(f"1_{kind}", found)] if found else []
    entries = [entry for entry in listed if isinstance(entry, Mapping)]
    kinds = [str(entry.get("type")).rpartition(".")[2] for entry in entries]
    if unknown := [name for name in kinds if name not in KINDS]:
        problem = f"modules.json has {', '.join(unknown)}; known are {', '.join(KINDS)}"
        raise TaskMismatchError(backend.model_id, "feature-extraction", (problem,))
    if kinds != sorted(kinds, key=KINDS.index):
        problem = f"modules.json has {', '.join(kinds)} in this order; known is the order {', '.join(KINDS)}"
        raise TaskMismatchError(backend.model_id, "feature-extraction", (problem,))
    folders = [str(entry.get("path")) for entry, name in zip(entries, kinds, strict=True) if name == kind]
    return [(folder, backend.json(f"{folder}/config.json") or {}) for folder in folders]


def _weighted_mean(tokens: Vectors, skipped: int) -> Vectors:
    # By the position in the whole row: also what is left out is counted.
    weights = np.arange(skipped + 1, skipped + len(tokens) + 1, dtype=np.float32)
    return np.asarray(weights @ tokens / weights.sum())


POOLINGS: Mapping[str, Callable[[Vectors, int], Vectors]] = {
    "cls": lambda tokens, _: tokens[0],
    "mean": lambda tokens, _: np.asarray(tokens.mean(axis=0)),
    "max": lambda tokens, _: np.asarray(tokens.max(axis=0)),
    "mean_sqrt_len_tokens": lambda tokens, _: np.asarray(tokens.sum(axis=0) / np.sqrt(np.float32(len(tokens)))),
    "weightedmean": _weighted_mean,
    "lasttoken": lambda tokens, _: tokens[-1],
}
"""The pooling modes of sentence-transformers (``Pooling.forward``) for one text: of the vectors of its tokens, and the
number of those before them that are left out; shape ``(tokens, dim) -> (dim,)``."""

_OLD_NAMES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}

_ACTIVATIONS: Mapping[str, Callable[[Vectors], Vectors]] = {
    "Identity": lambda vectors: vectors,
    "Tanh": np.tanh,
    "ReLU": lambda vectors: np.maximum(vectors, 0),
    "Sigmoid": sigmoid,
}


def pooling_modes(backend: Backend, config: Mapping[str, object]) -> tuple[Pooling, ...]:
    """The modes of a ``1_Pooling/config.json``, in either of sentence-transformers' two forms.

    Raises:
        TaskMismatchError: one of them is not known.
    """
    modes = config.get("pooling_mode")
    if isinstance(modes, str):
        modes = [modes]
    if not isinstance(modes, list):
        modes = [mode for name, mode in _OLD_NAMES.items() if config.get(name) is True]
    if unknown := [mode for mode in modes if str(mode) not in POOLINGS]:
        problem = f"its pooling is {', '.join(map(repr, unknown))}; known are {', '.join(POOLINGS)}"
        raise TaskMismatchError(backend.model_id, "feature-extraction", (problem,))
    return cast("tuple[Pooling, ...]", tuple(modes)) or ("mean",)


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A linear layer after the pooling."""

    weight: Vectors
    """Shape ``(out, in)``."""
    bias: Vectors | None
    """Shape ``(out,)``."""
    activation: Callable[[Vectors], Vectors]
    """Applied to the result."""

    def __call__(self, vectors: Vectors) -> Vectors:
        """Shape: ``(in,) -> (out,)``."""
        result = vectors @ self.weight.T
        return self.activation(result if self.bias is None else result + self.bias)


def dense_layer(backend: Backend, folder: str, config: Mapping[str, object]) -> Dense:
    """The linear layer of a ``Dense`` module.

    Raises:
        TaskMismatchError: its weights are not in safetensors, or its activation is not known.
    """
    weights = backend.weights(f"{folder}/model.safetensors")
    if weights is None or "linear.weight" not in weights:
        problem = f"its dense layer {folder} has no model.safetensors with linear.weight (pickled weights are not read)"
        raise TaskMismatchError(backend.model_id, "feature-extraction", (problem,))
    name = str(config.get("activation_function") or "torch.nn.modules.activation.Tanh").rpartition(".")[2]
    if name not in _ACTIVATIONS:
        problem = f"its dense layer {folder} has the activation {name}; known are {', '.join(_ACTIVATIONS)}"
        raise TaskMismatchError(backend.model_id, "feature-extraction", (problem,))
    return Dense(weights["linear.weight"], weights.get("linear.bias"), _ACTIVATIONS[name])
