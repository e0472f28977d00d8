"""What a tokenizer.json may ask for, and what the library's panics come to."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from tokenizers import Regex, decoders, normalizers, pre_tokenizers, processors

import onnxhub
from onnxhub._backend.inputs import tokenizer_bounds
from onnxhub._backend.inputs.tokenizer import TextTokenizer, load_tokenizer
from onnxhub._backend.repository.repository import open_repository
from onnxhub.errors import IntegrityError, InvalidInputError
from tests import tiny

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POISON = "a" * 60 + "b"
"""The expression below tries 2^60 ways to read it."""
GOOD = ["good", "bad one"]


@pytest.fixture
def fragile(tmp_path: Path) -> onnxhub.TextClassificationModel:
    """A model whose tokenizer panics at POISON, and at nothing else."""
    folder = tiny.make_model(tmp_path / "fragile")
    edit(
        folder, lambda tree: tree.update(pre_tokenizer=described(pre_tokenizers.Split(Regex("^(a|aa)+$"), "isolated")))
    )
    return onnxhub.load("text-classification", folder)


def described(component: Any) -> Any:
    """What tokenizer.json says of a component."""
    return json.loads(component.__getstate__())


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change the tokenizer.json of a model."""
    path = folder / "tokenizer.json"
    tree = json.loads(path.read_bytes())
    change(tree)
    path.write_text(json.dumps(tree))
    return folder


def token(content: str, **flags: bool) -> dict[str, Any]:
    """An added token, as tokenizer.json has it."""
    off = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"id": 0, "content": content, **off, **flags}


def loaded(folder: Path) -> TextTokenizer:
    """The tokenizer of a folder."""
    repository = open_repository(folder)
    return load_tokenizer(repository, repository.json("config.json") or {})


def test_a_panic_in_a_call_is_an_error_about_the_input(fragile: onnxhub.TextClassificationModel) -> None:
    """One input has no index, one of a list has its own; the tokenizer works on."""
    with pytest.raises(InvalidInputError, match=r"the tokenizer failed on this input: .*retry-limit") as caught:
        fragile(POISON)
    assert caught.value.index is None
    with pytest.raises(InvalidInputError, match="item 2: the tokenizer failed") as caught:
        fragile([*GOOD, POISON])
    assert caught.value.index == 2
    with pytest.raises(InvalidInputError) as caught:
        fragile.encode([*GOOD, POISON])
    assert caught.value.index == 2
    with pytest.raises(InvalidInputError) as caught:
        asyncio.run(fragile.acall([POISON, *GOOD]))
    assert caught.value.index == 0
    assert [result.label for result in fragile(GOOD)] == [fragile(text).label for text in GOOD]


def test_a_panic_costs_its_neighbours_nothing(fragile: onnxhub.TextClassificationModel) -> None:
    """`attempt` and the streams give the results of all others, and what came before it."""
    texts = GOOD * 8
    texts[10] = texts[13] = POISON
    wanted = fragile(GOOD)
    found = fragile.attempt(texts)
    assert [index for index, result in enumerate(found) if isinstance(result, onnxhub.Failure)] == [10, 13]
    assert found[11:13] == [wanted[1], wanted[0]]
    assert list(fragile.attempt_stream(texts[9:13]))[2:] == [wanted[1], wanted[0]]
    stream = fragile.stream(texts)
    assert [next(stream) for _ in range(10)] == wanted * 5
    with pytest.raises(InvalidInputError, match="item 10: "):
        next(stream)


