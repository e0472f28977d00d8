"""How alike texts are: texts on either side, or the vectors that the model gave for them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import onnxhub
from onnxhub.errors import InvalidInputError, UnknownOptionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.alike

TEXTS = ["a good one", "a cat", "London"]


@pytest.fixture
def model(tiny_model: Callable[..., Path]) -> Any:
    """Give an embedder, whose vectors have 16 dimensions."""
    return onnxhub.load("feature-extraction", tiny_model("feature-extraction"))


@pytest.mark.parametrize("first", ["a cat", TEXTS, TEXTS[:1]])
@pytest.mark.parametrize("second", ["a good one", TEXTS, TEXTS[:1]])
def test_vectors_of_before_compare_as_their_texts_do(first: Any, second: Any, model: Any) -> None:
    """On either side, in either precision; vectors of a corpus are made once."""
    expected = model.similarity(first, second)
    for left in (first, model(first), model(first).astype(np.float64)):
        for right in (second, model(second), *([list(model(second))] if isinstance(second, list) else [])):
            found = model.similarity(left, right)
            assert (found.shape, found.dtype) == (expected.shape, np.float32)
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_vectors_and_no_texts_are_as_alike(model: Any) -> None:
    """An empty array may be of either, and gives as few numbers."""
    for nothing in ([], np.array([]), model([])):
        assert model.similarity(TEXTS, nothing).shape == (3, 0)
        assert model.similarity(nothing, TEXTS).shape == (0, 3)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (np.ones((2, 3), np.float32), "vectors of 16 and 3 dimensions cannot be compared: .* truncate_dim"),
        (np.ones(3), "vectors of 16 and 3 dimensions cannot be compared"),
        (np.ones((2, 2, 16)), r"second has shape \(2, 2, 16\); expected texts, or finite vectors"),
        (np.full((2, 16), math.nan), r"second has NaN or infinity; expected texts, or finite vectors of shape"),
        (np.array([math.nan, math.inf]), "second has NaN or infinity"),
        ([np.ones(16), np.ones(3)], "expected a str as text, got ndarray"),
        (np.ones((2, 16), np.int64), "expected a str as text, got list"),
    ],
)
def test_vectors_that_are_not_the_model_s_are_refused(bad: Any, said: str, model: Any) -> None:
    """The measure would take any numbers; the dimensions and what is no number tell."""
    with pytest.raises(InvalidInputError, match=said):
        model.similarity(TEXTS, bad)


def test_encode_says_that_the_call_embeds(model: Any) -> None:
    """By its name, sentence-transformers embeds; here it gives what the graph gets."""
    with pytest.raises(
        UnknownOptionError, match=r"it is called normalize here\); encode\(\) gives .*: model\(texts\)$"
    ):
        model.encode(TEXTS, normalize_embeddings=True)
