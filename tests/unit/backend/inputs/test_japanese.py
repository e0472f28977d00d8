"""Japanese tokenizers: their settings, their offsets, and the tasks over them."""

from __future__ import annotations

import json
import pickle
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

import onnxhub
from onnxhub._backend.export_folder import _make_fast_tokenizer
from onnxhub._backend.inputs import japanese, japanese_words
from onnxhub._backend.inputs.japanese import find_japanese_tokenizer, load_japanese_tokenizer
from onnxhub._backend.inputs.japanese_pieces import WordPieces
from onnxhub._backend.making.tokenizer_conversion import check_vocabulary
from onnxhub._backend.repository.repository import open_repository
from onnxhub.errors import (
    IntegrityError,
    InvalidInputError,
    MissingDependencyError,
    TaskMismatchError,
    UnsafeModelError,
)
from tests import japanese as texts
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from onnxhub._backend.inputs.japanese import JapaneseTokenizer

pytestmark = pytest.mark.skipif(find_spec("fugashi") is None, reason="the extra ja is not installed")
MECAB: dict[str, Any] = {"word_tokenizer_type": "mecab"}
IPADIC = {**MECAB, "mecab_kwargs": {"mecab_dic": "ipadic"}}
CHARACTERS = {**IPADIC, "subword_tokenizer_type": "character"}
KINDS = {
    "unidic-lite": MECAB,
    "ipadic": IPADIC,
    "characters": CHARACTERS,
    "basic": {},
    "basic in lower case": {"do_lower_case": True},
    "lower case": {**MECAB, "do_lower_case": True},
    "no words": {"do_word_tokenize": False},
    "no normalization": {**MECAB, "mecab_kwargs": {"normalize_text": False}},
}


def make_tokenizer(folder: Path, **settings: Any) -> JapaneseTokenizer:
    """Write a tokenizer and load it."""
    texts.write_tokenizer(folder, **settings)
    repository = open_repository(folder)
    found = find_japanese_tokenizer(repository, {})
    assert found is not None
    return load_japanese_tokenizer(repository, found, {})


def fold(text: str) -> str:
    """Normalise a text as far as any of the kinds does, without white space, accents and controls."""
    flat = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).lower())
    return "".join(c for c in flat if not c.isspace() and unicodedata.category(c) not in {"Mn", "Cc", "Cf", "Co", "Cn"})


@pytest.mark.parametrize("kind", KINDS)
def test_every_token_knows_its_characters(tmp_path: Path, kind: str) -> None:
    """Spans rise, cover all but blanks and controls, and hold what the token says, in each of 2,000 sentences."""
    tokenizer = make_tokenizer(tmp_path, **KINDS[kind])
    sentences = texts.make_sentences()
    for sentence, tokens in zip(sentences, tokenizer.encode(sentences), strict=True):
        spans = tokens.offsets[1:-1].tolist()
        assert spans == sorted(spans)
        assert tokens.words[0] == tokens.words[-1] == tokens.sequences[0] == tokens.sequences[-1] == -1
        assert all(start < end for start, end in spans)
        covered = {place for start, end in spans for place in range(start, end)}
        assert not fold("".join(c for place, c in enumerate(sentence) if place not in covered).replace("\ufffd", ""))
        for (start, end), spelling in zip(spans, tokenizer.tokens(tokens.ids[1:-1].tolist()), strict=True):
            if spelling != "[UNK]":
                within = fold(sentence[start:end])
                assert fold(spelling) in within or fold(spelling.removeprefix("##")) in within


def test_tokens_by_hand(tmp_path: Path) -> None:
    """Words of MeCab, pieces of them, one unknown, and special tokens of a pair."""
    vocabulary = [*texts.SPECIAL, "東京", "##タワー", "で", "株式", "##会社", "会社", "GO"]
    tokenizer = make_tokenizer(tmp_path, vocabulary=vocabulary, **IPADIC)
    (tokens,) = tokenizer.encode(["㍿で\n[MASK] ＧＯ"], ["東京 踊"])
    assert tokenizer.tokens(tokens.ids.tolist()) == (
        ["[CLS]", "株式", "##会社", "で", "[MASK]", "GO", "[SEP]", "東京", "[UNK]", "[SEP]"]
    )
    assert tokens.offsets.tolist() == (
        [[0, 0], [0, 1], [0, 1], [1, 2], [3, 9], [10, 12], [0, 0], [0, 2], [3, 4], [0, 0]]
    )
    assert tokens.type_ids.tolist() == [0] * 7 + [1] * 3
    assert tokens.sequences.tolist() == [-1, 0, 0, 0, 0, 0, -1, 1, 1, -1]
    assert tokenizer.decode(tokens.ids.tolist(), skip_special=True) == "株式会社 で GO 東京"
    assert tokenizer.ids(["東京", "[MASK]", "無い"]) == [5, 4, None]
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.mask_token_id) == (0, 1, 4)


