"""Tokenizers that transformers makes: kept, shared, and those with no fast form made again in each process."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

import onnxhub
from onnxhub._backend.kept.store import read
from onnxhub._backend.making import tokenizer_conversion
from onnxhub._backend.making.tokenizer_conversion import SlowTokenizer, convert_tokenizer
from onnxhub._backend.repository.repository import open_repository
from onnxhub.errors import TaskMismatchError
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="tokenizers are made by transformers")
WORDS = ("<cls>", "<pad>", "<eos>", "<unk>", "g", "o", "d", "<mask>")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model whose tokenizer, ESM's, is written in Python alone, and a cache of its own."""
    monkeypatch.setenv("HF_ASSETS_CACHE", str(tmp_path / "assets"))
    made = tiny.make_model(tmp_path / "model")
    (made / "vocab.txt").write_text("\n".join(WORDS))
    (made / "tokenizer.json").unlink()
    (made / "special_tokens_map.json").unlink(missing_ok=True)
    (made / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "EsmTokenizer"}))
    return made


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_tokenizer_in_python_is_tried_once_and_works_everywhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it has no fast form is remembered for this version of transformers; threads share it, and a pickle makes it anew."""
    repository = open_repository(folder)
    tokenizer = convert_tokenizer(repository, {})
    assert isinstance(tokenizer, SlowTokenizer)
    (encoding,) = tokenizer.encode(["good"])
    assert [WORDS[index] for index in encoding.ids] == ["<cls>", "g", "o", "o", "d", "<eos>"]
    with ThreadPoolExecutor(4) as threads:
        assert {tuple(one[0].ids) for one in threads.map(tokenizer.encode, [["good"]] * 20)} == {tuple(encoding.ids)}
    convert, asked = tokenizer_conversion._convert, []
    monkeypatch.setattr(
        tokenizer_conversion, "_convert", lambda *given, **more: asked.append(more) or convert(*given, **more)
    )
    assert isinstance(convert_tokenizer(repository, {}), SlowTokenizer)
    with onnxhub.load("text-classification", folder) as model, pickle.loads(pickle.dumps(model)) as again:
        assert repr(again("good")) == repr(model("good"))
    assert asked == []
    monkeypatch.setattr(tokenizer_conversion, "_find_version", lambda: "0.0")
    monkeypatch.setattr(
        tokenizer_conversion, "_convert", lambda *given, **more: asked.append(more) or convert_again(*given)
    )
    assert isinstance(convert_tokenizer(repository, {}), SlowTokenizer)
    assert asked == [{"anew": True}]


def convert_again(repository: object, files: object, key: str) -> object:
    """What is there."""
    return read("tokenizers", key)


def test_a_tokenizer_is_made_of_all_its_files(folder: Path) -> None:
    """Whatever of them changes makes another; what transformers never sees does not."""

    def key() -> str:
        repository = open_repository(folder)
        return tokenizer_conversion._compute_digest(
            repository, [name for name in tokenizer_conversion.NAMES if repository.has(name)]
        )

    keys = [key()]
    for name, text in (
        ("vocab.txt", "\n".join([*WORDS, "x"])), ("tokenizer_config.json", json.dumps({"tokenizer_class": "BertTokenizer"})),
        ("added_tokens.json", json.dumps({"<new>": 9})), ("dict.txt", "a 1"), ("special_tokens_map.json", json.dumps({"unk_token": "x"})),
    ):  # fmt: skip
        (folder / name).write_text(text)
        keys.append(key())
    assert len(set(keys)) == len(keys)
    (folder / "README.md").write_text("another")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "name_or_path": "/a/b"})
    )
    assert key() == keys[-1]


def record_programs(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each program that converts was allowed torch, as they are run."""
    run, allowed = tokenizer_conversion.run_child, []

    def run_recorded(program: str, asked: dict[str, object], **options: object) -> None:
        allowed.append(asked["frameworks"])
        run(program, asked, **options)

    monkeypatch.setattr(tokenizer_conversion, "run_child", run_recorded)
    return allowed


@pytest.mark.skipif(find_spec("torch") is None, reason="there is no torch to do without")
def test_a_tokenizer_is_converted_without_torch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing it takes longer than all else; without it, the tokenizer is the same, and the log advises nothing."""
    allowed = record_programs(monkeypatch)
    (folder / "vocab.txt").write_text("[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\ngood")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    (encoding,) = convert_tokenizer(open_repository(folder), {}).encode(["good"])
    assert encoding.ids.tolist() == [1, 5, 2]
    assert allowed == [False]


@pytest.mark.skipif(find_spec("torch") is None, reason="there is no torch to do without")
def test_what_only_looks_like_a_lack_of_torch_is_said_as_with_torch(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class of models that stands for a tokenizer's asks for torch; what is wrong is the class."""
    allowed = record_programs(monkeypatch)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "AutoModel"}))
    with pytest.raises(TaskMismatchError, match="transformers can make no tokenizer of its files") as raised:
        convert_tokenizer(open_repository(folder), {})
    assert "requires the PyTorch" not in str(raised.value)
    assert allowed == [False, True]
