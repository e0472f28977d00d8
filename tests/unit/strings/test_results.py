"""Results are written by one rule: what was asked for is visible, what is long is cut."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import onnxhub
from onnxhub import Answer, Choice, ChoiceScore, Classification, Entity, LabelScore, MaskFill, Ranked, SparseEmbedding
from onnxhub._strings.results import Asked
from onnxhub.tasks.multiple_choice import MultipleChoiceItem
from onnxhub.tasks.results import rank_labels

LABELS = ("a", "b", "c", "d", "e", "f")
SCORES = np.array([0.5, 0.25, 0.125, 0.0625, 0.03125, 0.03125], np.float32)
OTHERS = (Answer("London", 0.02, 30, 36), Answer("it", 0.01, 0, 2))


@pytest.mark.parametrize(
    ("result", "written"),
    [
        (LabelScore("a", 0.123456), "LabelScore(label='a', score=0.1235)"),
        (Classification("a", 0.5, (LabelScore("a", 0.5),)), "Classification(label='a', score=0.5)"),
        (Answer("Ada", 0.97813, 18, 21), "Answer(answer='Ada', score=0.9781, start=18, end=21)"),
        (Answer("", 0.5, 0, 0, found=False), "Answer(answer='', score=0.5, start=0, end=0, found=False)"),
        (
            Answer("Ada", 0.5, 1, 4, alternatives=OTHERS),
            "Answer(answer='Ada', score=0.5, start=1, end=4, 2 alternatives)",
        ),
        (
            Answer("Ada", 0.5, 1, 4, alternatives=OTHERS[:1]),
            "Answer(answer='Ada', score=0.5, start=1, end=4, 1 alternative)",
        ),
        (Entity("PER", 0.99, "Ada", 0, 3), "Entity(label='PER', score=0.99, text='Ada', start=0, end=3)"),
        (MaskFill("a", 0.5, "a cat"), "MaskFill(token='a', score=0.5, text='a cat')"),
        (Ranked(2, 0.98, 3.9, "text"), "Ranked(index=2, score=0.98, text='text')"),
        (ChoiceScore(0, "a", 0.671708881855011), "ChoiceScore(index=0, choice='a', score=0.6717)"),
        (Choice(0, "a", 0.5, (ChoiceScore(0, "a", 0.5),)), "Choice(index=0, choice='a', score=0.5)"),
        (SparseEmbedding((), ()), "SparseEmbedding(indices=(), values=())"),
        (SparseEmbedding((7,), (2.5,)), "SparseEmbedding(indices=(7,), values=(2.5,))"),
        (
            SparseEmbedding((2, 7, 9, 11), (0.123456, 1.5, 2.5, 3.5)),
            "SparseEmbedding(indices=(2, 7, 9, 11), values=(0.1235, 1.5, 2.5, 3.5))",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_result_is_written_as_a_call(result: object, written: str) -> None:
    """Fields with their defaults are left out, scores have four digits, and nothing that was not asked for is there."""
    assert repr(result) == written


def test_what_is_long_is_cut_and_its_length_is_said() -> None:
    """A text of a page, a tuple of thousands: both fit into a line."""
    text = repr(Ranked(0, 0.5, 0.1, "word " * 10_000))
    assert text.endswith("… (50,000 characters))")
    assert len(text) < 300
    sparse = repr(SparseEmbedding(tuple(range(442)), tuple(index / 8 for index in range(442))))
    assert sparse == "SparseEmbedding(indices=(0, 1, 2, … 442 in all), values=(0, 0.125, 0.25, … 442 in all))"


@pytest.mark.parametrize(
    ("top_k", "written"),
    [
        (None, "Classification(label='a', score=0.5)"),
        (1, "Classification(label='a', score=0.5, ranking=('a' 0.5))"),
        (2, "Classification(label='a', score=0.5, ranking=('a' 0.5, 'b' 0.25))"),
        (6, "Classification(label='a', score=0.5, ranking=('a' 0.5, 'b' 0.25, 'c' 0.125, … 6 in all))"),
    ],
)
def test_a_ranking_is_shown_where_it_was_asked_for(top_k: int | None, written: str) -> None:
    """So that results that differ in it are written differently, also after a pickle and a copy."""
    result = rank_labels(LABELS, SCORES, top_k)
    assert [repr(result), repr(pickle.loads(pickle.dumps(result))), repr(copy.deepcopy(result))] == [written] * 3


def test_a_ranking_of_choices_is_shown_where_it_was_asked_for() -> None:
    """By the same rule as one of labels."""
    item = MultipleChoiceItem(("roof", "fork"))
    default = onnxhub.MultipleChoicePostprocessor()([[0.0, 0.0]], [item])
    asked = onnxhub.MultipleChoicePostprocessor(top_k=2)([[0.0, 0.0]], [item])
    assert repr(default) == "[Choice(index=0, choice='roof', score=0.5)]"
    assert repr(asked) == "[Choice(index=0, choice='roof', score=0.5, ranking=('roof' 0.5, 'fork' 0.5))]"


def test_a_ranking_that_was_asked_for_equals_any_other() -> None:
    """It is a tuple like that of a result which is made by hand, in JSON as well."""
    result = rank_labels(LABELS, SCORES, 1)
    by_hand = Classification("a", 0.5, (LabelScore("a", 0.5),))
    assert isinstance(result.ranking, Asked)
    assert (result, hash(result), result.to_dict()) == (by_hand, hash(by_hand), by_hand.to_dict())


def test_a_label_cannot_write_into_the_terminal() -> None:
    """In a ranking, too, texts are written as Python writes them."""
    assert "\x1b" not in repr(rank_labels(("\x1b[2J", "b"), SCORES[:2], 2))


@pytest.mark.parametrize("task", onnxhub.list_tasks(), ids=lambda task: task.name)
def test_a_task_is_written_in_a_short_line(task: onnxhub.Task) -> None:
    """Its name, its result and its inputs; no addresses of classes and functions."""
    written = repr(task)
    assert written == f"Task({task.name!r}, result={task.result_name}, inputs={task.inputs!r})"
    assert len(written) < 120
    assert " at 0x" not in written
