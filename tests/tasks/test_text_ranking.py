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


def spread_ids(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A vector for each token, which depends on its id alone."""
    ids = inputs["input_ids"]
    return {"last_hidden_state": np.random.default_rng(0).normal(size=(10_000, 8)).astype(np.float32)[ids]}


PROMPTS = {
    "config_sentence_transformers.json": {"prompts": {"query": "ask ", "passage": "text "}},
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ],
    "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
}
DOCUMENTS = ["a kitten", "tax law for cats and dogs", "a dog"]


def test_vectors_rank_by_what_embed_gives() -> None:
    """A model of vectors orders documents by the cosine of those that `embed` gives for the same texts."""
    backend = CannedBackend(spread_ids)
    ranking = backend.load("text-ranking")("a cat", DOCUMENTS)
    cosines = backend.load("feature-extraction").similarity("a cat", DOCUMENTS)
    assert [entry.index for entry in ranking] == np.argsort(-cosines).tolist()
    assert [entry.score for entry in ranking] == pytest.approx(np.sort(cosines)[::-1].tolist(), abs=1e-6)
    assert all(entry.score == entry.logit and entry.text == DOCUMENTS[entry.index] for entry in ranking)


def test_queries_and_documents_have_prompts_of_their_own() -> None:
    """By their names, as sentence-transformers' encode_query and encode_document; the query's is an option."""
    backend = CannedBackend(spread_ids, files=PROMPTS)
    ranker, embedder = backend.load("text-ranking"), backend.load("feature-extraction")

    def expect(query: str) -> list[float]:
        vectors = embedder(DOCUMENTS, prompt_name="passage")
        asked = embedder(query, prompt_name=None)
        cosines = vectors @ asked / np.linalg.norm(vectors, axis=1) / np.linalg.norm(asked)
        return sorted(map(float, cosines), reverse=True)

    assert [entry.score for entry in ranker("a cat", DOCUMENTS)] == pytest.approx(expect("ask a cat"), abs=1e-6)
    plain = ranker("a cat", DOCUMENTS, prompt_name=None)
    assert [entry.score for entry in plain] == pytest.approx(expect("a cat"), abs=1e-6)
    with pytest.raises(InvalidOptionError, match="prompt_name='ask'"):
        ranker("a cat", DOCUMENTS, prompt_name="ask")


def test_a_default_prompt_is_for_neither_side() -> None:
    """As sentence-transformers' encode_query: a model without a prompt for a side gets the text alone."""
    settings = {"prompts": {"topic": "topic "}, "default_prompt_name": "topic"}
    files = {**PROMPTS, "config_sentence_transformers.json": settings}
    plain = CannedBackend(spread_ids).load("text-ranking")("a cat", DOCUMENTS)
    assert CannedBackend(spread_ids, files=files).load("text-ranking")("a cat", DOCUMENTS) == plain


@pytest.mark.parametrize("measure", ["dot", "euclidean", "manhattan"])
def test_the_measure_is_that_of_the_model(measure: str) -> None:
    """Distances are negative, so that the nearest is the best."""
    files = {"config_sentence_transformers.json": {"similarity_fn_name": measure}}
    backend = CannedBackend(spread_ids, files=files)
    ranking = backend.load("text-ranking")("a cat", DOCUMENTS)
    values = backend.load("feature-extraction").similarity("a cat", DOCUMENTS)
    assert [entry.score for entry in ranking] == pytest.approx(sorted(values.tolist(), reverse=True), rel=1e-5)


def test_lists_and_failures_of_vectors() -> None:
    """Queries of a list have their own documents; one that fails costs no other; options are those of every ranking."""
    ranker = CannedBackend(spread_ids).load("text-ranking")
    alone = ranker("a cat", DOCUMENTS)
    first, failed, last = ranker.attempt([("a cat", DOCUMENTS), ("a dog", []), ("tax", ["law"])])
    assert [entry.index for entry in first] == [entry.index for entry in alone]
    assert "there must be at least 1 document" in str(failed.error)
    assert len(last) == 1
    assert len(ranker("a cat", DOCUMENTS, top_k=2)) == 2


def test_scores_of_ones_own_take_similarities() -> None:
    """The hook of a postprocessor gets what would be the logits."""

    class Share(TextRankingPostprocessor):
        def scores(self, logits: np.ndarray) -> np.ndarray:
            return (1 + logits) / 2

    ranking = CannedBackend(spread_ids).load("text-ranking", postprocessor=Share)("a cat", DOCUMENTS)
    assert [entry.score for entry in ranking] == pytest.approx([(1 + entry.logit) / 2 for entry in ranking])


def test_a_cross_encoder_without_its_head_ranks_nothing() -> None:
    """Its vectors were never trained to be compared: an order by them would be chance."""
    config = {"architectures": ["BertForSequenceClassification"]}
    with pytest.raises(TaskMismatchError, match="cannot be used for text-ranking"):
        CannedBackend(spread_ids, config=config).load("text-ranking")


def test_vectors_that_are_not_finite_are_of_their_query() -> None:
    """One document's NaN is the failure of its query alone."""

    def broken(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = spread_ids(inputs)["last_hidden_state"].copy()
        outputs[(inputs["attention_mask"].sum(axis=1) > 6)] = np.nan
        return {"last_hidden_state": outputs}

    results = CannedBackend(broken).load("text-ranking").attempt([("a", ["b"]), ("a", ["b", "c d e f g h i j"])])
    assert len(results[0]) == 1
    assert "NaN or infinite embeddings" in str(results[1].error)


def test_many_documents_keep_a_vector_each() -> None:
    """Of a thousand long documents, the vectors of their tokens are not all held at once."""
    import tracemalloc

    ranker = CannedBackend(spread_ids).load("text-ranking")
    documents = ["word " * 200] * 1_000
    ranker("a", documents[:2])
    tracemalloc.start()
    ranking = ranker("a", documents)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(ranking) == 1_000
    assert peak < 8_000_000 + 1_000 * 200 * 8 * 4
