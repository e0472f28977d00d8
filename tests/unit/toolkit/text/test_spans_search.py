"""The search for the best spans, and the words that a span is made of, against references that try everything."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from onnxhub._toolkit.text.spans import WordSpans, best_first, score_spans, split_at_spaces


@given(st.lists(st.integers(-3, 3) | st.just(-math.inf), max_size=60), st.integers(1, 70))
def test_best_first_finds_every_score_in_order(scores: list[float], most: int) -> None:
    """Falling scores, the first of equals first, nothing masked, and nothing left out however few are sorted at first."""
    found = list(dict.fromkeys(best_first(np.array(scores, np.float32), most)))
    allowed = [index for index, score in enumerate(scores) if score > -math.inf]
    assert found == sorted(allowed, key=lambda index: -scores[index])


@given(st.data(), st.integers(1, 3), st.integers(1, 12), st.integers(1, 15))
def test_the_band_has_every_short_span(data: st.DataObject, rows: int, width: int, most: int) -> None:
    """Each span of at most so many tokens, of one window, and only those that start and end inside."""
    logs = arrays(np.float32, (rows, width), elements=st.floats(-50, 0, width=32))
    starts, ends = data.draw(logs), data.draw(logs)
    inside = data.draw(arrays(np.bool_, (rows, width)))
    scores = score_spans(starts, ends, inside, most)
    assert scores.shape == (min(most, width), rows, width)
    for (extra, row, first), score in np.ndenumerate(scores):
        last = first + extra
        allowed = last < width and inside[row, first] and inside[row, last]
        assert score == (starts[row, first] + ends[row, last] if allowed else -np.inf)


PIECES = st.sampled_from(["Ada", "lo", "ve", " ", "\n", " of", "東京", "は", ",", ""])


def _is_border(text: str, before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two tokens meet at a letter of a script without spaces."""
    return re.search("[東京は]", text[max(before[1] - 1, 0) : after[0] + 1]) is not None


@given(st.lists(st.tuples(PIECES, st.sampled_from([0, 0, 1]), st.booleans()), max_size=20))
def test_words_found_one_by_one_are_those_of_the_whole_text(tokens: list[tuple[str, int, bool]]) -> None:
    """Wherever the tokenizer's words end, and whatever other tokens lie between."""
    text = "".join(piece for piece, _, _ in tokens)
    ends = np.cumsum([len(piece) for piece, _, _ in tokens], dtype=np.int32)
    offsets = (
        np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1).astype(np.int32) if tokens else np.zeros((0, 2))
    )
    words = np.cumsum([step for _, step, _ in tokens], dtype=np.int32)
    own = np.array([mine for _, _, mine in tokens], bool)
    spans = WordSpans(text, offsets, own, words)
    whole = split_at_spaces(text, offsets[own], words[own])
    for token, word in zip(np.flatnonzero(own).tolist(), whole, strict=True):
        same = np.flatnonzero(own)[whole == word].tolist()
        unspaced = re.search("[東京は]", text[offsets[same[0], 0] : offsets[same[-1], 1]])
        # There, only what stands between two borders that touch none of its letters is a word.
        cuts = [
            place
            for place in range(1, len(same))
            if unspaced and _is_border(text, *offsets[same][place - 1 : place + 1])
        ]
        parts = [same[first:stop] for first, stop in pairwise([0, *cuts, len(same)])]
        part = next(part for part in parts if token in part)
        assert spans[token] == (offsets[part[0], 0], offsets[part[-1], 1])
        assert WordSpans(text, offsets, own, None)[token] == tuple(offsets[token])
