"""text-classification from literal logits: activations, windows, items and hooks."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, asdict, dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onnxhub
from onnxhub import (
    Classification,
    ClassificationItem,
    ClassificationPostprocessor,
    LabelScore,
)
from onnxhub._toolkit.activations import activation_of
from onnxhub.errors import InvalidInputError, InvalidOptionError, NonFiniteOutputError, TaskMismatchError
from onnxhub.testing import CannedBackend

SIGMOID_OF_2 = 1 / (1 + math.exp(-2))


@pytest.mark.parametrize(
    ("activation", "scores"),
    [("softmax", (SIGMOID_OF_2, 1 - SIGMOID_OF_2)), ("sigmoid", (SIGMOID_OF_2, 0.5)), ("none", (2.0, 0.0))],
)
def test_activations(activation: str, scores: tuple[float, float]) -> None:
    """Softmax over the labels, a sigmoid for each, or the logits as they are; best first."""
    (result,) = ClassificationPostprocessor(labels=("NEG", "POS"), activation=activation)([[0.0, 2.0]])
    assert (result.label, result.score) == ("POS", pytest.approx(scores[0]))
    assert [(one.label, one.score) for one in result.ranking] == [
        ("POS", pytest.approx(scores[0])),
        ("NEG", pytest.approx(scores[1])),
    ]


@pytest.mark.parametrize(
    ("problem_type", "labels", "expected"),
    [
        (None, 1, "sigmoid"),
        (None, 2, "softmax"),
        ("single_label_classification", 2, "softmax"),
        ("single_label_classification", 1, "sigmoid"),
        ("multi_label_classification", 3, "sigmoid"),
        ("regression", 1, "none"),
        ("regression", 3, "none"),
    ],
)
def test_the_activation_follows_transformers_rule(problem_type: str | None, labels: int, expected: str) -> None:
    """The problem type decides, else the number of labels."""
    assert activation_of(problem_type, labels) == expected


@pytest.mark.parametrize("problem_type", ["ranking", 3, ["regression"]])
def test_an_unknown_problem_type_is_refused(problem_type: object) -> None:
    """By its name, as transformers refuses it: how its logits become scores, nobody knows."""
    with pytest.raises(TaskMismatchError, match=r"problem_type in config.json is .*, and known are single_label"):
        activation_of(problem_type, 2)


@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=8), st.integers(1, 9) | st.none())
def test_the_ranking_is_sorted_and_cut(logits: list[float], top_k: int | None) -> None:
    """`top_k` cuts the ranking alone; ties keep the labels' order; the best is the first."""
    labels = [f"L{index}" for index in range(len(logits))]
    (result,) = ClassificationPostprocessor(labels, activation="none", top_k=top_k)([logits])
    expected = sorted(zip(labels, logits, strict=True), key=lambda pair: -pair[1])[:top_k]
    assert [(one.label, one.score) for one in result.ranking] == expected
    assert (result.label, result.score) == expected[0]


def test_windows_are_averaged_by_their_length() -> None:
    """The probabilities, not the logits, weighted by tokens."""
    item = ClassificationItem(weights=(30, 10))
    (result,) = ClassificationPostprocessor(("A", "B"))(np.array([[0.0, 2.0], [2.0, 0.0]]), [item])
    assert result.label == "B"
    assert result.score == pytest.approx(0.75 * SIGMOID_OF_2 + 0.25 * (1 - SIGMOID_OF_2))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int64])
def test_logits_from_anywhere(kind: type) -> None:
    """Any type of number, a bare array or a mapping, a list or a tuple of labels; Python's floats come out."""
    logits = np.array([[0, 2], [3, 0]], kind)
    bare = ClassificationPostprocessor(["A", "B"])(logits)
    assert bare == ClassificationPostprocessor(("A", "B"))({"logits": logits})
    assert [one.label for one in bare] == ["B", "A"]
    assert type(bare[0].score) is float
    assert json.loads(json.dumps(bare[0].to_dict())) == json.loads(json.dumps(asdict(bare[0])))


