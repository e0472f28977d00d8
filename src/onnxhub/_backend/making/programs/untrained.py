"""Finds weights that a model needs and its file lacks: transformers fills them with random numbers.

Here they become NaN, so that the graph shows whether it uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxhub._backend.making.programs import refuse
from onnxhub.errors import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["check_graph", "mark_missing"]


def mark_missing(model: Any, names: Iterable[str]) -> set[str]:
    """Fill missing weights with NaN, and return their names; buffers of known formulas are computed."""
    import torch

    state = model.state_dict()
    missing: set[str] = set()
    for name in names:
        if name not in state or not state[name].is_floating_point():
            continue
        if _is_base_of_positions(model, name):
            half = len(state[name])  # transformers 5 saves it no more
            state[name].copy_(1.0 / (10000 ** (torch.arange(0, 2 * half, 2, dtype=torch.int64).float() / (2 * half))))
        else:
            state[name].fill_(torch.nan)
            missing.add(name)
    return missing


def check_graph(path: Path, missing: set[str], config: Any) -> int:
    """Return the opset of the file; end the program if its graph has untrained weights."""
    import onnx

    model = onnx.load(str(path), load_external_data=bool(missing))
    if missing and any(map(_has_nan, _walk_tensors(model.graph))):
        saved = f"; it was saved as a {' and a '.join(config.architectures)}" if config.architectures else ""
        refuse(f"its weights lack {listing(sorted(missing), 6)}, without which it cannot be used for this{saved}")
    return int(next(opset.version for opset in model.opset_import if opset.domain in {"", "ai.onnx"}))


def _is_base_of_positions(model: Any, name: str) -> bool:
    """Tell whether these are the frequencies of ESM, which are the same in all of its models."""
    place, _, last = name.rpartition(".")
    is_esm = model.config.model_type == "esm"
    return is_esm and last == "inv_freq" and type(model.get_submodule(place)).__name__ == "RotaryEmbedding"


def _walk_tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _walk_tensors(inner)


def _has_nan(tensor: Any) -> bool:
    import numpy as np
    from onnx import numpy_helper

    values: Any = numpy_helper.to_array(tensor)
    return values.dtype.kind == "f" and bool(np.isnan(values).any())
