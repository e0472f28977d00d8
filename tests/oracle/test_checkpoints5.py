"""Models that transformers 5 has saved: what transformers 4 is told of them computes the same, or they are refused.

tools/checkpoints5.py has made them, where transformers 5 is installed; here it is not.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

import onnxhub
from onnxhub._backend.making.newer_settings import NewerSettingsError, restate_config
from onnxhub._backend.making.programs.known_settings import find_unknown_setting, is_newer
from onnxhub._backend.making.programs.untrained import mark_missing
from onnxhub._backend.making.settings import prepare_settings
from onnxhub.errors import ExportError

FOLDER = Path(__file__).parent / "checkpoints5"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
REFUSED = {
    "esm-theta": "rope_theta 10000.0 and, in rope_parameters, 30.0",
    "gemma-both-ways": "use_bidirectional_attention",
    "modernbert-sliding-first": "every n-th layer full_attention",
    "nemotron-linear": "rope_scaling",
}
"""What transformers 4 cannot be told -> a part of the reason."""
CLASSES = {
    "text-classification": transformers.AutoModelForSequenceClassification,
    "feature-extraction": transformers.AutoModel,
}


def read(name: str, file: str) -> Any:
    """One JSON file of a model."""
    return json.loads((FOLDER / name / file).read_bytes())


def understand(name: str, folder: Path) -> Any:
    """The configuration as the exporter has it; the weights lie beside it."""
    told = restate_config(prepare_settings("config.json", read(name, "config.json"), ()))
    (folder / "config.json").write_text(json.dumps(told))
    (folder / "model.safetensors").symlink_to(FOLDER / name / "model.safetensors")
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    found = find_unknown_setting(told, config, saved_by=told["transformers_version"])
    if found is not None:
        raise NewerSettingsError(found)
    return config


@pytest.mark.parametrize("name", NAMES)
def test_version_4_computes_what_version_5_does(name: str, tmp_path: Path) -> None:
    """Or it is told apart from what it could compute, by name."""
    expected = read(name, "expected.json")
    if name in REFUSED:
        with pytest.raises(NewerSettingsError, match=REFUSED[name]):
            understand(name, tmp_path)
        return
    config = understand(name, tmp_path)
    kind = CLASSES[expected["task"]]
    model, info = kind.from_pretrained(
        tmp_path, config=config, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    assert not mark_missing(model, info["missing_keys"])
    given = {key: torch.tensor(value) for key, value in json.loads((FOLDER / "inputs.json").read_bytes()).items()}
    if config.model_type == "t5":
        given["decoder_input_ids"] = given["input_ids"]
    with torch.no_grad():
        value = model.eval()(**given)[0].numpy()
    if expected["task"] == "feature-extraction":
        value = value[:, [0, 13, 26]]
    np.testing.assert_allclose(value, expected["value"], atol=1e-4, rtol=0)


def save_as(name: str, folder: Path, **said: Any) -> Path:
    """A copy of a model, whose configuration says more."""
    shutil.copytree(FOLDER / name, folder)
    (folder / "config.json").write_text(json.dumps(read(name, "config.json") | said))
    return folder


@pytest.mark.parametrize("name", ["qwen2-theta", "modernbert-theta", "esm"])
def test_conversions_compute_what_version_5_does(name: str, tmp_path: Path) -> None:
    """Through the exporter, from the folder as it was saved."""
    given = {key: np.array(value) for key, value in json.loads((FOLDER / "inputs.json").read_bytes()).items()}
    with onnxhub.load("custom", save_as(name, tmp_path / "model")) as model:
        found: Any = model(given)
    expected = read(name, "expected.json")["value"]
    np.testing.assert_allclose(found["logits"], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"transformers_version": "5.99.0", "sharpness": 2}, r"says sharpness, which transformers 4\S+ does not know"),
        ({"tie_last_hidden_states": True}, "says tie_last_hidden_states, which"),
        ({"model_type": "bert_of_tomorrow"}, "knows no models of type 'bert_of_tomorrow'"),
    ],
)
def test_what_a_newer_version_has_added_is_named(said: dict[str, Any], reason: str, tmp_path: Path) -> None:
    """The exporter would ignore it; the error says who does not."""
    with pytest.raises(
        ExportError, match=rf"{reason}.*; transformers 5\.\d+\.0 has saved it, and a newer one can convert it"
    ):
        onnxhub.load("custom", save_as("bert", tmp_path / "model", **said))


@pytest.mark.parametrize(
    ("version", "said", "found"),
    [
        ("5.24.0", {"sharpness": 2}, None),
        ("5.25.0", {"sharpness": 2}, "sharpness"),
        ("5.25.0", {"sharpness": None, "sentence_transformers": {"version": "6"}, "directionality": "bidi"}, None),
        ("5.24.0", {"layer_types": ["full_attention"]}, "layer_types"),
        ("5.24.0", {"hidden_size": 16, "id2label": {"0": "a"}, "label2id": {"a": 0}, "dtype": "float16"}, None),
    ],
)
def test_an_authors_own_entries_are_known_as_such(version: str, said: dict[str, Any], found: str | None) -> None:
    """Where it is known what version has which, what none has is nobody's; of versions to come, nothing is known."""
    config = transformers.BertConfig.from_dict(said)
    assert find_unknown_setting(said, config, saved_by=version) == found


def test_what_a_class_makes_something_else_of_is_named() -> None:
    """As Qwen2 does with a window that it is told not to use."""
    said = {"sliding_window": 4, "use_sliding_window": False}
    found = find_unknown_setting(said, transformers.Qwen2Config.from_dict(said), saved_by="5.24.0")
    assert found == "sliding_window 4, of which it makes None"


def test_configurations_inside_are_looked_at_too() -> None:
    """By the class that each of them has."""
    said = {"text_config": {"model_type": "clip_text_model", "tie_last_hidden_states": True}}
    found = find_unknown_setting(said, transformers.CLIPConfig.from_dict(said), saved_by="5.24.0")
    assert found == "text_config.tie_last_hidden_states"


@pytest.mark.parametrize(
    ("saved_by", "newer"),
    [
        ("5.24.0", True),
        ("4.58.0", True),
        ("4.57.9", False),
        ("4.6.0", False),
        ("5.0.0.dev0", True),
        (None, False),
        ("", False),
    ],
)
def test_versions_are_compared_by_what_they_can(saved_by: object, newer: bool) -> None:
    """A third number fixes faults; a file that says no version is nobody's."""
    assert is_newer(saved_by, "4.57.6") is newer
