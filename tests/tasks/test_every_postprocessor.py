"""What holds for the postprocessors of zero-shot, fill-mask, ranking, multiple choice and sparse embeddings alike."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest

import onnxhub
from onnxhub import (
    FillMaskItem,
    FillMaskPostprocessor,
    MultipleChoiceItem,
    MultipleChoicePostprocessor,
    Postprocessor,
    SparseEmbedding,
    SparseEmbeddingItem,
    SparseEmbeddingPostprocessor,
    TextRankingItem,
    TextRankingPostprocessor,
    ZeroShotItem,
    ZeroShotPostprocessor,
)
from onnxhub.errors import InvalidInputError, InvalidOptionError, NonFiniteOutputError, TaskMismatchError

NAN, INF = math.nan, math.inf
NLI = ("contradiction", "neutral", "entailment")
AB = ZeroShotItem(("a", "b"))
SIGMOID_OF_2 = 1 / (1 + math.exp(-2))
VOCABULARY = ("[MASK]", "cat", " law", "##s")
HOLE = FillMaskItem("a [MASK].", positions=(1,), spans=((2, 8),))
GOOD: dict[str, tuple[Postprocessor[Any, Any], Any, Any]] = {
    "zero-shot": (ZeroShotPostprocessor(NLI), [[0.0, 0.0, 2.0], [3.0, 0.0, 0.0]], AB),
    "fill-mask": (FillMaskPostprocessor(VOCABULARY), [[[0.0] * 4, [0.0, 2.0, 1.0, 0.0]]], HOLE),
    "ranking": (TextRankingPostprocessor(), [[0.0], [2.0]], TextRankingItem(("a", "b"))),
    "choice": (MultipleChoicePostprocessor(), [[0.0, 2.0]], MultipleChoiceItem(("a", "b"))),
    "sparse": (SparseEmbeddingPostprocessor(), [[[0.0, 2.0, -1.0], [1.0, 0.0, -1.0]]], SparseEmbeddingItem(2)),
}
each = pytest.mark.parametrize("name", GOOD)


@each
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int64])
def test_logits_from_anywhere(name: str, kind: type) -> None:
    """Any type of number, a bare array or a mapping; Python's numbers come out, ready for JSON."""
    decode, logits, item = GOOD[name]
    expected = decode(logits, [item])
    assert decode(np.array(logits, kind), [item]) == expected
    assert decode({"logits": np.array(logits, kind)}, [item]) == expected
    (result,) = expected
    while isinstance(result, list):
        result = result[0]
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))


@each
def test_several_items_are_decoded_one_by_one(name: str) -> None:
    """Each gets its rows, in order; what is padded is nobody's."""
    decode, logits, item = GOOD[name]
    once = decode(logits, [item])
    turned = np.array(logits)[::-1]
    assert decode(np.concatenate([logits, turned, logits]), [item] * 3) == [*once, *decode(turned, [item]), *once]
    assert decode([], []) == []


@each
@pytest.mark.parametrize("value", [NAN, INF])
def test_what_is_not_finite(name: str, value: float) -> None:
    """An error with the index of the item, wherever in its logits it is."""
    decode, logits, item = GOOD[name]
    places = list(np.ndindex(np.shape(logits)))
    if name == "zero-shot":  # only this logit of a candidate counts
        places = [place for place in places if place[-1] == 2]
    if name == "fill-mask":
        places = [place for place in places if place[-2] == 1]
    for place in places:
        spoilt = np.array(logits)
        spoilt[place] = value
        with pytest.raises(
            NonFiniteOutputError, match=r"^item 1: the model gave NaN or infinite (scores|logits|weights)"
        ):
            decode(np.concatenate([logits, spoilt]), [item, item])


@pytest.mark.parametrize(
    ("postprocessor", "logits", "item"),
    [
        (ZeroShotPostprocessor(NLI), [[0.0, 0.0, -INF], [0.0, 0.0, -INF]], AB),
        (ZeroShotPostprocessor(NLI, multi_label=True), [[0.0, 0.0, 0.0], [-INF, 0.0, -INF]], AB),
        (MultipleChoicePostprocessor(), [[-INF, -INF, 0.0]], MultipleChoiceItem(("a", "b"))),
        (FillMaskPostprocessor(VOCABULARY), [[[0.0] * 4, [-INF] * 4]], HOLE),
    ],
)
def test_nothing_but_masked_is_not_finite(postprocessor: Postprocessor[Any, Any], logits: Any, item: Any) -> None:
    """Where all that competes is -inf, there is no best; scores of 0 would look sound."""
    with pytest.raises(NonFiniteOutputError, match="item 0: the model gave NaN or infinite logits"):
        postprocessor(logits, [item])


@each
def test_items_are_needed_and_must_fit(name: str) -> None:
    """Logits alone do not tell labels, documents, choices; another task's items are refused."""
    decode, logits, item = GOOD[name]
    with pytest.raises(InvalidInputError, match=f"{type(decode).__name__} needs items: one for each input"):
        decode(logits)
    with pytest.raises(InvalidInputError, match="rows of items for outputs of"):
        decode(logits, [item, item])
    with pytest.raises(InvalidInputError, match=f"needs a list of {type(item).__name__}"):
        decode(logits, ["a"])
    with pytest.raises(InvalidInputError, match="needs a mapping with logits, got scores"):
        decode({"scores": logits}, [item])


