"""Where words end, whatever the tokenizer takes for one."""

from __future__ import annotations

import numpy as np
import pytest

from onnxhub import (
    QuestionAnsweringItem,
    QuestionAnsweringPostprocessor,
    TokenClassificationItem,
    TokenClassificationPostprocessor,
)
from onnxhub._toolkit.labels import group
from onnxhub._toolkit.text.spans import find_word_starts, split_at_spaces


def tokens(text: str, pieces: str) -> np.ndarray:
    """Character spans of the pieces, which ``|`` separates."""
    ends = np.cumsum([len(piece) for piece in pieces.split("|")])
    assert pieces.replace("|", "") == text
    return np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1).astype(np.int32)


@pytest.mark.parametrize(
    ("pieces", "starts"),
    [
        ("Par|is|\n|Lon|don", [0, 2]),
        ("Par|is|\nLon|don", [0, 2]),
        ("Par|is\n|Lon|don", [0, 2]),
        (" |Par|is", [0]),
        ("Par|is| |Lon|don", [0, 2]),
    ],
)
def test_white_space_ends_a_word(pieces: str, starts: list[int]) -> None:
    """A tokenizer without a pre-tokenizer, or whose normalizer keeps line ends, has one word for all of it."""
    text = pieces.replace("|", "")
    spans = tokens(text, pieces)
    one_word = np.zeros(len(spans), np.int32)
    assert find_word_starts(text, spans, one_word).tolist() == starts
    assert len(set(split_at_spaces(text, spans, one_word).tolist())) == len(starts)


def test_an_answer_is_not_the_whole_line() -> None:
    """Nor is an answer more than the words that its tokens are in."""
    text = "Ada wrote it in London"
    spans = tokens(text, "Ada| wrote| it| in| Lon|don")
    item = QuestionAnsweringItem(text, spans, np.ones(6, bool), words=np.zeros(6, np.int32))
    logits = np.zeros((1, 6), np.float32)
    logits[0, 4] = 9
    (answer,) = QuestionAnsweringPostprocessor()({"start_logits": logits, "end_logits": logits}, [item])
    assert answer.answer == "London"


@pytest.mark.parametrize(
    ("pieces", "starts"),
    [
        ("我叫|王|小明|，|住在|北京|。", [0, 1, 2, 3, 4, 5, 6]),
        ("京|都|に住む。", [0, 1, 2]),
        ("กรุงเทพ|เป็น", [0, 1]),
        ("\u0e01|\u0e35|\u0e02", [0, 2]),
        ("ནང|ང་", [0, 1]),
        ("Lon|don", [0]),
        ("서|울|은", [0]),
        ("Lon|don| 東|京", [0, 2, 3]),
        ("iP|hone|を|買う", [0, 2, 3]),
        ("東京|20|20|年|Tok|yo|で", [0, 1, 3, 4, 6]),
        ("ไป|Lon|don|ครับ", [0, 1, 3]),
        ("Nice|\U0001f44b|\U0001f3fd|!", [0, 1, 3]),
    ],
)
def test_in_scripts_without_spaces_a_token_is_a_word(pieces: str, starts: list[int]) -> None:
    """There, a tokenizer's word can be a sentence; but what is one letter for a reader is never two words."""
    text = pieces.replace("|", "")
    spans = tokens(text, pieces)
    assert find_word_starts(text, spans, np.zeros(len(spans), np.int32)).tolist() == starts


def test_the_bytes_of_a_character_are_one_word() -> None:
    """A byte-level vocabulary has several tokens for it, which all have its place."""
    spans = np.array([[0, 1], [0, 1], [1, 2], [1, 2]], np.int32)
    assert find_word_starts("東京", spans, np.zeros(4, np.int32)).tolist() == [0, 2]


@pytest.mark.parametrize("aggregation", ["simple", "first", "average", "max"])
@pytest.mark.parametrize(
    ("pieces", "towns", "expected"),
    [
        ("我叫|王小明|，|住在|北京|。", [4], ["北京"]),
        ("京|都|に|住む。|東|京|で|働く。", [0, 1, 4, 5], ["京都", "東京"]),
    ],
)
def test_entities_of_a_clause_that_is_one_word(
    pieces: str, towns: list[int], expected: list[str], aggregation: str
) -> None:
    """They are neither lost nor the whole clause, whatever decides the label of a word."""
    text = pieces.replace("|", "")
    spans = tokens(text, pieces)
    logits = np.tile(np.array([5.0, 0.0]), (1, len(spans), 1))
    logits[0, towns] = 0, 5
    item = TokenClassificationItem(text, spans, np.zeros(len(spans), np.int32))
    (found,) = TokenClassificationPostprocessor(("O", "I-LOC"), aggregation=aggregation)(logits, [item])
    assert [one.text for one in found] == expected


@pytest.mark.parametrize("extra", ["[PAD]", "X", "[CLS]"])
def test_a_label_without_a_dash_leaves_the_scheme_alone(extra: str) -> None:
    """It is no type of BIO's, but does not make the others plain either."""
    known = ["O", "B-PER", "I-PER", extra]
    labels = ["B-PER", "I-PER", extra, "O", "B-PER"]
    assert list(group(labels, known)) == [("PER", 0, 2), (extra, 2, 3), ("O", 3, 4), ("PER", 4, 5)]


@pytest.mark.parametrize("windows", [1, 4])
def test_evidence_in_an_overlap_counts_once(windows: int) -> None:
    """An answer that several windows see is as sure as one that a single window sees."""
    spans = tokens("a b c d", "a| b| c| d")
    rows = tuple(np.arange(4) for _ in range(windows))
    item = QuestionAnsweringItem("a b c d", spans, np.ones(4, bool), windows=rows)
    logits = np.tile(np.array([0, 5, 0, 0], np.float32), (windows, 1))
    (answer,) = QuestionAnsweringPostprocessor()({"start_logits": logits, "end_logits": logits}, [item])
    assert answer.answer == "b"
    assert answer.score == pytest.approx((np.exp(5) / (np.exp(5) + 3)) ** 2, rel=1e-5)
