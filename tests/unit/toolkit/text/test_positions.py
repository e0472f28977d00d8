"""Position ids that a graph wants to be told."""

from __future__ import annotations

from typing import Any

import pytest

from onnxhub.errors import TaskMismatchError
from onnxhub.testing import CannedBackend


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        ({"model_type": "roberta", "pad_token_id": 1}, True),
        ({"model_type": "xlm-roberta", "pad_token_id": 0}, True),
        ({"model_type": "roberta", "pad_token_id": None}, False),
        ({"model_type": "bert", "pad_token_id": 1}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("task", ["text-classification", "token-classification"])
def test_positions_that_begin_behind_the_padding_id(task: str, config: dict[str, Any], refused: bool) -> None:
    """A graph that wants to be told them is refused; the others begin with 0."""
    names = ("input_ids", "attention_mask", "position_ids")
    outputs = {"logits": [0.0, 1.0] if task == "text-classification" else [[0.0, 1.0]] * 3}
    canned = CannedBackend(outputs, labels=("a", "b"), config=config, input_names=names)
    if not refused:
        assert canned.load(task).encode("x")[0].rows[0]["position_ids"].tolist() == [0, 1, 2]
        return
    first = int(config["pad_token_id"]) + 1
    with pytest.raises(TaskMismatchError, match=f"wants position_ids, which begin with {first} in a"):
        canned.load(task)