@pytest.mark.parametrize(
    ("name", "logits", "message"),
    [
        ("zero-shot", np.zeros((2, 2)), r"3 labels \('contradiction', .*\) for logits of shape \(2, 2\)"),
        ("zero-shot", np.zeros((2, 3, 3)), r"for logits of shape \(2, 3, 3\)"),
        ("fill-mask", np.zeros((1, 4)), r"masks at the tokens \(1,\) for logits of shape \(1, 4\)"),
        ("fill-mask", np.zeros((1, 1, 4)), r"masks at the tokens \(1,\) for logits of shape \(1, 1, 4\)"),
        ("ranking", np.zeros((2, 2)), r"2 documents for logits of shape \(2, 2\)"),
        ("ranking", np.zeros(2), r"2 documents for logits of shape \(2,\)"),
        ("choice", np.zeros((1, 1)), r"2 choices for logits of shape \(1,\)"),
        ("choice", np.zeros((1, 2, 1)), r"2 choices for logits of shape \(2, 1\)"),
        ("sparse", np.zeros((1, 3)), r"2 tokens for logits of shape \(1, 3\)"),
        ("sparse", np.zeros((1, 1, 3)), r"2 tokens for logits of shape \(1, 1, 3\)"),
    ],
)
def test_logits_of_another_shape(name: str, logits: np.ndarray, message: str) -> None:
    """The error has both: what there should be logits for, and their shape."""
    decode, _, item = GOOD[name]
    with pytest.raises(TaskMismatchError, match=message):
        decode(logits, [item])


@each
@pytest.mark.parametrize("top_k", [0, -1, 1.5, True, "2"])
def test_top_k_is_checked(name: str, top_k: Any) -> None:
    """When the postprocessor is made, not when it is called."""
    with pytest.raises(InvalidOptionError, match=f"top_k={top_k!r}: expected a whole number of at least 1"):
        replace(GOOD[name][0], top_k=top_k)


@dataclass(frozen=True)
class Reversed(ZeroShotPostprocessor):
    """A hook over all candidates of a text."""

    def scores(self, logits):
        assert logits.shape == (2, 3)
        return 1 - super().scores(logits)


@dataclass(frozen=True)
class Halved(TextRankingPostprocessor):
    """A hook over all documents of a query."""

    def scores(self, logits):
        assert logits.shape == (2,)
        return super().scores(logits) / 2


@dataclass(frozen=True)
class Sharp(MultipleChoicePostprocessor):
    """A hook over all choices of a prompt."""

    def scores(self, logits):
        assert logits.shape == (2,)
        return onnxhub.softmax(logits * 2)


@dataclass(frozen=True)
class Warm(FillMaskPostprocessor):
    """A hook over the vocabulary at one mask."""

    def scores(self, logits):
        assert logits.shape == (4,)
        return onnxhub.softmax(logits / 2)


@dataclass(frozen=True)
class Summed(SparseEmbeddingPostprocessor):
    """SPLADE's first version: the sum over the tokens."""

    def weights(self, logits):
        assert logits.shape == (2, 3)
        return np.log1p(np.maximum(logits, 0)).sum(axis=0)


def test_hooks() -> None:
    """A subclass overrides one method, and gets the logits of one input."""
    _, logits, item = GOOD["zero-shot"]
    assert Reversed(NLI)(logits, [item])[0].label == "b"
    _, logits, item = GOOD["ranking"]
    assert [one.score for one in Halved()(logits, [item])[0]] == [pytest.approx(SIGMOID_OF_2 / 2), 0.25]
    _, logits, item = GOOD["choice"]
    assert Sharp()(logits, [item])[0].score == pytest.approx(1 / (1 + math.exp(-4)))
    _, logits, item = GOOD["fill-mask"]
    expected = math.e / (math.e + math.exp(0.5) + 2)
    assert Warm(VOCABULARY)(logits, [item])[0][0][0].score == pytest.approx(expected)
    _, logits, item = GOOD["sparse"]
    assert Summed()(logits, [item]) == [
        SparseEmbedding((0, 1), (pytest.approx(math.log(2)), pytest.approx(math.log(3))))
    ]


@each
def test_hooks_that_give_another_shape(name: str) -> None:
    """The error names the hook, what it should give and what it gave."""
    decode, logits, item = GOOD[name]
    hook = "weights" if name == "sparse" else "scores"
    spoilt = type("Spoilt", (type(decode),), {hook: lambda *_: np.zeros(7, np.float32)})
    made = spoilt(**{entry.name: getattr(decode, entry.name) for entry in fields(decode)})
    with pytest.raises(InvalidOptionError, match=rf"'Spoilt': expected Spoilt\.{hook} to .*, \(\d,\); it gave \(7,\)"):
        made(logits, [item])
