"""Any graph: arrays are checked against what it declares, and come back as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxhub
from onnxhub.errors import ClosedModelError, InvalidInputError, OutOfMemoryError, TaskMismatchError

if TYPE_CHECKING:
    from pathlib import Path


def identity(folder: Path, kind: int) -> Path:
    """A model ``y = x`` of two axes, of which the second has two places."""
    folder.mkdir()
    x, y = (helper.make_tensor_value_info(name, kind, ["rows", 2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", [x], [y])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx"
    )
    return folder


@pytest.mark.parametrize(
    ("kind", "given", "dtype"),
    [
        (TensorProto.INT64, [[1, -2]], np.int64),
        (TensorProto.INT32, [[1, -2]], np.int32),
        (TensorProto.INT8, [[127, -128]], np.int8),
        (TensorProto.FLOAT, [[0.1, 2.0]], np.float32),
        (TensorProto.FLOAT16, np.array([[0.1, 2.0]]), np.float16),
        (TensorProto.FLOAT, [[1, 2]], np.float32),
    ],
)
def test_numbers_become_what_the_graph_wants(kind: int, given: Any, dtype: type[np.generic], tmp_path: Path) -> None:
    """Integers that fit, and rounded floats; the result has the graph's own dtype."""
    found = onnxhub.load("custom", identity(tmp_path / "model", kind))({"x": given})["y"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.asarray(given, dtype))


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (TensorProto.INT8, [[300, 1]], "x has numbers from 1 to 300, which do not all fit; the graph wants int8"),
        (TensorProto.INT8, np.array([[200, 1]], np.uint8), "do not all fit"),
        (TensorProto.INT32, [[1, 2**40]], "do not all fit"),
        (TensorProto.INT64, [[0.5, 1.0]], "x is float64, which does not become int64 without loss"),
        (TensorProto.FLOAT, [["a", "b"]], "does not become float32"),
        (TensorProto.FLOAT, [0.0, 1.0], "x has 1 axes, shape (2,)"),
        (TensorProto.FLOAT, [[0.0, 1.0, 2.0]], "x has shape (1, 3)"),
        (TensorProto.FLOAT, [[0.0], [1.0, 2.0]], "x is no array"),
    ],
)
def test_what_does_not_fit_is_named(kind: int, given: Any, message: str, tmp_path: Path) -> None:
    """With the position of the mapping in the list; the session never sees it."""
    model = onnxhub.load("custom", identity(tmp_path / "model", kind))
    with pytest.raises(InvalidInputError) as caught:
        model([{"x": np.zeros((1, 2), np.int8)}, {"x": given}])
    assert message in str(caught.value)
    assert caught.value.index == 1


def test_names_that_do_not_fit(tmp_path: Path) -> None:
    """An unknown input with the nearest, a missing one with what it should be, and what is no mapping."""
    model = onnxhub.load("custom", identity(tmp_path / "model", TensorProto.FLOAT))
    for given, message in (
        ({"X": 1}, "no input 'X'"),
        ({}, "also wants x (float32 of shape"),
        (np.float32(1), "expected a mapping"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            model(given)
        assert message in str(caught.value)


def test_a_closed_model_says_only_so(tmp_path: Path) -> None:
    """Not that it failed on the input."""
    model = onnxhub.load("custom", identity(tmp_path / "model", TensorProto.FLOAT))
    model.close()
    with pytest.raises(ClosedModelError, match=r"^the model was closed; load it again$"):
        model({"x": [[0.0, 1.0]]})


def test_what_does_not_fit_into_memory_is_no_invalid_input(tmp_path: Path) -> None:
    """The sizes of an array are the graph's input, and there is no such memory; the model goes on."""
    sizes = helper.make_tensor_value_info("sizes", TensorProto.INT64, [1])
    made = helper.make_tensor_value_info("made", TensorProto.FLOAT, [None])
    graph = helper.make_graph([helper.make_node("ConstantOfShape", ["sizes"], ["made"])], "zeros", [sizes], [made])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    model = onnxhub.load("custom", tmp_path)
    with pytest.raises(
        OutOfMemoryError, match=r"item 1: there is not enough memory .*sizes \(1,\).* 4611686018427387904"
    ):
        model([{"sizes": [3]}, {"sizes": [2**60]}])
    assert model({"sizes": [3]})["made"].shape == (3,)


@pytest.mark.parametrize(
    ("task", "name", "fits"),
    [
        ("text-generation", "pixel_values", False),
        ("image-to-image", "input_ids", False),
        ("audio-classification", "pixel_values", False),
        ("image-to-image", "pixel_values", True),
        ("image-to-image", "images", True),
        ("text-generation", "input_ids", True),
        ("custom", "pixel_values", True),
    ],
)
def test_a_task_takes_graphs_of_its_own_kind_of_inputs(task: str, name: str, fits: bool, tmp_path: Path) -> None:
    """Known names of another kind are refused; names that say nothing, and any name for custom, are not."""
    shape = ["batch", "size"]
    graph = helper.make_graph(
        [helper.make_node("Identity", [name], ["logits"])], "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    if fits:
        assert onnxhub.load(task, tmp_path).info.task == task
    else:
        with pytest.raises(TaskMismatchError, match=f"its graph takes {name}, and not"):
            onnxhub.load(task, tmp_path)
