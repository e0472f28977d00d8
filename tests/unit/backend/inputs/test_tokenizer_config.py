"""What tokenizer_config.json and its neighbours change about a tokenizer.json; the oracle tests compare whole classes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers import Tokenizer

from onnxhub._backend.inputs import tokenizer_config
from onnxhub._backend.inputs.tokenizer import TextTokenizer, find_usable_length, load_tokenizer
from onnxhub._backend.inputs.tokenizer_config import Family, find_family
from onnxhub._backend.repository.repository import open_repository
from onnxhub.errors import IntegrityError
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "Zoé Groß"


def loaded(folder: Path, *, config: dict[str, Any] | None = None, without: str = "", **options: Any) -> TextTokenizer:
    """The tokenizer of a tiny model whose tokenizer_config.json has these options."""
    tiny.make_model(folder, config_extra=config, tokenizer_extra=options)
    if without:
        (folder / without).unlink()
    repository = open_repository(folder)
    return load_tokenizer(repository, repository.json("config.json") or {})


def tokens(tokenizer: TextTokenizer, text: str, pair: str | None = None) -> list[str]:
    """The tokens of a text."""
    (encoded,) = tokenizer.encode([text], None if pair is None else [pair])
    return tokenizer.tokens(encoded.ids.tolist())


@pytest.mark.parametrize(
    ("sentence", "options", "config", "expected"),
    [
        ({"max_seq_length": 128}, {"model_max_length": 512}, {"max_position_embeddings": 1024}, 128),
        ({"max_seq_length": None}, {"model_max_length": 512}, {"max_position_embeddings": 1024}, 512),
        ({}, {"model_max_length": 1e30}, {"max_position_embeddings": 512}, 512),
        ({}, {"model_max_length": 1_000_000}, {"max_position_embeddings": 512}, 512),
        ({}, {"max_len": 256}, {"max_position_embeddings": 512}, 256),
        ({}, {}, {"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": 1}, 512),
        ({}, {}, {"max_position_embeddings": 514, "model_type": "bert", "pad_token_id": 1}, 514),
        ({}, {}, {"max_position_embeddings": 512, "position_embedding_type": "relative_key"}, 512),
        ({}, {"model_max_length": 1024}, {"max_position_embeddings": 512}, 512),
        ({}, {"model_max_length": 1024}, {"max_position_embeddings": 512, "position_biased_input": False}, 1024),
        ({}, {}, {"max_position_embeddings": -1}, None),
        ({}, {"model_max_length": 0}, {}, None),
        ({}, {"model_max_length": "512"}, {}, None),
        ({}, {}, {}, None),
        ({}, {"model_max_length": True}, {"max_position_embeddings": 512}, 512),
        ({}, {"model_max_length": 0.5}, {"max_position_embeddings": 512}, 512),
        ({"max_seq_length": 128.0}, {"model_max_length": [512]}, {}, 128),
        ({}, {}, {"max_position_embeddings": True}, None),
        ({}, {}, {"max_position_embeddings": 10**30}, None),
        ({}, {}, {"max_position_embeddings": 512, "model_type": ["roberta"]}, 512),
        ({}, {}, {"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": True}, 514),
        ({}, {}, {"model_type": "gpt2", "n_positions": 32, "n_ctx": 64}, 32),
        ({}, {}, {"model_type": "gpt2", "max_position_embeddings": 32}, 32),
        ({}, {"model_max_length": 16}, {"model_type": "gptj", "n_positions": 32}, 16),
        ({}, {}, {"model_type": "nomic_bert", "n_positions": 2048}, 2048),
        ({}, {}, {"model_type": "t5", "n_positions": 512}, None),
        (
            {},
            {},
            {"model_type": "led", "max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 32},
            64,
        ),
        ({}, {}, {"model_type": "esm", "max_position_embeddings": 1026, "pad_token_id": 1}, 1024),
        ({}, {}, {"model_type": "clip", "text_config": {"max_position_embeddings": 77}}, 77),
        ({}, {"model_max_length": 100}, {"text_config": {"model_type": "gpt2", "n_positions": 32}}, 32),
        ({}, {}, {"max_position_embeddings": 64, "text_config": {"max_position_embeddings": 77}}, 64),
        ({}, {}, {"text_config": {"text_config": {"max_position_embeddings": 77}}}, None),
        ({}, {}, {"text_config": 7}, None),
    ],
)
def test_the_usable_length(sentence: dict, options: dict, config: dict, expected: int | None) -> None:
    """The first that says something: sentence-transformers, the tokenizer, the model's positions."""
    assert find_usable_length(sentence, options, config) == expected


