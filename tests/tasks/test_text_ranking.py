"""text-ranking from literal logits: order, ties, and the activation that a model names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from onnxhub import (
    Ranked,
    TextRankingItem,
    TextRankingPostprocessor,
)
from onnxhub.errors import InvalidOptionError, TaskMismatchError
from onnxhub.testing import CannedBackend

NLI = ("contradiction", "neutral", "entailment")
SIGMOID_OF_2 = 1 / (1 + math.exp(-2))


def test_documents_are_ordered_by_their_scores() -> None:
    """With the sigmoid, or the logit itself; the logit is always there."""
    logits, item = [[-1.0], [2.0], [0.0]], TextRankingItem(("a", "b", "c"))
    (ranking,) = TextRankingPostprocessor()(logits, [item])
    assert [(one.index, one.text, one.logit) for one in ranking] == [(1, "b", 2.0), (2, "c", 0.0), (0, "a", -1.0)]
    assert [one.score for one in ranking[:2]] == [pytest.approx(SIGMOID_OF_2), 0.5]
    (raw,) = TextRankingPostprocessor(activation="none", top_k=2)(logits, [item])
    assert raw == [Ranked(1, 2.0, 2.0, "b"), Ranked(2, 0.0, 0.0, "c")]


def test_equal_scores_are_ordered_by_their_logits() -> None:
    """A sigmoid of 30 is 1.0 as that of 40 is; what is equal all through keeps its order."""
    (ranking,) = TextRankingPostprocessor()([[30.0], [40.0], [40.0]], [TextRankingItem(("a", "b", "c"))])
    assert [one.index for one in ranking] == [1, 2, 0]
    assert {one.score for one in ranking} == {1.0}


def test_one_document() -> None:
    """Is a list of one."""
    assert TextRankingPostprocessor()([[0.0]], [TextRankingItem(("a",))]) == [[Ranked(0, 0.5, 0.0, "a")]]


@given(
    npst.arrays(np.float32, st.integers(1, 9), elements=st.floats(-50, 50, width=32)), st.integers(1, 10) | st.none()
)
def test_a_ranking_is_sorted_and_cut(logits: np.ndarray, top_k: int | None) -> None:
    """Every document once, best first."""
    item = TextRankingItem(tuple(map(str, range(len(logits)))))
    (ranking,) = TextRankingPostprocessor(top_k=top_k)(logits[:, np.newaxis], [item])
    assert [one.index for one in ranking] == sorted(range(len(logits)), key=lambda index: -logits[index])[:top_k]
    assert all(one.text == str(one.index) and one.logit == logits[one.index] for one in ranking)


SIGMOID, IDENTITY = "torch.nn.modules.activation.Sigmoid", "torch.nn.modules.linear.Identity"


@pytest.mark.parametrize(
    ("config", "activation"),
    [
        ({}, "sigmoid"),
        ({"sentence_transformers": {"activation_fn": IDENTITY, "version": "5.1"}}, "none"),
        ({"sentence_transformers": {"activation_fn": SIGMOID}}, "sigmoid"),
        ({"sbert_ce_default_activation_function": IDENTITY}, "none"),
        ({"sbert_ce_default_activation_function": SIGMOID}, "sigmoid"),
        (
            {"sentence_transformers": {"activation_fn": SIGMOID}, "sbert_ce_default_activation_function": IDENTITY},
            "sigmoid",
        ),
        ({"sentence_transformers": {"version": "5.1"}, "sbert_ce_default_activation_function": IDENTITY}, "none"),
        ({"sentence_transformers": None, "sbert_ce_default_activation_function": None}, "sigmoid"),
    ],
)
def test_the_activation_that_a_cross_encoder_names(config: dict[str, Any], activation: str) -> None:
    """Sentence-transformers' new name, its old one, else the sigmoid."""
    model = CannedBackend({"logits": [2.0]}, config=config).load("text-ranking")
    assert model.postprocessor == TextRankingPostprocessor(activation=activation)
    (one,) = model("a", ["b"])
    assert (one.score, one.logit) == (pytest.approx(2.0 if activation == "none" else SIGMOID_OF_2), 2.0)


@pytest.mark.parametrize("key", ["sentence_transformers", "sbert_ce_default_activation_function"])
@pytest.mark.parametrize("named", ["torch.nn.modules.activation.Tanh", "evil.code.Sigmoidal"])
def test_an_unknown_activation(key: str, named: str) -> None:
    """It is named, never imported; and what to pass for the logits as they are."""
    config = {key: {"activation_fn": named} if key == "sentence_transformers" else named}
    backend = CannedBackend({"logits": [2.0]}, config=config)
    with pytest.raises(
        TaskMismatchError, match=f"wants the activation {named}, and only Sigmoid and Identity are known"
    ):
        backend.load("text-ranking")
    model = backend.load("text-ranking", postprocessor=TextRankingPostprocessor(activation="none"))
    assert model("a", ["b"])[0].score == 2.0
    with pytest.raises(InvalidOptionError, match=r"activation='sigmoyd'.*did you mean 'sigmoid'"):
        TextRankingPostprocessor(activation="sigmoyd")  # type: ignore[arg-type]


def test_a_model_of_several_labels_ranks_nothing() -> None:
    """Which of them would be the score?"""
    with pytest.raises(TaskMismatchError, match="gives 3 logits for a pair of texts, where a ranking needs one"):
        CannedBackend({"logits": [2.0, 1.0, 0.0]}, labels=NLI).load("text-ranking")
