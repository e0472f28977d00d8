"""Tells whether the installed transformers knows all entries of a ``config.json``; it ignores those that it does not.

An entry that no class knows is an author's own where the file is as old as transformers is: nothing was computed with it.
In a file that a newer version has saved, it may be what the newer version computes by.
"""

from __future__ import annotations

import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["advise_newer", "find_unknown_setting", "is_newer"]

HARMLESS: Final = frozenset(
    {
        "_name_or_path",
        "add_cross_attention",
        "attn_implementation",
        "base_model",
        "base_model_name",
        "custom_params",
        "directionality",
        "finetuning_task",
        "gradient_checkpointing",
        "is_local",
        "label_names",
        "language",
        "license",
        "model_name",
        "name",
        "num_labels",
        "num_nextn_predict_layers",
        "output_past",
        "pooler_fc_size",
        "pooler_num_attention_heads",
        "pooler_num_fc_layers",
        "pooler_size_per_head",
        "pooler_type",
        "problem_type",
        "sentence_transformers",
        "tags",
        "task_specific_params",
        "tie_word_embeddings",
        "tokenizer_class",
        "torchscript",
        "transformers.js_config",
        "transformers_version",
        "unsloth_fixed",
        "unsloth_version",
        "use_cache",
        "use_return_dict",
    }
)
"""Entries by which nothing is computed: names, versions, notes for users, and those that no version reads any more."""
TRAINING: Final = re.compile(
    r"initializer_\w+|\w+_init_variance_scale|output_router_logits|router_aux_loss_coef|stage_names"
)
"""Entries of initial weights and of losses, which only training reads."""
REVIEWED: Final = (5, 24)
"""The version of transformers whose entries are known here."""
NEW: Final = frozenset(
    {
        "apply_layernorm",
        "codebook_size",
        "convolution_bias",
        "decoder_bbox_embed_share",
        "decoder_cls_embed_share",
        "depths",
        "head_dim",
        "image_token_id",
        "kv_channels",
        "layer_types",
        "layerdrop",
        "local_attention_window_len",
        "global_attn_every_n_layers",
        "global_rope_theta",
        "local_rope_theta",
        "max_cond_frame_num",
        "mlp_layer_types",
        "moe_intermediate_size",
        "mtp_layer_types",
        "num_experts",
        "num_experts_per_tok",
        "num_local_experts",
        "num_mtp_layers",
        "num_query_groups",
        "out_features",
        "out_indices",
        "original_max_position_embeddings",
        "output_stride",
        "partial_rotary_factor",
        "patch_last",
        "per_layer_config",
        "pooler_act",
        "pooler_output_size",
        "projector_use_layernorm",
        "qk_head_dim",
        "qv_bias",
        "reshape_hidden_states",
        "rope_local_base_freq",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "rotary_emb_base",
        "rotary_pct",
        "scale",
        "scale_decoder_outputs",
        "sliding_window",
        "stage_downsample_strides",
        "stage_in_channels",
        "stem_strides",
        "swiglu_alpha",
        "swiglu_limit",
        "tie_last_hidden_states",
        "time_step_limit",
        "use_bidirectional_attention",
        "vision_feature_layer",
    }
)
"""Entries that a class of that version has and its class in version 4 has not, renamed ones left out; and the
entries of version 4 that replace some."""
SAME_IN_BOTH: Final = frozenset({("gemma3_text", "sliding_window")})
"""Entries whose values both versions change, in the same way."""
FIXED: Final[Mapping[str, Mapping[str, object]]] = {
    "esm": {"rope_theta": 10000.0},
    "gpt_oss": {"swiglu_alpha": 1.702, "swiglu_limit": 7.0},
}
"""Constants in the code of models, which newer versions read from an entry."""


def advise_newer(saved_by: object, installed: str) -> str:
    """Say what else may convert a model that a newer transformers saved; empty if it is not newer."""
    if not is_newer(saved_by, installed):
        return ""
    upgrade = (
        "pip install --upgrade transformers"
        if is_newer(installed, "5.23")
        else "pip install 'onnxhub[export]', in place of optimum"
    )
    return f"; transformers {saved_by} has saved it, and a newer one can convert it: {upgrade}"


def is_newer(saved_by: object, installed: str) -> bool:
    """Tell whether a file was saved by a newer version than the installed one, as far as it says so."""
    return isinstance(saved_by, str) and _parse_version(saved_by) > _parse_version(installed)


