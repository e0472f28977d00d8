"""What is one letter for a reader is never cut, in any script."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxhub import (
    QuestionAnsweringItem,
    QuestionAnsweringPostprocessor,
    TokenClassificationItem,
    TokenClassificationPostprocessor,
)
from onnxhub._toolkit.text.graphemes import Graphemes

WHOLE = {
    "acute accent": "e\u0301",
    "stacked accents": "x\u0327\u0301",
    "hindi vowel sign": "\u092e\u0941",
    "hindi spacing vowel": "\u0915\u0940",
    "hindi virama": "\u0924\u094d",
    "hindi conjunct": "\u0915\u094d\u0937",
    "hindi conjunct with a joiner": "\u0915\u094d\u200d\u0937",
    "malayalam chillu": "\u0d28\u0d4d\u200d",
    "bengali candrabindu": "\u09b2\u09be\u0981",
    "tamil": "\u0bb4\u0bbf",
    "burmese visarga": "\u1015\u103c\u102e\u1038",
    "thai vowel": "\u0e14\u0e35",
    "thai am": "\u0e17\u0e33",
    "lao am": "\u0e99\u0eb3",
    "hebrew point": "\u05dc\u05b9",
    "arabic vowel": "\u0628\u064c",
    "persian non-joiner": "\u06cc\u200c",
    "decomposed hangul": "\u1109\u1165\u11af",
    "composed and a final": "\uc11c\u11af",
    "old hangul": "\ua960\u1160\ud7cb",
    "voiced kana": "\u304b\u3099",
    "half width voiced kana": "\uff76\uff9e",
    "variation selector": "\u2764\ufe0f",
    "ideographic variation": "\u8fbb\U000e0101",
    "keycap": "1\ufe0f\u20e3",
    "skin tone": "\U0001f44b\U0001f3fd",
    "family": "\U0001f468\u200d\U0001f469\U0001f3fd\u200d\U0001f467",
    "heart on fire": "\u2764\ufe0f\u200d\U0001f525",
    "nodding": "\U0001f642\u200d\u2194\ufe0f",
    "flag": "\U0001f1e9\U0001f1ea",
    "flag of tags": "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
}
APART = {
    "latin": "ab",
    "thai": "\u0e01\u0e02",
    "han": "\u6771\u4eac",
    "syllables of hangul": "\uc11c\uc6b8",
    "vowel after a closed syllable": "\uac01\u1161",
    "emojis": "\U0001f468\U0001f469",
    "a letter after a joiner": "\U0001f468\u200da",
    "a pictograph after a letter and a joiner": "a\u200d\U0001f468",
    "consonants of two scripts": "\u0915\u094d\u09b7",
    "mark behind a space": " \u0301",
    "mark behind a line end": "\n\u0301",
    "mark behind a soft hyphen": "\xad\u0301",
}


def places(text: str) -> list[int]:
    """Where a new grapheme begins, without the beginning of the text."""
    graphemes = Graphemes(text)
    return [place for place in range(1, len(text)) if not graphemes.is_inside(place)]


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE)
def test_one_letter_is_one_grapheme(text: str) -> None:
    """All its characters belong together, wherever one asks, and a letter before or behind it does not."""
    assert places(text) == []
    assert places(f"a{text}a") == [1, 1 + len(text)]


@pytest.mark.parametrize("text", APART.values(), ids=APART)
def test_letters_are_graphemes_of_their_own(text: str) -> None:
    """What only looks as if it went together ends before its last character."""
    assert places(text)[-1] == len(text) - 1


def test_flags_are_pairs() -> None:
    """Letters of flags go together two by two, in whatever order one asks."""
    text = "a" + "\U0001f1e9" * 5
    expected = [1, 3, 5]
    assert places(text) == expected
    graphemes = Graphemes(text)
    assert [place for place in reversed(range(1, 6)) if not graphemes.is_inside(place)] == expected[::-1]


def test_the_ends_of_a_text_are_borders() -> None:
    """A text may begin with a mark, and has nothing behind its end."""
    assert not Graphemes("\u0301").is_inside(0)
    assert not Graphemes("e\u0301").is_inside(2)
    assert Graphemes("\u0301\u0301 a").span(0, 2) == (0, 2)


@pytest.mark.parametrize(
    ("text", "given", "limits", "expected"),
    [
        ("Jose\u0301 x", (0, 4), (), (0, 5)),
        ("Jose\u0301 x", (4, 5), (), (3, 5)),
        (" Jose\u0301 ", (0, 7), (), (1, 6)),
        ("e\u0301\u0301", (0, 1), (0, 2), (0, 2)),
        ("e\u0301\u0301", (1, 2), (1, 2), (1, 2)),
        ("a \u0301b", (1, 3), (), (2, 3)),
    ],
)
def test_a_span_of_whole_graphemes(text: str, given: tuple, limits: tuple, expected: tuple) -> None:
    """White space goes first, then it grows at both ends, but not over what is before and behind it."""
    assert Graphemes(text).span(*given, *limits) == expected


def test_a_span_of_white_space_is_empty() -> None:
    """It takes nothing from its neighbours."""
    start, end = Graphemes("e \u0301 e").span(1, 2)
    assert start >= end


LETTERS = st.sampled_from([*"ab \n\u0301\u0323\u094d\u0915\u0937\u200d\ufe0f", *WHOLE.values()])


@pytest.mark.parametrize("aggregation", ["none", "simple", "first", "average", "max"])
@pytest.mark.parametrize("name", WHOLE)
def test_an_entity_has_the_whole_of_its_letters(name: str, aggregation: str) -> None:
    """Whichever characters of its first and last letter are tokens."""
    letter = WHOLE[name]
    text, size = f"x {letter}a{letter} y", len(letter)
    for first, last in itertools.product(range(size), range(1, size + 1)):
        offsets = [[0, 1], [2 + first, 3 + size + last], [len(text) - 1, len(text)]]
        postprocessor = TokenClassificationPostprocessor(("O", "B-PER"), aggregation=aggregation)
        item = TokenClassificationItem(text, offsets, [0, 1, 2])
        ((entity,),) = postprocessor(np.eye(2)[np.newaxis, [0, 1, 0]] * 9, [item])
        assert (entity.text, entity.start, entity.end) == (f"{letter}a{letter}", 2, 3 + 2 * size)


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_has_the_whole_of_its_letters(name: str) -> None:
    """As an entity has."""
    letter = WHOLE[name]
    text, size = f"x {letter}a{letter} y", len(letter)
    item = QuestionAnsweringItem(text, [[0, 1], [1 + size, 4 + size], [len(text) - 1, len(text)]], [True] * 3)
    logits = np.array([[0, 9, 0]], np.float32)
    (answer,) = QuestionAnsweringPostprocessor()({"start_logits": logits, "end_logits": logits}, [item])
    assert (answer.answer, answer.start, answer.end) == (f"{letter}a{letter}", 2, 3 + 2 * size)


@given(st.lists(LETTERS, max_size=12).map("".join), st.data())
def test_entities_share_no_character(text: str, data: st.DataObject) -> None:
    """Neighbours that are parts of one letter are not both the whole of it, and an entity has no space at its ends."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    offsets = np.array(list(itertools.pairwise(cuts)), np.int32).reshape(-1, 2)
    logits = np.random.default_rng(len(text)).normal(0, 3, (1, len(offsets), 5))
    labels = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    for aggregation in ("none", "simple", "max"):
        postprocessor = TokenClassificationPostprocessor(labels, aggregation=aggregation)
        (found,) = postprocessor(logits, [TokenClassificationItem(text, offsets, np.zeros(len(offsets)))])
        assert all(one.text and one.text == text[one.start : one.end].strip() for one in found)
        assert all(one.end <= other.start for one, other in itertools.pairwise(found))


