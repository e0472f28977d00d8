"""question-answering from literal logits, against a search that tries every span."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from onnxhub import (
    Answer,
    QuestionAnsweringItem,
    QuestionAnsweringPostprocessor,
)
from onnxhub.errors import InvalidInputError, InvalidOptionError, NonFiniteOutputError
from tests.tasks.words import CONTEXT, words_of


def question_item(context: str, cuts: int, *, aligned: bool, null: bool = True) -> QuestionAnsweringItem:
    """[CLS] question [SEP] context [SEP], in so many overlapping windows."""
    offsets, words = words_of(context)
    front, size = 4, len(offsets)
    offsets = np.concatenate([np.zeros((front, 2), np.int32), offsets, np.zeros((1, 2), np.int32)])
    words = np.concatenate([[-1, 0, 1, -1], words, [-1]]).astype(np.int32)
    answerable = np.zeros(len(offsets), bool)
    answerable[front : front + size] = True
    width = max(size // cuts + 3, 4)
    starts = range(0, max(size - 3, 1), max(width - 3, 1))
    windows = tuple(
        np.array([*range(front), *range(front + start, front + min(start + width, size)), front + size])
        for start in starts
    )
    return QuestionAnsweringItem(context, offsets, answerable, 0 if null else None, words if aligned else None, windows)


def total_of(logits: np.ndarray, item: QuestionAnsweringItem) -> float:
    """The softmax's denominator over the document: each token by its largest logit, "no answer" by its smallest."""
    seen: dict[int, list[float]] = {}
    for row, window in enumerate(item.windows):
        for column, token in enumerate(window.tolist()):
            if item.answerable[token] or token == item.null:
                seen.setdefault(token, []).append(float(logits[row, column]))
    return sum(math.exp(min(values) if token == item.null else max(values)) for token, values in seen.items())


def searched(
    starts: np.ndarray, ends: np.ndarray, item: QuestionAnsweringItem, most: int
) -> list[tuple[float, int, int]]:
    """Every span of every window with its float64 score, each once, best first."""
    total_start, total_end = (total_of(logits, item) for logits in (starts, ends))
    found: dict[tuple[int, int], float] = {}
    for row, window in enumerate(item.windows):
        for first, last in itertools.combinations_with_replacement(range(len(window)), 2):
            if last - first >= most or not (item.answerable[window[first]] and item.answerable[window[last]]):
                continue
            score = math.exp(starts[row, first]) / total_start * math.exp(ends[row, last]) / total_end
            span = span_of(item, window[first], window[last])
            found[span] = max(score, found.get(span, 0))
    return sorted(((score, *span) for span, score in found.items()), reverse=True)


def span_of(item: QuestionAnsweringItem, first: int, last: int) -> tuple[int, int]:
    """Characters from one token's word to another's."""
    if item.words is None:
        return int(item.offsets[first, 0]), int(item.offsets[last, 1])
    same = [np.flatnonzero((item.words == item.words[token]) & item.answerable) for token in (first, last)]
    return int(item.offsets[same[0], 0].min()), int(item.offsets[same[1], 1].max())


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("cuts", [1, 2, 4])
@pytest.mark.parametrize("seed", range(6))
def test_answers_are_the_best_of_all_spans(aligned: bool, cuts: int, seed: int) -> None:
    """The same spans in the same order with the same scores as a search of everything, also where only few are left."""
    random = np.random.default_rng([seed, cuts])
    item = question_item(CONTEXT, cuts, aligned=aligned)
    assert len(item.windows) == item.rows
    shape = (item.rows, max(map(len, item.windows)) + 2)  # as padded in a batch with longer rows
    starts, ends = (random.normal(0, 3, shape).astype(np.float32) for _ in range(2))
    for most, top_k in ((1, 3), (4, 7), (15, 1), (15, 40), (500, 5000)):
        expected = searched(starts, ends, item, most)[:top_k]
        (best,) = QuestionAnsweringPostprocessor(top_k=top_k, max_answer_tokens=most)(
            {"start_logits": starts, "end_logits": ends}, [item]
        )
        answers = [best, *best.alternatives]
        assert [(one.start, one.end) for one in answers] == [(start, end) for _, start, end in expected]
        np.testing.assert_allclose([one.score for one in answers], [score for score, _, _ in expected], rtol=1e-4)
        assert all(one.answer == CONTEXT[one.start : one.end] and one.found for one in answers)
        assert all(one.alternatives == () for one in best.alternatives)


@pytest.mark.parametrize("cuts", [1, 3])
@pytest.mark.parametrize("bias", [-9.0, 9.0])
def test_no_answer_competes(cuts: int, bias: float) -> None:
    """It has the score of the window that is least sure of it, and wins or is an alternative like any other."""
    random = np.random.default_rng(cuts)
    item = question_item(CONTEXT, cuts, aligned=True)
    starts, ends = (random.normal(0, 1, (item.rows, max(map(len, item.windows)))).astype(np.float32) for _ in range(2))
    starts[:, 0] += bias
    ends[:, 0] += bias
    spans = searched(starts, ends, item, 15)
    (best,) = QuestionAnsweringPostprocessor(top_k=2, allow_no_answer=True)(
        {"start_logits": starts, "end_logits": ends}, [item]
    )
    (none,) = [one for one in (best, *best.alternatives) if not one.found] or [None]
    if bias < 0:
        assert none is None
        assert (best.start, best.end) == spans[0][1:]
        return
    totals = [total_of(logits, item) for logits in (starts, ends)]
    expected = min(math.exp(start) / totals[0] * math.exp(end) / totals[1]
                   for start, end in zip(starts[:, 0].tolist(), ends[:, 0].tolist(), strict=True))  # fmt: skip
    assert none == Answer("", pytest.approx(expected, rel=1e-4), 0, 0, found=False, alternatives=none.alternatives)
    assert none is best or best.score > none.score


