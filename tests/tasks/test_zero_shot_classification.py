"""zero-shot-classification from literal logits: candidates, and the labels that decide."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from onnxhub import (
    LabelScore,
    ZeroShotItem,
    ZeroShotPostprocessor,
)
from onnxhub.errors import InvalidOptionError, TaskMismatchError
from onnxhub.testing import CannedBackend

NLI = ("contradiction", "neutral", "entailment")
AB = ZeroShotItem(("a", "b"))
SIGMOID_OF_2 = 1 / (1 + math.exp(-2))


def test_candidates_compete_by_their_entailment() -> None:
    """A softmax over the candidates of the entailment logits alone."""
    (result,) = ZeroShotPostprocessor(NLI)([[9.0, 9.0, 2.0], [-9.0, -9.0, 0.0]], [AB])
    assert (result.label, result.score) == ("a", pytest.approx(SIGMOID_OF_2))
    assert result.ranking == (LabelScore("a", result.score), LabelScore("b", pytest.approx(1 - SIGMOID_OF_2)))


def test_each_candidate_by_itself() -> None:
    """With multi_label, a softmax of entailment against contradiction for each; neutral does not count."""
    (result,) = ZeroShotPostprocessor(NLI, multi_label=True)([[0.0, 9.0, 2.0], [2.0, 9.0, 2.0]], [AB])
    assert [one.score for one in result.ranking] == [pytest.approx(SIGMOID_OF_2), pytest.approx(0.5)]


def test_one_candidate_is_true_or_not() -> None:
    """Alone, its softmax over the candidates would always be 1."""
    (result,) = ZeroShotPostprocessor(NLI)([[0.0, 9.0, 2.0]], [ZeroShotItem(("a",))])
    assert (result.label, result.score) == ("a", pytest.approx(SIGMOID_OF_2))


@pytest.mark.parametrize("multi_label", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_labels_in_any_order(order: tuple[int, ...], multi_label: bool) -> None:
    """Entailment and contradiction are found by their names, whatever their case."""
    logits = np.array([[1.0, 5.0, 2.0], [4.0, 0.0, 3.0]])
    expected = ZeroShotPostprocessor(NLI, multi_label=multi_label)(logits, [AB])
    labels = [NLI[index].upper() for index in order]
    assert ZeroShotPostprocessor(labels, multi_label=multi_label)(logits[:, order], [AB]) == expected


@pytest.mark.parametrize(
    "other", ["not_entailment", "not entailment", "non_entailment", "NOT_ENTAILMENT", "contradiction"]
)
@pytest.mark.parametrize("first", [True, False])
def test_models_of_two_labels(other: str, first: bool) -> None:
    """What is not entailed counts as contradicted, and is not taken for entailment."""
    labels, logits = ("entailment", other), np.array([[2.0, 0.0], [0.0, 2.0]])
    if first:
        labels, logits = labels[::-1], logits[:, ::-1]
    (result,) = ZeroShotPostprocessor(labels, multi_label=True)(logits, [AB])
    assert [one.score for one in result.ranking] == [pytest.approx(SIGMOID_OF_2), pytest.approx(1 - SIGMOID_OF_2)]
    assert ZeroShotPostprocessor(labels)(logits, [AB])[0].label == "a"


def test_labels_without_a_contradiction() -> None:
    """Candidates can compete, but none can be judged by itself."""
    plain = ZeroShotPostprocessor(("entailment", "other"))
    assert plain([[2.0, 0.0], [0.0, 0.0]], [AB])[0].score == pytest.approx(SIGMOID_OF_2)
    with pytest.raises(
        InvalidOptionError, match=r"multi_label=True: expected False .* none of the model's labels is a contra"
    ):
        replace(plain, multi_label=True)
    with pytest.raises(InvalidOptionError, match="and several candidates, for none of the model's labels"):
        plain([[2.0, 0.0]], [ZeroShotItem(("a",))])


def test_labels_without_an_entailment() -> None:
    """The error names them; and says how to name them right."""
    with pytest.raises(InvalidOptionError, match=r"labels=\('A', 'B'\): expected .* one of which begins with 'entail'"):
        ZeroShotPostprocessor(("A", "B"))([[2.0, 0.0], [0.0, 2.0]], [AB])
    canned = CannedBackend({"logits": [0.0, 1.0, 2.0]}, labels=("LABEL_0", "LABEL_1", "LABEL_2"))
    with pytest.raises(
        TaskMismatchError, match=r"none of its labels begins with 'entail': LABEL_0, .* name them: postproc"
    ):
        canned.load("zero-shot-classification")
    assert canned.load("zero-shot", postprocessor=ZeroShotPostprocessor(NLI))("a", ["b"]).score > 0.8


def test_equal_candidates_keep_their_order() -> None:
    """And `top_k` cuts behind them."""
    item = ZeroShotItem(("c", "a", "b"))
    (result,) = ZeroShotPostprocessor(NLI, top_k=2)(np.zeros((3, 3)), [item])
    assert [one.label for one in result.ranking] == ["c", "a"]
    assert result.score == pytest.approx(1 / 3)
