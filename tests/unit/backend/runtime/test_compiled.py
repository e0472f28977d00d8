"""Compiled graphs: made by the first load, run from the second on, and never with other outputs or in anybody's way."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from filelock import FileLock

import onnxhub
from onnxhub import builtin
from onnxhub._backend.kept import housekeeping as kept
from onnxhub._backend.kept.assets import assets_dir
from onnxhub._backend.kept.building import make
from onnxhub._backend.runtime import compiled
from onnxhub._backend.runtime.providers import Provider
from onnxhub._loading.request import LoadRequest
from onnxhub._workshop.inspect import inspect_model
from onnxhub.errors import InvalidOptionError
from tests import tiny
from tests.runtime import compiles

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = compiles
TEXTS = ["Quite easy!", "Rather hard, and long as well.", "", "Ada met Charles in London. " * 4]
BUILTIN = {
    "embed": "feature-extraction",
    "sentiment": "text-classification",
    "ner": "token-classification",
    "qa": "question-answering",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))


def outputs(task: str, model_id: str | Path, **options: Any) -> tuple[bool, Mapping[str, Any]]:
    """Whether the session was of a compiled graph, and all that it gave."""
    inputs: Any = [("Who?", text or "Ada") for text in TEXTS] if task == "question-answering" else TEXTS
    with onnxhub.load(task, model_id, **options) as model:
        return model.info.compiled, model.outputs(inputs)


def entries() -> list[Path]:
    """What is kept."""
    folder = assets_dir("compiled")
    return [path for path in folder.iterdir() if path.name != ".locks"] if folder.exists() else []


def test_every_bundled_model_is_tested() -> None:
    """None is left out below."""
    assert set(BUILTIN) == {name.removeprefix(builtin.PREFIX) for name in builtin.names()}


@pytest.mark.parametrize("name", BUILTIN)
def test_bundled_models_give_the_same_bits(name: str) -> None:
    """The load that compiles, the one that finds it, and the one without: no output differs in a bit."""
    model_id = f"{builtin.PREFIX}{name}"
    plain, expected = outputs(BUILTIN[name], model_id, compiled=False)
    first, made = outputs(BUILTIN[name], model_id)
    again, found = outputs(BUILTIN[name], model_id, compiled=True)
    assert (plain, first, again) == (False, True, True)
    assert len(entries()) == 1
    for output, values in expected.items():
        np.testing.assert_array_equal(made[output], values)
        np.testing.assert_array_equal(found[output], values)


@pytest.mark.parametrize("options", [{}, {"dtype": "fp16"}, {"dtype": "int8"}, {"external_data": "shards"}], ids=str)
@pytest.mark.parametrize("task", ["text-classification", "feature-extraction"])
def test_every_kind_of_file_gives_the_same_bits(tmp_path: Path, task: str, options: dict[str, Any]) -> None:
    """Half precision, dynamic quantisation, weights in files of their own."""
    folder = tiny.make_model(tmp_path / "model", task, **options)
    _, expected = outputs(task, folder, compiled=False)
    compiled, found = outputs(task, folder, compiled=True)
    assert compiled
    for output, values in expected.items():
        np.testing.assert_array_equal(found[output], values)


def test_a_small_model_is_not_compiled_unless_asked(tmp_path: Path) -> None:
    """Its session is built as fast as a compiled graph is checked."""
    folder = tiny.make_model(tmp_path / "model")
    assert [outputs("text-classification", folder, compiled=how)[0] for how in ("auto", True)] == [False, True]


def test_false_compiles_nothing_and_uses_nothing() -> None:
    """Neither without an entry nor with one."""
    for how, used, count in ((False, False, 0), ("auto", True, 1), (False, False, 1)):
        assert outputs("ner", "builtin:ner", compiled=how)[0] is used
        assert len(entries()) == count


def test_the_environment_stands_for_auto(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And for nothing else; what it cannot mean is an error that names it."""
    small = tiny.make_model(tmp_path / "model")
    monkeypatch.setenv("ONNXHUB_COMPILED", "0")
    assert [outputs("ner", "builtin:ner", compiled=how)[0] for how in ("auto", True)] == [False, True]
    monkeypatch.setenv("ONNXHUB_COMPILED", "1")
    assert outputs("text-classification", small)[0]
    monkeypatch.setenv("ONNXHUB_COMPILED", "maybe")
    with pytest.raises(InvalidOptionError, match="ONNXHUB_COMPILED"):
        onnxhub.load("ner", "builtin:ner")