@pytest.mark.parametrize(
    ("config", "options", "message"),
    [
        (
            {"max_position_embeddings": 1},
            {"model_max_length": None},
            r"config.json: max_position_embeddings .* 1 tokens",
        ),
        ({"max_position_embeddings": 2}, {}, "config.json: max_position_embeddings leaves room for 2 tokens, and each"),
        ({"max_position_embeddings": 1, "model_type": "roberta", "pad_token_id": 1}, {}, r"config.json: .* -1 tokens"),
        ({"max_position_embeddings": 9, "model_type": "roberta", "pad_token_id": 7}, {}, r"config.json: .* 1 tokens"),
        ({}, {"model_max_length": 1}, r"tokenizer_config.json: model_max_length .* 1 tokens"),
        ({}, {"model_max_length": 2}, "text has 2 special tokens and at least one other"),
        ({}, {"model_max_length": None, "max_len": 2.0}, "tokenizer_config.json: max_len leaves room for 2 tokens"),
    ],
)
def test_a_limit_without_room_for_a_token_is_refused(config: dict, options: dict, message: str, tmp_path: Path) -> None:
    """The answer would not depend on the text; the error names the key and its file."""
    with pytest.raises(IntegrityError, match=message):
        loaded(tmp_path, config=config, **options)


@pytest.mark.parametrize(("config", "options"), [
    ({}, {"model_max_length": 3}), ({"max_position_embeddings": 3}, {}), ({}, {"model_max_length": 10**30}),
    ({}, {"model_max_length": True}), ({}, {"model_max_length": 0.5}),
])  # fmt: skip
def test_a_limit_with_room_or_none_at_all_is_none_of_these(config: dict, options: dict, tmp_path: Path) -> None:
    """One token is enough; what is no number of tokens says nothing."""
    tokenizer = loaded(tmp_path, config=config, **options)
    assert tokenizer.max_length in {3, 64}


@pytest.mark.parametrize(
    ("options", "special"),
    [
        ({}, ["[CLS]", "good"]),
        ({"add_eos_token": True}, ["[CLS]", "good", "[SEP]"]),
        ({"add_bos_token": False}, ["good"]),
        ({"backend": "tokenizers"}, ["[CLS]", "good", "[SEP]"]),
        ({"backend": "tokenizers", "add_bos_token": False}, ["[CLS]", "good", "[SEP]"]),
        ({"backend": "sentencepiece"}, ["[CLS]", "good"]),
    ],
)
@pytest.mark.parametrize("kind", ["LlamaTokenizer", "GemmaTokenizer"])
def test_what_transformers_5_wrote_keeps_its_own_special_tokens(
    kind: str, options: dict, special: list[str], tmp_path: Path
) -> None:
    """It says so in `backend`, and keeps them in tokenizer.json alone; version 4 makes them anew from two switches."""
    roles = {"bos_token": "[CLS]", "eos_token": "[SEP]"}
    assert tokens(loaded(tmp_path, tokenizer_class=kind, **roles, **options), "good") == special


@pytest.mark.parametrize("bos", ["a b", "$A", "é:"])
def test_a_bos_token_that_is_odd(bos: str, tmp_path: Path) -> None:
    """It is taken as it stands, or refused by an error about the file."""
    try:
        tokenizer = loaded(tmp_path, tokenizer_class="LlamaTokenizer", bos_token=bos)
    except IntegrityError as error:
        assert error.path.endswith("tokenizer.json")
        return
    assert tokens(tokenizer, "good")[-1] == "good"


