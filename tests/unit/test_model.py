"""How a Model batches its rows, and what another Model over the same session shares with it."""

from pathlib import Path

import numpy as np
import pytest

import onnxhub
from tests import tiny


def test_options_share_the_session(tmp_path: Path) -> None:
    """Another Model with other options is no second load: it has the same backend and session."""
    model = onnxhub.load("text-classification", tiny.make_model(tmp_path))
    other = model.with_options(top_k=1)
    assert other is not model
    assert other.backend is model.backend
    assert other.session is model.session


def test_rows_of_encoder_decoders_are_told_apart_by_their_end_tokens(tmp_path: Path) -> None:
    """A text and a pair, with one end token and two, never share a batch of a classifier of BART's kind."""
    config = {"is_encoder_decoder": True, "eos_token_id": 3}
    for extra, kinds in ((config, [1, 2]), ({}, [0, 0])):
        model = onnxhub.load("text-classification", tiny.make_model(tmp_path, config_extra=extra))
        encoded = model.encode(["a b c", ("a", "b")])
        assert [model.backend.kind(one.rows[0]) for one in encoded] == kinds


def test_similarity_of_no_texts(tmp_path: Path) -> None:
    """An empty list gives an empty axis, on either side."""
    model = onnxhub.load("feature-extraction", tiny.make_model(tmp_path, "feature-extraction"))
    assert model.similarity([], ["a"]).shape == (0, 1)
    assert model.similarity("a", []).shape == (0,)
    assert model.similarity([], []).shape == (0, 0)


def test_options_may_be_numpy_integers(tmp_path: Path) -> None:
    """A whole number is one, wherever it comes from."""
    model = onnxhub.load("text-classification", tiny.make_model(tmp_path))
    assert len(model("a", top_k=np.int64(2)).ranking) == 2


def test_one_liners_know_a_folder_by_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same relative name in another working directory is another model."""
    for name, labels in (("first", ("A", "B")), ("second", ("C", "D"))):
        tiny.make_model(tmp_path / name / "model", labels=labels)
    monkeypatch.chdir(tmp_path / "first")
    assert onnxhub.classify("a", model="model").label in {"A", "B"}
    monkeypatch.chdir(tmp_path / "second")
    assert onnxhub.classify("a", model="model").label in {"C", "D"}
    onnxhub.unload()
