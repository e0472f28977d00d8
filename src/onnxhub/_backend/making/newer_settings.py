"""Rewrites a ``config.json`` of transformers 5 for transformers 4, which ignores entries that it does not know.

Version 5 says everything of rotary positions in one entry, ``rope_parameters``: flat, or an object for each type of layer.
Version 4 says it in several, whose names depend on the model: ``rope_theta``, ``rope_scaling``, and more. A model
whose settings version 4 cannot express is not converted by it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NewerSettingsError", "restate_config"]

DEFAULT: Final = "default"
ROPE_TYPES: Final = {
    "linear": frozenset({"factor"}),
    "dynamic": frozenset({"factor", "original_max_position_embeddings"}),
    "yarn": frozenset(
        {
            "factor",
            "original_max_position_embeddings",
            "attention_factor",
            "beta_fast",
            "beta_slow",
            "mscale",
            "mscale_all_dim",
            "truncate",
        }
    ),
    "longrope": frozenset(
        {
            "factor",
            "original_max_position_embeddings",
            "attention_factor",
            "short_factor",
            "long_factor",
        }
    ),
    "llama3": frozenset({"factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"}),
}
"""Ways to stretch positions that both versions compute alike -> the settings of each; "default" has none."""
STRETCHED: Final = frozenset({"llama3", "longrope", "yarn"})
"""Those that need the length before stretching, which version 5 takes from the configuration itself."""
OWN: Final = frozenset({"rope_theta", "rope_type", "type", "partial_rotary_factor"})
"""Settings of ``rope_parameters`` that do not belong to ``rope_scaling``."""
FULL: Final = "full_attention"
SLIDING: Final = "sliding_attention"
NAMES: Final = {
    "gpt_neox": {"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"},
    "gpt_neox_japanese": {"rope_theta": "rotary_emb_base", "partial_rotary_factor": "rotary_pct"},
    "qwen3_moe": {"num_local_experts": "num_experts"},
}
"""Models whose entries have other names in version 4."""
SCALED_WHERE_TIED: Final = frozenset({"longt5", "mt5", "pop2piano", "t5", "umt5"})
"""Models that scale a decoder's outputs: in version 4 if the embeddings are tied, in version 5 by a setting."""
TWO_THETAS: Final = {
    "modernbert": ("global_rope_theta", "local_rope_theta"),
    "modernbert-decoder": ("global_rope_theta", "local_rope_theta"),
    "gemma3_text": ("rope_theta", "rope_local_base_freq"),
    "gemma3n_text": ("rope_theta", "rope_local_base_freq"),
}
"""Models with one base for full and one for sliding attention -> how version 4 calls them."""
SCALED_ALIKE: Final = frozenset({"modernbert", "modernbert-decoder"})
"""Those whose ``rope_scaling`` is for both types of layers; with the others, it is for full attention alone."""
FULL_SCALED: Final = frozenset({"olmo3"})
"""Models with one base, whose ``rope_scaling`` is for full attention alone."""
FEW_WORDS: Final = {
    "olmo": frozenset({"linear", "dynamic"}),
    "olmo2": frozenset({"linear", "dynamic"}),
    "phi3": frozenset({"longrope"}),
    "phi4_multimodal": frozenset({"longrope"}),
}
"""Models whose ``rope_scaling`` has a "type" and its factors, nothing else -> the types that there are."""


class NewerSettingsError(ValueError):
    """Settings of a newer transformers that an older one cannot express, or that contradict each other."""


def restate_config(config: Mapping[str, Any], *, where: str = "") -> dict[str, Any]:
    """Rewrite a configuration, and those inside it, for transformers 4; one that has nothing new stays as it is.

    Raises:
        NewerSettingsError: Version 4 has no words for it, or entries of both versions contradict each other.
    """
    restated = {
        key: restate_config(value, where=f"{where}{key}.") if _is_config(key, value) else value
        for key, value in config.items()
    }
    _restate_dtype(restated, where)
    kind = restated.get("model_type")
    kind = kind if isinstance(kind, str) else ""
    _rename(kind, restated, where)
    if "rope_parameters" in restated:
        said = _restate_positions(kind, restated, where)
        del restated["rope_parameters"]
        for key, value in said.items():
            _set_entry(restated, key, value, where)
    if kind == "modernbert" and restated.get("layer_types") is not None:
        every = _find_period(restated.pop("layer_types"), where)
        _set_entry(restated, "global_attn_every_n_layers", every, where, of="layer_types")
    return restated


def _is_config(key: str, value: object) -> bool:
    """Tell whether an entry is a configuration inside this one, as of a text model, an encoder or a decoder."""
    return isinstance(value, dict) and (
        key in {"encoder", "decoder"} or re.fullmatch(r".+_(config|encoder)", key) is not None
    )


