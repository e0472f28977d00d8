"""feature-extraction from literal vectors: pooling, prompts, lengths and hooks."""

from __future__ import annotations

import numpy as np
import pytest

from onnxhub import (
    EmbeddingItem,
    EmbeddingPostprocessor,
)
from onnxhub._toolkit.sentence_transformers.layers import Dense
from onnxhub.errors import InvalidOptionError, NonFiniteOutputError
from onnxhub.testing import CannedBackend

VECTORS = np.random.default_rng(0).normal(size=(1, 7, 4)).astype(np.float32)
POOLED = {
    "cls": VECTORS[0, 0],
    "mean": VECTORS[0, :5].mean(axis=0),
    "max": VECTORS[0, :5].max(axis=0),
    "mean_sqrt_len_tokens": VECTORS[0, :5].sum(axis=0) / 5**0.5,
    "weightedmean": (VECTORS[0, :5] * np.arange(1, 6)[:, None]).sum(axis=0) / 15,
    "lasttoken": VECTORS[0, 4],
}


@pytest.mark.parametrize("mode", POOLED)
@pytest.mark.parametrize("name", ["last_hidden_state", "token_embeddings", "logits"])
def test_pooling_modes(mode: str, name: str) -> None:
    """Each is its formula over the text's own tokens, whatever the output is called; padding does not count."""
    (vector,) = EmbeddingPostprocessor(pooling=mode)({name: VECTORS}, [EmbeddingItem(5)])
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, POOLED[mode], rtol=1e-5, atol=1e-6)


def test_several_poolings_are_put_one_after_another() -> None:
    """In the order that was given, normalised together."""
    (vector,) = EmbeddingPostprocessor(pooling=("cls", "max"), normalize=True)(VECTORS, [EmbeddingItem(5)])
    expected = np.concatenate([POOLED["cls"], POOLED["max"]])
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), rtol=1e-5)


def test_a_prompt_is_left_out() -> None:
    """The tokens to skip are not pooled."""
    (vector,) = EmbeddingPostprocessor()(VECTORS, [EmbeddingItem(5, skip=2)])
    np.testing.assert_allclose(vector, VECTORS[0, 2:5].mean(axis=0), rtol=1e-5)


def test_weights_count_the_prompt_that_is_left_out() -> None:
    """The weighted mean weighs each token by its position in the row, as sentence-transformers does."""
    (vector,) = EmbeddingPostprocessor(pooling="weightedmean")(VECTORS, [EmbeddingItem(5, skip=2)])
    expected = (VECTORS[0, 2:5] * np.arange(3, 6)[:, None]).sum(axis=0) / 12
    np.testing.assert_allclose(vector, expected, rtol=1e-5)


def test_truncation_comes_before_normalisation() -> None:
    """As Matryoshka models are used: the short vector has length 1."""
    (vector,) = EmbeddingPostprocessor(truncate_dim=2, normalize=True)(VECTORS, [EmbeddingItem(5)])
    expected = POOLED["mean"][:2]
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), rtol=1e-5)


def test_a_graph_that_pools_is_taken_at_its_word() -> None:
    """`pooling=None` takes the sentence output."""
    outputs = {"token_embeddings": VECTORS, "sentence_embedding": np.array([[1.0, 2.0]])}
    (vector,) = EmbeddingPostprocessor(pooling=None)(outputs, [EmbeddingItem(5)])
    assert vector.tolist() == [1, 2]


def test_embeddings_that_are_not_finite() -> None:
    """The error says what, and of which text."""
    rows = np.concatenate([VECTORS, VECTORS * np.nan])
    with pytest.raises(NonFiniteOutputError, match="item 1: the model gave NaN or infinite embeddings"):
        EmbeddingPostprocessor()(rows, [EmbeddingItem(5), EmbeddingItem(5)])


@pytest.mark.parametrize("options", [{"pooling": "median"}, {"truncate_dim": 0}, {"truncate_dim": 2.0}])
def test_embedding_options_are_checked(options: dict) -> None:
    """The message names the option and its value."""
    ((name, value),) = options.items()
    with pytest.raises(InvalidOptionError, match=f"{name}={value!r}"):
        EmbeddingPostprocessor(**options)


@pytest.mark.parametrize("size", [4, 2])
def test_pool_may_give_a_list(size: int) -> None:
    """A vector of any length, as float32, before what else the options ask for."""

    class Fixed(EmbeddingPostprocessor):
        def pool(self, _tokens):
            return [3] * size

    (vector,) = Fixed(truncate_dim=1, normalize=True)(VECTORS, [EmbeddingItem(5)])
    assert (vector.dtype, vector.tolist()) == (np.float32, [1.0])


