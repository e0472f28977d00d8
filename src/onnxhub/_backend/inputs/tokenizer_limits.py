"""Reads from the settings how many tokens a model takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from onnxhub._toolkit.json_files import whole_number
from onnxhub._toolkit.text.positions import first_position
from onnxhub.errors import IntegrityError

__all__ = ["Limit", "check_limit", "find_limit", "find_usable_length", "parse_declared_tokens"]

UNLIMITED: Final = 1_000_000
"""A ``model_max_length`` of this size or more is transformers' way to say that there is none."""
MOST_POSITIONS: Final = 2**31 - 1
"""No graph has more; a larger number means that there is no limit."""
POSITIONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("codegen", "ctrl", "gpt-sw3", "gpt2", "gpt_bigcode", "gptj", "nomic_bert", "openai-gpt"), "n_positions"
    ),
    "dbrx": "max_seq_len",
    "led": "max_encoder_position_embeddings",
    "mega": "max_positions",
    "rwkv": "context_length",
}
"""Model type -> the key that says its positions, where it is another than ``max_position_embeddings``: transformers'
``attribute_map`` of each. T5 has ``n_positions``, too, and takes texts of any length."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The most tokens that a model takes, special tokens included, and the setting that declares it."""

    tokens: int
    key: str
    file: str


def find_usable_length(
    sentence: Mapping[str, object], options: Mapping[str, object], config: Mapping[str, object]
) -> int | None:
    """Return the most tokens that a model takes, special tokens included; None if nothing declares it."""
    limit = find_limit(sentence, options, config)
    return None if limit is None else limit.tokens


def find_limit(
    sentence: Mapping[str, object], options: Mapping[str, object], config: Mapping[str, object]
) -> Limit | None:
    """Return the most tokens that a model takes, special tokens included; None if nothing declares it.

    Sentence-transformers' own limit, else the tokenizer's; but no more than the positions that the model has (less
    those that its family does not count from: the RoBERTa family starts after its padding id).
    """
    places = (
        (sentence, "max_seq_length", "sentence_bert_config.json"),
        (options, "model_max_length", "tokenizer_config.json"),
        (options, "max_len", "tokenizer_config.json"),
    )
    limits = (
        Limit(tokens, key, file) for said, key, file in places if (tokens := parse_declared_tokens(said.get(key)))
    )
    declared = next(limits, None)
    positions = _find_positions(config)
    if declared is None or positions is None:
        return declared or positions
    # DeBERTa without position embeddings takes more positions than it declares.
    goes_on = config.get("position_biased_input") is False
    return declared if goes_on or declared.tokens <= positions.tokens else positions


def parse_declared_tokens(value: object) -> int | None:
    """Return a limit that settings declare; None where it is no number of tokens, or stands for none."""
    number = whole_number(value)
    return number if number is not None and 0 < number < UNLIMITED else None


def check_limit(limit: Limit | None, special: int) -> None:
    """Raise ``IntegrityError`` if a limit leaves no room for a single token beside the special ones of each text."""
    if limit is not None and limit.tokens <= special:
        room = f"{limit.key} leaves room for {limit.tokens:,} tokens"
        raise IntegrityError(limit.file, f"{room}, and each text has {special:,} special tokens and at least one other")


def _find_positions(config: Mapping[str, object]) -> Limit | None:
    kind = config.get("model_type")
    kind = kind if isinstance(kind, str) else ""
    keys = (POSITIONS.get(kind, "max_position_embeddings"), "max_position_embeddings")
    key = next((key for key in keys if config.get(key) is not None), "")
    nested = config.get("text_config")
    if not key and isinstance(nested, Mapping) and "text_config" not in nested:
        return _find_positions(nested)  # a model of texts and images has a configuration for each
    positions = whole_number(config.get(key))
    if positions is None or not 0 < positions <= MOST_POSITIONS:
        return None
    return Limit(positions - first_position(config), key, "config.json")
