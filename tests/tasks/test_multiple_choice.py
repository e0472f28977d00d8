"""multiple-choice from literal logits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from onnxhub import (
    ChoiceScore,
    MultipleChoiceItem,
    MultipleChoicePostprocessor,
)

SIGMOID_OF_2 = 1 / (1 + math.exp(-2))


def test_choices_are_ranked() -> None:
    """A softmax over them; the best first, with its place in the list."""
    (result,) = MultipleChoicePostprocessor(top_k=2)([[0.0, 2.0, -50.0]], [MultipleChoiceItem(("a", "b", "c"))])
    assert (result.index, result.choice, result.score) == (1, "b", pytest.approx(SIGMOID_OF_2))
    assert result.ranking == (ChoiceScore(1, "b", result.score), ChoiceScore(0, "a", pytest.approx(1 - SIGMOID_OF_2)))


def test_padded_choices_do_not_count() -> None:
    """A neighbour in the batch had more choices."""
    item = MultipleChoiceItem(("a", "b"))
    assert MultipleChoicePostprocessor()([[0.0, 2.0, 99.0]], [item]) == MultipleChoicePostprocessor()(
        [[0.0, 2.0]], [item]
    )


def test_equal_choices_keep_their_order() -> None:
    """The first is the best."""
    (result,) = MultipleChoicePostprocessor()(np.zeros((1, 3)), [MultipleChoiceItem(("c", "a", "b"))])
    assert [one.choice for one in result.ranking] == ["c", "a", "b"]
