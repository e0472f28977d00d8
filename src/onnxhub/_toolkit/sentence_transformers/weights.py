"""The weights of sentence-transformers' modules behind the pooling, checked against what their configuration says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxhub._toolkit.sentence_transformers.files import refuse
from onnxhub._toolkit.sentence_transformers.layers import ACTIVATIONS, Dense, Layer, LayerNorm, UnitLength
from onnxhub._toolkit.sentence_transformers.settings import DenseModule, LayerNormModule, NormalizeModule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._contracts.protocols import Backend
    from onnxhub._toolkit.sentence_transformers.layers import Vectors
    from onnxhub._toolkit.sentence_transformers.settings import SentenceSettings

__all__ = ["read_layers"]


def read_layers(backend: Backend, task: str, settings: SentenceSettings, size: int) -> tuple[Layer, ...]:
    """Read the layers behind the pooling, without a last step to the length 1.

    Args:
        backend: Where the weights are.
        task: For errors.
        settings: Which modules there are.
        size: Dimensions of a pooled vector; 0: they are not known.

    Raises:
        TaskMismatchError: weights are missing, of another shape than they should be, or in a pickle; names the file.
    """
    layers: list[Layer] = []
    modules = settings.modules[:-1] if settings.normalizes else settings.modules
    for module in modules:
        if isinstance(module, DenseModule):
            dense = _read_dense(backend, task, module, size)
            layers.append(dense)
            size = len(dense.weight)
        elif isinstance(module, LayerNormModule):
            layers.append(_read_layer_norm(backend, task, module, size))
        elif isinstance(module, NormalizeModule):
            layers.append(UnitLength())
    return tuple(layers)


def _read_dense(backend: Backend, task: str, module: DenseModule, size: int) -> Dense:
    file = f"{module.folder}/model.safetensors"
    weights = backend.weights(file)
    if weights is None or "linear.weight" not in weights:
        problem = f"its dense layer {module.folder} has no model.safetensors with linear.weight (pickled weights are not read)"
        refuse(backend, task, problem)
    weight = weights["linear.weight"]
    if weight.ndim != 2:
        refuse(backend, task, f"linear.weight in its {file} has {weight.ndim} axes, not 2")
    out, given = weight.shape
    for key, declared, found in (
        ("in_features", module.in_features, given),
        ("out_features", module.out_features, out),
    ):
        if declared not in (None, found):
            problem = (
                f"its {module.folder}/config.json says {key}: {declared}, and linear.weight in its {file} is of {found}"
            )
            refuse(backend, task, problem)
    if size and given != size:
        refuse(backend, task, f"linear.weight in its {file} is for vectors of {given} dimensions, and gets {size}")
    expected: dict[str, tuple[int, ...]] = {"linear.weight": (out, given)}
    if module.bias:
        expected["linear.bias"] = (out,)
    if module.use_residual and out != given:
        expected["residual.weight"] = (out, given)
    _check_shapes(backend, task, file, weights, expected)
    return Dense(
        weight,
        weights.get("linear.bias"),
        ACTIVATIONS[module.activation],
        module.use_residual,
        weights.get("residual.weight"),
    )


def _read_layer_norm(backend: Backend, task: str, module: LayerNormModule, size: int) -> LayerNorm:
    file = f"{module.folder}/model.safetensors"
    weights = backend.weights(file)
    if weights is None:
        refuse(backend, task, f"its layer norm has no {file} (pickled weights are not read)")
    wide = size or module.dimension or len(weights.get("norm.weight", ()))
    if module.dimension not in (None, wide):
        problem = f"its {module.folder}/config.json says dimension: {module.dimension}, and gets vectors of {wide}"
        refuse(backend, task, problem)
    _check_shapes(backend, task, file, weights, {"norm.weight": (wide,), "norm.bias": (wide,)})
    return LayerNorm(weights["norm.weight"], weights["norm.bias"])


def _check_shapes(
    backend: Backend, task: str, file: str, weights: Mapping[str, Vectors], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse a file that has other tensors than these, or one of another shape: what it means is not known then."""
    if missing := sorted(expected.keys() - weights.keys()):
        refuse(backend, task, f"its {file} lacks {', '.join(missing)}")
    if unknown := sorted(weights.keys() - expected.keys()):
        refuse(backend, task, f"its {file} has {', '.join(unknown)}, which its configuration does not speak of")
    for name, shape in expected.items():
        if weights[name].shape != shape:
            problem = f"{name} in its {file} is of the shape {weights[name].shape}, and should be of {shape}"
            refuse(backend, task, problem)
