"""Graphs that give fp16 or bfloat16: what comes out is float32."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxhub
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

TYPES = {"fp16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16}


def with_outputs_of(folder: Path, kind: int) -> Path:
    """A tiny classifier whose logits are cast at the end of its graph."""
    tiny.make_model(folder)
    model = onnx.load(folder / "model.onnx")
    (output,) = model.graph.output
    model.graph.node[-1].output[0] = "wide"
    model.graph.node.append(helper.make_node("Cast", ["wide"], [output.name], to=kind))
    output.type.tensor_type.elem_type = kind
    onnx.save(model, folder / "model.onnx")
    return folder


@pytest.mark.parametrize("name", TYPES)
def test_results_are_those_of_float32_but_for_rounding(name: str, tmp_path: Path) -> None:
    """For one text and for many, as logits and as scores."""
    narrow = onnxhub.load("text-classification", with_outputs_of(tmp_path / "narrow", TYPES[name]))
    wide = onnxhub.load("text-classification", tiny.make_model(tmp_path / "wide"))
    texts = list(tiny.TEXTS[:-1])
    found, expected = narrow.outputs(texts)["logits"], wide.outputs(texts)["logits"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2.0**-8)
    if name == "bfloat16":  # which keeps the sign, the exponent and 7 bits of the fraction
        assert not (found.view(np.uint32) & 0xFFFF).any()
    for one, other in zip(narrow(texts), wide(texts), strict=True):
        assert one.score == pytest.approx(other.score, abs=0.02)
    assert narrow("a").score == pytest.approx(wide("a").score, abs=0.02)


def graph(folder: Path) -> Path:
    """A folder with a graph that casts its input to bfloat16 and to fp16."""
    sides = [helper.make_tensor_value_info(name, kind, ["n", 2]) for name, kind in (("x", 1), ("b", 16), ("h", 10))]
    nodes = [helper.make_node("Cast", ["x"], [name], to=kind) for name, kind in (("b", 16), ("h", 10))]
    model = helper.make_model(
        helper.make_graph(nodes, "casts", sides[:1], sides[1:]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.save(model, folder / "model.onnx")
    (folder / "config.json").write_text(json.dumps({}), encoding="utf-8")
    return folder


def test_every_value_of_bfloat16_is_read(tmp_path: Path) -> None:
    """Zeros with their sign, infinities, NaN, the largest and the smallest."""
    model = onnxhub.load("custom", graph(tmp_path))
    values = np.array([[0.0, -0.0], [np.inf, -np.inf], [np.nan, 3.0e38], [1e-40, 1.5]], np.float32)
    found = model({"x": values})["b"]
    expected = np.array([[0.0, -0.0], [np.inf, -np.inf], [np.nan, 3.0e38], [1e-40, 1.5]], np.float32)
    np.testing.assert_allclose(found, expected, rtol=2.0**-8, atol=1e-40)
    assert np.signbit(found[0]).tolist() == [False, True]
    assert model({"x": np.zeros((0, 2), np.float32)})["b"].shape == (0, 2)
