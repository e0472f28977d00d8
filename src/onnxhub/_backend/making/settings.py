"""Prepares a repository's configuration for transformers: without names of code, and of files outside the repository.

transformers passes the entries of a configuration to constructors, and some of their arguments are files to open: a
``vocab_file`` of ``/etc/passwd`` becomes a vocabulary. All that it reads passes ``prepare_settings`` first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from onnxhub.errors import IntegrityError, UnsafeModelError, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = ["PICKLED", "RECIPE", "SAFE", "SETTINGS", "declares_remote_code", "prepare_settings"]

RECIPE: Final = 2
"""Version of these rules: files that were made under other rules have another key."""
SAFE: Final = ("model.safetensors", "model.safetensors.index.json")
PICKLED: Final = ("pytorch_model.bin", "pytorch_model.bin.index.json")
"""The weights that transformers looks for."""
TOKENIZER: Final = ("tokenizer_config.json", "special_tokens_map.json")
"""Files whose entries go to the constructor of the tokenizer."""
SETTINGS: Final = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    *TOKENIZER,
)
"""Files that are copied and prepared. All others are data, in which any key may stand."""
DEEPEST: Final = 64
"""Lists and objects inside each other; a configuration of transformers has three or four."""
LONGEST: Final = 100
"""Characters of a value that an error quotes."""
_CODE: Final = frozenset(
    {
        "attn_implementation",
        "auto_map",
        "custom_code",
        "custom_generate",
        "custom_pipelines",
        "experts_implementation",
        "kernel_config",
        "trust_remote_code",
        "use_kernels",
    }
)
"""Entries that name code, or let it run. Those with a leading underscore, transformers' own state, are dropped too."""
_WORDS: Final = frozenset(
    {
        "added_tokens_decoder",
        "extra_special_tokens",
        "id2label",
        "id2lang",
        "label2id",
        "lang2id",
        "tags_dict",
    }
)
"""Entries whose keys are the author's words."""
_PLACE: Final = re.compile(
    r"(.*_)?(file|files|path|paths|dir|directory|folder|ckpt|checkpoint|name_or_path|url|repo|repo_id)"
)
"""Entries that may say where something is. It is in the repository, or nowhere."""
_ARGUMENTS: Final = frozenset(
    {
        "cache_dir",
        "init_inputs",
        "model_proto",
        "proxies",
        "revision",
        "subfolder",
        "token",
        "tokenizer_object",
        "use_auth_token",
    }
)
"""Arguments of a tokenizer's constructor or of ``from_pretrained`` that no configuration needs."""
_VOCABULARIES: Final = frozenset(
    {
        "artists_file",
        "emoji_file",
        "entity_vocab_file",
        "genres_file",
        "gguf_file",
        "lyrics_file",
        "merges",
        "merges_file",
        "model_file",
        "monolingual_vocab_file",
        "normalizer_file",
        "pretrained_vocab_file",
        "pretrained_vocab_file_torch",
        "sentencepiece_model_ckpt",
        "sentencepiece_model_file",
        "source_spm",
        "spm_file",
        "src_vocab_file",
        "target_spm",
        "target_vocab_file",
        "tgt_vocab_file",
        "vocab",
        "vocab_file",
        "word_pronunciation_file",
        "word_shape_file",
    }
)
"""Arguments of tokenizers that decide what they are. Without them, transformers takes the repository's own files."""
_DICTIONARIES: Final = frozenset({"mecab_option", "sudachi_config_path", "sudachi_resource_dir"})
"""Options of MeCab and Sudachi that name dictionaries on the machine, which no repository can bring along."""
_BACKBONE: Final = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_LATER: Final = {"TokenizersBackend": "PreTrainedTokenizerFast", "TokenizersBackendFast": "PreTrainedTokenizerFast"}
"""Classes of transformers 5 for a ``tokenizer.json`` that needs no class of its own -> what they were before."""


