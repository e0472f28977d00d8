"""What of a repository's configuration transformers may see: no code, and no file but the repository's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from onnxhub._backend.making.settings import DEEPEST, declares_remote_code, prepare_settings
from onnxhub.errors import IntegrityError, UnsafeModelError

FILES = ("config.json", "tokenizer_config.json", "vocab.txt", "merges.txt", "spm.model", "model.safetensors")
PLACES = (
    "/etc/passwd", "../../secret", "~/.ssh/id_ed25519", "file:///etc/passwd", "$HOME/.netrc", "C:\\Users\\me\\secret", "link",
    "https://example.org/vocab", "/proc/self/environ",
)  # fmt: skip
VOCABULARIES = (
    "entity_vocab_file", "gguf_file", "merges", "merges_file", "monolingual_vocab_file", "sentencepiece_model_ckpt",
    "sentencepiece_model_file", "source_spm", "spm_file", "src_vocab_file", "target_spm", "target_vocab_file",
    "tgt_vocab_file", "vocab", "vocab_file", "normalizer_file", "pretrained_vocab_file",
)  # fmt: skip
IDLE = (
    "added_tokens_file", "cache_dir", "chat_template_file", "fast_tokenizer_files", "init_inputs", "name_or_path",
    "pretrained_model_name_or_path", "special_tokens_map_file", "subfolder", "tokenizer_config_file", "tokenizer_file",
    "tokenizer_object", "_name_or_path", "auto_map",
)  # fmt: skip
MODEL = (
    "_name_or_path", "name_or_path", "base_model_name_or_path", "class_info_file", "index_path", "passages_path", "repo_path",
    "feature_extractor_path", "audio_tokenizer_name_or_path", "checkpoint", "cache_dir", "file",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", VOCABULARIES)
def test_a_vocabulary_elsewhere_is_refused(key: str, place: str) -> None:
    """What a tokenizer is depends on it, whichever file says so, and however deep inside."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        for value in ({key: place}, {"sp_model_kwargs": {key: place}}, {key: [place]}, {key: 3}):
            with pytest.raises(UnsafeModelError, match=f"'{key}'"):
                prepare_settings(name, value, FILES)


@pytest.mark.parametrize("key", VOCABULARIES)
@pytest.mark.parametrize("value", ["/home/author/spm.model", "merges.txt", "D:\\work\\vocab.txt", None, ""])
def test_an_own_vocabulary_is_taken_from_the_repository(key: str, value: str | None) -> None:
    """A path that its author had, to a file that is in the repository, is left out: transformers finds the file itself."""
    assert prepare_settings("tokenizer_config.json", {key: value, "do_lower_case": True}, FILES) == {
        "do_lower_case": True
    }


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", IDLE)
def test_places_that_decide_nothing_are_left_out_of_a_tokenizer(key: str, place: str) -> None:
    """Among them those that many published files have, from the cache of whoever saved them."""
    for value in (place, [place], {"AutoTokenizer": place}):
        assert prepare_settings("tokenizer_config.json", {key: value, "unk_token": "/"}, FILES) == {"unk_token": "/"}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("key", MODEL)
def test_places_are_left_out_of_every_other_file(key: str, place: str) -> None:
    """At any depth, those of quantisation included; a rate of such a name is none."""
    value = {key: place, "quantization_config": {"bits": 4, key: place}, "of": [{key: [place]}], "drop_path": 0.1}
    expected = {"quantization_config": {"bits": 4}, "of": [{}], "drop_path": 0.1}
    for name in ("config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json"):
        assert prepare_settings(name, value, FILES) == expected


@pytest.mark.parametrize(
    "weights", [*PLACES, "other.safetensors", "adapter_model.safetensors", "", 3, ["model.safetensors"]]
)
def test_weights_elsewhere_are_refused(weights: Any) -> None:
    """``transformers_weights`` may name what is read anyway, and nothing else."""
    with pytest.raises(UnsafeModelError, match="transformers_weights"):
        prepare_settings("config.json", {"transformers_weights": weights}, FILES)
    assert prepare_settings("config.json", {"transformers_weights": "model.safetensors"}, FILES) == {}
    assert prepare_settings("config.json", {"transformers_weights": weights}, ["config.json"]) == {}  # none are read


