"""What transformers 5 has written of a model, in the words of transformers 4, or the reason why there are none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import onnxhub
from onnxhub._backend.making import exporters
from onnxhub._backend.making.newer_settings import NewerSettingsError, restate_config
from onnxhub._backend.repository.repository import open_repository
from onnxhub._contracts.registry import get_task
from onnxhub._workshop.inspect import inspect_repository
from onnxhub.errors import ExportError
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

THETA = {"rope_theta": 5e5, "rope_type": "default"}
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}
FULL, SLIDING = "full_attention", "sliding_attention"


def layered(full: dict[str, Any], sliding: dict[str, Any]) -> dict[str, Any]:
    """Of two types of layers."""
    return {"rope_parameters": {FULL: full, SLIDING: sliding}}


def bases(full: float, sliding: float) -> dict[str, Any]:
    """Of two types of layers, which differ in their bases alone."""
    return layered({"rope_theta": full, "rope_type": "default"}, {"rope_theta": sliding, "rope_type": "default"})


def test_what_says_nothing_new_stays_as_it_is() -> None:
    """A file of version 4 reaches version 4 unchanged, what is inside it included."""
    config = {"model_type": "gemma3", "rope_theta": 1e6, "rope_scaling": {"type": "linear", "factor": 2.0},
              "text_config": {"model_type": "gemma3_text", "layer_types": [FULL]}, "dtype": "float32"}  # fmt: skip
    assert restate_config(config) == config


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        ("qwen2", {"rope_parameters": THETA}, {"rope_theta": 5e5, "rope_scaling": None}),
        ("phi", {"rope_parameters": {**THETA, "partial_rotary_factor": 0.5}},
         {"rope_theta": 5e5, "partial_rotary_factor": 0.5, "rope_scaling": None}),
        ("gpt_neox", {"rope_parameters": {**THETA, "partial_rotary_factor": 0.5}},
         {"rotary_emb_base": 5e5, "rotary_pct": 0.5, "rope_scaling": None}),
        ("llama", {"rope_parameters": {"rope_theta": 5e5, **LLAMA3}}, {"rope_theta": 5e5, "rope_scaling": LLAMA3}),
        ("llama", {"rope_parameters": {"rope_theta": 5e5, "rope_type": "linear", "factor": 2.0}},
         {"rope_theta": 5e5, "rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
        ("qwen3", {"rope_parameters": {"rope_theta": 5e5, **YARN}}, {"rope_theta": 5e5, "rope_scaling": YARN}),
        # What version 5 takes from the configuration, version 4 is told.
        ("qwen3", {"rope_parameters": {"rope_theta": 5e5, "rope_type": "yarn"}, "original_max_position_embeddings": 128,
                   "max_position_embeddings": 512},
         {"rope_theta": 5e5, "original_max_position_embeddings": 128, "max_position_embeddings": 512,
          "rope_scaling": YARN}),
        ("llama", {"rope_parameters": {**THETA, "rope_type": "longrope", "long_factor": [2.0], "short_factor": [1.0],
                                       "original_max_position_embeddings": 128, "factor": 4.0},
                   "max_position_embeddings": 512},
         {"rope_theta": 5e5, "original_max_position_embeddings": 128, "max_position_embeddings": 512,
          "rope_scaling": {"rope_type": "longrope", "long_factor": [2.0], "short_factor": [1.0]}}),
        ("phi3", {"rope_parameters": {**THETA, "rope_type": "longrope", "long_factor": [2.0], "short_factor": [1.0]},
                  "original_max_position_embeddings": 128, "max_position_embeddings": 512},
         {"rope_theta": 5e5, "original_max_position_embeddings": 128, "max_position_embeddings": 512,
          "rope_scaling": {"type": "longrope", "long_factor": [2.0], "short_factor": [1.0]}}),
        ("gemma3_text", bases(1e6, 1e4), {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": None}),
        ("gemma3_text", layered({"rope_theta": 1e6, **LLAMA3}, {"rope_theta": 1e4}),
         {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": LLAMA3}),
        ("modernbert", bases(2e4, 500.0), {"global_rope_theta": 2e4, "local_rope_theta": 500.0, "rope_scaling": None}),
        ("modernbert", {"layer_types": [FULL, SLIDING, FULL]}, {"global_attn_every_n_layers": 2}),
        ("modernbert", {"layer_types": [FULL, FULL]}, {"global_attn_every_n_layers": 1}),
        ("modernbert", {"layer_types": [FULL, SLIDING, SLIDING]}, {"global_attn_every_n_layers": 3}),
        ("olmo3", layered({"rope_theta": 5e5, **YARN}, THETA), {"rope_theta": 5e5, "rope_scaling": YARN}),
        ("mistral", bases(5e5, 5e5), {"rope_theta": 5e5, "rope_scaling": None}),
        ("t5", {"scale_decoder_outputs": False, "tie_word_embeddings": True}, {"tie_word_embeddings": False}),
        ("qwen3_moe", {"num_local_experts": 8}, {"num_experts": 8}),
        # Both at once, where they agree.
        ("qwen2", {"rope_parameters": THETA, "rope_theta": 5e5, "rope_scaling": None},
         {"rope_theta": 5e5, "rope_scaling": None}),
        ("llama", {"rope_parameters": {"rope_theta": 5e5, **LLAMA3}, "rope_scaling": {**LLAMA3, "type": "llama3"}},
         {"rope_theta": 5e5, "rope_scaling": LLAMA3}),
    ],
)  # fmt: skip
def test_version_4_is_told_the_same(kind: str, said: dict[str, Any], told: dict[str, Any]) -> None:
    """Each model in its own words, at the top and inside another configuration."""
    kind_of = {"model_type": kind}
    assert restate_config({**kind_of, **said}) == {**kind_of, **told}
    assert restate_config({"text_config": {**kind_of, **said}}) == {"text_config": {**kind_of, **told}}


@pytest.mark.parametrize(
    ("kind", "said", "reason"),
    [
        ("qwen2", {"rope_parameters": THETA, "rope_theta": 1e4}, r"rope_theta 10000.0 and, in rope_parameters, 500000.0"),
        ("qwen2", {"rope_parameters": THETA, "rope_scaling": YARN}, "rope_scaling .*'yarn'.* and, in rope_parameters"),
        ("llama", {"rope_parameters": {"rope_theta": 5e5, **YARN}, "rope_scaling": {**YARN, "factor": 2.0}}, "one of them is wrong"),
        ("phi", {"rope_parameters": {**THETA, "partial_rotary_factor": 0.5}, "partial_rotary_factor": 0.4}, "0.4 and"),
        ("gemma3_text", {**bases(1e6, 1e4), "rope_local_base_freq": 5.0}, "rope_local_base_freq 5.0 and"),
        ("modernbert", {"layer_types": [FULL, SLIDING], "global_attn_every_n_layers": 3}, "global_attn_every_n_layers 3 and, in layer_types, 2"),
        ("qwen3_moe", {"num_local_experts": 8, "num_experts": 4}, "num_experts 4 and, in num_local_experts, 8"),
        ("bert", {"dtype": "float32", "torch_dtype": "float16"}, "torch_dtype 'float16' and, in dtype, 'float32'"),
        ("qwen2", {"rope_parameters": {**THETA, "rope_type": "proportional"}}, "rope_type 'proportional', which"),
        ("qwen2", {"rope_parameters": {**THETA, "rope_type": ["default"]}}, "rope_type"),
        ("qwen2", {"rope_parameters": {"rope_theta": 5e5, **YARN, "sharpness": 2}}, "rope_parameters.sharpness with rope_type 'yarn'"),
        ("qwen2", {"rope_parameters": {"rope_type": "default"}}, "without a number as its rope_theta"),
        ("qwen2", {"rope_parameters": {"rope_theta": True}}, "without a number as its rope_theta"),
        ("qwen2", {"rope_parameters": None}, "says rope_parameters None"),
        ("qwen2", {"rope_parameters": []}, r"says rope_parameters \[\]"),
        ("qwen2", {"rope_parameters": {"rope_theta": 5e5, "rope_type": "dynamic"}}, "without a factor"),
        ("qwen2", {"rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3"}}, "without original_max_position_embeddings"),
        ("qwen2", bases(1e6, 1e4), "rope_parameters.sliding_attention, for which .* models of type 'qwen2'"),
        ("olmo3", bases(1e6, 1e4), "models of type 'olmo3'"),
        ("modernbert", layered({**THETA, **YARN}, THETA), "models of type 'modernbert'"),
        ("gemma3_text", layered(THETA, {**THETA, **YARN}), "models of type 'gemma3_text'"),
        ("gemma3_text", layered({**THETA, "partial_rotary_factor": 0.5}, THETA), "partial_rotary_factor"),
        ("gemma3_text", layered({**THETA, **YARN, "rope_type": "longrope"}, THETA), "'longrope' for some layers"),
        ("gemma3_text", {"rope_parameters": THETA}, "without full_attention and sliding_attention"),
        ("gemma3_text", {"rope_parameters": {FULL: THETA}}, "without sliding_attention"),
        ("gemma3_text", {"rope_parameters": {FULL: THETA, SLIDING: None}}, "sliding_attention = None"),
        ("gemma3_text", {"rope_parameters": {FULL: THETA, "chunked_attention": THETA}}, "rope_parameters.chunked_attention"),
        ("llama", {"rope_parameters": {**THETA, **YARN, "rope_type": "longrope", "factor": 3.0}, "max_position_embeddings": 512},
         "factor other than 4"),
        ("phi3", {"rope_parameters": {**THETA, **YARN, "rope_type": "longrope", "attention_factor": 1.0},
                  "max_position_embeddings": 512}, "attention_factor for models of type 'phi3'"),
        ("modernbert", {"layer_types": [SLIDING, FULL]}, "every n-th layer"),
        ("modernbert", {"layer_types": []}, "every n-th layer"),
        ("modernbert", {"layer_types": "full_attention"}, "every n-th layer"),
    ],
)  # fmt: skip
def test_what_version_4_cannot_be_told_is_named(kind: str, said: dict[str, Any], reason: str) -> None:
    """So is what contradicts itself: nothing is guessed, and nothing is left out in silence."""
    with pytest.raises(NewerSettingsError, match=reason):
        restate_config({"model_type": kind, **said})
    with pytest.raises(NewerSettingsError, match=r"text_config\."):
        restate_config({"text_config": {"model_type": kind, **said}})


def test_what_is_given_is_not_changed() -> None:
    """The repository's own configuration is read by others, too."""
    config = {"model_type": "qwen2", "rope_parameters": {"rope_theta": 5e5, **YARN}, "vision_config": {}}
    before = json.dumps(config)
    restate_config(config)
    assert json.dumps(config) == before


def test_the_reason_is_known_before_weights_are_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``load`` refuses the model, and inspection tells the same, without a process of its own."""
    folder = tiny.make_model(tmp_path / "model")
    (folder / "model.onnx").rename(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_bytes())
    config |= {"rope_parameters": {"rope_type": "proportional", "rope_theta": 1e4}}
    (folder / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(exporters, "find_version", lambda package: "1.0")
    found = inspect_repository(open_repository(folder), get_task("text-classification"))
    with pytest.raises(ExportError, match="rope_type 'proportional', which transformers 4 does not know") as raised:
        onnxhub.load("text-classification", folder)
    assert (str(found.error), found.choice) == (str(raised.value), str(raised.value))