def prepare_settings(name: str, value: Mapping[str, Any], files: Collection[str]) -> dict[str, Any]:
    """Return a configuration file as the installed transformers may see it, next to the repository's ``files``.

    Raises:
        UnsafeModelError: What the model is depends on a file elsewhere.
        IntegrityError: It is nested too deeply, or names a tokenizer's class in no way that there is.
    """
    drops = _drops_from_tokenizer if name in TOKENIZER else _drops
    prepared: dict[str, Any] = _select_entries(name, value, lambda key, part: not drops(name, key, part, files), 0)
    return _translate(name, prepared)


def declares_remote_code(config: object) -> bool:
    """Tell whether a configuration says that the model is code of the repository."""
    left = [config]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            if "auto_map" in part:
                return True
            left += part.values()
        elif isinstance(part, list):
            left += part
    return False


def _select_entries(name: str, value: Any, wanted: Callable[[str, object], bool], depth: int) -> Any:
    """Return the value with those entries of its objects, at any depth, that are wanted."""
    if not isinstance(value, list | dict):
        return value
    if depth > DEEPEST:
        raise IntegrityError(name, f"more than {DEEPEST} lists and objects are inside each other")
    if isinstance(value, list):
        return [_select_entries(name, part, wanted, depth + 1) for part in value]
    selected: dict[str, Any] = {}
    for key, part in value.items():
        if key in _WORDS and isinstance(part, dict):
            selected[key] = {word: _select_entries(name, inner, wanted, depth + 2) for word, inner in part.items()}
        elif wanted(key, part):
            selected[key] = _select_entries(name, part, wanted, depth + 1)
    return selected


def _drops(name: str, key: str, part: object, files: Collection[str]) -> bool:
    """Tell whether an entry of a model's configuration is dropped."""
    if key == "transformers_weights" and part is not None:
        _require_own_weights(name, part, files)
        return True
    if key == "backbone" and isinstance(part, str) and not _BACKBONE.fullmatch(part):
        raise UnsafeModelError(name, f"its {key!r} is {_shorten(part)}, a place and not the name of a model")
    # A number or a switch of such a name opens nothing: "drop_path" is a rate.
    return _is_code(key, part) or (_PLACE.fullmatch(key) is not None and isinstance(part, str | list | dict))


def _drops_from_tokenizer(name: str, key: str, part: object, files: Collection[str]) -> bool:
    """Tell whether an entry of a tokenizer's configuration is dropped."""
    if key in _DICTIONARIES and part:
        raise UnsafeModelError(
            name, f"its {key!r} is {_shorten(part)}: only dictionaries that come as packages are read"
        )
    own = isinstance(part, str) and re.split(r"[/\\]", part)[-1] in files
    if key in _VOCABULARIES and not own and part is not None and part != "":
        raise UnsafeModelError(name, f"its {key!r} is {_shorten(part)}, which is no file of the repository")
    drops = key in _DICTIONARIES | _VOCABULARIES | _ARGUMENTS or _PLACE.fullmatch(key) is not None
    return drops or _is_code(key, part)


def _is_code(key: str, part: object) -> bool:
    return key in _CODE or (key.startswith("_") and (key, part) != ("__type", "AddedToken"))


def _require_own_weights(name: str, part: object, files: Collection[str]) -> None:
    """Raise ``UnsafeModelError`` if ``transformers_weights`` names other weights than are read without it."""
    own = next((group for group in (SAFE, PICKLED) if any(weights in files for weights in group)), ())
    if own and part not in [weights for weights in own if weights in files][:1]:
        usual = listing([*SAFE, *PICKLED])
        raise UnsafeModelError(
            name, f"its 'transformers_weights' is {_shorten(part)}; weights are read from {usual} alone"
        )


def _shorten(part: object) -> str:
    text = repr(part)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _translate(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of later versions of transformers in the form of the installed one."""
    if "tokenizer_class" in settings:
        kind = settings["tokenizer_class"]
        if not isinstance(kind, str | None):
            raise IntegrityError(name, f"its 'tokenizer_class' is {_shorten(kind)}, not the name of a class")
        settings["tokenizer_class"] = _LATER.get(kind or "", kind)
    extra = settings.get("extra_special_tokens")
    if name in TOKENIZER and isinstance(extra, list):  # until version 5, an object of names and tokens
        del settings["extra_special_tokens"]
        settings.setdefault("additional_special_tokens", extra)
    return settings
