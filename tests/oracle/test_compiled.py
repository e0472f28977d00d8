"""Compiled graphs of every architecture and task: the same bits as without, and optimum saves the original file."""

from pathlib import Path

import numpy as np
import pytest

import onnxhub
from tests.oracle.peers import COUNTS, zoo

TASKS = (
    *zoo.CORE_TASKS,
    "text-ranking",
    "feature-extraction",
    "fill-mask",
    "zero-shot-classification",
    "multiple-choice",
)


@pytest.mark.parametrize(("architecture", "task"), zoo.cases(TASKS))
def test_every_architecture_gives_the_same_bits(zoo_root: Path, architecture: str, task: str) -> None:
    """In batches of mixed lengths, no logit differs."""
    folder = zoo.build(zoo_root, architecture, task)
    with onnxhub.load("custom", folder, compiled=False) as plain, onnxhub.load("custom", folder, compiled=True) as ours:
        assert (plain.info.compiled, ours.info.compiled) == (False, True)
        chance = np.random.default_rng(7)
        for rows, length in ((1, 3), (4, 17), (2, 33)):
            shapes = {entry.name: _shape(entry.shape, rows, length) for entry in plain.session.get_inputs()}
            arrays = {name: np.ones(shape, np.int64) for name, shape in shapes.items()}
            arrays["input_ids"] = chance.integers(5, 30, shapes["input_ids"])
            if plain.backend.config.get("is_encoder_decoder"):  # whose classifiers look for the token of the end
                arrays["input_ids"][..., -1] = plain.backend.config["eos_token_id"]
            expected, actual = plain(arrays), ours(arrays)
            for name, values in expected.items():
                np.testing.assert_array_equal(actual[name], values)
                COUNTS["compiled: outputs"] += 1


def _shape(axes: list[int | str], rows: int, length: int) -> list[int]:
    """The first axis counts rows, the last tokens; the one between, if there is one, choices."""
    return [rows, *([2] * (len(axes) - 2)), length]


@pytest.mark.parametrize("task", ["text-classification", "question-answering"])
def test_optimum_saves_the_original_file(zoo_root: Path, task: str, tmp_path: Path) -> None:
    """And not the compiled graph, which is for this processor alone."""
    folder = zoo.build(zoo_root, "bert", task)
    with onnxhub.load(task, folder, compiled=True) as model:
        assert model.info.compiled
        model.ort_model.save_pretrained(tmp_path)
    assert (tmp_path / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()
