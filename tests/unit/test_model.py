"""How a Model batches its rows, and what another Model over the same session shares with it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import onnxhub
from onnxhub.testing import CannedBackend
from tests import tiny


def test_options_share_the_session(tmp_path: Path) -> None:
    """Another Model with other options is no second load: it has the same backend and session."""
    model = onnxhub.load("text-classification", tiny.make_model(tmp_path))
    other = model.with_options(top_k=1)
    assert other is not model
    assert other.backend is model.backend
    assert other.session is model.session


def test_rows_of_encoder_decoders_are_batched_by_their_end_tokens() -> None:
    """A text and a pair, with one end token and two, never share a batch of a classifier of BART's kind."""
    seen: list[set[int]] = []

    def run(features: Mapping[str, NDArray[np.generic]]) -> dict[str, list[list[float]]]:
        seen.append({int(np.count_nonzero(row == 1)) for row in features["input_ids"]})
        return {"logits": [[0.0, 1.0]] * len(features["input_ids"])}

    for config, most in (({"is_encoder_decoder": True, "eos_token_id": 1}, 1), ({}, 2)):
        model = CannedBackend(run, labels=("no", "yes"), config=config).load("text-classification")
        seen.clear()
        results = model(["a b c", ("a", "b"), "c d e", ("c", "d")])
        assert [result.label for result in results] == ["yes"] * 4
        assert max(map(len, seen)) == most