def test_many_added_tokens_are_added_in_linear_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is written down a constant number of times to be compared."""
    calls: list[object] = []
    monkeypatch.setattr(tokenizer_config, "repr", lambda token: calls.append(token) or repr(token), raising=False)
    entries = {str(900 + number): {"content": f"<{number}>", "special": True} for number in range(2000)}
    tokenizer = loaded(tmp_path, added_tokens_decoder=entries)
    assert tokenizer.backend.token_to_id("<1999>") is not None
    assert 2000 <= len(calls) <= 10_000


@pytest.mark.parametrize(
    ("default", "value"), [("do_lower_case", True), ("strip_accents", None), ("add_prefix_space", False)]
)
def test_switches_are_true_or_false(default: str, value: object, tmp_path: Path) -> None:
    """Or nothing; a text would be taken for true."""
    loaded(tmp_path / "right", **{default: value})
    with pytest.raises(IntegrityError, match=f'tokenizer_config.json: {default} is "false", neither true nor false'):
        loaded(tmp_path / "wrong", **{default: "false"})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"do_lower_case": True}, "zoe"),
        ({"do_lower_case": False}, None),
        ({"do_lower_case": None}, "zoe"),
        ({"do_lower_case": True, "strip_accents": False}, None),
    ],
)
def test_the_bert_family_takes_its_case_from_the_configuration(
    options: dict, expected: str | None, tmp_path: Path
) -> None:
    """Whatever normalizer `tokenizer.json` has; without a word in the configuration, the class lowers case."""
    first = tokens(loaded(tmp_path, **options), "Zoé")[1:-1]
    joined = "".join(piece.removeprefix("##") for piece in first)
    assert joined == (expected or "[UNK]")


def test_a_generic_class_leaves_tokenizer_json_alone(tmp_path: Path) -> None:
    """PreTrainedTokenizerFast has no normalizer options."""
    tokenizer = loaded(tmp_path, tokenizer_class="PreTrainedTokenizerFast", do_lower_case=False)
    assert tokens(tokenizer, "GOOD")[1:-1] == ["good"]


def test_truncation_and_padding_of_the_file_are_switched_off(tmp_path: Path) -> None:
    """A file that was saved with both gives whole and unpadded encodings, and its sides are remembered."""
    tiny.make_model(tmp_path, tokenizer_extra={"padding_side": None})
    path = tmp_path / "tokenizer.json"
    saved = Tokenizer.from_file(str(path))
    saved.enable_truncation(4, direction="left")
    saved.enable_padding(length=32, direction="left")
    saved.save(str(path))
    repository = open_repository(tmp_path)
    tokenizer = load_tokenizer(repository, {})
    assert tokens(tokenizer, "a a a a a a") == ["[CLS]", *["a"] * 6, "[SEP]"]
    assert [len(one.ids) for one in tokenizer.encode(["a", "a a a a a a a"])] == [3, 9]
    assert (tokenizer.padding_side, tokenizer.truncation_side) == ("left", "left")


def test_sequences_words_and_offsets(tmp_path: Path) -> None:
    """Special tokens are of no text and no word; offsets are each text's own."""
    tokenizer = loaded(tmp_path)
    (one,) = tokenizer.encode(["no good"], ["yes"])
    assert one.sequences.tolist() == [-1, 0, 0, -1, 1, -1]
    assert one.words.tolist() == [-1, 0, 1, -1, 0, -1]
    assert one.offsets.tolist()[1:3] == [[0, 2], [3, 7]]
    assert one.offsets.tolist()[4] == [0, 3]
    assert one.type_ids.tolist() == [0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model_input_names": ["input_ids", "attention_mask"]}, 0),
        ({"model_input_names": None}, 2),
        ({"model_input_names": None, "tokenizer_class": "DistilBertTokenizer"}, 0),
        ({"model_input_names": ["input_ids", "token_type_ids"], "tokenizer_class": "DistilBertTokenizer"}, 2),
    ],
)
def test_who_tells_the_texts_of_a_pair_apart(options: dict, expected: int, tmp_path: Path) -> None:
    """The class, unless the configuration says otherwise; zeros where it does not."""
    (one,) = loaded(tmp_path, **options).encode(["a"], ["a"])
    assert one.type_ids.sum() == expected


def test_special_tokens_by_role(tmp_path: Path) -> None:
    """The ids that rows are filled with and answers are found by."""
    tokenizer = loaded(tmp_path)
    vocabulary = tokenizer.backend.get_vocab()
    assert tokenizer.padding == {"input_ids": vocabulary["[PAD]"]}
    assert (tokenizer.cls_token_id, tokenizer.unk_token_id) == (vocabulary["[CLS]"], vocabulary["[UNK]"])
    assert tokenizer.marks_subwords


def test_tokens_that_only_the_configuration_has_are_added(tmp_path: Path) -> None:
    """`added_tokens_decoder` brings tokens that are matched whole."""
    plain = loaded(tmp_path / "plain")
    size = plain.backend.get_vocab_size()
    entry = {
        "content": "<ent>",
        "special": True,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "single_word": False,
    }
    tokenizer = loaded(tmp_path / "added", added_tokens_decoder={str(size): entry})
    assert tokens(tokenizer, "a<ent>a")[1:-1] == ["a", "<ent>", "a"]
    assert tokenizer.backend.token_to_id("<ent>") == size
    assert "<ent>" not in tokens(plain, "a<ent>a")


@pytest.mark.parametrize(
    "options",
    [
        {"extra_special_tokens": {"entity_token": "<ent>"}},
        {"extra_special_tokens": ["<ent>"]},
        {"extra_special_tokens": [{"content": "<ent>", "special": True}], "backend": "tokenizers"},
        {"model_specific_special_tokens": {"entity_token": "<ent>"}},
    ],
)
def test_special_tokens_without_a_role_are_matched_whole(options: dict, tmp_path: Path) -> None:
    """By name, as transformers 4 has them, or as a list, as transformers 5 writes them."""
    assert tokens(loaded(tmp_path, **options), "a<ent>a")[1:-1] == ["a", "<ent>", "a"]