def test_an_inspection_says_what_a_load_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first load, after it, of a model that is not worth it, and where the environment says no."""

    def foresee(model_id: str | Path) -> str:
        return inspect_model(LoadRequest(model_id=model_id)).compiled

    assert foresee("builtin:ner") == "by the first load"
    assert not entries()
    assert outputs("ner", "builtin:ner")[0]
    assert foresee("builtin:ner") == "kept from an earlier load"
    assert foresee(tiny.make_model(tmp_path / "model")) == "no: it is small"
    monkeypatch.setenv("ONNXHUB_COMPILED", "0")
    assert foresee("builtin:ner") == "no: compiled=False"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"compiled": "always"}, "True, False or 'auto'"),
        ({"compiled": True, "provider_options": {"arena_extend_strategy": "kSameAsRequested"}}, "cpu with options"),
        ({"compiled": True, "session_options": {"graph_optimization_level": "ORT_DISABLE_ALL"}}, "graph_optimization"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    """Asked for, it is an error; with "auto" such a model is not compiled."""
    with pytest.raises(InvalidOptionError, match=said):
        onnxhub.load("ner", "builtin:ner", **options)
    if options["compiled"] is True:
        assert not outputs("ner", "builtin:ner", **{**options, "compiled": "auto"})[0]
    assert not entries()


def test_a_short_disk_means_no(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where little room would be left, nothing is compiled unasked."""
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**30))
    with caplog.at_level(logging.INFO, "onnxhub"):
        assert not outputs("ner", "builtin:ner")[0]
    assert "is short" in caplog.text
    assert outputs("ner", "builtin:ner", compiled=True)[0]


@pytest.mark.parametrize(
    ("elements", "operators", "growth"),
    [
        ({1: 1000}, {"MatMul"}, 0),
        ({10: 1000, 1: 10}, {"MatMul", "Cast"}, 2000),
        ({16: 1000}, {"MatMul"}, 2000),
        ({3: 1000}, {"MatMulInteger", "Cast"}, 0),
        ({2: 1000}, {"MatMulNBits"}, 0),
        ({2: 600, 3: 400}, {"MatMul", "Cast", "Mul"}, 3000),
    ],
)
def test_the_room_of_a_graph_is_foretold(
    elements: dict[int, int], operators: set[str], growth: int, tmp_path: Path
) -> None:
    """Half precision becomes float32, and so do weights of eight bits that no operator takes as they are."""
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes(100))
    file = compiled.ModelFile("model", path, (), frozenset(operators), elements)
    assert file.float32_size == 100 + growth


def test_what_would_grow_far_is_not_compiled_unasked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A model in half precision; asked for, it is compiled."""
    monkeypatch.setattr(compiled, "SMALLEST", 0)
    half = tiny.make_model(tmp_path / "half", dtype="fp16")
    with caplog.at_level(logging.INFO, "onnxhub"):
        assert not outputs("text-classification", half)[0]
    assert "its weights of" in caplog.text
    assert outputs("text-classification", half, compiled=True)[0]
    assert outputs("text-classification", tiny.make_model(tmp_path / "whole"))[0]


def test_another_process_at_work_is_not_waited_for() -> None:
    """While another process compiles, the answer comes from the graph as it is."""
    outputs("ner", "builtin:ner")
    (entry,) = entries()
    shutil.rmtree(entry)
    with FileLock(assets_dir("compiled") / ".locks" / f"{entry.name}.lock"):
        assert not outputs("ner", "builtin:ner")[0]
    assert outputs("ner", "builtin:ner")[0]
    assert entries() == [entry]


def test_another_runtime_processor_or_option_has_a_graph_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was compiled for one is never used for another."""
    assert outputs("ner", "builtin:ner", session_options={"session.disable_prepacking": True})[0]
    assert outputs("ner", "builtin:ner")[0]
    monkeypatch.setattr(onnxruntime, "__version__", "99.0")
    assert outputs("ner", "builtin:ner")[0]
    monkeypatch.setattr(compiled, "_describe_processor", lambda: ["another"])
    assert outputs("ner", "builtin:ner")[0]
    assert len(entries()) == 4


