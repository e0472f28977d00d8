"""Where the files of a model lie: in the root of its repository, or beside its graph in a folder of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from onnxhub._backend.files.variants import choose_file
from onnxhub.errors import OnnxHubError, listing

if TYPE_CHECKING:
    from onnxhub._backend.repository.repository import Repository

__all__ = ["BESIDE", "VOCABULARIES", "add_files_beside", "describe_beside", "is_of_model"]

VOCABULARIES: Final = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "tokenizer.model",
    "spm.model",
    "vocab.model",
    "bpe.codes",
    "spm_char.model",
    "source.spm",
    "target.spm",
    "prophetnet.tokenizer",
    "byte_maps.json",
    "vocab-src.json",
    "vocab-tgt.json",
)
"""Files that tokenizers are made from. Those that transformers would have to unpickle are not among them."""
BESIDE: Final = (
    "added_tokens.json",
    "dict.txt",
    "emoji.json",
    "entity_vocab.json",
    "normalizer.json",
    "target_vocab.json",
    "word_pronunciation.json",
    "word_shape.json",
)
"""Files that some tokenizers read beside a vocabulary."""
_ROOT: Final = "."
_KINDS: Final = (".json", ".txt", ".model", ".jinja", ".codes", ".bpe", ".vocab", ".spm", ".tokenizer")
_MODULE: Final = re.compile(r"\d+_\w+/[^/]+(\.json|\.safetensors|\.txt)")
"""Files of the modules that sentence-transformers puts behind the model, such as ``1_Pooling/config.json``."""
_TOKENIZER: Final = frozenset(
    {
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        *VOCABULARIES,
        *BESIDE,
    }
)
"""Files of a tokenizer, which all come from one folder."""


def add_files_beside(
    repository: Repository, *, dtype: str = "auto", file: str | Mapping[str, str] | None = None, gpu: bool = False
) -> Repository:
    """View the repository so that a small file which its root lacks is the one beside the graph.

    That is how exports into a folder such as ``onnx/`` lie. The files of a tokenizer belong together: where the root has
    no ``tokenizer.json``, and the folder has one, all of them are the folder's.
    """
    folder = _find_graph_folder(repository, dtype, file, gpu=gpu)
    if folder is None:
        return repository
    inside = {
        name.removeprefix(f"{folder}/"): name
        for name in repository.files
        if name.startswith(f"{folder}/") and is_of_model(name.removeprefix(f"{folder}/"))
    }
    whole = "tokenizer.json" in inside and not repository.has("tokenizer.json")
    beside = {name: path for name, path in inside.items() if not repository.has(name) or (whole and name in _TOKENIZER)}
    files = {**repository.files, **{name: repository.files[path] for name, path in beside.items()}}
    return replace(repository, files=files, beside=beside)


def describe_beside(repository: Repository) -> str:
    """List the files beside the graph that decide what the model is; empty if there are none."""
    deciding = ("config.json", "modules.json", "tokenizer.json", *VOCABULARIES)
    return (
        listing([repository.beside[name] for name in deciding if name in repository.beside])
        if repository.beside
        else ""
    )


def is_of_model(name: str) -> bool:
    """Tell whether a file belongs to the configuration, the tokenizer or the modules of a model."""
    if "/" in name:
        return _MODULE.fullmatch(name) is not None
    return name.endswith(_KINDS) and not name.endswith(".index.json")


def _find_graph_folder(
    repository: Repository, dtype: str, file: str | Mapping[str, str] | None, *, gpu: bool
) -> str | None:
    """Return the folder of the graph that runs, by the listing; None for the root, or where several may be meant."""
    if file is not None:
        paths = list(file.values()) if isinstance(file, Mapping) else [file]
    else:
        try:
            paths = [choose_file(repository.model_id, repository.files, dtype=dtype, gpu=gpu).file]
        except OnnxHubError:  # roles of a larger model, or a variant that is yet to be made
            paths = [name for name in repository.files if name.endswith(".onnx")]
    folders = {PurePosixPath(path).parent.as_posix() for path in paths}
    return None if len(folders) != 1 or _ROOT in folders else folders.pop()
