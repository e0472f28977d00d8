"""The names of labels, as a configuration has them."""

from __future__ import annotations

from typing import Any

import pytest

from onnxhub._toolkit.label_names import labels_of
from onnxhub.errors import TaskMismatchError
from onnxhub.testing import CannedBackend


def canned(config: dict[str, Any], width: int = 2) -> CannedBackend:
    """A model whose graph does not say how many logits it gives."""
    return CannedBackend({"logits": [0.0] * width}, config=config)


@pytest.mark.parametrize(
    ("config", "labels"),
    [
        ({"id2label": {"1": "b", "0": "a"}}, ("a", "b")),
        ({"id2label": {"0": "a", "1": "b"}, "label2id": {"x": 0, "y": 1}}, ("a", "b")),
        ({"label2id": {"NEG": 0, "POS": 1}}, ("NEG", "POS")),
        ({"label2id": {"POS": "1", "NEG": "0"}, "id2label": None}, ("NEG", "POS")),
        ({"label2id": {"POS": 1, "NEG": 0}, "id2label": {}, "num_labels": 2}, ("NEG", "POS")),
        ({"num_labels": 3}, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"num_labels": None, "label2id": None}, ("LABEL_0", "LABEL_1")),
        ({}, ("LABEL_0", "LABEL_1")),
    ],
)
def test_names_of_labels(config: dict[str, Any], labels: tuple[str, ...]) -> None:
    """By the number, else by the name, else as many numbers as the configuration says."""
    assert labels_of(canned(config)) == labels


def test_labels_without_names_are_as_many_as_the_model_gives() -> None:
    """The number in the configuration holds where the graph does not say it, so that calls do not fail."""
    model = canned({"num_labels": 3}, 3).load("text-classification")
    assert [one.label for one in model("a").ranking] == ["LABEL_0", "LABEL_1", "LABEL_2"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"label2id": {"a": 0, "b": 2}}, "label2id in config.json is numbered 0, 2, not 0 to 1"),
        ({"label2id": {"a": 1, "b": 2}}, "label2id in config.json is numbered 1, 2, not 0 to 1"),
        ({"label2id": {"a": 0, "b": 0}}, "label2id in config.json is numbered 0, 0, not 0 to 1"),
        ({"label2id": {"a": False, "b": True}}, "label2id in config.json is numbered False, True, not 0 to 1"),
        ({"label2id": {"a": None, "b": 1}}, "label2id in config.json is numbered None, 1, not 0 to 1"),
        ({"label2id": ["a", "b"]}, "label2id in config.json is a list, not an object of label and index"),
        ({"num_labels": 0}, "num_labels in config.json is 0, not a whole number of at least 1"),
        ({"num_labels": "3"}, "num_labels in config.json is '3', not a whole number of at least 1"),
        ({"num_labels": True}, "num_labels in config.json is True, not a whole number of at least 1"),
    ],
)
def test_names_that_nobody_can_tell(config: dict[str, Any], message: str) -> None:
    """The error, at load, says what is wrong in which entry."""
    with pytest.raises(TaskMismatchError, match=message):
        canned(config).load("text-classification")
