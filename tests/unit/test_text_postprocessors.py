"""Literal logits in, dataclasses out: zero-shot, fill-mask, ranking, multiple choice, sparse embeddings."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import onnxhub
from onnxhub import (
    ChoiceScore,
    FillMaskItem,
    FillMaskPostprocessor,
    LabelScore,
    MaskFill,
    MultipleChoiceItem,
    MultipleChoicePostprocessor,
    Postprocessor,
    Ranked,
    SparseEmbedding,
    SparseEmbeddingItem,
    SparseEmbeddingPostprocessor,
    TextRankingItem,
    TextRankingPostprocessor,
    ZeroShotItem,
    ZeroShotPostprocessor,
)
from onnxhub.errors import InvalidInputError, InvalidOptionError, NonFiniteOutputError, TaskMismatchError
from onnxhub.testing import CannedBackend

NAN, INF = math.nan, math.inf
NLI = ("contradiction", "neutral", "entailment")
AB = ZeroShotItem(("a", "b"))
SIGMOID_OF_2 = 1 / (1 + math.exp(-2))
VOCABULARY = ("[MASK]", "cat", " law", "##s")
HOLE = FillMaskItem("a [MASK].", positions=(1,), spans=((2, 8),))

# --- what holds for each of them -------------------------------------------------------------------------------------

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


# --- zero-shot-classification ----------------------------------------------------------------------------------------


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


# --- fill-mask -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "text", "span", "expected"),
    [
        ("cat", "a [MASK].", (2, 8), ("cat", "a cat.")),
        ("##s", "cat [MASK].", (4, 10), ("##s", "cats.")),
        (" law", "a<mask>.", (1, 7), ("law", "a law.")),
        (" law", "a <mask>.", (1, 8), ("law", "a law.")),
        (" law", "a <mask>.", (2, 8), ("law", "a law.")),
        (" law", "<mask>.", (0, 6), ("law", "law.")),
        (" law", "a\n<mask>.", (2, 8), ("law", "a\nlaw.")),
        ("law", "out<mask>.", (3, 9), ("law", "outlaw.")),
    ],
)
def test_texts_are_filled_as_they_are_written(token: str, text: str, span: tuple, expected: tuple) -> None:
    """A word after a space, a continuation without; no space too many."""
    (((fill,),),) = FillMaskPostprocessor([token], top_k=1)([[[1.0]]], [FillMaskItem(text, (0,), (span,))])
    assert fill == MaskFill(expected[0], 1.0, expected[1])


def test_each_mask_by_itself() -> None:
    """Another mask of the text stays."""
    item = FillMaskItem("[MASK] [MASK]", (0, 2), ((0, 6), (7, 13)))
    logits = np.zeros((1, 3, 4))
    logits[0, 0, 1] = logits[0, 2, 0] = 9
    ((first,), (second,)) = FillMaskPostprocessor(VOCABULARY, top_k=1)(logits, [item])[0]
    assert (first.text, second.text) == ("cat [MASK]", "[MASK] [MASK]")


def test_top_k_and_ties() -> None:
    """Five at most by default; equal ones in the order of the vocabulary."""
    item = FillMaskItem("x", (0,), ((0, 1),))
    words = [f"w{index}" for index in range(9)]
    decode = FillMaskPostprocessor(words)
    assert [one.token for one in decode(np.zeros((1, 1, 9)), [item])[0][0]] == words[:5]
    assert len(replace(decode, top_k=90)(np.zeros((1, 1, 9)), [item])[0][0]) == 9


def test_targets_keep_their_probabilities() -> None:
    """Only they are ranked, but by what they have among all tokens."""
    logits = [[[0.0] * 4, [0.0, 2.0, 1.0, 0.0]]]
    decode = FillMaskPostprocessor(VOCABULARY)
    everything = {one.token: one.score for one in decode(logits, [HOLE])[0][0]}
    ((found,),) = decode(logits, [replace(HOLE, targets=(2, 1))])
    assert [(one.token, one.score) for one in found] == [("cat", everything["cat"]), ("law", everything["law"])]
    with pytest.raises(
        TaskMismatchError, match=r"more tokens than the 4 that it has logits for; the targets have the ids \(9,\)"
    ):
        decode(logits, [replace(HOLE, targets=(9,))])


# --- text-ranking ----------------------------------------------------------------------------------------------------


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


# --- multiple-choice -------------------------------------------------------------------------------------------------


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


# --- sparse-feature-extraction ---------------------------------------------------------------------------------------


def test_weights_are_the_largest_of_all_tokens() -> None:
    """log(1 + logit), what is not above 0 left out; padding does not count."""
    logits = [[[0.0, 2.0, -1.0], [1.0, 0.0, -1.0], [9.0, 9.0, 9.0]]]
    (found,) = SparseEmbeddingPostprocessor()(logits, [SparseEmbeddingItem(2)])
    assert found == SparseEmbedding((0, 1), (pytest.approx(math.log(2)), pytest.approx(math.log(3))))
    assert SparseEmbeddingPostprocessor()([[[-1.0, 0.0]]], [SparseEmbeddingItem(1)]) == [SparseEmbedding((), ())]


def test_the_heaviest_by_ascending_index() -> None:
    """`top_k` keeps the heaviest, of equals the first; the order stays that of the indices."""
    decode = SparseEmbeddingPostprocessor(top_k=2)
    assert decode([[[1.0, 3.0, 0.0, 2.0]]], [SparseEmbeddingItem(1)])[0].indices == (1, 3)
    assert decode([[[1.0, 1.0, 0.0, 1.0]]], [SparseEmbeddingItem(1)])[0].indices == (0, 1)
    assert decode([[[0.0, 1.0, 0.0, 0.0]]], [SparseEmbeddingItem(1)])[0].indices == (1,)


@given(npst.arrays(np.float32, (2, 6), elements=st.floats(-2, 2, width=32)))
def test_dot_is_the_product_of_the_vectors(logits: np.ndarray) -> None:
    """As if they were written out."""
    one, other = SparseEmbeddingPostprocessor()(logits[:, np.newaxis], [SparseEmbeddingItem(1)] * 2)
    dense = np.log1p(np.maximum(logits.astype(np.float64), 0))
    assert one.dot(other) == pytest.approx(float(dense[0] @ dense[1]), rel=1e-5, abs=1e-6)
    assert one.dot(other) == other.dot(one)


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        ({"model_type": "roberta", "pad_token_id": 1}, True),
        ({"model_type": "xlm-roberta", "pad_token_id": 0}, True),
        ({"model_type": "roberta", "pad_token_id": None}, False),
        ({"model_type": "bert", "pad_token_id": 1}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("task", ["text-classification", "token-classification"])
def test_positions_that_begin_behind_the_padding_id(task: str, config: dict[str, Any], refused: bool) -> None:
    """A graph that wants to be told them is refused; the others begin with 0."""
    names = ("input_ids", "attention_mask", "position_ids")
    outputs = {"logits": [0.0, 1.0] if task == "text-classification" else [[0.0, 1.0]] * 3}
    canned = CannedBackend(outputs, labels=("a", "b"), config=config, input_names=names)
    if not refused:
        assert canned.load(task).encode("x")[0].rows[0]["position_ids"].tolist() == [0, 1, 2]
        return
    first = int(config["pad_token_id"]) + 1
    with pytest.raises(TaskMismatchError, match=f"wants position_ids, which begin with {first} in a"):
        canned.load(task)


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
