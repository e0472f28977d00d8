"""Copies the files of a repository that transformers may see into a folder: none that run code or name other files.

The configuration files are prepared copies (see ``settings``), the weights and vocabularies are links, and
everything else stays outside: no Python files, no adapters, no pickles unless they were allowed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from onnxhub._backend.files.layout import BESIDE, VOCABULARIES
from onnxhub._backend.making.settings import PICKLED, SAFE, SETTINGS, prepare_settings
from onnxhub._strings.plain_text import shorten
from onnxhub.errors import ExportError, IntegrityError, NoOnnxFileError, UnsafeModelError, listing

if TYPE_CHECKING:
    from collections.abc import Collection

    from onnxhub._backend.repository.repository import Repository

__all__ = ["files_to_export", "read_settings", "stage"]

FOREIGN: Final = {
    "tf_model.h5": "TensorFlow",
    "tf_model.h5.index.json": "TensorFlow",
    "saved_model.pb": "TensorFlow",
    "flax_model.msgpack": "Flax",
    "flax_model.msgpack.index.json": "Flax",
    "rust_model.ot": "Rust",
}
"""Weights that transformers reads through frameworks that it has given up."""


def files_to_export(repository: Repository, *, allow_pickle: bool) -> tuple[str, ...]:
    """Return the names of the files that a conversion reads, all weights of their format included.

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
        raise NoOnnxFileError(repository.model_id, tuple(repository.files), _advise(repository) or hint)
    if suffix == ".bin" and not allow_pickle:
        pickles = next(name for name in PICKLED if name in files)
        reason = f"to unpickle weights can run code; if you trust {repository.model_id}, allow_pickle=True allows it (`onnxhub export --allow-pickle`)"
        raise UnsafeModelError(pickles, reason)
    wanted = {*SETTINGS, "tokenizer.json", *VOCABULARIES, *BESIDE, *kinds[suffix]}
    return tuple(sorted(name for name in files if name in wanted or name.endswith(suffix)))


def _advise(repository: Repository) -> str:
    """Return advice on what to load instead of a repository that is no model by itself; empty if there is none."""
    adapter = repository.json("adapter_config.json")
    if adapter is not None:
        base = adapter.get("base_model_name_or_path")
        named = f"its base model is {shorten(base)}; " if isinstance(base, str) else ""
        return f"it is an adapter of another model's weights: {named}merge the two (peft's merge_and_unload), and save that"
    inside = sorted({path.rpartition("/")[0] for path in repository.files if path.endswith("/config.json")})
    models = [folder for folder in inside if any(f"{folder}/{name}" in repository.files for name in (*SAFE, *PICKLED))]
    if not models:
        return ""
    named = listing(repr(str(PurePosixPath(repository.model_id, folder))) for folder in models)
    if repository.source != "folder":
        return f"a model in a folder of a repository is loaded from a copy on disk: of {listing(models)}"
    return f"a model lies in a folder of it: pass {named}"


def stage(repository: Repository, files: Collection[str], folder: Path) -> None:
    """Fetch the files that a conversion needs, and put them into the folder.

    Raises:
        UnsafeModelError: What the model is depends on a file elsewhere.
        IntegrityError: A file is damaged, or none that can be read.
    """
    weights = {name for name in files if PurePosixPath(name).suffix in {".safetensors", ".bin"}}
    unused = weights - set(_find_weights(repository, files)) if weights else weights
    for name, text in read_settings(repository, files).items():
        (folder / name).write_text(text, encoding="utf-8")
    for name in files:
        if name not in SETTINGS and name not in unused:
            _link(repository.path(name).resolve(), folder / name)


def read_settings(repository: Repository, files: Collection[str]) -> dict[str, str]:
    """Return the settings among these files, as transformers may see them: name -> JSON.

    Raises:
        UnsafeModelError: What the model is depends on a file elsewhere.
        IntegrityError: One is not valid JSON, or not what transformers takes.
    """
    found = {name: prepare_settings(name, repository.json(name) or {}, files) for name in SETTINGS if name in files}
    # Letters as ASCII: JSON may hold halves of a pair of surrogates, which no file in UTF-8 can.
    return {name: json.dumps(value) for name, value in found.items()}


def _find_weights(repository: Repository, files: Collection[str]) -> tuple[str, ...]:
    """Return the files that the weights are in: one, or those that an index names."""
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
        place.symlink_to(path)
    except OSError:  # no right to make links, as on Windows
        shutil.copyfile(path, place)
