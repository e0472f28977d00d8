"""Outputs under other names: told by the caller, or the only ones that can be meant."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

import onnxhub
from onnxhub._contracts.outputs import match_outputs
from onnxhub._contracts.registry import get_task
from onnxhub.errors import InvalidOptionError, TaskMismatchError
from tests.tiny import make_model

if TYPE_CHECKING:
    from pathlib import Path

Shapes = dict[str, tuple[int | None, ...]]


@pytest.mark.parametrize(
    ("task", "shapes", "renamed"),
    [
        ("text-classification", {"output_0": (None, 2)}, {"logits": "output_0"}),
        ("text-classification", {"output_0": (None, 2), "output_1": (None, None, 8)}, {"logits": "output_0"}),
        ("text-classification", {"output_0": (None, 2), "output_1": (None, 8)}, {}),
        ("text-classification", {"logits": (None, None, 2), "output_1": (None, 2)}, {}),
        ("text-classification", {"pooler_output": (None, 8)}, {}),
        ("text-classification", {"start_logits": (None, 8)}, {}),
        ("text-classification", {"output_0": ()}, {}),
        ("token-classification", {"scores": (None, None, 5)}, {"logits": "scores"}),
        ("token-classification", {"last_hidden_state": (None, None, 5)}, {}),
        ("fill-mask", {"prediction": (None, None, 99)}, {"logits": "prediction"}),
        ("question-answering", {"a": (None, None), "b": (None, None)}, {}),
        ("custom", {"a": (None, None)}, {}),
    ],
)
def test_the_only_output_of_its_rank_is_found(task: str, shapes: Shapes, renamed: dict[str, str]) -> None:
    """For tasks with one output, and not where its name says that it is something else."""
    assert match_outputs(get_task(task), shapes, None) == renamed


@pytest.mark.parametrize(
    ("task", "asked", "message"),
    [
        ("feature-extraction", {"sentence_embeding": "a"}, "expected names of feature-extraction: .*did you mean 'sentence_embedding'"),
        ("feature-extraction", {"sentence_embedding": "aa"}, "outputs='aa': expected outputs of the graph: a, b"),
        ("question-answering", {"start_logits": "a", "end_logits": "a"}, "another output of the graph for each name"),
        ("custom", {"logits": "a"}, "None: custom gives the graph's outputs by their own names"),
    ],
)  # fmt: skip
def test_names_that_there_are_not(task: str, asked: dict[str, str], message: str) -> None:
    """The task's, and the graph's, each listed."""
    with pytest.raises(InvalidOptionError, match=message):
        match_outputs(get_task(task), {"a": (None, None), "b": (None, None)}, asked)


@pytest.mark.parametrize("bad", [["logits"], {"logits": 1}, {1: "a"}, "logits=a"])
def test_what_is_no_mapping_of_names(bad: object, tmp_path: Path) -> None:
    """It is refused before anything is opened."""
    with pytest.raises(InvalidOptionError, match=r"^outputs="):
        onnxhub.load("text-classification", tmp_path, outputs=bad)  # type: ignore[call-overload]


def swap(folder: Path) -> Path:
    """Answers whose two outputs have each other's names."""
    model = onnx.load(make_model(folder, "question-answering") / "model.onnx")
    other = {"start_logits": "end_logits", "end_logits": "start_logits"}
    for node in model.graph.node:
        node.output[:] = [other.get(name, name) for name in node.output]
    onnx.save(model, folder / "model.onnx")
    return folder


def test_names_that_are_told(tmp_path: Path) -> None:
    """Results are those of the outputs that are meant, also where a name is given to another; info and a pickle know it."""
    right = onnxhub.load("question-answering", make_model(tmp_path / "right", "question-answering"))
    names = {"start_logits": "end_logits", "end_logits": "start_logits"}
    model = onnxhub.load("question-answering", swap(tmp_path / "swapped"), outputs=names)
    assert model.info.outputs == names
    again = pickle.loads(pickle.dumps(model))
    for one in (model, again):
        assert one("Who?", "Ada wrote it.") == right("Who?", "Ada wrote it.")
        assert one([("Who?", "Ada wrote it.")] * 3) == right([("Who?", "Ada wrote it.")] * 3)
    assert onnxhub.load("question-answering", tmp_path / "swapped")("Who?", "Ada wrote it.") != right(
        "Who?", "Ada wrote it."
    )
    assert hash(model.info) == hash(again.info)


def test_auto_reads_the_names_that_are_told(tmp_path: Path) -> None:
    """They tell the task, too."""
    make_model(tmp_path, "feature-extraction", config_extra={"architectures": None})
    model = onnx.load(tmp_path / "model.onnx")
    for value in (*model.graph.output, *model.graph.node):
        for field in ("name", "output"):
            if field == "output" and hasattr(value, "output"):
                value.output[:] = ["463" if name == "last_hidden_state" else name for name in value.output]
            elif field == "name" and value.name == "last_hidden_state":
                value.name = "463"
    expected = onnxhub.load("feature-extraction", tmp_path)("a good one")
    onnx.save(model, tmp_path / "model.onnx")
    found = onnxhub.load("auto", tmp_path, outputs={"last_hidden_state": "463"})
    assert found.info.task == "feature-extraction"
    assert np.array_equal(found("a good one"), expected)
    with pytest.raises(TaskMismatchError, match=r"463 of 3 axes.*outputs=\{.*\}\) tells which is which"):
        onnxhub.load("text-ranking", tmp_path)
