"""fill-mask beside transformers' pipeline over torch: equal in compat; the typed API keeps the text's own spelling."""

import json
import random
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import onnxhub
from onnxhub._toolkit.text.spans import UNSPACED
from tests.oracle.peers import COUNTS, close, difference, torch_reference, transformers, zoo

PipelineException: Any = transformers.pipelines.PipelineException
TASK = "fill-mask"
COMPAT: Sequence[Mapping[str, Any]] = (
    {},
    {"top_k": 1},
    {"top_k": 12},
    {"targets": ["film", "Paris", "the", "film", "unbelievable!"]},
    {"targets": "London", "top_k": 3},
    {"tokenizer_kwargs": {"truncation": True, "max_length": 24}},
)


def _cases() -> list[tuple[str, zoo.Flavour]]:
    """List the architectures, in both flavours."""
    return [(name, flavour) for name, _ in zoo.cases([TASK]) for flavour in zoo.FLAVOURS]


def _masked(seed: int, count: int, mask: str, most: int) -> list[str]:
    """Give texts in which some words are masked, beside a space or glued to a word; no longer than the models take."""
    chance = random.Random(seed)
    texts = []
    for text in (text for text in zoo.texts(seed, 4 * count) if len(text) < most):
        words = text.split(" ")
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            place = chance.randrange(len(words))
            words[place] = chance.choice((mask, mask, mask, f"({mask}", f"{words[place]}{mask}", f"{mask}."))
        texts.append(" ".join(words))
    return [text for text in texts if mask in text][:count]


@pytest.mark.parametrize(("architecture", "flavour"), _cases())
def test_compat(zoo_root: Path, architecture: str, flavour: zoo.Flavour) -> None:
    """Tokens, their texts, the filled texts, their order and nesting are equal under every option."""
    folder = zoo.build(zoo_root, architecture, TASK, flavour)
    theirs, ours = torch_reference(folder, TASK), onnxhub.pipeline(TASK, folder)
    inputs = _masked(61, 12, theirs.tokenizer.mask_token, 90)
    short = [f"{theirs.tokenizer.mask_token} {text}" for text in zoo.texts(62, 12)]
    for options in COMPAT:
        given = short if "tokenizer_kwargs" in options else inputs
        expected, actual = theirs(given, **options), ours(given, **options)
        for text, one, other in zip(given, expected, actual, strict=True):
            assert not difference(one, other, tolerance=1e-4), (difference(one, other), text, options)
            close(_scores(one), _scores(other), f"compat, {TASK}")
            COUNTS[f"compat, {TASK}: equal"] += 1


def _scores(found: Any) -> list[float]:
    """Give all scores, whatever the nesting."""
    return [found["score"]] if isinstance(found, dict) else [score for one in found for score in _scores(one)]


@pytest.mark.parametrize(("architecture", "flavour"), _cases())
def test_typed(zoo_root: Path, architecture: str, flavour: zoo.Flavour) -> None:
    """Tokens and scores are transformers'; the filled text is read as the same tokens wherever theirs is."""
    folder = zoo.build(zoo_root, architecture, TASK, flavour)
    theirs, ours = torch_reference(folder, TASK), onnxhub.load(TASK, folder)
    inputs = _masked(63, 10, theirs.tokenizer.mask_token, 90)
    for text, expected, found in zip(inputs, theirs(inputs, top_k=8), ours(inputs, top_k=8), strict=True):
        masks = [expected] if isinstance(expected[0], dict) else expected
        for number, (entries, fills) in enumerate(zip(masks, found, strict=True)):
            assert [entry["token_str"].strip() for entry in entries] == [fill.token for fill in fills], text
            close(_scores(entries), [fill.score for fill in fills], f"typed, {TASK}")
            COUNTS[f"typed, {TASK}: equal"] += 1
            for entry, fill in zip(entries, fills, strict=True):
                _check_text(theirs.tokenizer, text, number, entry, fill)


def _check_text(tokenizer: Any, text: str, number: int, entry: Any, fill: Any) -> None:
    """Assert that a filled text is read as the tokens that were meant, or, with spaces in the tokens, is so spelled."""
    if type(tokenizer.backend_tokenizer.model).__name__ != "WordPiece":
        assert fill.text == _spelled(tokenizer, text, number, entry)
        COUNTS[f"typed, {TASK}: spelled as the tokens say"] += 1
        return
    ids = _filled(tokenizer, text, number, entry["token"])
    if tokenizer.mask_token in fill.text or _is_kept(text, tokenizer.mask_token, fill.token):
        return
    if tokenizer(entry["sequence"]).input_ids == ids:
        assert tokenizer(fill.text).input_ids == ids, (text, entry, fill)
        COUNTS[f"typed, {TASK}: read as the same tokens"] += 1


def _spelled(tokenizer: Any, text: str, number: int, entry: Any) -> str:
    """Fill a mask in a text by hand: a token's first character says whether it begins a word."""
    start, end = [found.span() for found in re.finditer(re.escape(tokenizer.mask_token), text)][number]
    encoding = tokenizer(text, return_offsets_mapping=True)
    place = [place for place, one in enumerate(encoding.input_ids) if one == tokenizer.mask_token_id][number]
    left, token = text[:start], tokenizer.convert_ids_to_tokens(entry["token"]) or ""  # nothing, of a spare row
    if not token.startswith(("Ġ", "▁")):
        # The space before it was a part of the mask, unless another token has it.
        covered = encoding.offset_mapping[place - 1][1] if encoding.sequence_ids()[place - 1] == 0 else start
        left = text[: max(covered, len(left.rstrip()))]
    elif left and not left[-1].isspace():
        left += " "
    return left + entry["token_str"].strip() + text[end:]


