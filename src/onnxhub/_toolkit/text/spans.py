"""Searching spans: scores of all short enough ones, the best first, and the characters that they stand for."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from onnxhub._toolkit.text.graphemes import Graphemes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "UNSPACED",
    "WordSpans",
    "best_first",
    "find_word_starts",
    "score_spans",
    "split_at_spaces",
    "split_words",
]

UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\u3005-\u3007\u3040-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\ua4cf\ua980-\ua9ff\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f"
    "\U0001b000-\U0001b2ff\U00020000-\U0003ffff]"
)
"""Thai, Lao, Tibetan, Burmese, Khmer, Tai, Balinese, Javanese, kana, bopomofo, Yi and Han: what stands between two spaces
is no word there."""


def score_spans(
    starts: NDArray[np.float32], ends: NDArray[np.float32], inside: NDArray[np.bool_], most: int
) -> NDArray[np.float32]:
    """Compute the log-scores of all spans of at most ``most`` tokens.

    Only the band of allowed lengths is made, not the square of all starts and ends.

    Args:
        starts: Log-probability of each position to be the first; shape ``(windows, tokens)``.
        ends: The same for the last.
        inside: Where a span may start and end.
        most: Longest span.

    Returns:
        ``[length - 1, window, first position]``, ``-inf`` where there is no such span.
    """
    rows, width = starts.shape
    lengths = min(most, width)
    first = np.where(inside, starts, np.float32(-np.inf))
    last = np.full((rows, width + lengths - 1), -np.inf, np.float32)
    np.copyto(last[:, :width], ends, where=inside)
    # For each length the ends, moved to the left by one more; a view.
    moved = sliding_window_view(last, width, axis=1).swapaxes(0, 1)
    scores: NDArray[np.float32] = np.add(first, moved, order="C")
    return scores


def best_first(scores: NDArray[np.float32], most: int) -> Iterator[int]:
    """Yield flat indices by falling score, the first of equals first, without those of ``-inf``.

    The best is searched alone, then the ``most`` best are sorted, then all: each time the first ones come again.
    """
    flat = scores.ravel()
    if len(flat) and flat[top := int(flat.argmax())] > -np.inf:
        yield top
    if len(flat) > most:
        # By value, not by argpartition: its indices are several times as large as the scores of a long document.
        least = np.partition(flat, len(flat) - most)[len(flat) - most]
        yield from _sort_falling(flat, flat >= least)
    yield from _sort_falling(flat, np.ones(len(flat), bool))


def _sort_falling(flat: NDArray[np.float32], wanted: NDArray[np.bool_]) -> Iterator[int]:
    found = np.flatnonzero(wanted & (flat > -np.inf))
    yield from found[np.argsort(-flat[found], kind="stable")].tolist()


def split_at_spaces(text: str, offsets: NDArray[np.int32], words: NDArray[np.int32]) -> NDArray[np.int32]:
    """Split word indices at white space too: some tokenizers take a line, or all of a text, for a word.

    White space at the beginning of a word belongs to it, also as a token of its own.

    Args:
        text: The text of the tokens.
        offsets: Half-open character spans of its tokens, in order; shape ``(n, 2)``.
        words: The tokenizer's word index of each; shape ``(n,)``.
    """
    more = np.zeros(len(words), np.int32)
    seen, filled, before = 0, False, -1
    for index in (np.flatnonzero(np.diff(words) == 0) + 1).tolist():
        if index - 1 != before:  # another word of the tokenizer's
            seen, filled = int(offsets[index - 1, 0]), False
        start, end = offsets[index - 1, 1].item(), offsets[index, 0].item()
        # Each character is looked at once: a text can have a long run of white space, a token each.
        filled = filled or bool(text[seen:start].strip())
        seen, before = start, index
        # From the last character of the token before to the first of this one.
        if filled and any(map(str.isspace, text[max(start - 1, 0) : end + 1])):
            more[index], seen, filled = True, end, False
    return words + np.cumsum(more, dtype=np.int32)


def split_words(text: str, offsets: NDArray[np.int32], words: NDArray[np.int32]) -> NDArray[np.int32]:
    """Split word indices at white space, and at each token of a word of a script without spaces.

    There, a whole sentence can be one "word" of the tokenizer; but what stands in it of other scripts, such as a name in
    Latin letters or a number, is not cut. Takes what ``split_at_spaces`` takes.
    """
    words = split_at_spaces(text, offsets, words)
    if not len(words) or text.isascii() or not UNSPACED.search(text, int(offsets[0, 0]), int(offsets[:, 1].max())):
        return words
    first = _find_first_tokens(words)
    apart = [UNSPACED.search(text, start, end) is not None for start, end in _span_words(offsets, first).tolist()]
    more = np.repeat(apart, np.diff(np.append(first, len(words))))
    more[first] = False
    for index in np.flatnonzero(more).tolist():
        # From the last character of the token before to the first of this one.
        end, start = offsets[index - 1, 1].item(), offsets[index, 0].item()
        more[index] = UNSPACED.search(text, max(end - 1, 0), start + 1) is not None
    return words + np.cumsum(more, dtype=np.int32)


def _find_first_tokens(words: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the positions of the first token of each word."""
    return np.concatenate([[0], np.flatnonzero(np.diff(words)) + 1])


