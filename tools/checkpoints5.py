"""Make tests/oracle/checkpoints5: tiny models that transformers 5 has saved, and what it computes for them.

Run it where transformers 5 is installed, which cannot be where optimum is:

    python -m venv venv5 && venv5/bin/pip install torch transformers==5.24.0
    venv5/bin/python tools/checkpoints5.py
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, AutoModel, AutoModelForSequenceClassification

FOLDER = Path(__file__).parents[1] / "tests" / "oracle" / "checkpoints5"
LENGTHS = (40, 27)
"""Tokens of the two rows; the second one is padded."""
VOCABULARY = 40
FULL, SLIDING = "full_attention", "sliding_attention"
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 20,
    "initializer_range": 0.4,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
DECODER = {**SIZES, "num_key_value_heads": 1, "head_dim": 8}
WINDOWED = {"sliding_window": 4, "layer_types": [SLIDING, FULL]}
THETA = {"rope_type": "default", "rope_theta": 30.0}
YARN = {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 32}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 100.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
LINEAR = {"rope_type": "linear", "rope_theta": 100.0, "factor": 3.0}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 100.0, "factor": 3.0}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 100.0,
    "original_max_position_embeddings": 48,
    "short_factor": [1.5, 2.0, 2.5, 3.0],
    "long_factor": [2.0, 3.0, 4.0, 5.0],
}


def layered(full: dict[str, Any], sliding: dict[str, Any]) -> dict[str, Any]:
    """Positions of two types of layers."""
    return {"rope_parameters": {FULL: full, SLIDING: sliding}}


def rope(**said: Any) -> dict[str, Any]:
    """Positions of all layers."""
    return {"rope_parameters": said}


MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    # Without rotary positions.
    "bert": ("bert", "text-classification", SIZES),
    "roberta": ("roberta", "text-classification", SIZES),
    "distilbert": (
        "distilbert",
        "text-classification",
        {
            **SIZES,
            "dim": 16,
            "n_layers": 2,
            "n_heads": 2,
            "hidden_dim": 20,
        },
    ),
    "electra": ("electra", "text-classification", {**SIZES, "embedding_size": 8}),
    "albert": ("albert", "text-classification", {**SIZES, "embedding_size": 8}),
    "mpnet": ("mpnet", "feature-extraction", SIZES),
    "deberta-v2": (
        "deberta-v2",
        "text-classification",
        {
            **SIZES,
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False,
            "max_relative_positions": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
        },
    ),
    "gpt2": (
        "gpt2",
        "text-classification",
        {
            **SIZES,
            "n_embd": 16,
            "n_layer": 2,
            "n_head": 2,
            "n_positions": 64,
        },
    ),
    "opt": ("opt", "text-classification", {**SIZES, "ffn_dim": 20, "word_embed_proj_dim": 16}),
    "bloom": ("bloom", "text-classification", {**SIZES, "n_layer": 2, "n_head": 2}),
    "bart": (
        "bart",
        "text-classification",
        {
            **SIZES,
            "d_model": 16,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 20,
            "decoder_ffn_dim": 20,
            "init_std": 0.4,
        },
    ),
    # Rotary, without a base that could be changed in version 4.
    "esm": ("esm", "text-classification", {**SIZES, "position_embedding_type": "rotary", "mask_token_id": 4}),
    "esm-theta": (
        "esm",
        "text-classification",
        {
            **SIZES,
            "position_embedding_type": "rotary",
            "mask_token_id": 4,
            **rope(**THETA),
        },
    ),
    "roformer": ("roformer", "text-classification", {**SIZES, "embedding_size": 16}),
    # Two types of layers, each with its base.
    "modernbert": ("modernbert", "text-classification", {**SIZES, "num_hidden_layers": 4, "local_attention": 8}),
    "modernbert-theta": (
        "modernbert",
        "text-classification",
        {
            **SIZES,
            "num_hidden_layers": 4,
            "local_attention": 8,
            **layered({**THETA, "rope_theta": 500.0}, THETA),
        },
    ),
    "modernbert-layers": (
        "modernbert",
        "text-classification",
        {
            **SIZES,
            "num_hidden_layers": 4,
            "local_attention": 8,
            "layer_types": [FULL, SLIDING, FULL, SLIDING],
        },
    ),
    "modernbert-sliding-first": (
        "modernbert",
        "text-classification",
        {
            **SIZES,
            "num_hidden_layers": 2,
            "local_attention": 8,
            "layer_types": [SLIDING, FULL],
        },
    ),
    "modernbert-linear": (
        "modernbert",
        "text-classification",
        {
            **SIZES,
            "local_attention": 8,
            **layered(LINEAR, {**LINEAR, "rope_theta": 30.0}),
        },
    ),
    "gemma3": ("gemma3_text", "text-classification", {**DECODER, "sliding_window": 4, "query_pre_attn_scalar": 8}),
    "gemma3-theta": (
        "gemma3_text",
        "text-classification",
        {
            **DECODER,
            **WINDOWED,
            "query_pre_attn_scalar": 8,
            **layered({**LINEAR, "factor": 8.0}, THETA),
        },
    ),
    "gemma3-both-ways": (
        "gemma3_text",
        "feature-extraction",
        {
            **DECODER,
            **WINDOWED,
            "query_pre_attn_scalar": 8,
            "use_bidirectional_attention": True,
            **layered({**THETA, "rope_theta": 500.0}, THETA),
        },
    ),
    # One base.
    "llama": ("llama", "text-classification", DECODER),
    "llama-llama3": ("llama", "text-classification", {**DECODER, **rope(**LLAMA3)}),
    "llama-linear": ("llama", "feature-extraction", {**DECODER, **rope(**LINEAR)}),
    "llama-dynamic": ("llama", "feature-extraction", {**DECODER, **rope(**DYNAMIC)}),
    "llama-longrope": ("llama", "feature-extraction", {**DECODER, **rope(**LONG)}),
    "mistral": ("mistral", "text-classification", {**DECODER, "sliding_window": 4}),
    "mistral-yarn": ("mistral", "feature-extraction", {**DECODER, "sliding_window": None, **rope(**YARN)}),
    "qwen2": ("qwen2", "text-classification", DECODER),
    "qwen2-theta": ("qwen2", "text-classification", {**DECODER, **rope(**THETA)}),
    "qwen2-layers": (
        "qwen2",
        "text-classification",
        {
            **DECODER,
            **WINDOWED,
            "use_sliding_window": True,
            "layer_types": [FULL, SLIDING],
        },
    ),
    "qwen3": ("qwen3", "text-classification", DECODER),
    "qwen3-yarn": ("qwen3", "text-classification", {**DECODER, **rope(**YARN, attention_factor=1.5)}),
    "qwen3-layers": ("qwen3", "feature-extraction", {**DECODER, **WINDOWED, "use_sliding_window": True}),
    "qwen3-moe": (
        "qwen3_moe",
        "feature-extraction",
        {
            **DECODER,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 12,
            **rope(**THETA),
        },
    ),
    "gemma": ("gemma", "text-classification", {**DECODER, **rope(**THETA)}),
    "gemma-both-ways": ("gemma", "feature-extraction", {**DECODER, "use_bidirectional_attention": True}),
    "gemma2": ("gemma2", "text-classification", {**DECODER, **WINDOWED, "query_pre_attn_scalar": 8, **rope(**THETA)}),
    "gemma2-layers": (
        "gemma2",
        "feature-extraction",
        {
            **DECODER,
            **WINDOWED,
            "query_pre_attn_scalar": 8,
            "layer_types": [FULL, SLIDING],
        },
    ),
    "phi": (
        "phi",
        "text-classification",
        {
            **SIZES,
            "num_key_value_heads": 1,
            **rope(**THETA, partial_rotary_factor=0.75),
        },
    ),
    "phi3": ("phi3", "text-classification", {**SIZES, "num_key_value_heads": 1, **rope(**THETA)}),
    "phi3-longrope": (
        "phi3",
        "feature-extraction",
        {
            **SIZES,
            "num_key_value_heads": 1,
            "original_max_position_embeddings": 48,
            **rope(**LONG),
        },
    ),
    "gpt-neox": ("gpt_neox", "text-classification", {**SIZES, **rope(**THETA, partial_rotary_factor=0.5)}),
    "falcon": ("falcon", "feature-extraction", {**SIZES, "alibi": False, **rope(**THETA)}),
    "stablelm": (
        "stablelm",
        "feature-extraction",
        {
            **SIZES,
            "num_key_value_heads": 1,
            **rope(**THETA, partial_rotary_factor=0.5),
        },
    ),
    "smollm3": ("smollm3", "text-classification", {**DECODER, "no_rope_layers": [1, 0], **rope(**THETA)}),
    "olmo2": ("olmo2", "feature-extraction", {**SIZES, "num_key_value_heads": 1, **rope(**LINEAR)}),
    "cohere": ("cohere", "feature-extraction", {**SIZES, "num_key_value_heads": 1, **rope(**THETA)}),
    "glm": ("glm", "feature-extraction", {**DECODER, **rope(**THETA, partial_rotary_factor=0.5)}),
    "nemotron": ("nemotron", "feature-extraction", {**DECODER, **rope(**THETA, partial_rotary_factor=0.5)}),
    "nemotron-linear": (
        "nemotron",
        "feature-extraction",
        {
            **DECODER,
            **rope(**LINEAR, partial_rotary_factor=0.5),
        },
    ),
    "t5": (
        "t5",
        "feature-extraction",
        {
            **SIZES,
            "d_model": 16,
            "d_kv": 8,
            "d_ff": 20,
            "num_layers": 1,
            "num_heads": 2,
            "directionality": "an author's own",
            "decoder_start_token_id": 0,
        },
    ),
}
"""Name -> the type of the model, what it is for, and its configuration."""


def inputs() -> dict[str, torch.Tensor]:
    """Two texts of different lengths."""
    generator = torch.Generator().manual_seed(5)
    ids = torch.randint(5, VOCABULARY, (len(LENGTHS), max(LENGTHS)), generator=generator)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(LENGTHS):
        mask[row, :length] = 1
        ids[row, length - 1] = SIZES["eos_token_id"]  # the token that BART classifies by
    return {"input_ids": ids * mask, "attention_mask": mask}


def make(name: str) -> None:
    """One folder: what a repository has, and what transformers 5 computes for the inputs."""
    kind, task, settings = MODELS[name]
    torch.manual_seed(sum(name.encode()))
    config = CONFIG_MAPPING[kind](**settings, **({"num_labels": 3} if task == "text-classification" else {}))
    auto: Any = AutoModelForSequenceClassification if task == "text-classification" else AutoModel
    model = auto.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():  # classes begin with small numbers, and norms with nothing but ones
            parameter.copy_(torch.randn_like(parameter) * 0.4)
    folder = FOLDER / name
    folder.mkdir(parents=True)
    model.half().save_pretrained(folder)  # half the bytes
    # As whoever loads it has it.
    model = auto.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    given = inputs() | ({"decoder_input_ids": inputs()["input_ids"]} if kind == "t5" else {})
    with torch.no_grad():
        value = model(**given)[0]
    if task == "feature-extraction":
        value = value[:, [0, 13, 26]]  # of three tokens: the whole would be most of the folder
    (folder / "expected.json").write_text(json.dumps({"task": task, "value": value.tolist()}) + "\n", encoding="utf-8")
    (folder / "generation_config.json").unlink(missing_ok=True)


def main() -> None:
    """Make all of them anew."""
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    FOLDER.mkdir()
    for name in MODELS:
        make(name)
    given = {name: value.tolist() for name, value in inputs().items()}
    (FOLDER / "inputs.json").write_text(json.dumps(given) + "\n", encoding="utf-8")
    print(f"{len(MODELS)} models, by transformers {transformers.__version__}")


if __name__ == "__main__":
    main()