def test_an_interrupt_is_no_failure(fragile: onnxhub.TextClassificationModel) -> None:
    """What ends the program is not taken for an error of the tokenizer."""

    class Interrupted:
        def encode(self, *_: object) -> object:
            raise KeyboardInterrupt

    tokenizer = fragile.backend.tokenizer
    assert isinstance(tokenizer, TextTokenizer)
    object.__setattr__(tokenizer, "backend", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        tokenizer.encode(["a"])


def test_what_else_the_library_raises_in_a_call(tmp_path: Path) -> None:
    """Each way into it goes through the same door."""
    tokenizer = loaded(tiny.make_model(tmp_path))
    for call in (
        lambda: tokenizer.tokens([-1]),
        lambda: tokenizer.ids([5]),  # type: ignore[list-item]
        lambda: tokenizer.join([5]),  # type: ignore[list-item]
        lambda: tokenizer.decode([-1], skip_special=True),
        lambda: tokenizer.encode([5]),  # type: ignore[list-item]
        lambda: tokenizer.encode(["a", 5]),  # type: ignore[list-item]
    ):
        with pytest.raises(InvalidInputError, match="the tokenizer failed on this input: "):
            call()


@pytest.mark.parametrize(
    "change",
    [
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "!!"}},
        {"post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}],
                            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                            "special_tokens": {}}},
        {"model": {"type": "Unigram", "unk_id": 7, "vocab": [["a", 0.0]]}},
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False}},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_panic_while_loading_is_an_error_about_the_file(change: dict[str, Any], tmp_path: Path) -> None:
    """Or, where the library only fails in a call, about the input."""
    folder = edit(tiny.make_model(tmp_path), lambda tree: tree.update(change))
    with pytest.raises((IntegrityError, InvalidInputError), match=r"tokenizer.json: |the tokenizer failed"):
        onnxhub.load("text-classification", folder)("good")