def _restate_dtype(config: dict[str, Any], where: str) -> None:
    """Raise ``NewerSettingsError`` if the two names of the dtype disagree: each version takes another."""
    if config.get("dtype") is not None and config.get("torch_dtype") is not None:
        first, second = (str(config[key]).removeprefix("torch.") for key in ("dtype", "torch_dtype"))
        if first != second:
            raise NewerSettingsError(_describe_contradiction(f"{where}torch_dtype", second, f"{where}dtype", first))


def _rename(kind: str, config: dict[str, Any], where: str) -> None:
    """Give entries whose values stay the same their old names."""
    for new, old in NAMES.get(kind, {}).items():
        if new in config:
            _set_entry(config, old, config.pop(new), where, of=new)
    if kind in SCALED_WHERE_TIED and isinstance(config.get("scale_decoder_outputs"), bool):
        config["tie_word_embeddings"] = config.pop("scale_decoder_outputs")


def _restate_positions(kind: str, config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the entries of version 4 that replace ``rope_parameters``."""
    said, name = config["rope_parameters"], f"{where}rope_parameters"
    if not isinstance(said, dict) or not said:
        raise NewerSettingsError(f"config.json says {name} {said!r}, where it should say how positions are computed")
    layered = {key: value for key, value in said.items() if isinstance(value, dict) or key.endswith("_attention")}
    if not layered:
        return _restate_flat(kind, config, said, name)
    odd = next((key for key in said if key not in layered or key not in {FULL, SLIDING}), None)
    if odd is not None:
        raise NewerSettingsError(_describe_unknown(f"{name}.{odd}"))
    empty = next((key for key, value in layered.items() if not isinstance(value, dict) or not value), None)
    if empty is not None:
        raise NewerSettingsError(_describe_unknown(f"{name}.{empty} = {layered[empty]!r}"))
    return _restate_layered(kind, config, layered, name)


def _restate_flat(kind: str, config: Mapping[str, Any], said: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the entries for a model whose layers are all alike."""
    if kind in TWO_THETAS:  # in version 5, too, it is said for each type, and what is not is ignored
        raise NewerSettingsError(
            f"config.json says {name} without {FULL} and {SLIDING}, which models of type {kind!r} have"
        )
    names = NAMES.get(kind, {})
    restated = {names.get("rope_theta", "rope_theta"): _require_theta(said, name)}
    if said.get("partial_rotary_factor") is not None:
        restated[names.get("partial_rotary_factor", "partial_rotary_factor")] = said["partial_rotary_factor"]
    scaling = _restate_scaling(config, said, name)
    if scaling is not None and scaling["rope_type"] == "longrope":
        restated |= _restate_stretch(config, scaling, name)
    if scaling is not None and kind in FEW_WORDS:
        scaling = _restate_briefly(kind, scaling, name)
    return {**restated, "rope_scaling": scaling}


def _restate_layered(
    kind: str, config: Mapping[str, Any], said: Mapping[str, Mapping[str, Any]], name: str
) -> dict[str, Any]:
    """Return the entries for a model whose layers of full and sliding attention have different positions."""
    full, sliding = said.get(FULL), said.get(SLIDING)
    if full is None or sliding is None:
        lacking = SLIDING if full is not None else FULL
        raise NewerSettingsError(
            f"config.json says {name} without {lacking}, for which transformers 4 has a default of its own"
        )
    if full == sliding and kind not in TWO_THETAS:
        return _restate_flat(kind, config, full, name)
    thetas = [_require_theta(said[part], f"{name}.{part}") for part in (FULL, SLIDING)]
    scalings = [_restate_scaling(config, said[part], f"{name}.{part}") for part in (FULL, SLIDING)]
    if any(part.get("partial_rotary_factor") not in {None, 1.0} for part in (full, sliding)):
        raise NewerSettingsError(_describe_unknown(f"{name}.{FULL}.partial_rotary_factor"))
    if any(scaling is not None and scaling["rope_type"] == "longrope" for scaling in scalings):
        raise NewerSettingsError(_describe_unknown(f"{name} with rope_type 'longrope' for some layers"))
    if kind in TWO_THETAS and scalings[1] == (scalings[0] if kind in SCALED_ALIKE else None):
        return {**dict(zip(TWO_THETAS[kind], thetas, strict=True)), "rope_scaling": scalings[0]}
    if kind in FULL_SCALED and thetas[0] == thetas[1] and scalings[1] is None:
        return {"rope_theta": thetas[0], "rope_scaling": scalings[0]}
    raise NewerSettingsError(
        f"{_describe_unknown(f'{name}.{SLIDING}')} beside another {FULL} for models of type {kind!r}"
    )


def _require_theta(said: Mapping[str, Any], name: str) -> float:
    """Return the base of the rotation, which must be there: each version has defaults of its own."""
    theta = said.get("rope_theta")
    if isinstance(theta, bool) or not isinstance(theta, int | float):
        raise NewerSettingsError(
            f"config.json says {name} without a number as its rope_theta, and defaults depend on the version"
        )
    return theta


def _restate_scaling(config: Mapping[str, Any], said: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return how positions are stretched; None if they are not."""
    kind = said.get("rope_type") or said.get("type") or DEFAULT
    if not isinstance(kind, str) or (kind != DEFAULT and kind not in ROPE_TYPES):
        raise NewerSettingsError(f"config.json says {name}.rope_type {kind!r}, which transformers 4 does not know")
    if kind == DEFAULT:  # which has settings in models of images and texts alone
        sections = said.get("mrope_section")
        return None if sections is None else {"rope_type": DEFAULT, "mrope_section": sections}
    restated = {key: value for key, value in said.items() if key not in OWN and value is not None}
    odd = next((key for key in restated if key not in ROPE_TYPES[kind]), None)
    if odd is not None:
        raise NewerSettingsError(_describe_unknown(f"{name}.{odd} with rope_type {kind!r}"))
    before = config.get("original_max_position_embeddings") or restated.get("original_max_position_embeddings")
    if kind in STRETCHED:
        before = before or config.get("max_position_embeddings")
        if before is None:
            raise NewerSettingsError(f"config.json says {name} without original_max_position_embeddings")
        restated["original_max_position_embeddings"] = before
    if kind != "longrope" and "factor" not in restated:
        restated["factor"] = _compute_ratio(config, before, name)
    return {"rope_type": kind, **restated}


def _compute_ratio(config: Mapping[str, Any], before: object, name: str) -> float:
    longest = config.get("max_position_embeddings")
    if not isinstance(longest, int | float) or not isinstance(before, int | float) or before <= 0:
        raise NewerSettingsError(f"config.json says {name} without a factor")
    return longest / before


def _restate_stretch(config: Mapping[str, Any], scaling: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the entries of "longrope" beside ``rope_scaling``: version 4 takes two lengths instead of a factor."""
    before = scaling.pop("original_max_position_embeddings")
    ratio = _compute_ratio(config, before, name)
    if scaling.pop("factor", ratio) != ratio:
        raise NewerSettingsError(
            _describe_unknown(f"{name}.factor other than {ratio:g}, the ratio of the two lengths,")
        )
    return {"original_max_position_embeddings": before}


def _restate_briefly(kind: str, scaling: dict[str, Any], name: str) -> dict[str, Any]:
    """Return how positions are stretched, for models that accept few entries."""
    how = scaling.pop("rope_type")
    wanted = {"short_factor", "long_factor"} if how == "longrope" else {"factor"}
    odd = next((key for key in scaling if key not in wanted), None)
    if how not in FEW_WORDS[kind] or odd is not None:
        said = f"{name}.{odd}" if odd is not None else f"{name}.rope_type {how!r}"
        raise NewerSettingsError(_describe_unknown(f"{said} for models of type {kind!r}"))
    return {"type": how, **scaling}


def _find_period(layers: object, where: str) -> int:
    """Return n, where every n-th layer of ModernBERT has full attention, the first one included."""
    if isinstance(layers, list):
        for every in range(1, len(layers) + 1):
            if layers == [SLIDING if place % every else FULL for place in range(len(layers))]:
                return every
    raise NewerSettingsError(
        f"config.json says {where}layer_types, and transformers 4 knows none of ModernBERT but every n-th layer {FULL} "
        f"from the first on, all others {SLIDING}"
    )


def _set_entry(config: dict[str, Any], key: str, value: object, where: str, *, of: str = "rope_parameters") -> None:
    """Set an entry of version 4, unless it has another value already."""
    old = config.get(key)
    if key == "rope_scaling" and isinstance(old, dict):
        old = {part: known for part, known in old.items() if part not in OWN} | {
            "rope_type": old.get("rope_type") or old.get("type") or DEFAULT
        }
        restated = value if isinstance(value, dict) else {"rope_type": DEFAULT}
        restated = {part: known for part, known in restated.items() if part not in OWN} | {
            "rope_type": restated.get("rope_type") or restated.get("type")
        }
        if any(restated.get(part) != known for part, known in old.items() if known is not None):
            raise NewerSettingsError(_describe_contradiction(f"{where}{key}", old, f"{where}{of}", restated))
    elif old is not None and old != value:
        raise NewerSettingsError(_describe_contradiction(f"{where}{key}", old, f"{where}{of}", value))
    config[key] = value


def _describe_unknown(what: str) -> str:
    return f"config.json says {what}, for which transformers 4 has no words"


def _describe_contradiction(old_name: str, old: object, name: str, new: object) -> str:
    return f"config.json says {old_name} {old!r} and, in {name}, {new!r}: one of them is wrong"
