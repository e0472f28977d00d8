"""What the tokenizer says of texts that it cannot take, for tasks that do not check them."""

from __future__ import annotations

from typing import Any

import pytest

import onnxhub
from onnxhub.errors import InvalidInputError


@pytest.mark.parametrize(
    ("texts", "pairs", "message"),
    [
        (["a \ud83d b"], None, r"input: the text has a lone surrogate '\\ud83d' at character 2"),
        (["good", "a \ud83d b"], None, r"input: the text has a lone surrogate '\\ud83d' at character 2"),
        (["good"], ["\udc00"], r"input: the text has a lone surrogate '\\udc00' at character 0"),
        (["good", 3], None, "the tokenizer failed on this input: expected a str as text, got int: 3"),
        ([b"good"], None, "the tokenizer failed on this input: expected a str as text, got bytes: .*decode it first"),
    ],
)
def test_what_is_no_text_is_told_as_such(texts: list[Any], pairs: list[str] | None, message: str) -> None:
    """In the words that the built-in tasks have for it, alone and in a batch."""
    tokenizer = onnxhub.load("text-classification", "builtin:sentiment").backend.tokenizer
    for offsets in (True, False):
        with pytest.raises(InvalidInputError, match=message):
            tokenizer.encode(texts, pairs, offsets=offsets)