def test_threads_and_pickles_give_the_same(tmp_path: Path) -> None:
    """A tagger is made for each thread, and anew behind a pickle."""
    tokenizer = make_tokenizer(tmp_path, **MECAB)
    sentences = texts.make_sentences(200)[:-1]
    expected = [tokens.ids.tolist() for tokens in tokenizer.encode(sentences)]
    again = pickle.loads(pickle.dumps(tokenizer))
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(again.encode, [sentences] * 8):
            assert [tokens.ids.tolist() for tokens in found] == expected


@pytest.mark.parametrize(
    "text", ["1" * 300_000, "東京" + " " * 70_000 + "大阪", "東京で働く。" * 20_000, "一二三\n" * 30_000]
)
def test_a_text_that_is_too_long_for_mecab_is_read_in_parts(tmp_path: Path, text: str) -> None:
    """The process would crash, or what is behind the blanks would be lost; each part ends with a sentence, if it can."""
    (tokens,) = make_tokenizer(tmp_path, **MECAB).encode([text])
    spans = tokens.offsets[1:-1].tolist()
    assert spans == sorted(spans)
    assert "".join(text[start:end] for start, end in spans) == "".join(text.split())


@pytest.mark.parametrize("text", ["a\0b", "\ud800", 3])
def test_a_text_that_cannot_be_read_is_refused(tmp_path: Path, text: Any) -> None:
    """MeCab would read nothing behind a NUL, and take no half of a surrogate pair."""
    with pytest.raises(InvalidInputError):
        make_tokenizer(tmp_path, **MECAB).encode([text])


def test_a_word_beyond_the_longest_is_unknown_at_once(tmp_path: Path) -> None:
    """No piece of it is looked for, and words are not remembered without end."""
    pieces = make_tokenizer(tmp_path).pieces
    assert isinstance(pieces, WordPieces)
    assert pieces._find("a" * 101) == ((1, 0, 101),)
    for number in range(60_000):
        pieces._find(str(number))
    assert len(pieces._kept) <= 50_000


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"word_tokenizer_type": "kuromoji"}, IntegrityError, "word_tokenizer_type"),
        ({"subword_tokenizer_type": "bpe"}, IntegrityError, "subword_tokenizer_type"),
        ({"do_lower_case": "yes"}, IntegrityError, "do_lower_case"),
        ({"do_word_tokenize": None}, IntegrityError, "do_word_tokenize"),
        ({"never_split": "ABC"}, IntegrityError, "never_split"),
        ({"do_reverse": True}, IntegrityError, "do_reverse"),
        ({"normalize_text": False}, IntegrityError, "normalize_text"),
        ({**MECAB, "mecab_kwargs": []}, IntegrityError, "mecab_kwargs"),
        ({**MECAB, "mecab_kwargs": {"user_dic": "x"}}, IntegrityError, "user_dic"),
        ({**MECAB, "mecab_kwargs": {"mecab_dic": "neologd"}}, IntegrityError, "neologd"),
        ({**MECAB, "mecab_kwargs": {"normalize_text": 1}}, IntegrityError, "normalize_text"),
        ({**MECAB, "mecab_kwargs": {"mecab_option": "-r /etc/passwd"}}, UnsafeModelError, "mecab_option"),
        ({**MECAB, "mecab_kwargs": {"mecab_dic": None}}, UnsafeModelError, "mecab_dic"),
        ({"cls_token": None}, IntegrityError, "cls_token"),
        ({"added_tokens_decoder": {"5": {"content": "a" * 2000}}}, IntegrityError, "letters"),
    ],
)
def test_a_setting_that_is_not_known_is_refused_by_name(
    tmp_path: Path, settings: dict[str, Any], error: type[Exception], said: str
) -> None:
    """Nothing that would change the tokens is passed over."""
    with pytest.raises(error, match=said):
        make_tokenizer(tmp_path, **settings)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe"])
def test_a_vocabulary_that_is_none_is_refused(tmp_path: Path, data: bytes) -> None:
    """It is empty, or no UTF-8; or it is not there at all."""
    texts.write_tokenizer(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(data)
    repository = open_repository(tmp_path)
    settings = find_japanese_tokenizer(repository, {})
    assert settings is not None
    with pytest.raises(IntegrityError, match="vocab"):
        load_japanese_tokenizer(repository, settings, {})
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(TaskMismatchError, match=r"vocab\.txt"):
        load_japanese_tokenizer(open_repository(tmp_path), settings, {})


@pytest.mark.parametrize(("kind", "package"), [("sudachi", "sudachipy"), ("jumanpp", "rhoknp")])
def test_words_that_transformers_alone_splits_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, package: str
) -> None:
    """Without transformers, the kind is named; with it, the tokenizer runs through it."""
    texts.write_tokenizer(tmp_path, word_tokenizer_type=kind)
    repository = open_repository(tmp_path)
    monkeypatch.setattr(japanese, "_has_transformers", lambda: False)
    with pytest.raises(MissingDependencyError, match=rf"{kind}.*{package}"):
        find_japanese_tokenizer(repository, {})
    monkeypatch.setattr(japanese, "_has_transformers", lambda: True)
    assert find_japanese_tokenizer(repository, {}) is None


