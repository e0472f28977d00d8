"""What the exporter may see of a repository: a folder of its own, with nothing in it that could make transformers run code.

The configuration files are copies without the entries that name code, the weights and vocabularies are links, and
everything else stays outside: no Python files, no adapters, no pickles unless they were allowed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from onnxhub.backend.tokenizer_conversion import VOCABULARIES
from onnxhub.errors import ExportError, IntegrityError, NoOnnxFileError, UnsafeModelError

if TYPE_CHECKING:
    from onnxhub.backend.hub import Repository

__all__ = ["convertible", "harmless", "names_code", "stage"]

SAFE: Final = ("model.safetensors", "model.safetensors.index.json")
PICKLED: Final = ("pytorch_model.bin", "pytorch_model.bin.index.json")
FOREIGN: Final = {
    "tf_model.h5": "TensorFlow", "tf_model.h5.index.json": "TensorFlow", "saved_model.pb": "TensorFlow",
    "flax_model.msgpack": "Flax", "flax_model.msgpack.index.json": "Flax", "rust_model.ot": "Rust",
}  # fmt: skip
"""Weights that transformers reads through frameworks that it has given up."""
SETTINGS: Final = (
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json",
    "special_tokens_map.json",
)  # fmt: skip
"""Files that are copied without what names code. All others are data, whose keys may be anybody's words."""
_CODE: Final = frozenset({
    "attn_implementation", "auto_map", "custom_code", "custom_generate", "custom_pipelines", "experts_implementation",
    "kernel_config", "trust_remote_code", "use_kernels",
})  # fmt: skip
"""Entries that name code, or that let it run. Those with a leading underscore are transformers' own state, and go too."""
_LABELS: Final = frozenset({"id2label", "label2id"})
"""Entries whose keys are the author's words."""


def convertible(repository: Repository, *, allow_pickle: bool) -> tuple[str, ...]:
    """The files that a conversion reads, by their names alone; of the weights, every file of their format.

    Raises:
        NoOnnxFileError: there are no weights at all.
        ExportError: the weights are of another framework than PyTorch, or it has ONNX files alone.
        UnsafeModelError: the weights are pickles, which were not allowed.
    """
    files = [name for name in repository.files if "/" not in name]
    kinds = {".safetensors": SAFE, ".bin": PICKLED}
    suffix = next((suffix for suffix, names in kinds.items() if any(name in files for name in names)), None)
    if suffix is None:
        foreign = {FOREIGN[name]: name for name in files if name in FOREIGN}
        if foreign:
            found = " and ".join(f"{framework} ({name})" for framework, name in foreign.items())
            raise ExportError(repository.model_id, f"its weights are for {found} alone, and PyTorch's are needed")
        has_onnx = any(name.endswith(".onnx") for name in repository.files)
        if has_onnx:
            reason = f"it has ONNX files, which export='auto' takes, and no weights of PyTorch: neither {SAFE[0]} nor {PICKLED[0]}"
            raise ExportError(repository.model_id, reason)
        hint = f"and no weights of PyTorch to convert: neither {SAFE[0]} nor {PICKLED[0]}"
        raise NoOnnxFileError(repository.model_id, tuple(repository.files), hint)
    if suffix == ".bin" and not allow_pickle:
        pickles = next(name for name in PICKLED if name in files)
        reason = f"to unpickle weights can run code; if you trust {repository.model_id}, allow_pickle=True allows it (`onnxhub export --allow-pickle`)"
        raise UnsafeModelError(pickles, reason)
    wanted = {*SETTINGS, "tokenizer.json", "added_tokens.json", *VOCABULARIES, *kinds[suffix]}
    return tuple(sorted(name for name in files if name in wanted or name.endswith(suffix)))


def stage(repository: Repository, files: tuple[str, ...], folder: Path) -> None:
    """Fetch the files that a conversion needs, and put them into the folder."""
    unused = {name for name in files if PurePosixPath(name).suffix in {".safetensors", ".bin"}} - set(
        _weights(repository, files)
    )
    for name in files:
        if name in SETTINGS:
            value = harmless(repository.json(name))
            (folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
        elif name not in unused:
            _link(repository.path(name), folder / name)


def harmless(value: object) -> object:
    """A configuration without what names code, or lets it run, at whatever depth."""
    if isinstance(value, list):
        return [harmless(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: one if key in _LABELS else harmless(one)
        for key, one in value.items()
        if key not in _CODE and not key.startswith("_")
    }


def names_code(config: object) -> bool:
    """Whether a configuration says that the model is code of the repository."""
    if isinstance(config, list):
        return any(map(names_code, config))
    return isinstance(config, dict) and ("auto_map" in config or any(map(names_code, config.values())))


def _weights(repository: Repository, files: tuple[str, ...]) -> tuple[str, ...]:
    """The files that the weights are in: one, or those that an index names."""
    whole, index = SAFE if any(name in files for name in SAFE) else PICKLED
    if whole in files:
        return (whole,)
    listed = (repository.json(index) or {}).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise IntegrityError(index, f"{repository.model_id}: it names no files of weights")
    shards = tuple(sorted({str(name) for name in listed.values()}))
    missing = next((name for name in shards if name not in files), None)
    if missing is not None:
        raise IntegrityError(
            index, f"{repository.model_id}: it names {missing!r}, which is no file of weights beside it"
        )
    return shards


def _link(path: Path, place: Path) -> None:
    try:
        place.symlink_to(path.resolve())
    except OSError:  # no right to make links, as on Windows
        shutil.copyfile(path, place)
