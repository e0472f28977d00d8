"""Our tokenizer gives what AutoTokenizer gives, token by token."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from onnxhub._backend.inputs.tokenizer import TextTokenizer, load_tokenizer
from onnxhub._backend.repository.repository import open_repository
from tests.oracle.peers import COUNTS, transformers, zoo

FOLDERS = [(name, flavour) for name in zoo.ARCHITECTURES for flavour in zoo.FLAVOURS]


def _both(folder: Path) -> tuple[Any, TextTokenizer]:
    """Load a folder's tokenizer in both ways."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return transformers.AutoTokenizer.from_pretrained(folder), load_tokenizer(open_repository(folder), config)


def _folder(root: Path, architecture: str, flavour: str) -> Path:
    """Give a model of the architecture; its tokenizer is the same for all tasks."""
    return zoo.build(root, architecture, zoo.ARCHITECTURES[architecture].tasks[0], flavour)


def _expected(reference: Any, *given: str) -> dict[str, Any]:
    """Tokenise with transformers."""
    encoded = reference(*given, return_offsets_mapping=True, return_special_tokens_mask=True)
    size = len(encoded["input_ids"])
    return {
        "ids": encoded["input_ids"],
        "type_ids": encoded.get("token_type_ids", [0] * size),
        "offsets": [list(pair) for pair in encoded["offset_mapping"]],
        "words": [-1 if word is None else word for word in encoded.word_ids()],
        "sequences": [-1 if sequence is None else sequence for sequence in encoded.sequence_ids()],
        "special": encoded["special_tokens_mask"],
    }


def _compare(reference: Any, ours: TextTokenizer, texts: Sequence[str], pairs: Sequence[str] | None = None) -> None:
    """Assert that all of a tokenisation is equal, on every text or pair."""
    for number, tokens in enumerate(ours.encode(texts, pairs)):
        given = (texts[number],) if pairs is None else (texts[number], pairs[number])
        actual = {name: getattr(tokens, name).tolist() for name in ("ids", "type_ids", "offsets", "words", "sequences")}
        actual["special"] = [int(sequence == -1) for sequence in actual["sequences"]]
        assert actual == _expected(reference, *given), given
        COUNTS["tokenisation: equal"] += 1


def _compare_all(folder: Path, count: int) -> None:
    """Assert that a folder's tokenizer is the same in both ways, for texts and pairs."""
    reference, ours = _both(folder)
    _compare(reference, ours, zoo.texts(11, count))
    questions, contexts = zip(*zoo.qa_pairs(11, count // 3), strict=True)
    _compare(reference, ours, questions, contexts)
    _compare(reference, ours, contexts, questions)


@pytest.mark.parametrize(("architecture", "flavour"), FOLDERS)
def test_tokens_are_equal(zoo_root: Path, architecture: str, flavour: str) -> None:
    """Ids, type ids, offsets, words, and the special tokens' mask are equal on every text and pair."""
    _compare_all(_folder(zoo_root, architecture, flavour), 300)


@pytest.mark.parametrize(("architecture", "flavour"), FOLDERS)
def test_roles_are_equal(zoo_root: Path, architecture: str, flavour: str) -> None:
    """The sides, the length and the special tokens' ids are equal."""
    reference, ours = _both(_folder(zoo_root, architecture, flavour))
    assert ours.padding_side == reference.padding_side
    assert ours.truncation_side == reference.truncation_side
    assert ours.cls_token_id == reference.cls_token_id
    assert ours.unk_token_id == reference.unk_token_id
    assert ours.padding["input_ids"] == (reference.pad_token_id or 0)
    if reference.model_max_length < 1_000_000:
        assert ours.max_length == reference.model_max_length


@pytest.mark.parametrize("kept", [True, False], ids=["no-class", "no-tokenizer-config"])
@pytest.mark.parametrize(("architecture", "flavour"), FOLDERS)
def test_class_from_the_model_type(zoo_root: Path, tmp_path: Path, architecture: str, flavour: str, kept: bool) -> None:
    """A repository that names no tokenizer class gets that of its model_type, whatever else it configures."""
    folder = shutil.copytree(_folder(zoo_root, architecture, flavour), tmp_path / "copy")
    path = folder / "tokenizer_config.json"
    options = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    if kept:
        path.write_text(json.dumps({**options, "tokenizer_class": None}), encoding="utf-8")
    _compare_all(folder, 60)


@pytest.mark.parametrize(("architecture", "flavour"), FOLDERS)
def test_spelling_and_joining(zoo_root: Path, architecture: str, flavour: str) -> None:
    """Tokens are spelt and joined as transformers spells and joins them."""
    reference, ours = _both(_folder(zoo_root, architecture, flavour))
    for text, tokens in zip(zoo.texts(12, 60), ours.encode(zoo.texts(12, 60)), strict=True):
        expected = reference.convert_ids_to_tokens(reference(text)["input_ids"])
        assert ours.tokens(tokens.ids.tolist()) == expected
        assert ours.join(expected) == reference.convert_tokens_to_string(expected)