@pytest.mark.parametrize("package", ["fugashi", "ipadic", "unidic_lite", "unidic"])
def test_a_package_that_is_missing_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """MeCab and the dictionaries come with the extra, except for the one that downloads itself."""
    monkeypatch.setitem(__import__("sys").modules, package, None)
    dictionary = package if package in japanese_words.DICTIONARIES else "ipadic"
    hint = "unidic download" if package == "unidic" else r"onnxhub\[ja\]"
    with pytest.raises(MissingDependencyError, match=rf"{package}.*{hint}"):
        make_tokenizer(tmp_path, **MECAB, mecab_kwargs={"mecab_dic": dictionary})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rstrip": True}, ["あ", "<x>", "い"]),
        ({"lstrip": True}, ["あ", "<x>", "い"]),
        ({"single_word": True}, ["あ", "<x>", "い"]),
    ],
)
def test_added_tokens_are_found_before_words(tmp_path: Path, changes: dict[str, bool], expected: list[str]) -> None:
    """Alone between blanks, they are tokens whatever their flags; new ones are numbered behind the vocabulary."""
    flags = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True, **changes}
    decoder = {"7": {"content": "<x>", **flags}}
    tokenizer = make_tokenizer(
        tmp_path, vocabulary=[*texts.SPECIAL, "あ", "い"], added_tokens_decoder=decoder, mask_token="<m>"
    )
    (tokens,) = tokenizer.encode(["あ <x> い"])
    assert tokenizer.tokens(tokens.ids[1:-1].tolist()) == expected
    assert tokens.offsets[1:-1].tolist() == [[0, 1], [2, 5], [6, 7]]
    assert tokenizer.mask_token_id == 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place for a model."""
    return tmp_path / "model"


def make_model(folder: Path, task: str, **options: Any) -> Path:
    """Write a model with a Japanese tokenizer; its embeddings have a row for each token."""
    made = tiny.make_model(folder, task, texts=[f"w{number}" for number in range(3000)], max_length=32, **options)
    texts.write_tokenizer(made, model_max_length=32, **IPADIC)
    assert len(texts.make_vocabulary()) < json.loads((made / "config.json").read_text())["vocab_size"]
    return made


def test_a_japanese_model_runs_every_task_over_text(folder: Path) -> None:
    """Classifying, tagging, answering, filling and embedding, whose spans are slices of the text, also of a long one."""
    text = "山田太郎さんは大阪大学の教授です。㈱日立で　ｶﾞﾗｽを見た！" * 4
    with onnxhub.load("text-classification", make_model(folder / "a", "text-classification")) as classifier:
        assert classifier(text[:20]).label
        assert repr(pickle.loads(pickle.dumps(classifier))(text[:20])) == repr(classifier(text[:20]))
    with onnxhub.load("token-classification", make_model(folder / "b", "token-classification")) as tagger:
        for aggregation in ("none", "simple", "first", "average", "max"):
            found = tagger(text, aggregation=aggregation, ignore_labels=())
            assert found
            assert all(entity.text == text[entity.start : entity.end] and entity.text.strip() for entity in found)
        pieces = tagger(text, aggregation="none", ignore_labels=())
        spans = dict.fromkeys((entity.start, entity.end) for entity in pieces)  # a character may be several tokens
        assert fold("".join(text[start:end] for start, end in spans)) == fold(text)
    with onnxhub.load("question-answering", make_model(folder / "c", "question-answering")) as answerer:
        answer = answerer("教授は誰ですか", text)
        assert answer.answer == text[answer.start : answer.end]
    with onnxhub.load("fill-mask", make_model(folder / "d", "fill-mask")) as filler:
        best = filler("東京で[MASK]人")[0][0]
        assert best.text.startswith("東京で")
        assert best.text.endswith("人")
    with onnxhub.load("feature-extraction", make_model(folder / "e", "feature-extraction")) as embedder:
        assert embedder([text[:20], "東京"]).shape[0] == 2


def test_an_inspection_and_an_export_need_no_transformers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is converted, and an export warns of nothing: the vocabulary that it copies is what the tokenizer is made of."""
    repository = open_repository(make_model(folder, "text-classification"))
    monkeypatch.setattr(japanese, "_has_transformers", lambda: False)
    assert not check_vocabulary(repository)
    assert _make_fast_tokenizer(repository) is None
    assert caplog.records == []
