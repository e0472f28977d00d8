"""Repositories whose files name files of this machine: none of them is read, by Python or by what is written in C++ or Rust."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

import onnxhub
from onnxhub._backend.making import staging, tokenizer_conversion
from onnxhub.errors import (
    IntegrityError,
    MissingDependencyError,
    OnnxHubError,
    TaskMismatchError,
    UnsafeModelError,
)
from tests import tiny

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

needs_transformers = pytest.mark.skipif(find_spec("transformers") is None, reason="tokenizers are made by transformers")
CANARY = "canary"
WITHOUT_SENTENCEPIECE = """
import importlib.machinery
found = importlib.machinery.PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name == "sentencepiece" else found(name, path, target)
importlib.machinery.PathFinder.find_spec = find_spec
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that was made before is found."""
    monkeypatch.setenv("HF_ASSETS_CACHE", str(tmp_path / "assets"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with a vocabulary in the place of its ``tokenizer.json``."""
    made = tiny.make_model(tmp_path / "model")
    words = json.loads((made / "tokenizer.json").read_bytes())["model"]["vocab"]
    (made / "vocab.txt").write_text("\n".join(sorted(words, key=words.get)), encoding="utf-8")
    (made / "tokenizer.json").unlink()
    return made


@pytest.fixture
def secret(tmp_path: Path, folder: Path) -> Path:
    """A file of somebody else's, in the form that the vocabulary has."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (place / "words").write_text("\n".join([*words[:-1], CANARY]), encoding="utf-8")
    return place / "words"


def configure(folder: Path, name: str, **more: object) -> None:
    """Say more in a file of settings."""
    path = folder / name
    known = json.loads(path.read_bytes()) if path.exists() else {}
    path.write_text(json.dumps({**known, **more}))


def ids(folder: Path) -> list[int]:
    """The tokens of a text that holds the canary."""
    with onnxhub.load("text-classification", folder) as model:
        tokens: list[int] = model.encode(f"good {CANARY}")[0].rows[0]["input_ids"].tolist()
        return tokens


def pass_on(name: str, value: Mapping[str, Any], files: object) -> dict[str, Any]:
    """Settings as they are, as if none of their keys was known to be dangerous."""
    return dict(value)


@pytest.mark.parametrize("key", ["vocab_file", "vocab", "gguf_file"])
@pytest.mark.parametrize("file", ["tokenizer_config.json", "special_tokens_map.json"])
def test_no_tokenizer_is_made_of_a_file_elsewhere(key: str, file: str, folder: Path, secret: Path) -> None:
    """It is refused before anything is started, by the name of what says so."""
    configure(folder, file, **{key: str(secret)})
    with pytest.raises(UnsafeModelError, match=f"{file} is refused: its '{key}' is .*words"):
        ids(folder)


@needs_transformers
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is watched")
def test_what_nobody_knew_to_be_dangerous_opens_nothing(
    folder: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a setting gets through to transformers, the process that converts does not open what it names."""
    monkeypatch.setattr(staging, "prepare_settings", pass_on)
    configure(folder, "tokenizer_config.json", tokenizer_class="BertTokenizer", vocab_file=str(secret))
    with pytest.raises(UnsafeModelError, match=r"open .*words, which is no file of the model"):
        ids(folder)


@needs_transformers
def test_a_vocabulary_of_the_repository_is_read_whatever_its_author_called_it(folder: Path, secret: Path) -> None:
    """Paths that published files have, from the machine where they were saved, change nothing; a later load converts nothing."""
    configure(
        folder, "tokenizer_config.json", tokenizer_class="BertTokenizer", vocab_file="/home/author/vocab.txt",
        tokenizer_file=str(secret), special_tokens_map_file=str(secret), name_or_path=str(secret.parent), init_inputs=[str(secret)],
    )  # fmt: skip
    words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    found = ids(folder)
    assert [words[index] for index in found[:2]] == ["[CLS]", "good"]
    assert len(words) - 1 not in found  # which is the canary's number elsewhere
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer_conversion, "run_child", None)
        assert ids(folder) == found


@pytest.mark.parametrize(
    ("file", "settings", "key"),
    [
        ("config.json", {"transformers_weights": "../elsewhere/words"}, "transformers_weights"),
        ("config.json", {"vision_config": {"backbone": "/somebody/elses"}}, "backbone"),
        ("tokenizer_config.json", {"spm_file": "../../secret.model"}, "spm_file"),
    ],
)
def test_no_model_is_converted_from_files_elsewhere(
    file: str, settings: dict[str, Any], key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights are read by Rust, which nobody watches: what names them is refused before a process is started."""
    (folder / "model.onnx").rename(folder / "model.safetensors")
    monkeypatch.setattr("onnxhub._backend.making.exporters.find_version", lambda _: "1.0")
    configure(folder, file, **settings)
    with pytest.raises(UnsafeModelError, match=key):
        onnxhub.load("text-classification", folder)


@needs_transformers
@pytest.mark.parametrize("name", ["sentencepiece.model", "spiece.model"])
def test_a_package_that_a_vocabulary_needs_is_named(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the line that installs it, and not with what transformers makes of its absence."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT_SENTENCEPIECE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    (folder / "vocab.txt").rename(folder / name)
    configure(folder, "config.json", model_type="xlnet" if name == "spiece.model" else "rembert")
    (folder / "tokenizer_config.json").unlink(missing_ok=True)
    with pytest.raises(
        MissingDependencyError, match=r"needs sentencepiece, which is not installed: pip install 'onnxhub\[optimum\]'"
    ):
        ids(folder)


def test_without_transformers_nothing_is_started(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names it, and what installs it."""

    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(
        MissingDependencyError, match=r"needs transformers, which is not installed: pip install 'onnxhub\[optimum\]'"
    ):
        ids(folder)


@needs_transformers
@pytest.mark.parametrize("settings", [{"tokenizer_class": "AutoModel"}, {"tokenizer_class": None}])
def test_what_makes_no_tokenizer_is_said_of_the_model(settings: dict[str, Any], folder: Path) -> None:
    """Classes that are none, or of something else; and nothing is guessed from the name of a folder."""
    configure(folder, "tokenizer_config.json", **settings)
    configure(folder, "config.json", model_type="unheard-of" if settings["tokenizer_class"] is None else "bert")
    with pytest.raises(TaskMismatchError, match="transformers can make no tokenizer of its files"):
        ids(folder)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("export", [True, False])
def test_settings_that_are_nested_too_deeply_are_an_error_about_them(
    file: str, export: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a model is converted, and when a tokenizer is."""
    deep: Any = "x"
    for _ in range(300):
        deep = {"a": [deep]}
    configure(folder, file, deep=deep)
    if export:
        (folder / "model.onnx").rename(folder / "model.safetensors")
        monkeypatch.setattr("onnxhub._backend.making.exporters.find_version", lambda _: "1.0")
    with pytest.raises(OnnxHubError) as raised:
        onnxhub.load("text-classification", folder)
    assert isinstance(raised.value, IntegrityError)
