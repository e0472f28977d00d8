"""Which precision a graph has, whatever its file is called, and what becomes of files whose names tell another one."""

from __future__ import annotations

import pickle
import shutil
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxhub
from onnxhub import builtin
from onnxhub._backend.files.naming import find_precision
from onnxhub._backend.graphs.precision import agrees, claims, determine_precision
from onnxhub._backend.repository.repository import fetch_model, open_repository
from onnxhub._contracts.registry import get_task
from onnxhub._workshop.inspect import inspect_repository
from onnxhub.errors import AmbiguousFileError, VariantNotFoundError
from tests import tiny
from tests.hub_server import HubServer, run_python

if TYPE_CHECKING:
    from pathlib import Path

TASK = "text-classification"
FLOAT, UINT8, INT8, HALF, DOUBLE, BF16 = 1, 2, 3, 10, 11, 16
UINT4, INT4, FLOAT8, INT2 = 21, 22, 17, 26


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own: what a test has made is found by no other."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))


@pytest.mark.parametrize(
    ("operators", "weights", "dtype", "kind"),
    [
        ({"MatMul"}, {FLOAT: 100, 7: 50}, "fp32", "none"),
        ({"MatMul"}, {HALF: 100, FLOAT: 10}, "fp16", "fp16"),
        ({"MatMul"}, {BF16: 100}, "bf16", "bf16"),
        ({"MatMul"}, {DOUBLE: 100}, "fp64", "fp64"),
        ({"MatMul", "Cast"}, {HALF: 100, FLOAT: 50}, "mixed", "mixed"),
        ({"MatMul", "Cast"}, {FLOAT: 1000, UINT8: 5}, "fp32", "none"),
        ({"QuantizeLinear", "DequantizeLinear"}, {INT8: 100, FLOAT: 100}, "int8", "8-bit, static"),
        ({"QuantizeLinear", "DequantizeLinear"}, {FLOAT: 100, UINT8: 1}, "q8", "8-bit, static"),
        ({"QLinearConv"}, {UINT8: 100, FLOAT: 3}, "uint8", "8-bit, static"),
        ({"DynamicQuantizeLinear", "MatMulInteger"}, {INT8: 10, UINT8: 90, FLOAT: 2}, "int8", "8-bit, dynamic"),
        ({"DynamicQuantizeLinear", "MatMulInteger"}, {UINT8: 100, FLOAT: 2}, "uint8", "8-bit, dynamic"),
        ({"DynamicQuantizeLinear", "MatMulInteger"}, {INT8: 9, UINT8: 9_000_000}, "int8", "8-bit, dynamic"),
        ({"MatMulInteger"}, {INT8: 100}, "int8", "8-bit"),
        ({"DequantizeLinear"}, {INT8: 100, FLOAT: 2}, "int8", "8-bit, weights alone"),
        ({"Cast", "Mul"}, {INT8: 100, FLOAT: 20}, "int8", "8-bit, weights alone"),
        ({"DequantizeLinear"}, {INT4: 100, FLOAT: 20}, "q4", "4-bit, weights alone"),
        ({"DequantizeLinear", "QuantizeLinear"}, {UINT4: 100, FLOAT: 20}, "q4", "4-bit, weights alone"),
        ({"DequantizeLinear"}, {INT2: 100}, "q2", "2-bit, weights alone"),
        ({"MatMulNBits"}, {UINT8: 50, FLOAT: 100}, "q4", "4-bit blocks"),
        ({"GatherBlockQuantized"}, {UINT4: 50}, "q4", "4-bit blocks"),
        ({"MatMulBnb4"}, {UINT8: 50}, "bnb4", "4-bit blocks"),
        ({"Cast"}, {FLOAT8: 100}, "fp8", "8-bit floats"),
        ({"Neg"}, {7: 4}, "", "none"),
        (set(), {}, "", "none"),
    ],
)
def test_the_kinds_of_graphs(operators: set[str], weights: dict[int, int], dtype: str, kind: str) -> None:
    """By operators, and by the types of the weights: constants beside them do not count."""
    found = determine_precision(frozenset(operators), weights)
    assert (found.dtype, found.kind) == (dtype, kind)
    assert found.dtype in found.description


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_blocks_of_any_size(bits: int, tmp_path: Path) -> None:
    """The operator says how many bits an element has, in a branch as well."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    operator = helper.make_node("MatMulNBits", ["x"], ["y"], domain="com.microsoft", K=32, N=4, bits=bits)
    inner = helper.make_graph([operator], "inner", [], [y])
    choose = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    onnx.save(helper.make_model(helper.make_graph([choose], "g", [x], [y])), tmp_path / "model.onnx")
    found = find_precision(fetch_model(open_repository(tmp_path), "model.onnx"))
    assert (found.dtype, found.kind) == (f"q{bits}", f"{bits}-bit blocks")


EIGHT_BITS = determine_precision(frozenset({"QLinearConv"}), {INT8: 9})
FOUR_BITS = determine_precision(frozenset({"MatMulNBits"}), {UINT8: 9})
FULL = determine_precision(frozenset(), {FLOAT: 9})
MIXED = determine_precision(frozenset(), {FLOAT: 9, HALF: 18})


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("fp32", "full"),
        ("fp16", "mixed"),
        ("bf16", ""),
        ("q8", "eight"),
        ("int8", "eight"),
        ("qint8_avx512_vnni", "eight"),
        ("uint8", ""),
        ("quint8_avx2", ""),
        ("q4", "four"),
        ("q4f16", "four"),
        ("bnb4", "four"),
        ("int4", "four"),
        ("mixed", "mixed"),
        ("O3", "full mixed"),
        ("optimized", "full mixed"),
    ],
)
def test_what_a_name_may_be_said_of(name: str, kinds: str) -> None:
    """Names of optimisers tell no precision, and go with what is not quantised."""
    every = {"eight": EIGHT_BITS, "four": FOUR_BITS, "full": FULL, "mixed": MIXED}
    assert [kind for kind, found in every.items() if agrees(name, found)] == [
        kind for kind in every if kind in kinds.split()
    ]
    assert claims(name) == (name not in {"O3", "optimized"})
    assert agrees(name, determine_precision(frozenset(), {7: 3}))  # which tells nothing


def refused(folder: Path, **options: object) -> str:
    """The error's hint and what it lists."""
    with pytest.raises(VariantNotFoundError) as raised:
        onnxhub.load(TASK, folder, **options)
    return f"{', '.join(raised.value.variants)}; {raised.value.hint}"