def _span_words(offsets: NDArray[np.int32], first: NDArray[np.intp]) -> NDArray[np.int32]:
    """Return the span of each word; shape ``(words, 2)``."""
    starts, ends = np.minimum.reduceat(offsets[:, 0], first), np.maximum.reduceat(offsets[:, 1], first)
    return np.stack([starts, ends], axis=1)


def find_word_starts(text: str, spans: NDArray[np.int32], words: NDArray[np.int32] | None) -> NDArray[np.intp]:
    """Return the indices of the tokens that start a word; the first token does.

    A word is the tokenizer's, but ends at white space, and punctuation is a word of its own: tokenizers that only split
    at spaces would leave the comma at the word before it. In scripts without spaces, each token is one, but never a part
    of a grapheme.
    """
    if words is None:
        return np.arange(len(spans))
    words = split_words(text, spans, words)
    starts = np.concatenate([[True], np.diff(words) != 0])
    for index in np.flatnonzero(~starts):
        before, after = text[spans[index - 1, 0] : spans[index - 1, 1]], text[spans[index, 0] : spans[index, 1]]
        starts[index] = bool(before and after) and (_is_punctuation(before[-1]) or _is_punctuation(after[0]))
    found = np.flatnonzero(starts)
    if text.isascii():
        return found
    graphemes, places = Graphemes(text), spans.tolist()
    apart = [not index or not graphemes.has_both(places[index - 1][1], places[index][0]) for index in found.tolist()]
    return found[apart]


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


class WordSpans:
    """Token -> the characters of its whole word, found when asked for: an answer needs two of a document's words.

    A token stands for its whole word, as in transformers, but not in scripts without spaces: there, a whole sentence
    can be one "word" of the tokenizer.
    """

    def __init__(
        self, text: str, offsets: NDArray[np.int32], own: NDArray[np.bool_], words: NDArray[np.int32] | None
    ) -> None:
        """Take the tokens of a text.

        Args:
            text: The text of the tokens.
            offsets: Half-open character spans of the tokens; shape ``(n, 2)``.
            own: Which tokens are of the text; shape ``(n,)``.
            words: Word index of each token; None: each is a word of its own.
        """
        self._text = text
        self._offsets = offsets
        self._tokens = np.flatnonzero(own)
        self._words = (np.arange(len(own), dtype=np.int32) if words is None else words)[self._tokens]
        # Where the tokenizer's words begin, and the end of the last.
        self._edges = np.concatenate([[0], np.flatnonzero(np.diff(self._words)) + 1, [len(self._words)]])
        self._found: dict[int, NDArray[np.int32]] = {}

    def __getitem__(self, token: int) -> tuple[int, int]:
        """Return the half-open span for one of the text's own tokens."""
        place = int(self._tokens.searchsorted(token))
        word = int(self._edges.searchsorted(place, side="right")) - 1
        if word not in self._found:
            self._found[word] = self._spans(*self._edges[word : word + 2].tolist())
        start, end = self._found[word][place - self._edges[word]].tolist()
        return start, end

    def _spans(self, begin: int, stop: int) -> NDArray[np.int32]:
        """Return the spans of all tokens of one of the tokenizer's words, which may contain white space."""
        spans = self._offsets[self._tokens[begin:stop]]
        if len(spans) == 1:
            return spans
        words = split_words(self._text, spans, self._words[begin:stop])
        first = _find_first_tokens(words)
        return _span_words(spans, first).repeat(np.diff(np.append(first, len(spans))), axis=0)
