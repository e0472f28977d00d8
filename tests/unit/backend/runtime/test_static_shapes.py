"""Graphs whose inputs have fixed sizes give what the same graph gives with any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

import onnxhub
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["a good one", "Ada met Ben in Rome", "b", "a b c d e f", "no"]
INPUTS: dict[str, list[Any]] = {
    "text-classification": [*TEXTS, ("a", "b c")],
    "token-classification": TEXTS,
    "question-answering": [("who", text) for text in TEXTS],
    "feature-extraction": TEXTS,
}
SIZES = [(1, None), (2, None), (None, 16), (1, 16), (4, 16)]


def fixed(folder: Path, task: str, rows: int | None, tokens: int | None, **options: Any) -> Path:
    """A tiny model, whose graph takes nothing but these sizes."""
    tiny.make_model(folder, task, **options)
    graph = onnx.load(folder / "model.onnx")
    for one in graph.graph.input:
        for axis, size in enumerate((rows, tokens)):
            if size is not None:
                one.type.tensor_type.shape.dim[axis].dim_value = size
    for one in graph.graph.output:
        for axis in one.type.tensor_type.shape.dim:
            if not axis.HasField("dim_value"):
                axis.Clear()
    onnx.save(graph, folder / "model.onnx")
    return folder


def close(one: Any, other: Any) -> bool:
    """Whether results are the same but for rounding."""
    if isinstance(one, np.ndarray | float):
        return bool(np.allclose(one, other, atol=1e-5))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    return close(one.to_dict(), other.to_dict()) if hasattr(one, "to_dict") else bool(one == other)


@pytest.mark.parametrize("task", INPUTS)
@pytest.mark.parametrize(("rows", "tokens"), SIZES)
def test_results_are_those_of_the_graph_that_takes_any(
    tmp_path: Path, task: str, rows: int | None, tokens: int | None
) -> None:
    """A single input, and a list of another length than the graph's batch."""
    usual = onnxhub.load(task, tiny.make_model(tmp_path / "usual", task))
    model = onnxhub.load(task, fixed(tmp_path / "fixed", task, rows, tokens))
    inputs = INPUTS[task]
    expected = usual(inputs)
    assert close([*model(inputs)], [*expected])
    assert all(close(model(one), found) for one, found in zip(inputs, expected, strict=True))
    assert close([*model.stream(inputs)], [*expected])


def test_a_longer_text_is_cut_to_what_the_graph_takes(tmp_path: Path) -> None:
    """The graph's length counts where the tokenizer's is larger; windows have it, too."""
    model = onnxhub.load("text-classification", fixed(tmp_path, "text-classification", 1, 16, max_length=64))
    assert model.info.max_length == 16
    with pytest.warns(onnxhub.TruncationWarning, match="16"):
        cut = model("a b c d e f g " * 9)
    assert cut.label in model.info.labels
    assert model("a b c d e f g " * 9, long_text="window").label in model.info.labels


def test_a_tokenizer_that_takes_less_keeps_its_length(tmp_path: Path) -> None:
    """Its texts are filled up to what the graph wants."""
    model = onnxhub.load("text-classification", fixed(tmp_path, "text-classification", None, 32, max_length=8))
    assert model.info.max_length == 8
    assert model("a b").label in model.info.labels


def test_a_graph_that_does_not_say_its_sizes_is_taken_at_its_word(tmp_path: Path) -> None:
    """No shapes of inputs or outputs: the logits are checked when they come."""
    folder = tiny.make_model(tmp_path / "unsaid")
    expected = onnxhub.load("text-classification", folder)("a good one")
    graph = onnx.load(folder / "model.onnx")
    for one in (*graph.graph.input, *graph.graph.output):
        one.type.tensor_type.ClearField("shape")
    onnx.save(graph, folder / "model.onnx")
    assert onnxhub.load("text-classification", folder)("a good one") == expected
    ids = np.ones((1, 3), np.int64)
    features = {"input_ids": ids, "attention_mask": ids, "token_type_ids": ids - 1}
    assert onnxhub.load("custom", folder)(features)["logits"].shape == (1, len(expected.ranking))