def test_an_8_bit_graph_under_a_plain_name(tmp_path: Path) -> None:
    """It runs, and is told as what it is; it is no fp32, satisfies int8 and q8, and nothing is made of it."""
    folder = tiny.make_model(tmp_path / "model", dtype="int8")
    info = onnxhub.load(TASK, folder).info
    assert (info.dtype, info.reason) == (
        "int8",
        "the repository's only ONNX model; its graph is 8-bit, dynamic (int8)",
    )
    assert onnxhub.load(TASK, folder, file="model.onnx").info.dtype == "int8"
    assert refused(folder, dtype="fp32") == (
        "model.onnx (int8); model.onnx is fp32 by its name alone: its graph is 8-bit, dynamic (int8); "
        "file='model.onnx' runs it as it is"
    )
    for dtype in ("int8", "q8", "quantized"):
        for export in ("auto", False):
            info = onnxhub.load(TASK, folder, dtype=dtype, export=export).info
            assert (info.file, info.dtype) == ("model.onnx", "int8")
            assert info.reason == f"dtype={dtype!r} was asked for; its graph is 8-bit, dynamic (int8)"
    for dtype in ("uint8", "fp16"):
        assert refused(folder, dtype=dtype) == (
            "model.onnx (int8); int8, uint8, q8 and fp16 are made of an fp32 file, and the graph of model.onnx is "
            "8-bit, dynamic (int8)"
        )