def test_no_answer_without_a_classification_token() -> None:
    """A model that has nothing to stand for "no answer" cannot be asked for it."""
    item = question_item(CONTEXT, 1, aligned=True, null=False)
    logits = np.zeros((1, len(item.windows[0])))
    with pytest.raises(InvalidOptionError, match="allow_no_answer=True"):
        QuestionAnsweringPostprocessor(allow_no_answer=True)({"start_logits": logits, "end_logits": logits}, [item])


def peaked(size: int, start: int, end: int) -> dict[str, np.ndarray]:
    """Logits that point to one span."""
    logits = {name: np.zeros((1, size), np.float32) for name in ("start_logits", "end_logits")}
    logits["start_logits"][0, start] = logits["end_logits"][0, end] = 20
    return logits


def test_an_item_built_by_hand() -> None:
    """Offsets and a mask are all that logits from elsewhere need; tokens are then what answers are made of."""
    item = QuestionAnsweringItem(
        "Ada wrote", np.array([[0, 0], [0, 3], [4, 9]], np.int32), np.array([False, True, True])
    )
    (answer,) = QuestionAnsweringPostprocessor()(peaked(3, 2, 2), [item])
    assert answer == Answer("wrote", pytest.approx(1, abs=1e-6), 4, 9)
    assert item.rows == 1


@pytest.mark.parametrize(
    ("context", "offsets", "words", "span", "expected"),
    [
        ("Lovelace", [(0, 4), (4, 8)], [0, 0], (1, 1), "Lovelace"),
        ("in München", [(0, 2), (3, 6), (6, 10)], [0, 1, 1], (0, 1), "in München"),
        ("東京は日本の首都", [(0, 2), (2, 3), (3, 5), (5, 8)], [0, 0, 0, 0], (2, 2), "日本"),
        ("กรุงเทพเป็น", [(0, 7), (7, 11)], [0, 0], (0, 0), "กรุงเทพ"),
        ("서울은 수도", [(0, 2), (2, 3), (4, 6)], [0, 0, 1], (0, 0), "서울은"),
        ("Tokyo 東京は", [(0, 3), (3, 5), (6, 8), (8, 9)], [0, 0, 1, 1], (1, 2), "Tokyo 東京"),
        (" Ada", [(0, 4)], [0], (0, 0), "Ada"),
        ("Jose\u0301 e", [(0, 4), (6, 7)], [0, 1], (0, 0), "Jose\u0301"),
        ("Jose\u0301\u0323", [(0, 4)], [0], (0, 0), "Jose\u0301\u0323"),
        ("a \u0301", [(0, 2), (2, 3)], [0, 1], (0, 0), "a"),
    ],
)
def test_answers_are_whole_words(context: str, offsets: list, words: list, span: tuple, expected: str) -> None:
    """But not in scripts without spaces, never with space at an end, and with accents that no token has."""
    item = QuestionAnsweringItem(
        context, np.array(offsets, np.int32), np.ones(len(offsets), bool), None, np.array(words, np.int32)
    )
    (answer,) = QuestionAnsweringPostprocessor()(peaked(len(offsets), *span), [item])
    assert answer.answer == expected == context[answer.start : answer.end]


def test_a_context_of_blanks_has_no_answer() -> None:
    """Tokens that cover only white space are an error, not an empty answer."""
    item = QuestionAnsweringItem("  \n", np.array([[0, 2], [2, 3]], np.int32), np.ones(2, bool))
    with pytest.raises(InvalidInputError, match="item 0: the context has only white space"):
        QuestionAnsweringPostprocessor()(peaked(2, 0, 1), [item])


def test_what_is_not_finite_counts_only_where_it_matters() -> None:
    """NaN over padding and the question is nobody's business; over the context it is an error with the index."""
    item = question_item(CONTEXT, 1, aligned=True)
    size = len(item.windows[0])
    logits = {
        name: np.pad(values, ((0, 0), (0, 3)), constant_values=np.nan) for name, values in peaked(size, 5, 6).items()
    }
    logits["start_logits"][0, 1] = np.inf
    assert QuestionAnsweringPostprocessor()(logits, [item])[0].found
    logits["end_logits"][0, 8] = np.nan
    both = {name: np.concatenate([np.nan_to_num(values), values]) for name, values in logits.items()}
    with pytest.raises(NonFiniteOutputError, match=r"item 1: .* logits"):
        QuestionAnsweringPostprocessor()(both, [item, item])


@pytest.mark.parametrize(
    "options", [{"top_k": 0}, {"top_k": None}, {"max_answer_tokens": 0}, {"max_answer_tokens": "9"}]
)
def test_question_answering_options_are_checked(options: dict) -> None:
    """The message names the option and its value."""
    ((name, value),) = options.items()
    with pytest.raises(InvalidOptionError, match=f"{name}={value!r}"):
        QuestionAnsweringPostprocessor(**options)


def test_items_are_wanted() -> None:
    """Logits alone say nothing about a text."""
    with pytest.raises(InvalidInputError, match="needs items: one for each input, 2 rows"):
        QuestionAnsweringPostprocessor()({"start_logits": np.zeros((2, 3)), "end_logits": np.zeros((2, 3))})
