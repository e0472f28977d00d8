"""What the installed packages cannot read: too new, unsafe or damaged are told apart, with advice that helps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
import tokenizers
from onnx import TensorProto, helper, numpy_helper

import onnxhub
from onnxhub._backend.repository.repository import open_repository
from onnxhub._backend.runtime.support import check_support
from onnxhub._contracts.registry import get_task
from onnxhub._workshop.inspect import inspect_repository
from onnxhub.errors import IntegrityError, OnnxHubError, TooNewError, UnsafeModelError
from tests import tiny

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SETS = {"": 17, "com.microsoft": 1}
node = helper.make_node


def write(
    folder: Path,
    *nodes: onnx.NodeProto,
    sets: Mapping[str, int] = SETS,
    ir: int = 9,
    weights: tuple[TensorProto, ...] = (),
    functions: tuple[onnx.FunctionProto, ...] = (),
) -> Path:
    """A folder with a graph from ``x`` to ``y``."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "g", [x], [y], initializer=list(weights))
    imports = [helper.make_opsetid(domain, version) for domain, version in sets.items()]
    model = helper.make_model(graph, opset_imports=imports, ir_version=ir, functions=list(functions))
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return folder


def function_of(version: int) -> onnx.FunctionProto:
    """A function of the model's own, over ONNX's operators of this version."""
    return helper.make_function(
        "my", "F", ["a"], ["b"], [node("Relu", ["a"], ["b"])], [helper.make_opsetid("", version)]
    )


def branch() -> onnx.NodeProto:
    """A branch that holds an operator of tomorrow."""
    out = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    inner = helper.make_graph([node("Tomorrow", ["x"], ["b"])], "inner", [], [out])
    return node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)


TRUE = numpy_helper.from_array(np.array(True), "c")
RELU = node("Relu", ["x"], ["y"])
FOREIGN = {**SETS, "foo.bar": 1, "ai.onnx.contrib": 1}

TOO_NEW: dict[str, tuple[Callable[[Path], Path], str]] = {
    "IR version": (lambda at: write(at, RELU, ir=99), r"its IR version is 99, and this one reads up to \d+"),
    "ONNX's operators": (lambda at: write(at, RELU, sets={"": 99}), "version 99 of the operators of ai.onnx, .* up to"),
    "ONNX's other operators": (
        lambda at: write(at, RELU, sets={"": 17, "ai.onnx.ml": 99}),
        "version 99 of the operators of ai.onnx.ml",
    ),
    "ONNX Runtime's operators": (lambda at: write(at, RELU, sets={"": 17, "com.microsoft": 9}), "com.microsoft"),
    "those of a function": (
        lambda at: write(
            at, node("F", ["x"], ["y"], domain="my"), sets={"": 17, "my": 1}, functions=(function_of(99),)
        ),
        "version 99 of the operators of ai.onnx",
    ),
    "an operator of ONNX": (lambda at: write(at, node("Tomorrow", ["x"], ["y"])), "ai.onnx:Tomorrow"),
    "an operator of ONNX Runtime": (
        lambda at: write(at, node("Tomorrow", ["x"], ["y"], domain="com.microsoft")),
        "com.microsoft:Tomorrow",
    ),
    "an operator in a branch": (lambda at: write(at, branch(), weights=(TRUE,)), "ai.onnx:Tomorrow"),
}
OTHERS_TOO_NEW: dict[str, tuple[Callable[[Path], Path], str]] = {
    "an attribute": (
        lambda at: write(at, node("FastGelu", ["x"], ["y"], domain="com.microsoft", tomorrow=1)),
        "Unrecognized attribute: tomorrow",
    ),
    "an input": (
        lambda at: write(at, node("FastGelu", ["x", "x", "x", "x"], ["y"], domain="com.microsoft")),
        "input size 4 not in range",
    ),
    "types without an implementation": (
        lambda at: write(
            at,
            node("Cast", ["x"], ["a"], to=TensorProto.BFLOAT16),
            node("Erf", ["a"], ["b"]),
            node("Cast", ["b"], ["y"], to=TensorProto.FLOAT),
        ),
        "no implementation of Erf",
    ),
}


@pytest.mark.parametrize("what", [*TOO_NEW, *OTHERS_TOO_NEW])
def test_a_graph_of_a_later_onnx_runtime(what: str, tmp_path: Path) -> None:
    """It is neither damaged nor unsafe: the error has the installed version, what is wanted, and how to upgrade."""
    make, wanted = (TOO_NEW | OTHERS_TOO_NEW)[what]
    with pytest.raises(TooNewError, match=wanted) as raised:
        onnxhub.load("custom", make(tmp_path))
    assert raised.value.installed == onnxruntime.__version__
    assert str(raised.value).endswith(f"pip install --upgrade {raised.value.package}")
    assert raised.value.package.startswith("onnxruntime")


