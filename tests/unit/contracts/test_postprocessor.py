"""Postprocessors alone, with whatever is given: items, outputs and hooks that cannot be are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from onnxhub import (
    ClassificationItem,
    ClassificationPostprocessor,
    Postprocessor,
    QuestionAnsweringItem,
    QuestionAnsweringPostprocessor,
    TokenClassificationItem,
    TokenClassificationPostprocessor,
)
from onnxhub.errors import InvalidInputError, InvalidOptionError

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
WORDS = [[0, 3], [4, 6], [7, 11]]
SPAN = {"start_logits": [[9.0, 0.0, 0.0]], "end_logits": [[9.0, 0.0, 0.0]]}


def test_items_may_be_made_of_lists() -> None:
    """Offsets, masks and words become arrays, and an item without tokens is one, too."""
    asked = QuestionAnsweringItem("Ada in Rome", WORDS, [True, True, True], None, [0, 1, 2])  # type: ignore[arg-type]
    tagged = TokenClassificationItem("Ada in Rome", WORDS, [0, 1, 2])  # type: ignore[arg-type]
    assert QuestionAnsweringPostprocessor()(SPAN, [asked])[0].answer == "Ada"
    assert TokenClassificationPostprocessor(LABELS)(np.eye(5)[np.newaxis, [1, 0, 3]], (tagged,))[0][0].text == "Ada"
    assert TokenClassificationItem("", []).offsets.shape == (0, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("postprocessor", "outputs", "message"),
    [
        (
            QuestionAnsweringPostprocessor(),
            np.zeros((1, 3)),
            "and end_logits, got one array without a name",
        ),
        (QuestionAnsweringPostprocessor(), {"start_logits": [[0.0]]}, "and end_logits, got start_logits$"),
        (ClassificationPostprocessor(("A", "B")), {"scores": [[0.0, 1.0]]}, "a mapping with logits, got scores"),
        (ClassificationPostprocessor(("A", "B")), 3.0, "arrays of numbers with an axis of rows"),
        (ClassificationPostprocessor(("A", "B")), [["a", "b"]], "arrays of numbers"),
        (ClassificationPostprocessor(("A", "B")), [[0.0, 1.0], [0.0]], "arrays of numbers"),
    ],
)
def test_outputs_that_are_not_what_is_needed(postprocessor: Postprocessor, outputs: object, message: str) -> None:
    """The message says what the postprocessor needs, and what it got."""
    with pytest.raises(InvalidInputError, match=f"{type(postprocessor).__name__} needs .*{message}"):
        postprocessor(outputs)  # type: ignore[arg-type]


def test_one_item_goes_into_a_list() -> None:
    """An item, or a list of something else, is no list of items."""
    item = QuestionAnsweringItem("Ada in Rome", np.array(WORDS), np.ones(3, bool))
    for items in (item, ["Ada in Rome"]):
        with pytest.raises(InvalidInputError, match="needs a list of QuestionAnsweringItem, got"):
            QuestionAnsweringPostprocessor()(SPAN, items)  # type: ignore[arg-type]


def test_items_may_come_from_a_generator() -> None:
    """They are read once."""
    items = (ClassificationItem() for _ in range(2))
    assert len(ClassificationPostprocessor(("A", "B"))(np.zeros((2, 2)), items)) == 2  # type: ignore[arg-type]


def test_logits_of_fewer_tokens_than_the_item_has() -> None:
    """They are of another text."""
    asked = QuestionAnsweringItem("Ada in Rome", np.array(WORDS), np.ones(3, bool))
    with pytest.raises(InvalidInputError, match=r"item 0: logits of shape \(1, 2\) for an item .* \(1, 3\)"):
        QuestionAnsweringPostprocessor()({name: [[9.0, 0.0]] for name in SPAN}, [asked])
    with pytest.raises(InvalidInputError, match="item 0: logits of 2 tokens for an item of 3"):
        TokenClassificationPostprocessor(LABELS)(np.zeros((1, 2, 5)), [TokenClassificationItem("a b c", WORDS)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ([0.25, 0.75], [0.75, 0.25]),
        ((0, 1), [1.0, 0.0]),
        (np.array([True, False]), [1.0, 0.0]),
        (np.array([0.25, 0.75]), [0.75, 0.25]),
        (np.array([1, 2], np.int64), [2.0, 1.0]),
    ],
)
def test_a_hook_may_give_any_numbers(made: object, expected: list[float]) -> None:
    """Lists will do, and other types of number; a score is Python's float all the same."""

    class Fixed(ClassificationPostprocessor):
        def scores(self, _logits):
            return made

    (result,) = Fixed(("A", "B"))([[0.0, 0.0]])
    scores = [one.score for one in result.ranking]
    assert scores == expected
    assert {type(score) for score in scores} == {float}
    (long,) = Fixed(("A", "B"))([[0.0, 0.0]] * 2, [ClassificationItem((1, 1))])
    assert [one.score for one in long.ranking] == expected


@pytest.mark.parametrize(
    "made", [np.array(["a", "b"]), ["0.1", "0.9"], [None, 1.0], [1j, 0j], [[1.0], [1.0, 2.0]], object()]
)
def test_a_hook_gives_numbers(made: object) -> None:
    """What is not of numbers is refused by the name of the hook."""

    class Fixed(ClassificationPostprocessor):
        def scores(self, _logits):
            return made

    with pytest.raises(InvalidOptionError, match=r"postprocessor='Fixed': expected Fixed\.scores to give numbers; "):
        Fixed(("A", "B"))([[0.0, 0.0]])


def test_outputs_are_names() -> None:
    """One name that is not in a tuple would be read letter by letter."""
    with pytest.raises(InvalidOptionError, match=r"outputs='logits': expected a tuple of names, such as \('logits',\)"):

        class Spoilt(Postprocessor):
            outputs = "logits"


class Summed(ClassificationPostprocessor):
    """Loses the axis of labels."""

    def scores(self, logits: np.ndarray) -> np.ndarray:
        return logits.sum(keepdims=True)


class Halved(TokenClassificationPostprocessor):
    """Loses tokens."""

    def scores(self, logits: np.ndarray) -> np.ndarray:
        return logits[::2]


class Flattened(QuestionAnsweringPostprocessor):
    """Loses the axis of windows."""

    def calibrate(self, logits: np.ndarray) -> np.ndarray:
        return logits[0]


@pytest.mark.parametrize(
    ("postprocessor", "outputs", "item", "message"),
    [
        (Summed(("A", "B")), [[0.0, 1.0]], ClassificationItem(), r"Summed\.scores .*\(2,\); it gave \(1,\)"),
        (
            Halved(LABELS), np.zeros((1, 3, 5)), TokenClassificationItem("Ada in Rome", np.array(WORDS)),
            r"Halved\.scores .*\(3, 5\); it gave \(2, 5\)",
        ),
        (
            Flattened(), SPAN, QuestionAnsweringItem("Ada in Rome", np.array(WORDS), np.ones(3, bool)),
            r"Flattened\.calibrate .*\(1, 3\); it gave \(3,\)",
        ),
    ],
)  # fmt: skip
def test_a_hook_keeps_the_shape(postprocessor: Postprocessor, outputs: object, item: object, message: str) -> None:
    """The error names the hook and both shapes."""
    with pytest.raises(InvalidOptionError, match=message):
        postprocessor(outputs, [item])  # type: ignore[arg-type]