def find_unknown_setting(written: Mapping[str, Any], config: Any, *, saved_by: str, where: str = "") -> str | None:
    """Describe the first entry of a configuration file that the class of the loaded one did not take; None if all are.

    In a file of a version that is known here, what no version knows is an author's own.
    """
    kind: type[Any] = type(config)
    names, source = _list_names(kind), _read_source(kind)
    for key, value in written.items():
        inner = _read_value(config, key)
        if hasattr(inner, "model_type") and isinstance(value, dict):
            found = find_unknown_setting(value, inner, saved_by=saved_by, where=f"{where}{key}.")
            if found is not None:
                return found
        elif value is None or _is_harmless(key, saved_by):
            continue
        elif _is_taken(key, names, kind, source):
            if inner is not _MISSING and not _is_same(value, inner) and (config.model_type, key) not in SAME_IN_BOTH:
                return f"{where}{key} {_shorten(value)}, of which it makes {_shorten(inner)}"
        elif not (_is_fixed(key, value, config) or _is_derived(key, value, written, kind)):
            return f"{where}{key}"
    return None


_MISSING: Final = object()


def _is_harmless(key: str, saved_by: str) -> bool:
    """Tell whether no version computes anything by an entry."""
    if key in HARMLESS or key.startswith("_") or TRAINING.fullmatch(key) is not None:
        return True
    return _parse_version(saved_by) <= REVIEWED and key not in NEW


def _is_taken(key: str, names: set[str], kind: type[Any], source: str) -> bool:
    """Tell whether the class has it, or the models read it, though the constructor has no name for it."""
    if key == "rope_scaling":  # many constructors take it, and some models do nothing with it
        return _is_read(key, source)
    return key in names or hasattr(kind, key) or _is_read(key, source)


def _parse_version(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version; later ones change no settings."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _list_names(kind: type[Any]) -> set[str]:
    """Return the arguments of the constructors of a class, and the attributes of any configuration."""
    from transformers import PretrainedConfig

    names = {*vars(PretrainedConfig()), *kind.attribute_map}
    names.update(getattr(kind, "__dataclass_fields__", ()))  # as version 5 has them
    for ancestor in kind.__mro__:
        if "__init__" in vars(ancestor):
            names.update(inspect.signature(vars(ancestor)["__init__"]).parameters)
    return names


def _read_source(kind: type[Any]) -> str:
    """Return the code of the models that a class configures."""
    try:
        module = importlib.import_module(kind.__module__.replace("configuration_", "modeling_"))
        source = inspect.getsource(module)
    except (ImportError, OSError, TypeError):
        return ""
    if "config.rope_scaling" in source:  # then the functions that compute positions read the rest
        import transformers.modeling_rope_utils

        source += inspect.getsource(transformers.modeling_rope_utils)
    return source


def _is_read(key: str, source: str) -> bool:
    """Tell whether the code of the models reads an entry."""
    name = re.escape(key)
    return re.search(rf"""config\.{name}\b|config, ["']{name}["']""", source) is not None


def _is_fixed(key: str, value: object, config: Any) -> bool:
    fixed = FIXED.get(config.model_type, {})
    return key in fixed and fixed[key] == value


def _is_derived(key: str, value: object, written: Mapping[str, Any], kind: type[Any]) -> bool:
    """Tell whether the class comes to the same value by itself."""
    try:
        alone = kind.from_dict({name: said for name, said in written.items() if name != key})
        return _is_same(value, getattr(alone, key))
    except Exception:  # noqa: BLE001  # a class may raise any error
        return False


def _read_value(config: Any, key: str) -> Any:
    try:
        return getattr(config, key)
    except Exception:  # noqa: BLE001  # a property may raise any error
        return _MISSING


def _is_same(written: object, taken: object) -> bool:
    """Tell whether a value equals its JSON, in which keys are texts and types have names."""
    if isinstance(written, dict) and isinstance(taken, dict):
        theirs = {str(key): value for key, value in taken.items()}
        return all(value is None or (key in theirs and _is_same(value, theirs[key])) for key, value in written.items())
    if isinstance(written, list) and isinstance(taken, list | tuple):
        return len(written) == len(taken) and all(map(_is_same, written, taken))
    return written == taken or str(written) == str(taken).removeprefix("torch.")


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
