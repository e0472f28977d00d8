"""How a Model batches its rows, and what another Model over the same session shares with it."""

from pathlib import Path

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
    config = {"is_encoder_decoder": True, "eos_token_id": tiny.SPECIAL_TOKENS.index("[SEP]")}
    for extra, kinds in ((config, [1, 2]), ({}, [0, 0])):
        model = onnxhub.load("text-classification", tiny.make_model(tmp_path, config_extra=extra))
        encoded = model.encode(["a b c", ("a", "b")])
        assert [model.backend.kind(one.rows[0]) for one in encoded] == kinds
