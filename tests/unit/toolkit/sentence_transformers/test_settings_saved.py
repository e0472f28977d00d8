"""Models that sentence-transformers 6 saved give here what it gives: the fixture is made by tools/sentence_fixture.py."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxhub

SAVED = json.loads((Path(__file__).parents[3] / "data" / "sentence_transformers.json").read_text(encoding="utf-8"))
CLOSE = 1e-5
CASES = [pytest.param(case, id=f"{case['task']}: {case['name']}") for case in SAVED["cases"]]
WARNS = pytest.mark.filterwarnings("ignore::onnxhub.TruncationWarning")


def _write(folder: Path, case: dict[str, Any]) -> Path:
    """Write the files of a case over those that all models of its task share."""
    for name, text in {**SAVED["bases"][case["task"]], **case["files"]}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        kind, _, coded = text.partition(":")
        path.write_bytes(base64.b64decode(coded) if kind == "base64" else text.encode())
    return folder


def _answers(model: Any, case: dict[str, Any]) -> Any:
    """Give what a model makes of the texts, as rows in their order."""
    texts = SAVED["texts"]
    if case["task"] == "text-ranking":
        return [one.score for one in sorted(model(SAVED["query"], texts), key=lambda one: one.index)]
    if case["task"] == "feature-extraction":
        return model(texts)
    rows = np.zeros((len(texts), len(case["expected"][0])), np.float32)
    for row, found in zip(rows, model(texts), strict=True):
        row[list(found.indices)] = found.values
    return rows


@WARNS
@pytest.mark.parametrize("case", CASES)
def test_a_saved_model(tmp_path: Path, case: dict[str, Any]) -> None:
    """Vectors, scores and weights of each layout are those of sentence-transformers, to within 1e-5."""
    model = onnxhub.load(case["task"], _write(tmp_path, case))
    expected = np.array(case["expected"], np.float32)
    if case.get("renormalize"):  # it cuts after the length is 1, so that its vectors are shorter
        expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    found = np.asarray(_answers(model, case), np.float32)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < CLOSE
    if "similarities" in case:
        similar = model.similarity(SAVED["texts"], SAVED["texts"][:2])
        assert np.abs(similar - np.array(case["similarities"])).max() < CLOSE


@WARNS
def test_auto_finds_the_task_of_a_saved_model(tmp_path: Path) -> None:
    """What the saved files say of themselves is enough to load them as what they are."""
    for number, task in enumerate(SAVED["bases"]):
        case = next(one for one in SAVED["cases"] if one["task"] == task)
        assert onnxhub.load("auto", _write(tmp_path / str(number), case)).info.task == task
