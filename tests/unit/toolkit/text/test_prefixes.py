"""A text of which only the beginning counts is cut before it is tokenised, and nobody can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import onnxhub
from onnxhub._toolkit.text.prefixes import encode_prefix
from onnxhub._toolkit.text.windows import truncate, truncate_one
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from onnxhub._contracts.protocols import Tokenizer

LIMIT = 16
SHORT = "Who wrote it?"
TEXTS = (
    SHORT,
    "a cat eats a fish " * 400,
    "\u5317\u4eac\u662f\u4e2d\u56fd\u7684\u9996\u90fd" * 300,  # no space to cut at
    "x" * 3000,  # one token
    f"{' ' * 3000}a cat {SHORT * 40}",  # no token in its part
    "a" * 90 + " " + "word " * 2000,
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """Of a small model."""
    folder: Path = tiny.make_model(tmp_path_factory.mktemp("model"), "text-ranking")
    return onnxhub.load("text-ranking", folder).backend.tokenizer


@pytest.mark.parametrize("first", TEXTS)
@pytest.mark.parametrize("second", TEXTS)
def test_a_pair_is_cut_as_if_it_were_tokenised_whole(first: str, second: str, tokenizer: Tokenizer) -> None:
    """By each of the strategies that tasks have."""
    (part,), (whole,) = encode_prefix(tokenizer, [first], LIMIT, [second]), tokenizer.encode([first], [second])
    for cut in (
        [truncate(tokens.sequences, LIMIT) for tokens in (part, whole)],
        [truncate_one(tokens.sequences, 0, LIMIT) for tokens in (part, whole)],
    ):
        np.testing.assert_array_equal(part.ids[cut[0]], whole.ids[cut[1]])
        np.testing.assert_array_equal(part.type_ids[cut[0]], whole.type_ids[cut[1]])


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_alone(text: str, tokenizer: Tokenizer) -> None:
    """The same."""
    (part,), (whole,) = encode_prefix(tokenizer, [text], LIMIT), tokenizer.encode([text])
    first, second = (tokens.ids[truncate(tokens.sequences, LIMIT)] for tokens in (part, whole))
    np.testing.assert_array_equal(first, second)


def test_a_long_text_is_not_tokenised_whole(tokenizer: Tokenizer) -> None:
    """That would be several seconds for some megabytes and ten labels."""
    (tokens,) = encode_prefix(tokenizer, [SHORT], LIMIT, ["word " * 1_000_000])
    assert len(tokens) < 64 * LIMIT


def test_tokens_without_offsets_are_the_same(tiny_model) -> None:
    """Of texts and of pairs; only their characters are not known."""
    tokenizer = onnxhub.load("text-classification", tiny_model()).backend.tokenizer
    firsts, seconds = zip(*tiny.PAIRS, strict=True)
    for given in ([tiny.TEXTS], [firsts, seconds]):
        plain, fast = (tokenizer.encode(*given, offsets=offsets) for offsets in (True, False))
        for one, other in zip(plain, fast, strict=True):
            for name in ("ids", "type_ids", "sequences"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