@pytest.mark.parametrize("what", TOO_NEW)
def test_inspect_tells_what_the_graph_alone_tells(what: str, tmp_path: Path) -> None:
    """The same error, without opening the model."""
    make, wanted = TOO_NEW[what]
    error = inspect_repository(open_repository(make(tmp_path)), get_task("custom")).error
    assert isinstance(error, TooNewError)
    with pytest.raises(TooNewError, match=wanted) as raised:
        onnxhub.load("custom", tmp_path)
    assert str(error) == str(raised.value)


def refusal(folder: Path) -> OnnxHubError:
    """What a load raises."""
    with pytest.raises(OnnxHubError) as raised:
        onnxhub.load("custom", folder)
    return raised.value


@pytest.mark.parametrize("domain", ["ai.onnx.contrib", "foo.bar"])
def test_operators_of_another_library_stay_unsafe(domain: str, tmp_path: Path) -> None:
    """Whatever version is installed: to have them, code of a library would have to be loaded, which is named if known."""
    write(tmp_path, node("Op", ["x"], ["y"], domain=domain), sets=FOREIGN)
    error = refusal(tmp_path)
    assert isinstance(error, UnsafeModelError)
    assert f"{domain}:Op" in error.reason
    assert ("onnxruntime-extensions" in error.reason) == (domain == "ai.onnx.contrib")
    assert str(inspect_repository(open_repository(tmp_path), get_task("custom")).error) == str(error)


def test_an_operator_that_is_newer_than_the_declared_set_is_a_fault_of_the_file(tmp_path: Path) -> None:
    """No upgrade helps: the file says one version, and uses another."""
    error = refusal(write(tmp_path, node("Gelu", ["x"], ["y"])))
    assert isinstance(error, IntegrityError)
    assert "operators of later operator sets than it declares: Gelu (of version 20, under version 17)" in error.reason


def test_what_onnx_runtime_reads_passes(tmp_path: Path) -> None:
    """Functions of the model's own are operators that are known, and old operator sets are none of tomorrow."""
    call = node("F", ["x"], ["y"], domain="my")
    check_support(write(tmp_path, call, sets={"": 17, "my": 1}, functions=(function_of(17),)) / "model.onnx")
    assert onnxhub.load("custom", tmp_path).info.file == "model.onnx"
    check_support(tiny.make_model(tmp_path / "model") / "model.onnx")
    check_support(write(tmp_path, RELU, sets={"": 8}, ir=3) / "model.onnx")


def test_a_graph_that_mixes_float_types_says_what_helps(tmp_path: Path) -> None:
    """To fetch it anew does not."""
    half = numpy_helper.from_array(np.ones((4, 4), np.float16), "h")
    error = refusal(write(tmp_path, node("MatMul", ["x", "h"], ["y"]), weights=(half,)))
    assert isinstance(error, IntegrityError)
    assert "bound to different types" in error.reason
    assert "fetching it anew does not help: take another variant" in error.reason


def with_tokenizer(folder: Path, **changes: Any) -> Path:
    """A model whose tokenizer.json is changed."""
    path = tiny.make_model(folder) / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


TYPE = {"type": "Tomorrow"}


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"normalizer": TYPE}, "a normalizer of type 'Tomorrow'"),
        ({"pre_tokenizer": TYPE}, "a pre_tokenizer of type 'Tomorrow'"),
        ({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [TYPE]}}, "a pre_tokenizer of type 'Tomorrow'"),
        ({"model": TYPE}, "a model of type 'Tomorrow'"),
        ({"post_processor": TYPE}, "a post_processor of type 'Tomorrow'"),
        ({"decoder": TYPE}, "a decoder of type 'Tomorrow'"),
        ({"tomorrow": 1}, "the key 'tomorrow'"),
        ({"version": "9.0"}, "version '9.0' of its format"),
        ({"truncation": {"strategy": "Tomorrow", "max_length": 5, "stride": 0}}, "unknown variant `Tomorrow`"),
    ],
)
def test_a_tokenizer_of_a_later_tokenizers(changes: dict[str, Any], wanted: str, tmp_path: Path) -> None:
    """What is not known is named, with the installed version and how to upgrade; inspect says the same."""
    folder = with_tokenizer(tmp_path / "model", **changes)
    with pytest.raises(TooNewError) as raised:
        onnxhub.load("text-classification", folder)
    assert wanted in raised.value.wanted
    assert (raised.value.package, raised.value.installed) == ("tokenizers", tokenizers.__version__)
    assert str(raised.value).endswith("pip install --upgrade tokenizers")
    found = inspect_repository(open_repository(folder), get_task("text-classification")).error
    assert str(found) == str(raised.value)


@pytest.mark.parametrize(
    "changes",
    [{"model": None}, {"model": []}, {"pre_tokenizer": {"type": "Split", "pattern": 5}}, {"added_tokens": [{"id": 0}]}],
)
def test_a_tokenizer_that_is_wrong_stays_an_integrity_error(changes: dict[str, Any], tmp_path: Path) -> None:
    """Where all types and keys are known, it is the file that is at fault."""
    with pytest.raises(IntegrityError, match=r"tokenizer.json: no tokenizer could be read from it"):
        onnxhub.load("text-classification", with_tokenizer(tmp_path / "model", **changes))