def _is_kept(text: str, mask: str, token: str) -> bool:
    """Say whether the text's own spelling goes before: odd white space, or a script without spaces between words."""
    odd = re.search(rf"\s\s{re.escape(mask)}|[^\S ]{re.escape(mask)}", text)
    return bool(odd or UNSPACED.search(token) or UNSPACED.search("".join(re.findall(rf".?{re.escape(mask)}.?", text))))


def _filled(tokenizer: Any, text: str, number: int, token: int) -> list[int]:
    """Give the ids of a text with a token in place of one of its masks."""
    ids: list[int] = tokenizer(text).input_ids
    ids[[place for place, one in enumerate(ids) if one == tokenizer.mask_token_id][number]] = token
    return ids


@pytest.mark.parametrize(("architecture", "flavour"), _cases())
def test_targets(zoo_root: Path, architecture: str, flavour: zoo.Flavour) -> None:
    """Targets compete by their scores among all tokens, each as it is spelled within a text."""
    folder = zoo.build(zoo_root, architecture, TASK, flavour)
    theirs, ours = torch_reference(folder, TASK), onnxhub.load(TASK, folder)
    words = [word for word in ("film", "good", "was", "in", "and", "on", "not") if _is_token(ours, word)]
    assert words
    for text in _masked(64, 6, theirs.tokenizer.mask_token, 90):
        (encoded,) = ours.with_options(targets=words).encode(text)
        named = theirs.tokenizer.convert_ids_to_tokens(encoded.item.targets)
        expected, found = theirs(text, targets=named), ours(text, targets=words)
        masks = [expected] if isinstance(expected[0], dict) else expected
        for entries, fills in zip(masks, found, strict=True):
            assert [entry["token_str"].strip() for entry in entries] == [fill.token for fill in fills]
            close(_scores(entries), [fill.score for fill in fills], f"typed, {TASK}")


def _is_token(model: Any, word: str) -> bool:
    """Say whether a word can be a target."""
    try:
        model.with_options(targets=[word])
    except onnxhub.errors.InvalidOptionError:
        return False
    return True


SHAPES: Sequence[tuple[Any, Mapping[str, Any]]] = (
    ("a [MASK]", {}),
    (["a [MASK]"], {}),
    (["a [MASK] [MASK]"], {"top_k": 1}),
    (["a [MASK]", "[MASK] [MASK] b"], {}),
    ([], {}),
    ("nothing", {}),
    (["a [MASK]", "nothing"], {}),
    ("", {}),
    ("a [MASK]", {"top_k": 0}),
    ("a [MASK]", {"top_k": 10**6}),
    ("a [MASK]", {"top_k": None, "targets": None, "tokenizer_kwargs": None}),
    ("a [MASK] [PAD] b [SEP]", {}),
    ("[MASK] a [PAD] b [SEP] [MASK]", {"top_k": 2}),
    ("a [MASK]", {"targets": []}),
    ("a [MASK]", {"targets": ""}),
    ("a [MASK]", {"targets": ["", "Paris"]}),
    ("a [MASK]", {"targets": ["[MASK]", "[PAD]", "##ing"]}),
    ("a [MASK]", {"targets": ["Paris"], "top_k": 0}),
    ("very " * 40 + "[MASK]", {"tokenizer_kwargs": {"truncation": True, "max_length": 9}}),
    ("[MASK] " + "very " * 40, {"tokenizer_kwargs": {"max_length": 9}}),
    ("[MASK] short", {"tokenizer_kwargs": {"max_length": 20, "padding": "max_length", "truncation": True}}),
    (3, {}),
)


@pytest.mark.parametrize(("inputs", "options"), SHAPES, ids=str)
def test_shapes(zoo_root: Path, inputs: Any, options: Mapping[str, Any]) -> None:
    """Every way to ask is answered, or refused, as transformers does."""
    folder = zoo.build(zoo_root, "bert", TASK)
    theirs, ours = torch_reference(folder, TASK), onnxhub.pipeline(TASK, folder)
    outcomes = [_outcome(call, inputs, **options) for call in (theirs, ours)]
    assert not difference(*outcomes, tolerance=1e-4), outcomes


def test_cleaned_text(zoo_root: Path, tmp_path: Path) -> None:
    """A tokenizer that cleans its text up does so here too."""
    folder = shutil.copytree(zoo.build(zoo_root, "bert", TASK), tmp_path / "cleaned")
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "clean_up_tokenization_spaces": True}))
    theirs, ours = torch_reference(folder, TASK), onnxhub.pipeline(TASK, folder)
    for given in ("don't [MASK] it's ' fine ' !", "[MASK] , [MASK] ? they've n't"):
        assert not difference(theirs(given), ours(given), tolerance=1e-4)


def _outcome(call: Any, *args: Any, **options: Any) -> Any:
    """Give the result, or only that there is none."""
    try:
        return call(*args, **options)
    except (ValueError, LookupError, TypeError, RuntimeError, PipelineException):
        return "refused"
