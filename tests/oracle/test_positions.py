"""The positions of a model are read under the name that transformers has for them."""

from __future__ import annotations

import inspect

import pytest
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from onnxhub._backend.inputs.tokenizer_limits import POSITIONS

FOREIGN = {"nomic_bert"}
"""Model types of which transformers 4 knows nothing."""


@pytest.mark.parametrize("kind", sorted(POSITIONS.keys() - FOREIGN))
def test_positions_go_by_the_name_that_transformers_has(kind: str) -> None:
    """The key is one of the model type's configuration, which has no `max_position_embeddings` of its own."""
    configuration = CONFIG_MAPPING[kind]
    names = inspect.signature(configuration.__init__).parameters
    assert POSITIONS[kind] in names
    assert "max_position_embeddings" not in names
    assert configuration.attribute_map.get("max_position_embeddings", POSITIONS[kind]) == POSITIONS[kind]
