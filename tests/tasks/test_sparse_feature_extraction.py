"""sparse-feature-extraction from literal logits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from onnxhub import (
    SparseEmbedding,
    SparseEmbeddingItem,
    SparseEmbeddingPostprocessor,
)
from onnxhub.testing import CannedBackend


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


def test_the_prompt_of_a_side_of_a_search() -> None:
    """It is chosen as for vectors of texts; a model without one gets the text alone."""
    settings = {"prompts": {"query": "q "}, "default_prompt_name": None}
    backend = CannedBackend({"logits": np.ones((9, 9))}, files={"config_sentence_transformers.json": settings})
    model = backend.load("sparse-feature-extraction")
    prompts = [model.with_options(input_type=side).preprocessor.prompt for side in ("query", "document", None)]
    assert prompts == ["q ", "", ""]