def test_a_full_precision_graph_under_the_name_of_another(tmp_path: Path) -> None:
    """It is told as what it is, and refused where the precision was asked for; fp32 takes it."""
    folder = tiny.make_model(tmp_path / "model", file="model_int8.onnx")
    assert onnxhub.load(TASK, folder).info.dtype == "fp32"
    assert refused(folder, dtype="int8").startswith(
        "model_int8.onnx (fp32); model_int8.onnx is int8 by its name alone: its graph is fp32"
    )
    info = onnxhub.load(TASK, folder, dtype="fp32").info
    assert (info.file, info.dtype) == ("model_int8.onnx", "fp32")
    tiny.make_model(folder)
    assert onnxhub.load(TASK, folder, dtype="fp32").info.file == "model.onnx"
    assert refused(folder, dtype="int8").startswith("model.onnx (fp32), model_int8.onnx (fp32); ")


def test_a_half_precision_graph_under_a_plain_name(tmp_path: Path) -> None:
    """No other precision is made of it."""
    folder = tiny.make_model(tmp_path / "model", dtype="fp16")
    assert onnxhub.load(TASK, folder).info.dtype == "fp16"
    assert onnxhub.load(TASK, folder, dtype="fp16").info.file == "model.onnx"
    assert "the graph of model.onnx is fp16" in refused(folder, dtype="int8")
    assert "its graph is fp16" in refused(folder, dtype="fp32")


def test_four_bits_under_a_plain_name(tmp_path: Path) -> None:
    """As the bundled models would be."""
    folder = shutil.copytree(builtin.folder("builtin:sentiment"), tmp_path / "model")
    (folder / "model_q4.onnx").rename(folder / "model.onnx")
    assert onnxhub.load(TASK, folder).info.dtype == "q4"
    assert onnxhub.load(TASK, folder, dtype="q4").info.file == "model.onnx"
    assert "its graph is 4-bit blocks (q4)" in refused(folder, dtype="fp32")


def test_8_bit_weights_behind_a_cast(tmp_path: Path) -> None:
    """As converters that know no quantisation write them: its operators tell nothing, its weights do."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 8]) for name in "xy")
    weights = [
        numpy_helper.from_array(np.ones((8, 8), np.int8), "w"),
        numpy_helper.from_array(np.ones(8, np.float32), "s"),
    ]
    nodes = [
        helper.make_node("Cast", ["w"], ["c"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["c", "s"], ["d"]),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], initializer=weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "model.onnx")
    assert onnxhub.load("custom", tmp_path).info.dtype == "int8"
    found = inspect_repository(open_repository(tmp_path), get_task("custom"))
    assert found.graphs["model.onnx"].quantization == "8-bit, weights alone"
    assert found.files[0].dtype == "int8"


@pytest.mark.parametrize("dtype", ["auto", "fp32"])
def test_of_two_that_are_alike_by_name_the_graphs_decide(dtype: str, tmp_path: Path) -> None:
    """Where both are on disk, and one alone is what was asked for."""
    folder = tiny.make_model(tmp_path / "model", dtype="int8")
    tiny.make_model(folder, file="model_fp32.onnx")
    assert onnxhub.load(TASK, folder, dtype=dtype).info.file == "model_fp32.onnx"
    assert inspect_repository(open_repository(folder), get_task(TASK), dtype=dtype).error is None
    tiny.make_model(folder)
    with pytest.raises(AmbiguousFileError):
        onnxhub.load(TASK, folder, dtype=dtype)


def test_variants_under_a_name_of_their_own(tmp_path: Path) -> None:
    """A dot before the precision does as well as an underscore; of several models none is guessed."""
    folder = tiny.make_model(tmp_path / "model", file="rawi.onnx")
    tiny.make_model(folder, file="rawi.int8.onnx", dtype="int8")
    assert onnxhub.load(TASK, folder).info.file == "rawi.onnx"
    assert onnxhub.load(TASK, folder, dtype="int8").info.file == "rawi.int8.onnx"
    assert onnxhub.load(TASK, folder, dtype="uint8").info.file == "rawi_uint8.onnx"
    tiny.make_model(folder, file="model_v8.onnx")
    with pytest.raises(AmbiguousFileError) as raised:
        onnxhub.load(TASK, folder)
    assert raised.value.candidates == ("model_v8.onnx", "rawi.onnx")
    with pytest.raises(AmbiguousFileError, match=r"dtype='fp16', which would be made of one of them"):
        onnxhub.load(TASK, folder, dtype="fp16")


@pytest.mark.parametrize("dtype", ["auto", "fp32", "int8", "q8", "fp16", "uint8", "q4"])
def test_inspect_foretells_it(dtype: str, tmp_path: Path) -> None:
    """The same file, precision and reason as load, or the same error; and the truth of each file that is here."""
    folder = tiny.make_model(tmp_path / "model", dtype="int8")
    tiny.make_model(folder, file="model_q4.onnx", seed=1)
    found = inspect_repository(open_repository(folder), get_task(TASK), dtype=dtype)
    assert [(each.file, each.dtype) for each in found.files] == [("model.onnx", "int8"), ("model_q4.onnx", "fp32")]
    if found.error is not None:
        assert refused(folder, dtype=dtype) in str(found.error)
    else:
        info = onnxhub.load(TASK, folder, dtype=dtype).info
        assert [(each.file, each.dtype) for each in found.files if each.chosen] == [(info.file, info.dtype)]
        assert found.choice == info.reason


def test_a_file_of_any_folder_is_told_as_what_it_is(tmp_path: Path) -> None:
    """Its folder's name tells no precision, and its graph does."""
    folder = tiny.make_model(tmp_path / "model", file="onnx/fp16/model.onnx", dtype="fp16")
    assert onnxhub.load(TASK, folder, file="onnx/fp16/model.onnx").info.dtype == "fp16"
    assert onnxhub.load(TASK, folder).info.dtype == "fp16"