@pytest.mark.parametrize("key", ["extra_special_tokens", "model_specific_special_tokens"])
@pytest.mark.parametrize("value", ["<ent>", 3, [3], {"entity_token": 3}])
def test_special_tokens_without_a_role_that_are_no_tokens(key: str, value: object, tmp_path: Path) -> None:
    """They are refused by the name of their file."""
    with pytest.raises(IntegrityError, match=r"tokenizer_config.json: "):
        loaded(tmp_path, **{key: value})


@pytest.mark.parametrize("kind", ["BertTokenizer", "PreTrainedTokenizerFast"])
def test_special_tokens_in_a_text_are_words_like_others_if_it_says_so(kind: str, tmp_path: Path) -> None:
    """With `split_special_tokens`, only what the tokenizer itself adds is a special token."""
    whole = loaded(tmp_path / "whole", tokenizer_class=kind, split_special_tokens=False)
    split = loaded(tmp_path / "split", tokenizer_class=kind, split_special_tokens=True)
    assert tokens(whole, "a [SEP] a") == ["[CLS]", "a", "[SEP]", "a", "[SEP]"]
    found = tokens(split, "a [SEP] a")
    assert found[1] == found[-2] == "a"
    assert [token for token in found if token in {"[CLS]", "[SEP]"}] == ["[CLS]", "[SEP]"]


@pytest.mark.parametrize("missing", ["tokenizer_config.json", "special_tokens_map.json"])
def test_a_repository_with_tokenizer_json_alone(missing: str, tmp_path: Path) -> None:
    """Neither of the other two files is needed."""
    tokenizer = loaded(tmp_path, without=missing)
    assert tokens(tokenizer, "a good")[1:-1] == ["a", "good"]
    assert tokenizer.max_length == 64
    assert tokenizer.padding_side == "right"


@pytest.mark.parametrize(
    ("options", "config", "bert"),
    [
        ({"tokenizer_class": "BertTokenizerFast"}, {}, True),
        ({}, {"tokenizer_class": "BertTokenizer"}, True),
        ({}, {"model_type": "electra"}, True),
        ({"tokenizer_class": "RobertaTokenizer"}, {"model_type": "bert"}, False),
        ({}, {"model_type": "no-such-model"}, False),
        ({"tokenizer_class": 5}, {}, False),
    ],
)
def test_the_family(options: dict, config: dict, bert: bool) -> None:
    """The class that is named, else that of the model type; what is not known is generic."""
    assert find_family(options, config).bert_normalizer is bert
    assert find_family({"tokenizer_class": "NoSuchTokenizer"}, {}) == Family()


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff\xfe", b'{"version": "9"}'])
def test_a_broken_tokenizer_json(content: bytes, tmp_path: Path) -> None:
    """Whatever is wrong with it, the error names the file."""
    tiny.make_model(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"tokenizer.json: no tokenizer could be read from it"):
        load_tokenizer(open_repository(tmp_path), {})


@pytest.mark.parametrize(
    "extra",
    [
        {"added_tokens_decoder": [1]},
        {"added_tokens_decoder": {"x": {"content": "y"}}},
        {"added_tokens_decoder": {"5": {}}},
        {"added_tokens_decoder": {"5": 7}},
        {"pad_token": 5},
        {"pad_token": {"content": 5}},
        {"pad_token": {}},
        {"additional_special_tokens": 5},
        {"additional_special_tokens": [None, 5, "<x>"]},
        {"model_input_names": 5},
        {"padding_side": 5},
    ],
    ids=json.dumps,
)
def test_a_configuration_of_wrong_types(extra: dict, tmp_path: Path) -> None:
    """It is passed over where it can be, and otherwise one of the library's own errors."""
    try:
        tokenizer = loaded(tmp_path, **extra)
    except IntegrityError:
        return
    assert tokens(tokenizer, "a good")[1:-1] == ["a", "good"]


def test_the_tokenizer_is_the_same_after_use(tmp_path: Path) -> None:
    """Encoding, cutting and joining reconfigure nothing: threads share it."""
    tokenizer = loaded(tmp_path)
    before = tokenizer.backend.to_str()
    tokenizer.encode([TEXT] * 3)
    tokenizer.encode([TEXT], ["b"])
    assert tokenizer.join(["good", "##s"]) == "goods"
    assert tokenizer.backend.to_str() == before