def test_an_old_runtime_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It crashes on reading some of its own graphs: asked for one, the error says which version does not."""
    monkeypatch.setattr(onnxruntime, "__version__", "1.31.0")
    assert not outputs("ner", "builtin:ner")[0]
    with pytest.raises(InvalidOptionError, match=r"need onnxruntime 1\.32 or later, and this is 1\.31\.0"):
        onnxhub.load("ner", "builtin:ner", compiled=True)
    assert not entries()


@pytest.mark.parametrize("name", [compiled.GRAPH, compiled.WEIGHTS, "manifest.json"])
def test_a_damaged_graph_is_compiled_anew(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """A flipped bit in any of its files: the log names the file, and the answers stay right."""
    _, expected = outputs("ner", "builtin:ner")
    path = entries()[0] / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    used, found = outputs("ner", "builtin:ner")
    assert used
    assert str(path) in caplog.text
    assert all(np.array_equal(found[output], values) for output, values in expected.items())
    assert path.read_bytes() != data


def test_a_graph_that_does_not_load_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    """Whole by its manifest, and yet of no use: the graph as it is answers."""
    outputs("ner", "builtin:ner")
    (entry,) = entries()
    shutil.rmtree(entry)
    make("compiled", entry.name, {}, lambda folder: (folder / compiled.GRAPH).write_bytes(b"no graph") and None)
    assert not outputs("ner", "builtin:ner")[0]
    assert "the compiled graph is dropped" in caplog.text
    assert outputs("ner", "builtin:ner")[0]


def test_tensorrt_is_told_where_to_keep_its_engines(tmp_path: Path) -> None:
    """In an entry of the model's own, the same at every load; what the caller says counts first."""
    file = compiled.ModelFile("org/name", tiny.make_model(tmp_path) / "model.onnx")
    asked = Provider("tensorrt", {"trt_engine_cache_enable": False, "device_id": 1})
    options = compiled._add_engine_cache(file, asked).options
    folder = assets_dir("tensorrt") / compiled.sha256(file.path)
    assert options["trt_engine_cache_enable"] is False
    assert options["trt_engine_cache_path"] == str(folder)
    assert options["device_id"] == 1
    (folder / "TensorrtExecutionProvider.engine").write_bytes(b"engine")
    assert compiled._add_engine_cache(file, asked).options == options
    assert (folder / "TensorrtExecutionProvider.engine").exists()


def test_engines_of_tensorrt_are_listed_and_cleared_away(tmp_path: Path) -> None:
    """With the rest of what is kept, as large as they have become."""
    file = compiled.ModelFile("org/name", tiny.make_model(tmp_path) / "model.onnx")
    folder = Path(str(compiled._add_engine_cache(file, Provider("tensorrt", {})).options["trt_engine_cache_path"]))
    (folder / "TensorrtExecutionProvider.engine").write_bytes(bytes(12345))
    (entry,) = kept.list_entries(["tensorrt"])
    assert (entry.model, entry.made_with) == ("org/name", "file model.onnx")
    assert entry.size > 12345
    assert kept.find_damage(entry) == []
    assert [removed.key for removed in kept.clear("tensorrt").removed] == [entry.key]
    assert not folder.exists()


def test_tensorrt_keeps_its_engines_for_this_process_where_nothing_can_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The model is loaded all the same, and the log says why the next load will build them again."""
    assets_dir("tensorrt").parent.mkdir(parents=True)
    assets_dir("tensorrt").write_bytes(b"")
    file = compiled.ModelFile("model", tiny.make_model(tmp_path) / "model.onnx")
    options = compiled._add_engine_cache(file, Provider("tensorrt", {})).options
    assert Path(str(options["trt_engine_cache_path"])).is_dir()
    assert "is kept for this process alone" in caplog.text


def test_an_option_may_be_one_of_onnx_runtimes_own_values(tmp_path: Path) -> None:
    """Not only its name: the graph's key is made of it in any case."""
    options: Any = {"execution_mode": onnxruntime.ExecutionMode.ORT_PARALLEL}
    assert outputs("text-classification", tiny.make_model(tmp_path), compiled=True, session_options=options)[0]