@pytest.mark.parametrize(
    ("logits", "error", "message"),
    [
        ([[0.0, 1.0, 2.0]], TaskMismatchError, r"2 labels \('A', 'B'\) for logits of shape \(1, 3\)"),
        ([[[0.0, 1.0]]], TaskMismatchError, r"shape \(1, 1, 2\)"),
        ([[0.0, 1.0], [math.nan, 0.0]], NonFiniteOutputError, "item 1"),
        ([[0.0, 1.0], [math.inf, 0.0]], NonFiniteOutputError, "item 1"),
        ([[0.0, 1.0], [-math.inf, -math.inf]], NonFiniteOutputError, "item 1"),
    ],
)
def test_logits_that_cannot_be(logits: object, error: type[Exception], message: str) -> None:
    """Another number of labels, another rank, and what is not finite."""
    with pytest.raises(error, match=message):
        ClassificationPostprocessor(("A", "B"))(logits)


@pytest.mark.parametrize(
    ("labels", "row"), [(("A", "B"), [math.inf, 0.0]), (("A",), [math.inf]), (("A",), [-math.inf])]
)
def test_a_sigmoid_hides_no_infinity(labels: tuple[str, ...], row: list[float]) -> None:
    """What overflowed is refused, though its sigmoid would be a sound 1.0 or 0.0."""
    with pytest.raises(NonFiniteOutputError, match="item 0: the model gave NaN or infinite logits"):
        ClassificationPostprocessor(labels, activation="sigmoid")([row])


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_masked_label_has_no_chance(activation: str) -> None:
    """A logit of -inf beside finite ones is a probability of 0."""
    (result,) = ClassificationPostprocessor(("A", "B"), activation=activation)([[-math.inf, 3.0]])
    assert [(one.label, one.score) for one in result.ranking][1] == ("A", 0.0)


@pytest.mark.parametrize("items", [[], [ClassificationItem()], [ClassificationItem((1, 1)), ClassificationItem()]])
def test_items_that_do_not_fit_the_rows(items: list[ClassificationItem]) -> None:
    """Too few rows or too many."""
    with pytest.raises(InvalidInputError, match=r"rows of items for outputs of \[2\] rows"):
        ClassificationPostprocessor(("A", "B"))(np.zeros((2, 2)), items)


def test_nothing_in_nothing_out() -> None:
    """No rows are no results."""
    assert ClassificationPostprocessor(("A", "B"))(np.zeros((0, 2))) == []
    assert ClassificationPostprocessor(("A", "B"))({}, []) == []


@pytest.mark.parametrize(
    "options", [{"top_k": 0}, {"top_k": -1}, {"top_k": 1.5}, {"top_k": True}, {"activation": "relu"}]
)
def test_classification_options_are_checked(options: dict) -> None:
    """The message names the option and its value."""
    ((name, value),) = options.items()
    with pytest.raises(InvalidOptionError, match=f"{name}={value!r}"):
        ClassificationPostprocessor(("A", "B"), **options)


def test_a_subclass_overrides_one_hook() -> None:
    """A field of its own and `scores`; `replace` keeps both."""

    @dataclass(frozen=True)
    class Calibrated(ClassificationPostprocessor):
        temperature: float = 2.0

        def scores(self, logits):
            assert logits.shape == (2,)
            return onnxhub.softmax(logits / self.temperature)

    calibrated = replace(Calibrated(("A", "B")), top_k=1)
    assert calibrated([[4.0, 0.0]]) == [
        Classification("A", pytest.approx(SIGMOID_OF_2), (LabelScore("A", calibrated([[4.0, 0.0]])[0].score),))
    ]
    with pytest.raises(FrozenInstanceError):
        calibrated.top_k = 3  # type: ignore[misc]


@pytest.mark.parametrize(("name", "said"), [("q", 1), (None, 0)])
def test_a_reranker_as_a_classifier_says_that_its_prompt_is_left_out(
    name: str | None, said: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Its scores are not those of its own library, which puts the prompt before each query."""
    settings = {"model_type": "CrossEncoder", "prompts": {"q": "query: "}, "default_prompt_name": name}
    canned = CannedBackend({"logits": [1.0]}, labels=("x",), files={"config_sentence_transformers.json": settings})
    canned.load("text-classification")
    assert [record.getMessage() for record in caplog.records if "default prompt" in record.getMessage()] == [
        "canned has a default prompt, 'q': load('text-ranking', ...) puts it before each query, text-classification does not"
    ] * said
