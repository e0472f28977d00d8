"""Where the files of a model lie: the root first, then beside the graph; and what is said of what is no model."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import onnxhub
from onnxhub._backend.files.layout import add_files_beside, describe_beside
from onnxhub._backend.repository.repository import Repository, open_repository
from onnxhub._workshop.inspect import inspect_repository
from onnxhub.errors import IntegrityError, InvalidInputError, ModelNotFoundError, NoOnnxFileError, TooNewError
from tests.tiny import make_model

if TYPE_CHECKING:
    from pathlib import Path


def holding(*names: str, folder: Path) -> Repository:
    """A repository with these files."""
    return Repository("org/name", folder, dict.fromkeys(names), "folder")


@pytest.mark.parametrize(
    ("files", "asked", "beside"),
    [
        (("onnx/model.onnx", "onnx/config.json", "onnx/1_Pooling/config.json"), {},
         {"config.json": "onnx/config.json", "1_Pooling/config.json": "onnx/1_Pooling/config.json"}),
        (("onnx/model.onnx", "onnx/config.json", "config.json"), {}, {}),
        (("model.onnx", "onnx/model.onnx", "onnx/config.json"), {"file": "model.onnx"}, {}),
        (("model.onnx", "onnx/model.onnx", "onnx/config.json"), {"file": "onnx/model.onnx"}, {"config.json": "onnx/config.json"}),
        (("onnx/model.onnx", "onnx/README.md", "onnx/weights.bin", "onnx/a/config.json"), {}, {}),
        (("onnx/encoder_model.onnx", "onnx/decoder_model.onnx", "onnx/config.json"), {}, {"config.json": "onnx/config.json"}),
        (("a/b/model.onnx", "a/config.json", "a/b/config.json"), {}, {"config.json": "a/b/config.json"}),
        (("a/model.onnx", "b/model.onnx", "a/config.json"), {}, {}),
        (("a/e.onnx", "a/d.onnx", "a/config.json"), {"file": {"encoder": "a/e.onnx", "decoder": "a/d.onnx"}}, {"config.json": "a/config.json"}),
        (("tokenizer.json", "onnx/model.onnx", "onnx/tokenizer.json", "onnx/vocab.txt"), {}, {"vocab.txt": "onnx/vocab.txt"}),
        (("vocab.txt", "tokenizer_config.json", "onnx/model.onnx", "onnx/tokenizer.json", "onnx/tokenizer_config.json"), {},
         {"tokenizer.json": "onnx/tokenizer.json", "tokenizer_config.json": "onnx/tokenizer_config.json"}),
    ],
)  # fmt: skip
def test_which_files_are_those_beside_the_graph(
    files: tuple[str, ...], asked: dict[str, Any], beside: dict[str, str], tmp_path: Path
) -> None:
    """The root's own go first, but a tokenizer is of one folder: the one that has its tokenizer.json."""
    assert add_files_beside(holding(*files, folder=tmp_path), **asked).beside == beside


def test_the_reason_names_what_was_read_beside_the_graph(tmp_path: Path) -> None:
    """In model.info; and each file is read from there."""
    make_model(tmp_path / "onnx")
    (tmp_path / "onnx" / "config.json").replace(tmp_path / "config.json")
    repository = add_files_beside(open_repository(tmp_path))
    assert describe_beside(repository) == "onnx/tokenizer.json"
    assert repository.is_here("tokenizer.json")
    assert repository.path("tokenizer.json") == tmp_path / "onnx" / "tokenizer.json"
    assert onnxhub.load("auto", tmp_path).info.reason == "the repository's only ONNX model, with onnx/tokenizer.json"


def test_a_damaged_file_is_named_where_it_lies(tmp_path: Path) -> None:
    """And not in the root, which has none."""
    (make_model(tmp_path / "onnx") / "config.json").write_text("{")
    with pytest.raises(onnxhub.errors.IntegrityError, match=r"^onnx/config\.json: "):
        onnxhub.load("text-classification", tmp_path)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("model.onnx", r"pass its folder, and file='model\.onnx'"),
        ("model.safetensors", "a file of weights, not a folder; pass its folder"),
        ("model.zip", "an archive, not a folder; unpack it"),
        ("notes.md", "a file, not a folder; pass the folder of a model"),
    ],
)
def test_a_file_in_the_place_of_a_folder(name: str, advice: str, tmp_path: Path) -> None:
    """The advice is that for its kind."""
    (tmp_path / name).touch()
    with pytest.raises(ModelNotFoundError, match=advice):
        onnxhub.load("auto", tmp_path / name)


@pytest.mark.parametrize("task", ["auto", "text-generation"])
def test_an_adapter_names_its_base_model(task: str, tmp_path: Path) -> None:
    """Which is what could be converted."""
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base"}))
    (tmp_path / "adapter_model.safetensors").touch()
    with pytest.raises(
        NoOnnxFileError, match="it is an adapter of another model's weights: its base model is 'org/base'"
    ):
        onnxhub.load(task, tmp_path)


def test_the_folder_around_a_model_names_it(tmp_path: Path) -> None:
    """All of them, if there are several."""
    for name in ("a", "b"):
        shutil.move(make_model(tmp_path / name) / "model.onnx", tmp_path / name / "model.safetensors")
    with pytest.raises(NoOnnxFileError, match=r"pass '.*/a', '.*/b'"):
        onnxhub.load("auto", tmp_path)


def test_a_text_that_may_be_too_long(tmp_path: Path) -> None:
    """Where no file tells how long one may be, and the graph fails, the error says so; a short text runs."""
    unlimited = {"config_extra": {"max_position_embeddings": None}, "tokenizer_extra": {"model_max_length": None}}
    model = onnxhub.load("text-classification", make_model(tmp_path / "model", **unlimited))
    assert model.info.max_length is None
    assert model("a good one").label
    with pytest.raises(
        InvalidInputError, match=r"^item 1: .*no most number of tokens, and 102 may be too many"
    ) as raised:
        model(["a", "good " * 100])
    assert raised.value.index == 1


@pytest.mark.parametrize(
    ("record", "error", "said"),
    [
        ({"schema_version": 2, "components": {}}, TooNewError, "schema 2 of transformers' exporter"),
        ({"schema_version": 10**9, "components": {}}, TooNewError, "pip install --upgrade onnxhub"),
        ({"schema_version": "1", "components": {}}, IntegrityError, "its schema_version is '1', not a number"),
        ({"schema_version": True, "components": {}}, IntegrityError, "its schema_version is True"),
        ({"schema_version": 0, "components": {}}, IntegrityError, "its schema_version is 0"),
        ({"schema_version": 1, "components": {}}, None, ""),
        ({"schema_version": 7}, None, ""),
        ({}, None, ""),
    ],
)
def test_a_record_of_transformers_exporter(
    record: dict[str, Any], error: type[Exception] | None, said: str, tmp_path: Path
) -> None:
    """One of a format that nobody knows here is refused, by ``inspect`` as by ``load``; other files of the name are not its."""
    folder = make_model(tmp_path / "model")
    (folder / "export.json").write_text(json.dumps(record), encoding="utf-8")
    if error is None:
        assert onnxhub.load("text-classification", folder).info.file == "model.onnx"
        return
    with pytest.raises(error, match=said):
        onnxhub.load("text-classification", folder)
    assert type(inspect_repository(open_repository(folder), "text-classification").error) is error
