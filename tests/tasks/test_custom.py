"""Any graph: arrays are checked against what it declares, and come back as they are."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxhub
from onnxhub.errors import (
    ClosedModelError,
    InvalidInputError,
    InvalidOptionError,
    OutOfMemoryError,
    TaskMismatchError,
    UnknownOptionError,
)
from onnxhub.tasks import custom

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxhub import Task

INPUTS: Mapping[str, str] = {"text": "input_ids", "image": "pixel_values", "audio": "input_values", "arrays": "x"}
LABELLED = [task for task in custom.TASKS if issubclass(task.postprocessor, custom.LabelledPostprocessor)]


class Image:
    """What Pillow's images have that arrays have, too: a size, and no dtype."""

    size = (4, 4)


class Tensor:
    """What is looked at of a tensor of PyTorch."""

    dtype = "torch.float32"
    shape = (3, 4)


def identity(folder: Path, kind: int) -> Path:
    """A model ``y = x`` of two axes, of which the second has two places."""
    folder.mkdir()
    x, y = (helper.make_tensor_value_info(name, kind, ["rows", 2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", [x], [y])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx"
    )
    return folder


def write_logits(folder: Path, name: str, config: Mapping[str, object], shape: Sequence[str | int]) -> Path:
    """A model whose logits are its input, with a configuration beside it."""
    folder.mkdir(exist_ok=True)
    x, y = (helper.make_tensor_value_info(port, TensorProto.FLOAT, list(shape)) for port in (name, "logits"))
    graph = helper.make_graph([helper.make_node("Identity", [name], ["logits"])], "identity", [x], [y])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx"
    )
    (folder / "config.json").write_text(json.dumps(config))
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


@pytest.mark.parametrize("task", custom.TASKS, ids=lambda task: task.name)
def test_what_is_no_mapping_is_told_where_it_goes(task: Task[Any], tmp_path: Path) -> None:
    """The error has the line that runs the task, or says that there is no more than optimum's class."""
    file = write_logits(tmp_path, INPUTS[task.modality], {}, ["rows", "size"]) / "model.onnx"
    if task.name in custom.GENERATING - {"text-generation"}:
        shutil.copy(file, tmp_path / "decoder_model.onnx")
        file.rename(tmp_path / "encoder_model.onnx")
    model = onnxhub.load(task, tmp_path)
    line = custom.suggest_pipeline(task.name, str(tmp_path))
    for given in ("a text", Path("cat.jpg"), Image(), np.zeros((3, 4), np.float32), Tensor()):
        with pytest.raises(InvalidInputError) as caught:
            model(given)
        said = str(caught.value)
        assert said.startswith(f"expected a mapping of {INPUTS[task.modality]} to arrays, got {type(given).__name__}")
        assert ("goes in by its name" in said) == hasattr(given, "dtype")
        if task.name == "custom":
            assert said.endswith("under its own task's name, or 'auto', a model takes what the task does")
            continue
        assert f"{task.name} is arrays in and out here: " in said
        assert said.endswith("(pip install 'onnxhub[optimum]'; docs/tasks/custom.md)")
        assert (line or "model.ort_model is optimum's class for it") in said
        assert ("or model.ort_model.generate(...)" in said) == (task.name in custom.GENERATING)


def test_an_array_of_numbers_is_one_input(tmp_path: Path) -> None:
    """It is refused whole, also by attempt and stream; a column of mappings is many, and an empty array is none."""
    model: Any = onnxhub.load("custom", identity(tmp_path / "model", TensorProto.FLOAT))
    pixels, column = np.zeros((2, 3), np.uint8), np.array([{"x": [[0.0, 1.0]]}, {"x": [[2.0, 3.0]]}], object)
    with pytest.raises(InvalidInputError, match=r"^expected a mapping .* ndarray of shape \(2, 3\), which goes in by"):
        model(pixels)
    with pytest.raises(InvalidInputError, match=r"^item 1: expected a mapping .* ndarray of shape \(2, 3\)"):
        model([column[0], pixels])
    with pytest.raises(InvalidInputError, match="attempt takes a list of inputs, got ndarray"):
        model.attempt(pixels)
    with pytest.raises(InvalidInputError, match="expected an iterable of inputs, got one"):
        list(model.stream(pixels))
    assert [found["y"].tolist() for found in model(column)] == [[[0.0, 1.0]], [[2.0, 3.0]]]
    assert model(np.array([])) == model([]) == []


def test_generating_is_told_where_it_is(tmp_path: Path) -> None:
    """The method is an attribute that is not there, and its options are none; copies and pickles are as they were."""
    [task] = [task for task in custom.TASKS if task.name == "text-generation"]
    model: Any = onnxhub.load(task.name, write_logits(tmp_path / "m", "input_ids", {}, ["rows", "size"]))
    with pytest.raises(AttributeError) as caught:
        _ = model.generate
    assert caught.value.name == "generate"
    said = (
        "'ArraysModel' object has no attribute 'generate'; model.ort_model.generate, of optimum's ORTModelForCausalLM"
    )
    assert str(caught.value).startswith(said)
    line = custom.suggest_pipeline("text-generation", str(tmp_path / "m"))
    assert line in str(caught.value)
    assert not hasattr(model, "_generate")
    with pytest.raises(UnknownOptionError) as refused:
        model({"input_ids": [[0.0]]}, max_new_tokens=3)
    assert str(refused.value).startswith(
        "max_new_tokens=3: expected an option of ArraysModel: part, progress; text-gen"
    )
    assert line in str(refused.value)
    with pytest.raises(InvalidOptionError, match="part='decoder': expected one of 'model'"):
        model.with_options(part="decoder")
    for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other({"input_ids": [[1.0]]})["logits"].tolist() == [[1.0]]


def test_a_property_that_fails_keeps_its_own_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is not taken for an attribute of transformers' models."""
    model: Any = onnxhub.load("custom", identity(tmp_path / "model", TensorProto.FLOAT))
    monkeypatch.setattr(type(model), "broken", property(lambda _: SimpleNamespace().inner), raising=False)
    with pytest.raises(AttributeError, match=r"'types\.SimpleNamespace' object has no attribute 'inner'"):
        _ = model.broken


@pytest.mark.parametrize("task", LABELLED, ids=lambda task: task.name)
@pytest.mark.parametrize(
    ("config", "labels"),
    [
        ({"id2label": {"1": "dog", "0": "cat"}}, ("cat", "dog")),
        ({"id2label": {"0": "cat"}}, ()),
        ({"id2label": {"0": "cat", "2": "dog"}}, ()),
        ({"id2label": "cat"}, ()),
        ({"num_labels": 2}, ()),
    ],
)
def test_the_labels_of_logits(
    task: Task[Any], config: Mapping[str, object], labels: tuple[str, ...], tmp_path: Path
) -> None:
    """They are those of the configuration; if they do not fit, there are none, and the arrays come as before."""
    axis = task.postprocessor.axis
    shape = ["rows", "frames", 2] if axis == -1 else ["rows", 2, 3, 3]
    model = onnxhub.load(task, write_logits(tmp_path / "m", INPUTS[task.modality], config, shape))
    assert model.info.labels == labels
    given = np.zeros([3 if isinstance(size, str) else size for size in shape], np.float32)
    assert model({INPUTS[task.modality]: given})["logits"].shape == given.shape
