"""Japanese tokenizers give what transformers' BertJapaneseTokenizer gives, id by id."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from onnxhub._backend.inputs.japanese import find_japanese_tokenizer, load_japanese_tokenizer
from onnxhub._backend.repository.repository import open_repository
from tests import japanese
from tests.oracle.peers import COUNTS, transformers

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(find_spec("fugashi") is None, reason="the extra ja is not installed")
MECAB: dict[str, Any] = {"word_tokenizer_type": "mecab"}
IPADIC = {**MECAB, "mecab_kwargs": {"mecab_dic": "ipadic"}}
MASK = {"content": "[MASK]", "lstrip": True, "rstrip": False, "single_word": False, "normalized": False}
KINDS = {
    "unidic-lite": MECAB,
    "ipadic": IPADIC,
    "characters": {**IPADIC, "subword_tokenizer_type": "character"},
    "basic": {},
    "basic in lower case": {"do_lower_case": True, "never_split": ["ABC", "e-mail:"]},
    "lower case": {**MECAB, "do_lower_case": True},
    "lower case, but for some words": {**MECAB, "do_lower_case": True, "never_split": ["ABC", "A"]},
    "no normalization": {**MECAB, "mecab_kwargs": {"normalize_text": False}},
    "no words": {"do_word_tokenize": False},
    "no words, characters": {"do_word_tokenize": False, "subword_tokenizer_type": "character"},
    "no pieces": {**MECAB, "do_subword_tokenize": False},
    "special tokens are split": {**MECAB, "split_special_tokens": True},
    "added tokens": {
        **MECAB,
        "additional_special_tokens": ["東京", "<x>"],
        "mask_token": {**MASK, "__type": "AddedToken"},
    },
    "new special tokens": {**MECAB, "mask_token": "<mask>", "bos_token": "<s>"},
    "SentencePiece": {"do_word_tokenize": False, "subword_tokenizer_type": "sentencepiece"},
    "SentencePiece of words": {**MECAB, "subword_tokenizer_type": "sentencepiece"},
}


def train_sentencepiece(folder: Path) -> None:
    """Write a SentencePiece model of the sentences."""
    from sentencepiece import SentencePieceTrainer

    sentences = [text for text in japanese.make_sentences(900) if text.strip()]
    SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_prefix=str(folder / "spiece"),
        vocab_size=900,
        hard_vocab_limit=False,
        minloglevel=2,
    )


def differ(ours: Any, theirs: Any, *given: str) -> bool:
    """Tell whether the two tokenise a text or a pair differently."""
    (tokens,) = ours.encode([given[0]], [given[1]] if len(given) > 1 else None)
    expected = theirs(*given, verbose=False, return_token_type_ids=True)
    COUNTS["Japanese tokenisation: equal"] += 1
    return [tokens.ids.tolist(), tokens.type_ids.tolist()] != [expected["input_ids"], expected["token_type_ids"]]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_of_transformers(tmp_path: Path, kind: str) -> None:
    """Of 2,000 sentences and 200 pairs, with every kind of words and pieces, and every setting."""
    japanese.write_tokenizer(tmp_path, **KINDS[kind])
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    if "SentencePiece" in kind:
        train_sentencepiece(tmp_path)
        (tmp_path / "vocab.txt").unlink()
    repository = open_repository(tmp_path)
    settings = find_japanese_tokenizer(repository, {})
    assert settings is not None
    ours = load_japanese_tokenizer(repository, settings, {})
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    sentences = japanese.make_sentences()
    assert [text for text in sentences if differ(ours, theirs, text)] == []
    pairs = zip(sentences[:200], sentences[100:300], strict=True)
    assert [pair for pair in pairs if differ(ours, theirs, *pair)] == []
    tokens = ours.tokens(ours.encode([japanese.CLAUSES[0]])[0].ids.tolist())
    assert ours.join(tokens) == theirs.convert_tokens_to_string(tokens)