@pytest.mark.parametrize("labels", [("O", "B-X"), ("O", "S-X", "B-X")])
def test_the_bytes_of_a_letter_are_one_entity(labels: tuple[str, ...]) -> None:
    """A byte-level vocabulary has several tokens for one letter, each of which may say that an entity begins."""
    text = "a \U0001f44b\U0001f3fd b"
    item = TokenClassificationItem(text, [[0, 1], [2, 3], [2, 3], [3, 4], [5, 6]], [0, 1, 1, 1, 2])
    logits = np.eye(len(labels))[np.newaxis, [0, 1, 1, 1, 0]] * 9
    for aggregation in ("simple", "first", "average", "max"):
        (found,) = TokenClassificationPostprocessor(labels, aggregation=aggregation)(logits, [item])
        assert [(one.label, one.text) for one in found] == [("X", "\U0001f44b\U0001f3fd")]


def test_a_long_run_of_flags_is_counted_once() -> None:
    """The places asked for in order look at each character a few times at most, whatever is before them."""
    counted = 0

    class Counting(str):
        __slots__ = ()

        def __getitem__(self, index: object) -> str:
            nonlocal counted
            counted += 1
            return str.__getitem__(self, index)  # type: ignore[call-overload,no-any-return]

    text = Counting("\U0001f1e9" * 2000)
    graphemes = Graphemes(text)
    assert [graphemes.is_inside(place) for place in range(1, 2000, 3)] == [
        place % 2 == 1 for place in range(1, 2000, 3)
    ]
    assert [graphemes.span(place, place + 1)[0] for place in range(1999, 0, -2)] == list(range(1998, -1, -2))
    assert counted < 20_000
