"""What a graph says of itself: as onnx and ONNX Runtime read it, without either."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxhub import builtin
from onnxhub._backend.graphs.signature import Graph, Port, read_graph
from onnxhub.errors import IntegrityError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TASKS = ("text-classification", "question-answering", "token-classification", "feature-extraction", "multiple-choice")
RUNTIME_TYPES = {"float32": "float"}


def model_of(*nodes: onnx.NodeProto, weights: tuple[TensorProto, ...] = (), **made: object) -> onnx.ModelProto:
    """A graph from ``x`` to ``y``."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xy")
    return helper.make_model(helper.make_graph(list(nodes), "g", [x], [y], initializer=list(weights)), **made)


def read(model: onnx.ModelProto, folder: Path) -> Graph:
    """What is read of the model as a file."""
    onnx.save(model, folder / "model.onnx")
    return read_graph(folder / "model.onnx")


def agrees_with_onnx_runtime(path: Path) -> Graph:
    """What is read of a file, once it is known to be what a session says."""
    graph = read_graph(path)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    for ours, theirs in ((graph.inputs, session.get_inputs()), (graph.outputs, session.get_outputs())):
        assert [port.name for port in ours] == [port.name for port in theirs]
        assert [f"tensor({RUNTIME_TYPES.get(port.type, port.type)})" for port in ours] == [port.type for port in theirs]
        for port, expected in zip(ours, theirs, strict=True):
            assert port.shape is None or list(port.shape) == list(expected.shape)
    model = onnx.load(path, load_external_data=False)
    assert graph.opsets == {opset.domain or "ai.onnx": opset.version for opset in model.opset_import}
    assert graph.producer == " ".join(filter(None, (model.producer_name, model.producer_version)))
    return graph


@pytest.mark.parametrize("task", TASKS)
def test_it_is_what_onnx_runtime_says(task: str, tiny_model: Callable[..., Path]) -> None:
    """Inputs, outputs, types, shapes, operator sets and producer of a model of each task."""
    graph = agrees_with_onnx_runtime(tiny_model(task) / "model.onnx")
    assert graph.quantization == "none"
    assert next(iter(graph.weights)) == "float32"


@pytest.mark.parametrize("name", builtin.names())
def test_the_bundled_models(name: str) -> None:
    """Their weights are blocks of four bits."""
    graph = agrees_with_onnx_runtime(builtin.folder(name) / "model_q4.onnx")
    assert graph.quantization == "4-bit blocks"
    assert next(iter(graph.weights)) == "uint8"


def test_weights_in_other_files_count(tiny_model: Callable[..., Path]) -> None:
    """By their shapes, not by what is in the file."""
    inside = read_graph(tiny_model() / "model.onnx")
    outside = read_graph(tiny_model(external_data="shards") / "model.onnx")
    assert outside.weights == inside.weights
    assert inside.weights["float32"] < (tiny_model() / "model.onnx").stat().st_size


@pytest.mark.parametrize(
    ("dtype", "said"), [("fp16", "fp16"), ("int8", "8-bit, dynamic"), ("uint8", "8-bit, dynamic"), ("fp32", "none")]
)
def test_the_kinds_of_quantisation_that_tools_make(dtype: str, said: str, tiny_model: Callable[..., Path]) -> None:
    """By the types of the weights, and by the operators."""
    assert read_graph(tiny_model(dtype=dtype) / "model.onnx").quantization == said


def node(name: str, domain: str = "", **attributes: object) -> onnx.NodeProto:
    """An operator."""
    return helper.make_node(name, ["x"], ["y"], domain=domain, **attributes)


EIGHT = numpy_helper.from_array(np.zeros((4, 4), np.int8), "w")


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([node("QuantizeLinear"), node("DequantizeLinear")], "8-bit, static"),
        ([node("QLinearMatMul")], "8-bit, static"),
        ([node("DequantizeLinear"), node("MatMul")], "8-bit, weights alone"),
        ([node("MatMul"), node("MatMulNBits", "com.microsoft", bits=8)], "8-bit blocks"),
        ([node("MatMulNBits", "com.microsoft", K=4, bits=2, N=4)], "2-bit blocks"),
        ([node("MatMulBnb4", "com.microsoft", K=4)], "4-bit blocks"),
        ([node("MatMul")], "none"),
    ],
)
def test_other_kinds_of_quantisation(nodes: list[onnx.NodeProto], said: str, tmp_path: Path) -> None:
    """As quantisers of ONNX Runtime and others write them."""
    assert read(model_of(*nodes, weights=(EIGHT,)), tmp_path).quantization == said


def test_initializers_are_no_inputs(tmp_path: Path) -> None:
    """Old files list them as inputs, too; and what is no tensor, or of no shape, is said to be so."""
    model = model_of(node("MatMul"), weights=(EIGHT,))
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.INT8, [4, 4]))
    model.graph.input.append(helper.make_tensor_value_info("scalar", TensorProto.INT64, []))
    model.graph.input.append(helper.make_tensor_value_info("any", TensorProto.FLOAT16, None))
    model.graph.input.append(helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, [2]))
    graph = read(model, tmp_path)
    assert graph.inputs == (
        Port("x", "float32", ("n", 4)), Port("scalar", "int64", ()), Port("any", "float16", None), Port("list", "?", None)
    )  # fmt: skip
    assert [str(port) for port in graph.inputs] == ["x: float32[n, 4]", "scalar: int64[]", "any: float16", "list: ?"]


def test_damaged_files_end_in_facts_or_errors_of_the_tree(tmp_path: Path, tiny_model: Callable[..., Path]) -> None:
    """500 of them, with bytes changed at random."""
    whole, chance = (tiny_model() / "model.onnx").read_bytes(), random.Random(7)
    read_well = 0
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "model.onnx").write_bytes(data)
        try:
            read_well += isinstance(read_graph(tmp_path / "model.onnx"), Graph)
        except (IntegrityError, UnsafeModelError):
            continue
    assert 0 < read_well < 500