def test_long_and_many_added_tokens_are_refused_before_they_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In tokenizer.json, in tokenizer_config.json, and as a special token; the error tells the bound."""
    long = "x" * 20_000
    folder = edit(tiny.make_model(tmp_path / "a"), lambda tree: tree["added_tokens"].append(token(long)))
    with pytest.raises(IntegrityError, match=r"tokenizer.json: its token 'x+'\.\.\. has 20,000 letters; 1,000 are the"):
        loaded(folder)
    for extra in ({"added_tokens_decoder": {"9": token(long)}}, {"pad_token": long}, {"mask_token": token(long)},
                  {"additional_special_tokens": ["a", long]}):  # fmt: skip
        folder = tiny.make_model(tmp_path / "b", tokenizer_extra=extra)
        with pytest.raises(IntegrityError, match=r"tokenizer_config.json: its token .* has 20,000 letters"):
            loaded(folder)
    monkeypatch.setattr(tokenizer_bounds, "MOST_TOKENS", 5)
    folder = edit(tiny.make_model(tmp_path / "c"), lambda tree: tree["added_tokens"].append(token("<x>")))
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink()
    with pytest.raises(IntegrityError, match=r"tokenizer.json: it has 6 added tokens; 5 are the most"):
        loaded(folder)
    monkeypatch.setattr(tokenizer_bounds, "MOST_TOKENS", 9)
    monkeypatch.setattr(tokenizer_bounds, "MOST_LETTERS_IN_ALL", 10)
    with pytest.raises(IntegrityError, match=r"its added tokens have \d+ letters; 10 are the most"):
        loaded(folder)


def test_a_key_that_is_written_in_escapes_is_found(tmp_path: Path) -> None:
    """Or said twice: what the library would read is what is looked at."""
    folder = edit(tiny.make_model(tmp_path), lambda tree: tree["added_tokens"].append(token("x" * 20_000)))
    path = folder / "tokenizer.json"
    text = path.read_text()
    assert text.count('"added_tokens"') == 1
    for key in (r'"added\u005ftokens"', r'"\u0061dded_tokens"', '"added_tokens": [], "added_tokens"'):
        path.write_text(text.replace('"added_tokens"', key))
        with pytest.raises(IntegrityError, match="has 20,000 letters"):
            loaded(folder)


def test_a_word_of_the_vocabulary_may_be_called_as_a_part(tmp_path: Path) -> None:
    """`normalizer` and `added_tokens` are words of tokenizers for code."""

    def add(tree: dict[str, Any]) -> None:
        vocabulary = tree["model"]["vocab"]
        vocabulary |= {
            "normalizer": len(vocabulary),
            "added_tokens": len(vocabulary) + 1,
            r"\u0061": len(vocabulary) + 2,
        }

    tokenizer = loaded(edit(tiny.make_model(tmp_path), add))
    assert tokenizer.tokens(tokenizer.encode(["normalizer"])[0].ids.tolist()) == ["[CLS]", "normalizer", "[SEP]"]


def chain(*steps: normalizers.Normalizer) -> dict[str, Any]:
    """What tokenizer.json says of normalizers one after the other."""
    return {"type": "Sequence", "normalizers": [described(step) for step in steps]}


@pytest.mark.parametrize(
    "normalizer",
    [
        described(normalizers.Replace("a", "b" * 1_000_000)),
        described(normalizers.Prepend("b" * 1_000_000)),
        chain(*[normalizers.Replace("a", "aa")] * 24),
        chain(*[normalizers.Replace(Regex("a"), "aa")] * 24),
        chain(*[normalizers.Replace(Regex("x*"), "y")] * 24),
        chain(normalizers.Lowercase(), normalizers.Replace("b", "a" * 200), normalizers.Replace("a", "c" * 200)),
        {"type": "Sequence", "normalizers": [chain(*[normalizers.Replace("a", "aa")] * 24)]},
        chain(*[normalizers.NFC()] * 1_001),
    ],
    ids=lambda normalizer: json.dumps(normalizer)[:60],
)  # fmt: skip
def test_normalizers_that_blow_up_a_text_are_refused(normalizer: dict[str, Any], tmp_path: Path) -> None:
    """At once or step by step, before a token of the file is put through them."""
    folder = edit(tiny.make_model(tmp_path), lambda tree: tree.update(normalizer=normalizer))
    edit(folder, lambda tree: tree["added_tokens"].append(token("aaaa", normalized=True)))
    with pytest.raises(IntegrityError, match=r"tokenizer.json: its normalizer (makes|has)"):
        loaded(folder)


@pytest.mark.parametrize(
    "normalizer",
    [
        None,
        described(normalizers.Replace(" ", "▁")),
        chain(normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")),
        chain(normalizers.Replace("``", '"'), normalizers.NFKD(), normalizers.Replace(Regex(" {2,}"), " ")),
        chain(*[normalizers.Replace(letter, f"[{letter}]") for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]),
        chain(*[normalizers.Replace("a", "b"), normalizers.Replace("b", "a")] * 100),
    ],
    ids=lambda normalizer: json.dumps(normalizer)[:60],
)
def test_normalizers_of_real_models_pass(normalizer: dict[str, Any] | None, tmp_path: Path) -> None:
    """Those of sentencepiece, and long chains whose steps do not feed each other."""
    folder = edit(tiny.make_model(tmp_path), lambda tree: tree.update(normalizer=normalizer))
    assert len(loaded(folder).encode(["good"])[0]) >= 3


def test_other_work_without_bounds_is_refused(tmp_path: Path) -> None:
    """Words that take time by the square of their length, and special tokens without number."""
    folder = tiny.make_model(tmp_path)
    whole = (folder / "tokenizer.json").read_bytes()
    edit(folder, lambda tree: tree["model"].update(max_input_chars_per_word=10**9))
    with pytest.raises(IntegrityError, match="max_input_chars_per_word is 1,000,000,000; 5,000 is the most"):
        loaded(folder)
    (folder / "tokenizer.json").write_bytes(whole)
    edit(folder, lambda tree: tree.update(decoder=described(decoders.Replace("a", "b" * 1_000_000))))
    with pytest.raises(IntegrityError, match="its decoder makes 1,000,000 letters of one; 10,000 are the most"):
        loaded(folder)
    (folder / "tokenizer.json").write_bytes(whole)
    many = processors.TemplateProcessing(single="[CLS] " * 10_001 + "$A", special_tokens=[("[CLS]", 2)])
    edit(folder, lambda tree: tree.update(post_processor=described(many)))
    with pytest.raises(IntegrityError, match="it adds 10,001 special tokens to each text; 10,000 are the most"):
        loaded(folder)