@pytest.mark.parametrize("place", [place for place in PLACES if place != "link"])
def test_a_backbone_is_named_and_not_a_place(place: str) -> None:
    """A name such as ``resnet50`` or ``org/name`` stays; a path or an address is refused, at any depth."""
    for value in ({"backbone": place}, {"vision_config": {"backbone": place}}):
        with pytest.raises(UnsafeModelError, match="'backbone'"):
            prepare_settings("config.json", value, FILES)
    for name in ("resnet50", "microsoft/resnet-50", None):
        assert prepare_settings("config.json", {"backbone": name}, FILES) == {"backbone": name}


@pytest.mark.parametrize(
    "options",
    [
        {"mecab_kwargs": {"mecab_option": "-r /etc/passwd -d /tmp"}},
        {"sudachi_kwargs": {"sudachi_config_path": "/etc/passwd"}},
        {"sudachi_kwargs": {"sudachi_resource_dir": "/"}},
    ],
)
def test_dictionaries_of_the_machine_are_refused(options: dict[str, Any]) -> None:
    """MeCab and Sudachi read those that come as packages, which are named and not placed."""
    with pytest.raises(UnsafeModelError, match="dictionaries"):
        prepare_settings("tokenizer_config.json", options, FILES)
    packaged = {"mecab_kwargs": {"mecab_dic": "unidic_lite"}}
    assert (
        prepare_settings(
            "tokenizer_config.json", {"mecab_kwargs": {**packaged["mecab_kwargs"], "mecab_option": None}}, FILES
        )
        == packaged
    )


def test_what_is_the_authors_stays() -> None:
    """Tokens and labels that are called like a file, and tokens in the older way to write them."""
    token = {"__type": "AddedToken", "content": "<file>", "lstrip": False}
    settings = {
        "mask_token": token, "added_tokens_decoder": {"5": {"content": "vocab_file"}},
        "extra_special_tokens": {"image_file": "<image>"}, "chat_template": "/{{ path }}", "model_max_length": 512,
    }  # fmt: skip
    assert prepare_settings("tokenizer_config.json", settings, FILES) == settings
    labels = {"id2label": {"0": "/etc/passwd", "path": "x"}, "label2id": {"file": 0, "_": 1}}
    assert prepare_settings("config.json", labels, FILES) == labels


def test_classes_of_transformers_5_are_those_of_4() -> None:
    """A tokenizer saved by version 5 is one that version 4 knows under another name."""
    saved = {"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["<a>"]}
    read = {"tokenizer_class": "PreTrainedTokenizerFast", "additional_special_tokens": ["<a>"]}
    assert prepare_settings("tokenizer_config.json", saved, FILES) == read
    assert (
        prepare_settings("config.json", {"tokenizer_class": "TokenizersBackend"}, FILES)["tokenizer_class"]
        == read["tokenizer_class"]
    )
    assert prepare_settings("tokenizer_config.json", {"tokenizer_class": None}, FILES) == {"tokenizer_class": None}


@pytest.mark.parametrize("kind", [["BertTokenizer"], {"a": 1}, 5])
def test_a_class_that_is_no_name_is_an_error(kind: object) -> None:
    """It is said of the file."""
    with pytest.raises(IntegrityError, match="not the name of a class"):
        prepare_settings("tokenizer_config.json", {"tokenizer_class": kind}, FILES)


@pytest.mark.parametrize("key", ["id2label", "text_config", "extra_special_tokens"])
def test_what_is_nested_too_deeply_is_an_error(key: str) -> None:
    """Lists and objects inside each other end in an error about the file, not in one about Python's stack."""
    deep: Any = {}
    for _ in range(600):
        deep = [{"a": deep}]
    for name in ("config.json", "tokenizer_config.json"):
        with pytest.raises(IntegrityError, match=f"more than {DEEPEST} lists"):
            prepare_settings(name, {key: {"0": deep}}, FILES)
    assert not declares_remote_code(deep)


def test_an_error_tells_no_more_than_the_beginning_of_a_value() -> None:
    """However long it is."""
    with pytest.raises(UnsafeModelError) as raised:
        prepare_settings("tokenizer_config.json", {"vocab_file": "x" * 1_000_000}, FILES)
    assert len(str(raised.value)) < 300


def test_nothing_of_the_original_is_changed() -> None:
    """What is prepared is a copy."""
    value = {"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["<a>"], "of": {"path": "/"}}
    before = json.dumps(value)
    prepare_settings("tokenizer_config.json", value, FILES)
    assert json.dumps(value) == before