@pytest.mark.parametrize(
    ("pool", "dense", "message"),
    [
        (lambda tokens: tokens, (), r"give one vector, \(dim,\); it gave \(5, 4\)"),
        (lambda tokens: tokens.sum(), (), r"give one vector, \(dim,\); it gave \(\)"),
        (lambda _: "mean", (), "give numbers; it gave 'mean'"),
        (lambda _: None, (), "give numbers; it gave None"),
        (
            lambda tokens: tokens[0, :3],
            (Dense(np.ones((2, 4), np.float32), None, np.tanh),),
            r"give an array of the shape, \(4,\); it gave \(3,\)",
        ),
    ],
)
def test_pool_gives_one_vector(pool, dense: tuple[Dense, ...], message: str) -> None:
    """What is no vector, or none that the dense layer after it takes, is refused by the name of the hook."""

    class Spoilt(EmbeddingPostprocessor):
        def pool(self, tokens):
            return pool(tokens)

    with pytest.raises(InvalidOptionError, match=rf"postprocessor='Spoilt': expected Spoilt\.pool to {message}"):
        Spoilt(layers=dense)(VECTORS, [EmbeddingItem(5)])


@pytest.mark.parametrize("pooling", ["cls", "mean", None])
def test_a_vector_that_is_kept_holds_no_batch(pooling: str | None) -> None:
    """Whatever the pooling, a vector is no view of the outputs of its batch."""
    outputs = np.ones((64, 8), np.float32) if pooling is None else np.ones((64, 3, 8), np.float32)
    name = "sentence_embedding" if pooling is None else "last_hidden_state"
    decode = EmbeddingPostprocessor(pooling=pooling, normalize=False)  # type: ignore[arg-type]
    vectors = decode({name: outputs}, [EmbeddingItem(3)] * 64)
    assert not any(np.shares_memory(vector, outputs) for vector in vectors)
    assert len(vectors) == 64


def name_prompt(prompts: dict[str, str], **options: object) -> str:
    """The prompt that a model with these puts before a text; its default one is the first, if that is called "default"."""
    default = "default" if "default" in prompts else None
    settings = {"prompts": prompts, "default_prompt_name": default}
    backend = CannedBackend(
        lambda inputs: {"last_hidden_state": np.ones((*inputs["input_ids"].shape, 2), np.float32)},
        files={"config_sentence_transformers.json": settings},
    )
    prompt: str = backend.load("feature-extraction").with_options(**options).preprocessor.prompt  # type: ignore[arg-type]
    return prompt


SIDES = {"query": "q ", "document": "d ", "passage": "p "}


@pytest.mark.parametrize(
    ("prompts", "options", "expected"),
    [
        (SIDES, {"input_type": "query"}, "q "),
        (SIDES, {"input_type": "document"}, "d "),
        ({"query": "q ", "passage": "p "}, {"input_type": "document"}, "p "),
        ({"corpus": "c "}, {"input_type": "document"}, "c "),
        ({"document": "", "passage": "p "}, {"input_type": "document"}, ""),
        ({"passage": "p "}, {"input_type": "query"}, ""),
        ({"default": "all "}, {"input_type": "query"}, ""),
        ({"default": "all "}, {"input_type": None}, "all "),
        ({"default": "all "}, {}, "all "),
        ({}, {"input_type": "document"}, ""),
        (SIDES, {"input_type": "query", "prompt_name": "passage"}, "p "),
        (SIDES, {"input_type": "query", "prompt_name": None}, ""),
    ],
)
def test_the_prompt_of_a_side_of_a_search(prompts: dict[str, str], options: dict[str, object], expected: str) -> None:
    """It is that of sentence-transformers' encode_query and encode_document, and a prompt that is named comes first."""
    assert name_prompt(prompts, **options) == expected


def test_the_side_of_a_search_is_one_of_two() -> None:
    """Another is an error that names both; what was said last counts."""
    with pytest.raises(InvalidOptionError, match="input_type='queries': expected 'query', 'document' or None"):
        name_prompt(SIDES, input_type="queries")
    files = {"config_sentence_transformers.json": {"prompts": SIDES}}
    model = CannedBackend({"last_hidden_state": np.ones((9, 2))}, files=files).load("feature-extraction")
    assert model.with_options(prompt_name="passage").with_options(input_type="query").preprocessor.prompt == "q "
    assert model.with_options(input_type="query").with_options(prompt_name="passage").preprocessor.prompt == "p "