def test_what_is_made_here_is_as_the_tools_make_it(tmp_path: Path) -> None:
    """Where there are tables of vectors alone, ONNX Runtime's tools make them unsigned, whatever was asked for."""
    x = helper.make_tensor_value_info("x", TensorProto.INT64, ["n"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64])
    table = numpy_helper.from_array(np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32), "w")
    graph = helper.make_graph([helper.make_node("Gather", ["w", "x"], ["y"])], "g", [x], [y], initializer=[table])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "model.onnx")
    info = onnxhub.load("custom", tmp_path, dtype="int8").info
    assert (info.file, info.dtype) == ("model_int8.onnx", "uint8")
    assert info.reason.endswith("its graph is 8-bit, weights alone (uint8)")


FROM_THE_HUB = """
import onnxhub
from onnxhub.errors import VariantNotFoundError
from onnxhub._contracts.registry import get_task
from onnxhub._backend.repository.repository import open_repository
from onnxhub._workshop.inspect import inspect_repository
listed = inspect_repository(open_repository("org/name"), get_task("text-classification"))
assert [each.dtype for each in listed.files] == ["fp32"]  # its name is all that is known
try:
    onnxhub.load("text-classification", "org/name", dtype="fp32")
except VariantNotFoundError as error:
    assert "its graph is fp16" in str(error), error
else:
    raise AssertionError
assert not open_repository("org/name").is_here("model.onnx_data")
assert onnxhub.load("text-classification", "org/name").info.dtype == "fp16"
"""


def test_of_the_hub_the_weights_are_not_fetched_for_a_graph_that_will_not_do(tmp_path: Path) -> None:
    """The name is the hint until the small file is there; what it says counts before its external data is fetched."""
    folder = tiny.make_model(tmp_path / "model", dtype="fp16", external_data="single")
    with HubServer() as hub:
        hub.add("org/name", folder)
        done = run_python(FROM_THE_HUB, tmp_path, {"HF_ENDPOINT": hub.endpoint})
    assert done.returncode == 0, done.stderr


def test_a_pickled_model_comes_back(tmp_path: Path) -> None:
    """Its recipe has what was asked for, not what the graph says."""
    folder = tiny.make_model(tmp_path / "model", dtype="int8")
    model = onnxhub.load(TASK, folder, dtype="q8")
    assert pickle.loads(pickle.dumps(model)).info == model.info
