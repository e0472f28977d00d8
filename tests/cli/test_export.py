"""``onnxhub export``: which folders it writes, and what it writes into them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

import onnxhub
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

pytestmark = pytest.mark.alike


def names(folder: Path) -> set[str]:
    """The files of a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_model_with_an_onnx_file_is_copied_whole(run: Run, tmp_path: Path) -> None:
    """The folder gives the same answers, and says what it was made of; other variants and other files stay behind."""
    source = tiny.make_model(tmp_path / "source", file="onnx/model.onnx", external_data="shards")
    tiny.make_model(source, file="onnx/model_int8.onnx", dtype="int8")
    (source / "training.pt").write_bytes(b"x")
    done = run("export", str(source), "--output", str(tmp_path / "made"), "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    told = json.loads(done.stdout)
    expected = {"config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "model.onnx"}
    shards = {name for name in names(tmp_path / "made") if name.startswith("model.onnx_data")}
    assert len(shards) == 3
    assert names(tmp_path / "made") == expected | shards | {"onnxhub-export.json"}
    assert {one["file"] for one in told["files"]} == expected | shards
    assert told["task"] == "text-classification"
    record = json.loads((tmp_path / "made" / "onnxhub-export.json").read_bytes())
    assert record["model"] == str(source)
    ours, theirs = (onnxhub.load("auto", folder).outputs("a good one") for folder in (tmp_path / "made", source))
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_external_data_of_any_folder_is_copied(run: Run, tmp_path: Path) -> None:
    """Folders within folders are made."""
    source = tiny.make_model(tmp_path / "source", external_data="single")
    model = onnx.load(source / "model.onnx")
    (source / "model.onnx_data").unlink()
    (source / "a" / "b").mkdir(parents=True)
    onnx.save_model(
        model, source / "model.onnx", save_as_external_data=True, location="a/b/weights", size_threshold=100
    )
    assert run("export", str(source), "--output", str(tmp_path / "made")).returncode == 0
    assert onnxhub.load("auto", tmp_path / "made")("a") == onnxhub.load("auto", source)("a")


def test_what_stands_behind_the_model_comes_along(run: Run, tmp_path: Path) -> None:
    """A sentence-transformers folder gives the same vectors: pooling and all."""
    source = tiny.make_model(tmp_path / "source", "feature-extraction")
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (source / "modules.json").write_text(json.dumps(modules))
    (source / "1_Pooling").mkdir()
    (source / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    assert run("export", str(source), "-o", str(tmp_path / "made")).returncode == 0
    ours, theirs = (onnxhub.load("feature-extraction", folder) for folder in (tmp_path / "made", source))
    assert np.array_equal(ours("a good one"), theirs("a good one"))


def test_a_dtype_is_chosen(run: Run, tmp_path: Path) -> None:
    """The folder has the file of that precision alone."""
    source = tiny.make_model(tmp_path / "source")
    tiny.make_model(source, file="model_int8.onnx", dtype="int8")
    assert run("export", str(source), "-o", str(tmp_path / "made"), "--dtype", "int8").returncode == 0
    assert {name for name in names(tmp_path / "made") if name.endswith(".onnx")} == {"model_int8.onnx"}


def test_a_folder_of_an_earlier_export_is_written_anew(run: Run, tmp_path: Path) -> None:
    """Without what the new model does not have."""
    assert run("export", "builtin:sentiment", "-o", str(tmp_path / "made")).returncode == 0
    source = tiny.make_model(tmp_path / "source")
    assert run("export", str(source), "-o", str(tmp_path / "made")).returncode == 0
    assert {name for name in names(tmp_path / "made") if name.endswith(".onnx")} == {"model.onnx"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_model_without_its_config_is_written_as_load_takes_it(run: Run, tmp_path: Path) -> None:
    """Its graph tells the task; the folder gives the same answers."""
    source = tiny.make_model(tmp_path / "source")
    (source / "config.json").unlink()
    assert run("export", str(source), "-o", str(tmp_path / "made")).returncode == 0
    assert onnxhub.load("auto", tmp_path / "made")("a good one") == onnxhub.load("auto", source)("a good one")


def test_a_graph_that_does_not_fit_the_task_is_refused_as_by_load(run: Run, tmp_path: Path) -> None:
    """Before anything is written; a task over arrays takes any graph."""
    done = run("export", "builtin:ner", "--task", "text-classification", "-o", str(tmp_path / "made"))
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"cannot be used for text-classification: its graph gives logits of 3 axes" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert run("export", "builtin:ner", "--task", "custom", "-o", str(tmp_path / "made")).returncode == 0


def test_a_folder_with_other_files_is_left_alone(run: Run, tmp_path: Path) -> None:
    """Unless it is forced, and even then no other file is touched."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    (folder / "config.json").write_text("{}")
    done = run("export", "builtin:sentiment", "-o", str(folder))
    assert done.returncode == 2
    assert b"expected a new or empty folder" in done.stderr
    assert names(folder) == {"thesis.txt", "config.json"}
    assert (folder / "config.json").read_text() == "{}"
    assert run("export", "builtin:sentiment", "-o", str(folder), "--force").returncode == 0
    assert (folder / "thesis.txt").read_text() == "years of work"
    assert onnxhub.load("auto", folder)("Quite easy!").label == "POSITIVE"
    # What somebody has added to an export is somebody's, too.
    assert run("export", "builtin:ner", "-o", str(folder)).returncode == 2


def test_a_file_in_the_place_of_the_folder(run: Run, tmp_path: Path) -> None:
    """It is not replaced."""
    (tmp_path / "made").write_text("mine")
    done = run("export", "builtin:sentiment", "-o", str(tmp_path / "made"))
    assert done.returncode == 2
    assert (tmp_path / "made").read_text() == "mine"


def test_what_fails_leaves_nothing(run: Run, tmp_path: Path) -> None:
    """No folder, and no unfinished one beside it."""
    source = tiny.make_model(tmp_path / "source", external_data="shards")
    (source / "model.onnx_data_1").unlink()
    done = run("export", str(source), "-o", str(tmp_path / "made"))
    assert done.returncode == 1
    assert b"model.onnx_data_1, which does not exist" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["source"]
    shutil.rmtree(source)


def test_a_model_that_does_not_say_what_it_is_for(run: Run, tmp_path: Path) -> None:
    """Nor its graph: is exported once its task is named."""
    source = tiny.make_model(
        tmp_path / "source",
        "token-classification",
        config_extra={"architectures": None, "id2label": None, "label2id": None},
    )
    done = run("export", str(source), "-o", str(tmp_path / "made"))
    assert done.returncode == 1
    assert b"its task cannot be told" in done.stderr
    done = run("export", str(source), "-o", str(tmp_path / "made"), "--task", "token-classification")
    assert done.returncode == 0


@pytest.mark.skipif(find_spec("transformers") is None, reason="tokenizers are made by transformers")
def test_a_folder_with_a_vocabulary_alone_loads_without_transformers(run: Run, tmp_path: Path) -> None:
    """The tokenizer is converted, and written along: where transformers cannot be imported, the answers are the same."""
    source = tiny.make_model(tmp_path / "source")
    words = json.loads((source / "tokenizer.json").read_bytes())["model"]["vocab"]
    (source / "vocab.txt").write_text("\n".join(sorted(words, key=words.__getitem__)), encoding="utf-8")
    (source / "tokenizer.json").unlink()
    done = run("export", str(source), "-o", str(tmp_path / "made"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert "tokenizer.json" in names(tmp_path / "made")
    expected = onnxhub.load("text-classification", source)(["a good one", "Ada lived in London."])
    code = """if True:
        import sys
        sys.modules.update(transformers=None, optimum=None, torch=None)
        import onnxhub
        model = onnxhub.load("text-classification", sys.argv[1])
        print([(one.label, one.score) for one in model(["a good one", "Ada lived in London."])])
    """
    asked = [sys.executable, "-c", code, str(tmp_path / "made")]
    light = subprocess.run(
        asked, capture_output=True, text=True, check=True, env={**os.environ, "HF_HOME": str(tmp_path)}
    )
    assert light.stdout.strip() == str([(one.label, one.score) for one in expected])


def test_parts_and_outputs_are_named(run: Run, tmp_path: Path) -> None:
    """Roles with paths; names of outputs, which the last line tells how to load; what is neither is a usage error."""
    source = tiny.make_model(tmp_path / "parts", file="one.onnx", config_extra={"architectures": ["MarianMTModel"]})
    shutil.copy(source / "one.onnx", source / "two.onnx")
    roles = ("--onnx-file", "encoder=one.onnx", "--onnx-file", "decoder=two.onnx")
    done = run("export", str(source), "-o", str(tmp_path / "made"), *roles)
    assert (done.returncode, done.stderr) == (0, b"")
    assert {"one.onnx", "two.onnx"} <= names(tmp_path / "made")
    done = run("inspect", str(source), "--onnx-file", "encoder=one.onnx", "--onnx-file", "two.onnx")
    assert (done.returncode, b"--onnx-file encoder=PATH" in done.stderr) == (2, True)
    source = tiny.make_model(tmp_path / "named")
    done = run("inspect", str(source), "--output-name", "logits=463")
    assert (done.returncode, b"expected outputs of the graph: logits" in done.stderr) == (2, True)
    done = run("inspect", str(source), "--output-name", "logits")
    assert (done.returncode, b"--output-name takes NAME=VALUE" in done.stderr) == (2, True)
