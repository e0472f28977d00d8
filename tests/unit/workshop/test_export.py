"""What the commands do, as functions: the same as on the command line, without a process and without printing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import onnxhub
from onnxhub._loading.request import LoadRequest
from onnxhub._workshop.bench import bench_model
from onnxhub._workshop.compile import compile_model
from onnxhub._workshop.export import export_model
from onnxhub._workshop.inspect import inspect_model
from onnxhub._workshop.verify import verify_variant
from onnxhub.errors import InvalidOptionError, VariantNotFoundError
from tests.runtime import compiles
from tests.tiny import make_model

if TYPE_CHECKING:
    from pathlib import Path

TASK = "text-classification"
TEXT = "a good one"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model in two precisions."""
    return make_model(make_model(tmp_path / "model"), dtype="int8", file="model_int8.onnx")


def test_an_export_tells_what_it_is_made_of(folder: Path, tmp_path: Path) -> None:
    """The task and how its files were chosen; the folder's own record says the same, and it answers alike."""
    place = tmp_path / "exported"
    exported = export_model(LoadRequest(model_id=folder, dtype="int8"), place)
    assert (exported.task, exported.dtype, exported.commit) == (TASK, "int8", None)
    assert exported.reason == "dtype='int8' was asked for"
    assert exported.files == {
        path.relative_to(place).as_posix(): path.stat().st_size
        for path in place.rglob("*")
        if path.name != "onnxhub-export.json"
    }
    record = json.loads((place / "onnxhub-export.json").read_bytes())
    assert (record["task"], record["choice"], record["ORTModelForXXX"]) == (TASK, exported.reason, exported.ort_class)
    assert onnxhub.load(TASK, place)(TEXT) == onnxhub.load(TASK, folder, dtype="int8")(TEXT)


def test_what_load_refuses_is_not_exported(folder: Path, tmp_path: Path) -> None:
    """No folder appears, whatever it is that does not fit; nor is one overwritten that holds something else."""
    with pytest.raises(VariantNotFoundError):
        export_model(LoadRequest(task=TASK, model_id=folder, dtype="q4"), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
    with pytest.raises(InvalidOptionError, match="output"):
        export_model(LoadRequest(task=TASK, model_id=folder), folder)


@compiles
def test_a_compiled_graph_is_kept_for_each_file(folder: Path) -> None:
    """With its folder and its bytes; the next load runs it."""
    (graph,) = compile_model(LoadRequest(model_id=folder, dtype="fp32"))
    assert (graph.file, graph.size > 0) == ("model.onnx", True)
    assert graph.size == sum(path.stat().st_size for path in graph.folder.iterdir())
    with onnxhub.load(TASK, folder, compiled=True) as model:
        assert model.info.compiled


def test_two_precisions_are_compared_over_the_same_inputs(folder: Path) -> None:
    """A model agrees with itself; sizes and rates are those of the two files."""
    verified = verify_variant(
        LoadRequest(model_id=folder), dtype="int8", against="fp32", texts=[TEXT, "a bad one"], seconds=0.1
    )
    assert (verified.task, verified.inputs) == (TASK, [TEXT, "a bad one"])
    assert [side.file for side in (verified.reference, verified.variant)] == ["model.onnx", "model_int8.onnx"]
    assert verified.size_ratio == verified.variant.size / verified.reference.size
    assert verified.speed_ratio > 0
    with pytest.raises(InvalidOptionError, match="a task on texts"):
        verify_variant(LoadRequest(task="custom", model_id=folder), dtype="int8", against="fp32", texts=None, seconds=1)


def test_a_benchmark_tries_what_the_repository_has(folder: Path) -> None:
    """Each precision with each setting; one that cannot be loaded is told, and the others are measured."""
    said: list[str] = []
    request = LoadRequest(model_id=folder)
    found = bench_model(request, texts=[TEXT], dtypes=(), threads=(1,), batch_tokens=(), seconds=0.1, tell=said.append)
    assert (found.task, found.inputs, found.failed) == (TASK, 1, {})
    assert {(entry.setting.dtype, entry.setting.together) for entry in found.measured} == {
        (dtype, together) for dtype in ("fp32", "int8") for together in (False, True)
    }
    assert found.sizes.keys() == {"fp32", "int8"}
    assert said[:2] == ["loading fp32, 1 threads", "loading int8, 1 threads"]
    assert {entry.purpose for entry in found.recommended} == {"throughput", "latency"}
    found = bench_model(request, texts=[TEXT], dtypes=("fp32", "q4"), threads=(1,), batch_tokens=(), seconds=0.1)
    assert {setting.dtype for setting in found.failed} == {"q4"}
    with pytest.raises(InvalidOptionError, match="logits"):
        bench_model(
            LoadRequest(model_id=folder, outputs={"logits": "none"}),
            texts=[TEXT],
            dtypes=(),
            threads=(1,),
            batch_tokens=(),
            seconds=0.1,
        )


def test_an_inspection_is_of_what_load_takes(folder: Path) -> None:
    """The task, the file and the reason are those of the model that is loaded."""
    request = LoadRequest(model_id=folder, dtype="int8")
    found, info = inspect_model(request), request.load().info
    assert found.task is not None
    assert (found.task.name, found.task_reason, found.choice) == (info.task, info.task_reason, info.reason)
    assert [(file.file, file.dtype) for file in found.files if file.chosen] == [(info.file, info.dtype)]
    assert found.error is None
