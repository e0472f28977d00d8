"""Variants that a repository lacks: made of its full-precision file, once, and right however it goes wrong."""

from __future__ import annotations

import errno
import importlib.metadata
import json
import shutil
import sys
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxhub
from onnxhub._backend.kept.assets import assets_dir
from onnxhub._backend.making import quantize as quantizing
from onnxhub._backend.making.child_process import LIMIT
from onnxhub._backend.plan import FileRequest, carry_out, plan_files
from onnxhub._backend.repository.repository import open_repository
from onnxhub._contracts.registry import get_task
from onnxhub._workshop.compare import compare
from onnxhub._workshop.inspect import inspect_repository
from onnxhub.errors import ExportError, IntegrityError, OnnxHubError, VariantNotFoundError
from tests import tiny
from tests.hub_server import HubServer, run_python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = {
    "int8": "model_int8.onnx",
    "uint8": "model_uint8.onnx",
    "q8": "model_quantized.onnx",
    "fp16": "model_fp16.onnx",
}
TASK = "text-classification"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own: what a test makes is found by no other."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    return assets_dir("variants")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with an fp32 file alone."""
    return tiny.make_model(tmp_path / "model", hidden=64)


@pytest.fixture
def nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, no child process has the time to make anything."""
    return lambda: monkeypatch.setenv(LIMIT, "0.001")


def entries(cache: Path) -> list[Path]:
    """What is kept."""
    return sorted(path for path in cache.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("dtype", FILES)
def test_a_missing_variant_is_made_once(
    dtype: str, folder: Path, cache: Path, nothing_is_made: Callable[[], None]
) -> None:
    """Smaller than the original, near to it, and found from then on; the reason says what it was made of."""
    plain = onnxhub.load(TASK, folder)
    model = onnxhub.load(TASK, folder, dtype=dtype)
    info = model.info
    assert (info.file, info.dtype) == (FILES[dtype], dtype)
    assert info.reason.startswith(f"dtype={dtype!r} was asked for, made of model.onnx by onnxruntime ")
    found = compare(plain, model, tiny.TEXTS[:-1])
    assert found.mean >= 0.9  # labels of random weights are close calls; the scores are what counts
    assert 0 < found.largest_difference < (0.0005 if dtype == "fp16" else 0.03)
    (entry,) = entries(cache)
    share = (entry / FILES[dtype]).stat().st_size / (folder / "model.onnx").stat().st_size
    assert share < (0.52 if dtype == "fp16" else 0.3)
    nothing_is_made()
    again = onnxhub.load(TASK, folder, dtype=dtype)
    assert again("a good one") == model("a good one")
    assert again.info == info
    assert sorted(path.name for path in folder.glob("*.onnx*")) == ["model.onnx"]


def test_spellings_are_those_of_variants_that_exist(folder: Path) -> None:
    """``"INT8"`` and ``"quantized"`` are understood."""
    assert onnxhub.load(TASK, folder, dtype="INT8").info.dtype == "int8"
    assert onnxhub.load(TASK, folder, dtype="quantized").info.file == "model_quantized.onnx"


def test_results_do_not_depend_on_the_neighbours(folder: Path) -> None:
    """A quantised graph scales over the whole batch, so that each text runs alone."""
    model = onnxhub.load(TASK, folder, dtype="int8")
    texts = [*tiny.TEXTS[:6]]
    assert model(texts) == [model(text) for text in texts]


def test_what_is_there_is_taken(tmp_path: Path, nothing_is_made: Callable[[], None]) -> None:
    """Nothing is made of a variant that the repository has, or by itself."""
    folder = tiny.make_model(tmp_path / "model", file="onnx/model.onnx")
    tiny.make_model(folder, file="onnx/model_int8.onnx", dtype="int8")
    nothing_is_made()
    assert onnxhub.load(TASK, folder, dtype="int8").info.reason == "dtype='int8' was asked for"
    assert onnxhub.load(TASK, folder).info.dtype == "fp32"


def test_a_name_with_signs_of_patterns_is_taken_as_it_is(tmp_path: Path) -> None:
    """What is made is found by the name, not by what the name would match."""
    folder = tiny.make_model(tmp_path / "model", file="my[v1]model.onnx")
    assert onnxhub.load("text-classification", folder, dtype="fp16").info.file == "my[v1]model_fp16.onnx"


def test_another_file_is_another_variant(folder: Path, cache: Path) -> None:
    """It is kept under the digest of what it was made of."""
    first = onnxhub.load(TASK, folder, dtype="int8")("a")
    tiny.make_model(folder, hidden=64, seed=1)
    assert onnxhub.load(TASK, folder, dtype="int8")("a") != first
    assert len(entries(cache)) == 2


def test_a_damaged_entry_is_made_anew(folder: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A flipped bit is found, told and mended."""
    right = onnxhub.load(TASK, folder, dtype="int8")("a good one")
    (entry,) = entries(cache)
    data = bytearray((entry / "model_int8.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (entry / "model_int8.onnx").write_bytes(data)
    assert onnxhub.load(TASK, folder, dtype="int8")("a good one") == right
    assert "model_int8.onnx: it is not as it was written" in caplog.text


@pytest.mark.parametrize("external_data", ["single", "shards"])
@pytest.mark.parametrize("dtype", ["int8", "fp16"])
def test_weights_in_other_files_are_found(dtype: str, external_data: str, tmp_path: Path) -> None:
    """Of any name, in any number."""
    whole = tiny.make_model(tmp_path / "whole", hidden=64)
    parts = tiny.make_model(tmp_path / "parts", hidden=64, file="onnx/model.onnx", external_data=external_data)
    expected = onnxhub.load(TASK, whole, dtype=dtype).outputs("a good one")["logits"]
    np.testing.assert_array_equal(onnxhub.load(TASK, parts, dtype=dtype).outputs("a good one")["logits"], expected)


@pytest.mark.parametrize("dtype", ["int8", "fp16"])
def test_weights_of_a_large_model_get_a_file_of_their_own(
    dtype: str, folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A protobuf could not hold them; the answers are the same, and both files are checked."""
    expected = onnxhub.load(TASK, folder, dtype=dtype).outputs("a good one")["logits"]
    shutil.rmtree(cache)
    monkeypatch.setattr(quantizing, "LARGE", 1000)
    found = onnxhub.load(TASK, folder, dtype=dtype)
    np.testing.assert_array_equal(found.outputs("a good one")["logits"], expected)
    (entry,) = entries(cache)
    file, data, manifest = sorted(entry.iterdir(), key=lambda path: (path.suffix == ".json", path.name))
    assert (file.name, data.name.startswith(file.name)) == (FILES[dtype], True)
    assert file.stat().st_size < data.stat().st_size
    assert {file.name, data.name} <= {*json.loads(manifest.read_text().partition("\n")[2])["files"]}


def test_a_source_whose_weights_are_missing_names_the_file(tmp_path: Path) -> None:
    """As a load of it does."""
    folder = tiny.make_model(tmp_path / "model", external_data="single")
    (folder / "model.onnx_data").unlink()
    with pytest.raises(IntegrityError, match=r"its weights are in model\.onnx_data, which does not exist"):
        onnxhub.load(TASK, folder, dtype="int8")


def refused(folder: Path, **options: object) -> str:
    """What the error says; nothing is left behind."""
    with pytest.raises(OnnxHubError) as raised:
        onnxhub.load(TASK, folder, **options)
    assert not assets_dir("variants").exists() or not entries(assets_dir("variants"))
    assert not [*folder.glob("*int8*")]
    return f"{type(raised.value).__name__}: {raised.value}"


def test_never_is_never(folder: Path) -> None:
    """``export=False`` makes nothing, and says what it would have been made of."""
    assert refused(folder, dtype="int8", export=False) == (
        f"VariantNotFoundError: {folder} has no ONNX file for dtype='int8'; it has: model.onnx (fp32); "
        "export=False forbids to make it of model.onnx"
    )


def test_without_the_tools_it_says_what_would_make_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """The light install has no onnx; what was made before is found all the same."""
    found = importlib.metadata.version

    def version(name: str) -> str:
        if name == "onnx":
            raise importlib.metadata.PackageNotFoundError(name)
        return found(name)

    right = onnxhub.load(TASK, folder, dtype="q8")("a good one")
    monkeypatch.setattr(importlib.metadata, "version", version)
    assert onnxhub.load(TASK, folder, dtype="q8")("a good one") == right
    shutil.rmtree(cache)
    foreseen = inspect_repository(open_repository(folder), get_task("text-classification"), dtype="int8")
    assert (
        refused(folder, dtype="int8")
        == f"VariantNotFoundError: {foreseen.choice}"
        == (
            f"VariantNotFoundError: {folder} has no ONNX file for dtype='int8'; it has: model.onnx (fp32); "
            "pip install onnx (or 'onnxhub[optimum]') lets the first load make it of model.onnx"
        )
    )


def test_it_is_made_of_full_precision_alone(tmp_path: Path) -> None:
    """What has lost its precision cannot be made better, and four bits are not made unseen."""
    folder = tiny.make_model(tmp_path / "model", file="model_fp16.onnx", dtype="fp16")
    assert refused(folder, dtype="int8").endswith(
        "it has: model_fp16.onnx (fp16); int8, uint8, q8 and fp16 are made of an fp32 file, which it lacks too"
    )
    with pytest.raises(VariantNotFoundError) as raised:
        onnxhub.load(TASK, tiny.make_model(tmp_path / "other"), dtype="q4")
    assert raised.value.hint == ""


@pytest.mark.parametrize("dtype", ["int8", "fp16"])
def test_a_graph_with_nothing_to_convert_is_an_error(dtype: str, tmp_path: Path) -> None:
    """Rather than a copy under another name."""
    sides = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "nothing", sides[:1], sides[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ExportError, match=rf"model.onnx could not be converted to {dtype}: there is nothing"):
        onnxhub.load("custom", tmp_path, dtype=dtype)


def test_a_file_that_is_damaged_is_told(folder: Path) -> None:
    """By the error of any load of it, or by what the tools say."""
    data = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(data[: len(data) // 2])
    assert "model.onnx" in refused(folder, dtype="int8")


def test_a_full_disk_is_told_before_the_work(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python says it; and nothing is left behind."""
    full = shutil.disk_usage(folder)._replace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(OSError, match=r"No space left on device \(\d MB are needed\)") as raised:
        onnxhub.load(TASK, folder, dtype="int8")
    assert not isinstance(raised.value, OnnxHubError)
    assert raised.value.errno == errno.ENOSPC
    assert [path.name for path in cache.iterdir()] == [".locks"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are Unix's")
@pytest.mark.parametrize("dtype", ["int8", "fp16"])
def test_what_cannot_be_written_is_told(dtype: str, folder: Path, cache: Path) -> None:
    """A quota that nobody can ask for: the tools fail, and their words are passed on."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ExportError, match=r"could not be converted to .*cannot write it anew.*Failed to write"):
            onnxhub.load(TASK, folder, dtype=dtype)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in cache.iterdir()] == [".locks"]
    assert onnxhub.load(TASK, folder, dtype=dtype).info.dtype == dtype


def test_the_time_limit_is_kept(folder: Path, nothing_is_made: Callable[[], None]) -> None:
    """And told, with the variable that allows more."""
    nothing_is_made()
    message = refused(folder, dtype="int8")
    assert "could not be converted to int8: it took more than 0.001 seconds" in message
    assert LIMIT in message


def test_each_part_of_a_larger_model_is_made(tmp_path: Path, cache: Path) -> None:
    """Those that are there are taken; merged decoders stay merged."""
    graph = tiny.make_model(tmp_path / "whole") / "model.onnx"
    folder = tmp_path / "model" / "onnx"
    folder.mkdir(parents=True)
    for name in ("encoder_model", "decoder_model_merged", "decoder_with_past_model"):
        shutil.copy(graph, folder / f"{name}.onnx")
    shutil.copy(tiny.make_model(tmp_path / "int8", dtype="int8") / "model.onnx", folder / "encoder_model_int8.onnx")
    request = FileRequest(dtype="int8")
    ready = carry_out(plan_files(open_repository(folder.parent), "ORTModelForSeq2SeqLM", request, fetch=True))
    assert {part: choice.file for part, choice in ready.choices.items()} == {
        "encoder": "onnx/encoder_model_int8.onnx",
        "decoder": "onnx/decoder_model_merged_int8.onnx",
    }
    assert ready.choices["encoder"].reason == "dtype='int8' was asked for"
    assert "made of onnx/decoder_model_merged.onnx" in ready.choices["decoder"].reason
    (entry,) = entries(cache)
    assert ready.repository.path("onnx/decoder_model_merged_int8.onnx") == entry / "decoder_model_merged_int8.onnx"


SECOND = """
import os, sys
import onnxhub
from pathlib import Path
first = onnxhub.load("text-classification", "org/name", dtype="int8")
os.environ[{limit!r}] = "0.001"
for path in Path(onnxhub.load("text-classification", "org/name").backend.repository.folder).glob("*.onnx"):
    path.resolve().unlink()
    path.unlink()
found = onnxhub.load("text-classification", "org/name", dtype="int8", local_files_only=True)
assert found("a good one") == first("a good one")
assert found.info.revision is not None
"""


def test_a_model_of_the_hub_needs_neither_network_nor_source_the_second_time(folder: Path, tmp_path: Path) -> None:
    """The commit says what the file is: the full-precision one may be gone from the cache, and no child has the time."""
    with HubServer() as hub:
        hub.add("org/name", folder)
        done = run_python(SECOND.format(limit=LIMIT), tmp_path, {"HF_ENDPOINT": hub.endpoint})
    assert done.returncode == 0, done.stderr
