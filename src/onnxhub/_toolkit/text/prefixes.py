"""Tokenising the beginning of a long text, where only its first tokens are kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._contracts.protocols import Tokenizer, Tokens


__all__ = ["encode_prefix"]


LONGEST_TOKEN: Final = 64
"""Characters; see ``encode_prefix``."""


def encode_prefix(
    tokenizer: Tokenizer, texts: Sequence[str], max_length: int | None, pairs: Sequence[str] | None = None
) -> Sequence[Tokens]:
    """Tokenise texts, or pairs of texts, of which only the first ``max_length`` tokens will be kept.

    A text of several megabytes is cut before it is tokenised, at a space if there is one, far behind the tokens that
    count. If the part has too few tokens (words of more than 64 characters, long runs of spaces), the whole is taken;
    and so are two long texts of a pair. The tokens do not know their characters.
    """
    given = [texts] if pairs is None else [texts, pairs]
    if max_length is None or tokenizer.truncation_side == "left":
        return tokenizer.encode(*given, offsets=False)
    most = LONGEST_TOKEN * max_length
    if all(len(text) <= most for some in given for text in some):  # as nearly all are
        return tokenizer.encode(*given, offsets=False)
    prefixes = [[_prefix(text, most) for text in some] for some in given]
    encoded = list(tokenizer.encode(*prefixes, offsets=False))
    for index, tokens in enumerate(encoded):
        cut = [len(parts[index]) < len(some[index]) for some, parts in zip(given, prefixes, strict=True)]
        if any(cut) and not _enough(tokens, cut, max_length):
            encoded[index] = tokenizer.encode(*([some[index]] for some in given), offsets=False)[0]
    return encoded


def _enough(tokens: Tokens, cut: Sequence[bool], max_length: int) -> bool:
    """Return whether prefixes have all the tokens that will be kept; ``cut``: which texts they are shorter than."""
    long = [np.count_nonzero(tokens.sequences == place) >= max_length for place in range(len(cut))]
    # If both texts are long, the tokens that are kept of each depend on which text is longer.
    return list(cut) == long and sum(cut) == 1


def _prefix(text: str, size: int) -> str:
    if len(text) <= size:
        return text
    space = re.search(r"\s\S*\Z", text[:size])
    return text[: space.start()] if space else text
