"""The cuts of long texts, against tokenizers' own truncation over thousands of random cases."""

from __future__ import annotations

import itertools
import random
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from onnxhub._toolkit.text.windows import depth, room, truncate, windows

CASES = 1500
WORDS = 60


@cache
def tokenizer(special: int) -> Tokenizer:
    """Words as tokens, with none, one or three special tokens to a pair."""
    vocabulary = {word: index for index, word in enumerate(("<", ">", *(f"w{number}" for number in range(2 * WORDS))))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    templates = {0: ("$A", "$A $B"), 1: ("$A >", "$A > $B"), 3: ("< $A >", "< $A > $B:1 >:1")}
    single, pair = templates[special]
    made.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=[("<", 0), (">", 1)])
    return made


def text(size: int, first: int = 0) -> str:
    """So many different words."""
    return " ".join(f"w{first + index}" for index in range(size))


def encoded(special: int, first: int, second: int | None):
    """The untruncated encoding, its ids and its sequences."""
    tokens = tokenizer(special)
    tokens.no_truncation()
    whole = tokens.encode(text(first), None if second is None else text(second, WORDS))
    sequences = np.array([-1 if one is None else one for one in whole.sequence_ids], np.int8)
    return np.array(whole.ids), sequences


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("paired", [False, True])
def test_windows_are_the_overflow_of_tokenizers(side: str, paired: bool) -> None:
    """Ids of all windows, in order, for random lengths, limits, overlaps and templates, cutting either text."""
    draw = random.Random(f"{side}{paired}")
    compared = 0
    for _ in range(CASES):
        special = draw.choice((0, 1, 3))
        first, second = draw.randint(1, WORDS), draw.randint(1, WORDS) if paired else None
        long = draw.randint(0, 1) if paired else 0
        limit, overlap = draw.randint(1, 70), draw.randint(0, 12)
        ids, sequences = encoded(special, first, second)
        rows = windows(sequences, long, limit, overlap, side)
        if room(sequences, long, limit) <= overlap:  # which tokenizers refuses, even for a text that fits
            assert [len(row) for row in rows] == ([] if len(ids) > limit else [len(ids)])
            continue
        tokens = tokenizer(special)
        strategy = ("only_first", "only_second")[long]
        tokens.enable_truncation(limit, stride=overlap, strategy=strategy, direction=side)
        cut = tokens.encode(text(first), None if second is None else text(second, WORDS))
        assert [ids[row].tolist() for row in rows] == [one.ids for one in (cut, *cut.overflowing)]
        compared += 1
    assert compared > 600


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("paired", [False, True])
def test_truncation_is_longest_first(side: str, paired: bool) -> None:
    """Ids of what is kept, for random lengths, limits and templates."""
    draw = random.Random(f"{side}{paired}")
    for _ in range(CASES):
        special = draw.choice((0, 1, 3))
        first, second = draw.randint(1, WORDS), draw.randint(1, WORDS) if paired else None
        ids, sequences = encoded(special, first, second)
        limit = draw.randint(4, 80)
        tokens = tokenizer(special)
        tokens.enable_truncation(limit, strategy="longest_first", direction=side)
        cut = tokens.encode(text(first), None if second is None else text(second, WORDS))
        assert ids[truncate(sequences, limit, side)].tolist() == cut.ids


sizes = st.integers(1, 300)


@given(sizes, st.integers(0, 10), st.integers(4, 60), st.integers(0, 20), st.sampled_from(["right", "left"]))
def test_windows_cover_everything(size: int, question: int, limit: int, overlap: int, side: str) -> None:
    """Every token of the text is in a window, everything else is in each, none is too long, neighbours overlap."""
    sequences = np.array([-1, *[0] * question, -1, *[1] * size, -1], np.int8)
    rows = windows(sequences, 1, limit, overlap, side)
    if not rows:
        assert room(sequences, 1, limit) <= overlap
        return
    assert all(len(row) <= limit and (np.diff(row) > 0).all() for row in rows)
    assert set(np.concatenate(rows).tolist()) == set(range(len(sequences)))
    others = np.flatnonzero(sequences != 1)
    assert all(np.isin(others, row).all() for row in rows)
    for one, other in itertools.pairwise(rows):
        assert np.count_nonzero(sequences[np.intersect1d(one, other)] == 1) >= overlap


def test_no_limit_cuts_nothing() -> None:
    """A model without a known limit gets the text whole."""
    sequences = np.zeros(5000, np.int8)
    assert [len(row) for row in windows(sequences, 0, None, 10)] == [5000]
    assert len(truncate(sequences, None)) == 5000


@given(st.integers(1, 40), st.booleans(), st.booleans())
def test_depth_is_the_distance_to_the_nearer_cut(size: int, cut_left: bool, cut_right: bool) -> None:
    """An end of the text is no cut; without any cut all tokens are as deep as can be."""
    start = 10
    window = np.arange(start, start + size)
    first = 0 if cut_left else start
    last = 1000 if cut_right else start + size - 1
    expected = [min(index if cut_left else size, size - 1 - index if cut_right else size) for index in range(size)]
    assert depth(window, first, last).tolist() == expected
