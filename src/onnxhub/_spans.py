"""Searching spans: scores of all short enough ones, the best first, and the characters that they stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["UNSPACED", "best_first", "span_scores", "split_at_spaces", "word_spans"]

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, kana and Han: what stands between two spaces is no word there."""


def span_scores(
    starts: NDArray[np.float32], ends: NDArray[np.float32], inside: NDArray[np.bool_], most: int
) -> NDArray[np.float32]:
    """Log-scores of all spans of at most ``most`` tokens.

    Only the band of allowed lengths is made, not the square of all starts and ends.

    Args:
        starts: Log-probability of each position to be the first; shape ``(windows, tokens)``.
        ends: The same for the last.
        inside: Where a span may start and end.
        most: Longest span.

    Returns:
        ``[length - 1, window, first position]``, ``-inf`` where there is no such span.
    """
    starts, ends = (np.where(inside, logs, np.float32(-np.inf)) for logs in (starts, ends))
    width = starts.shape[1]
    scores = np.full((min(most, width), *starts.shape), -np.inf, np.float32)
    for extra in range(len(scores)):
        np.add(starts[:, : width - extra], ends[:, extra:], out=scores[extra, :, : width - extra])
    return scores


def best_first(scores: NDArray[np.float32], most: int) -> Iterator[int]:
    """Flat indices by falling score, ``-inf`` left out; only the ``most`` best are sorted, until more are wanted.

    When more are wanted, the first ones come again.
    """
    flat = scores.ravel()
    if len(flat) > most:
        # By value, not by argpartition: its indices are several times as large as the scores of a long document.
        least = np.partition(flat, len(flat) - most)[len(flat) - most]
        yield from _falling(flat, flat >= least)
    yield from _falling(flat, np.ones(len(flat), bool))


def _falling(flat: NDArray[np.float32], wanted: NDArray[np.bool_]) -> Iterator[int]:
    found = np.flatnonzero(wanted & (flat > -np.inf))
    yield from found[np.argsort(-flat[found], kind="stable")].tolist()


def split_at_spaces(text: str, offsets: NDArray[np.int32], words: NDArray[np.int32]) -> NDArray[np.int32]:
    """Word indices that also change at white space: some tokenizers take a line, or all of a text, for a word.

    White space at the beginning of a word belongs to it, also as a token of its own.

    Args:
        text: The text of the tokens.
        offsets: Half-open character spans of its tokens, in order; shape ``(n, 2)``.
        words: The tokenizer's word index of each; shape ``(n,)``.
    """
    more = np.zeros(len(words), np.int32)
    starts = offsets[:, 0].copy()
    for index in np.flatnonzero(np.diff(words) == 0) + 1:
        start, end = offsets[index - 1, 1], offsets[index, 0]
        # From the last character of the token before to the first of this one.
        spaced = any(map(str.isspace, text[max(start - 1, 0) : end + 1]))
        more[index] = spaced and bool(text[starts[index - 1] : start].strip())
        starts[index] = starts[index] if more[index] else starts[index - 1]
    return words + np.cumsum(more, dtype=np.int32)


def word_spans(
    text: str, offsets: NDArray[np.int32], own: NDArray[np.bool_], words: NDArray[np.int32] | None
) -> NDArray[np.int32]:
    """Where a span of whole words starts that begins with a token, and where one ends that ends with it.

    A token stands for its whole word, as transformers does, but not in scripts without spaces: there, a whole
    sentence can be one "word" of the tokenizer.

    Args:
        text: The text of the tokens.
        offsets: Half-open character spans of the tokens; shape ``(n, 2)``.
        own: Which tokens are of the text; shape ``(n,)``.
        words: Word index of each token; None leaves all as they are.

    Returns:
        Shape ``(n, 2)``.
    """
    tokens = np.flatnonzero(own)
    if words is None or not len(tokens):
        return offsets
    first = np.concatenate([[0], np.flatnonzero(np.diff(split_at_spaces(text, offsets[tokens], words[tokens]))) + 1])
    starts = np.minimum.reduceat(offsets[tokens, 0], first)
    ends = np.maximum.reduceat(offsets[tokens, 1], first)
    whole = np.ones(len(first), bool)
    if UNSPACED.search(text):
        whole[:] = [not UNSPACED.search(text, start, end) for start, end in zip(starts, ends, strict=True)]
    word_of = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(tokens))))
    spans = offsets.copy()
    spans[tokens[whole[word_of]]] = np.stack([starts, ends], axis=1)[word_of][whole[word_of]]
    return spans
