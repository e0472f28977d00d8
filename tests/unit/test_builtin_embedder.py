"""The bundled embedder: what its card says of it, and that it is a repository like any other."""

from __future__ import annotations

import re

import numpy as np
import pytest

import onnxhub
from onnxhub import builtin
from tools.builtin_models.pairs import LARGEST, correlate, read_pairs

TOLERANCE = 0.02
"""Of a correlation: other processors round differently."""
FOLDER = builtin.folder("builtin:embed")
CARD = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_it_answers_without_being_asked_for_a_hub() -> None:
    """`embed` and `similarity` take it by its name, and near meanings are near each other."""
    near, far = onnxhub.similarity(
        "How do I reset my password?", ["I forgot my password.", "Bees make honey."], model="builtin:embed"
    )
    assert near > 0.5 > far
    assert onnxhub.embed("a text", model="builtin:embed").shape == (384,)


def test_vectors_have_length_one_and_end_at_256_tokens() -> None:
    """Its settings are those of sentence-transformers: the mean of the tokens, normalised, and where texts are cut."""
    model = onnxhub.load("feature-extraction", "builtin:embed")
    assert model.info.max_length == 256
    assert np.linalg.norm(model(["a", "a longer text"]), axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_the_card_says_what_it_reaches() -> None:
    """The correlation of its cosines with the grades of the committed pairs, better than 0.85."""
    said = re.search(r"\*\*builtin:embed\*\* \| \*\*([\d.]+)\*\*", CARD)
    assert said is not None
    pairs = read_pairs()
    model = onnxhub.load("feature-extraction", "builtin:embed")
    first, second = (model([getattr(pair, side) for pair in pairs]) for side in ("first", "second"))
    reached = correlate((first * second).sum(1), [pair.grade for pair in pairs])
    assert reached == pytest.approx(float(said[1]), abs=TOLERANCE)
    assert reached > 0.85


def test_it_is_small() -> None:
    """The folder fits a package."""
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= LARGEST


def test_ranks_are_those_of_spearman() -> None:
    """Ties share their mean rank."""
    assert correlate([0.1, 0.2, 0.3, 0.3], [1, 2, 3, 3]) == pytest.approx(1.0)
    assert correlate([1.0, 2.0, 3.0], [3, 2, 1]) == pytest.approx(-1.0)
    assert correlate([1.0, 2.0, 2.0, 3.0], [1, 2, 3, 4]) == pytest.approx(0.9486833)
