"""How far two models agree: by canned logits, task by task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from onnxhub._contracts.evaluation import Decision, Evaluation
from onnxhub._contracts.registry import get_task
from onnxhub._workshop.compare import Agreement, compare
from onnxhub._workshop.sentences import SENTENCES
from onnxhub._workshop.trials import sample_inputs
from onnxhub.testing import CannedBackend

TEXTS = ["Ada met Ben", "Cem met Dag"]


def model(task, logits, labels=(), output="logits"):
    """A model that gives these logits: a row for each row of the batch."""
    values = np.asarray(logits, np.float32)
    return CannedBackend(lambda features: {output: values[: len(features["input_ids"])]}, labels=labels).load(task)


def classifier(*logits):
    """Two labels, a row of logits for each text."""
    return model("text-classification", logits, labels=("NEG", "POS"))


def test_a_model_agrees_with_itself() -> None:
    """In all, and with no difference."""
    one = classifier([0.0, 2.0], [3.0, 0.0])
    assert compare(one, one, TEXTS) == Agreement("same label", 1.0, 1.0, 0, 0.0, 0.0)


def test_labels_agree_or_not() -> None:
    """The share of texts with the same best label; the scores differ by all labels."""
    found = compare(classifier([0.0, 2.0], [3.0, 0.0]), classifier([0.0, 2.0], [0.0, 3.0]), TEXTS)
    apart = abs(2 / (1 + np.exp(-3.0)) - 1)
    assert (found.measure, found.mean, found.least, found.worst) == ("same label", 0.5, 0.0, 1)
    assert found.largest_difference == pytest.approx(apart, abs=1e-6)
    assert found.mean_difference == pytest.approx(apart / 2, abs=1e-6)


def test_entities_agree_by_the_share_that_both_find() -> None:
    """By label and place; what only one finds counts with its whole score; two that find nothing agree."""
    names = ("O", "PER")
    no, yes = [5.0, 0.0], [0.0, 5.0]
    one = model("token-classification", [[no, yes, no, yes, no]], labels=names)
    other = model("token-classification", [[no, yes, no, no, no]], labels=names)
    none = model("token-classification", [[no] * 5], labels=names)
    found = compare(one, other, TEXTS[:1])
    assert (found.measure, found.mean) == ("same entities", pytest.approx(2 / 3))
    assert found.largest_difference == pytest.approx(1 / (1 + np.exp(-5.0)), abs=1e-6)
    assert compare(none, none, TEXTS[:1]).mean == 1.0
    assert compare(none, none, TEXTS[:1]).mean_difference == 0.0


def test_answers_agree_if_they_are_the_same_span() -> None:
    """The words of the answer are not enough: where it stands counts."""

    def qa(place):
        logits = 9.0 * (np.arange(8) == place)
        canned = {"start_logits": logits, "end_logits": logits}
        return CannedBackend(
            lambda features: {name: [values[: features["input_ids"].shape[1]]] for name, values in canned.items()}
        ).load("question-answering")

    inputs = [("Who ?", "Ada or Ada")]
    assert compare(qa(4), qa(4), inputs).mean == 1.0
    found = compare(qa(4), qa(6), inputs)
    assert (found.measure, found.mean) == ("same answer", 0.0)
    assert found.largest_difference > 0.9


def test_words_of_masks_agree_by_the_share_of_masks() -> None:
    """A text has several."""
    logits = np.zeros((1, 5, 5), np.float32)
    logits[0, 1, 3] = logits[0, 3, 3] = 9.0
    changed = logits.copy()
    changed[0, 3, 4] = 19.0
    asked = ["[MASK] cat [MASK]"]
    found = compare(model("fill-mask", logits), model("fill-mask", changed), asked)
    assert (found.measure, found.mean) == ("same word", 0.5)


def test_rankings_agree_if_the_same_text_is_first() -> None:
    """Eight texts compete for one query."""
    assert sample_inputs(model("text-ranking", [[0.0]], ("LABEL_0",)), ["a"] * 9, competing=True) == [
        ("What is it about?", ["a"] * 8),
        ("What is it about?", ["a"]),
    ]
    one = model("text-ranking", [[1.0], [0.0]], ("LABEL_0",))
    other = model("text-ranking", [[0.0], [1.0]], ("LABEL_0",))
    found = compare(one, other, [("q", TEXTS)])
    assert (found.measure, found.mean) == ("same best text", 0.0)


def test_choices_agree_if_the_best_is_the_same() -> None:
    """Of the same list."""
    one, other = model("multiple-choice", [[1.0, 0.0]]), model("multiple-choice", [[0.0, 1.0]])
    found = compare(one, other, [("a cat", ["eats", "flies"])])
    assert (found.measure, found.mean) == ("same choice", 0.0)


def test_vectors_agree_by_their_direction() -> None:
    """The cosine of the angle, never above 1; and vectors of zeros agree with each other alone."""

    def embedder(*vector):
        return model("feature-extraction", [vector], output="sentence_embedding")

    found = compare(embedder(1.0, 0.0), embedder(3.0, 3.0), TEXTS[:1])
    assert (found.measure, found.mean) == ("cosine similarity", pytest.approx(0.5**0.5))
    assert found.largest_difference == 3.0
    assert compare(embedder(0.1, 0.7), embedder(0.1, 0.7), TEXTS[:1]).mean <= 1.0
    assert compare(embedder(0.0, 0.0), embedder(0.0, 0.0), TEXTS[:1]).mean == 1.0
    assert compare(embedder(0.0, 0.0), embedder(0.0, 1.0), TEXTS[:1]).mean == 0.0


def test_sparse_vectors_agree_by_their_direction() -> None:
    """A word that only one of them has is a zero of the other."""

    def sparse(*weights):
        return model("sparse-feature-extraction", [[np.expm1(weights)] * 5])

    found = compare(sparse(1.0, 0.0, 0, 0, 0), sparse(1.0, 1.0, 0, 0, 0), TEXTS[:1])
    assert (found.measure, found.mean) == ("cosine similarity", pytest.approx(0.5**0.5, abs=1e-6))
    assert found.largest_difference == pytest.approx(1.0, abs=1e-6)


def test_a_task_of_another_package_is_compared_by_its_outputs() -> None:
    """Of its results nothing is known."""
    task = replace(get_task("text-classification"), name="tone", aliases=(), evaluation=Evaluation())
    one, other = (
        CannedBackend({"logits": values}, labels=("A", "B")).load(task) for values in ([0.0, 2.0], [2.0, 2.0])
    )
    found = compare(one, other, TEXTS)
    assert (found.measure, found.largest_difference) == ("cosine similarity of the outputs", 2.0)
    assert found.mean == pytest.approx(0.5**0.5)


def test_a_task_of_another_package_says_how_it_is_compared() -> None:
    """By its own words, and what it sees in a result."""
    evaluation = Evaluation(
        measure="same tone", decision=lambda result: Decision({"score": result.score}, frozenset({result.label}))
    )
    task = replace(get_task("text-classification"), name="tone", aliases=(), evaluation=evaluation)
    one, other = (
        CannedBackend({"logits": values}, labels=("A", "B")).load(task) for values in ([0.0, 2.0], [0.0, 1.0])
    )
    found = compare(one, other, TEXTS)
    assert (found.measure, found.mean) == ("same tone", 1.0)
    assert found.largest_difference == pytest.approx(1 / (1 + np.exp(-2.0)) - 1 / (1 + np.exp(-1.0)), abs=1e-6)


def test_the_sentences_are_of_many_kinds() -> None:
    """All different, of one word and of many, so that there is something to disagree on."""
    lengths = [len(text.split()) for text in SENTENCES]
    assert len(set(SENTENCES)) == len(SENTENCES)
    assert (min(lengths), max(lengths)) == (1, 45)
    assert len({*lengths}) > 15
