"""Repositories without a ``tokenizer.json``: transformers makes the tokenizer, once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxhub._sentence_files import length_settings
from onnxhub.backend.store import find, make
from onnxhub.backend.tokenizer import load_tokenizer, usable_length
from onnxhub.errors import MissingDependencyError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from onnxhub.backend.hub import Repository
    from onnxhub.backend.tokenizer import TextTokenizer

__all__ = ["SlowTokenizer", "convert_tokenizer"]

VOCABULARIES = (
    "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model", "spm.model",
    "vocab.model", "bpe.codes", "spm_char.model",
)  # fmt: skip
"""Files that tokenizers are made from."""
SETTINGS = ("config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


def convert_tokenizer(repository: Repository, config: Mapping[str, object]) -> TextTokenizer | SlowTokenizer:
    """The tokenizer that transformers makes of a vocabulary; its fast form is cached and needs transformers only once.

    Raises:
        TaskMismatchError: the repository has no vocabulary either, or transformers can make nothing of it.
        MissingDependencyError: transformers, or what it needs for this tokenizer, is not installed.
    """
    vocabulary = [repository.path(name) for name in (*VOCABULARIES, *SETTINGS) if repository.has(name)]
    if not any(path.name in VOCABULARIES for path in vocabulary):
        problem = f"it has no tokenizer: none of tokenizer.json, {', '.join(VOCABULARIES)}"
        raise TaskMismatchError(repository.model_id, "text", (problem,))
    key = _digest(vocabulary)
    entry = find("tokenizers", key)
    if entry is None:
        tokenizer = _auto_tokenizer(repository)
        if not tokenizer.is_fast:
            limit = usable_length(length_settings(repository), repository.json("tokenizer_config.json") or {}, config)
            return SlowTokenizer(tokenizer, limit)
        text = tokenizer.backend_tokenizer.to_str()

        def build(folder: Path) -> None:
            (folder / "tokenizer.json").write_text(text, encoding="utf-8")

        made_of = {"model": repository.model_id, "transformers": version("transformers")}
        entry = make("tokenizers", key, made_of, build)
    return load_tokenizer(_Converted(repository, entry.folder / "tokenizer.json"), config)


@dataclass(frozen=True)
class _Converted:
    """The files of a repository, with a ``tokenizer.json`` that it lacks."""

    repository: Repository
    tokenizer: Path

    def json(self, name: str) -> Mapping[str, object] | None:
        """The repository's own."""
        return self.repository.json(name)

    def path(self, name: str) -> Path:
        """The converted file, or one of the repository."""
        return self.tokenizer if name == "tokenizer.json" else self.repository.path(name)


@dataclass(frozen=True, eq=False)
class SlowTokens:
    """One encoding of a tokenizer that is written in Python: no words, no offsets."""

    ids: NDArray[np.int64]
    type_ids: NDArray[np.int64]
    sequences: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def words(self) -> NDArray[np.int32]:
        """Not known: shape ``(n,)``, -1."""
        return np.full(len(self.ids), -1, np.int32)

    @property
    def offsets(self) -> NDArray[np.int32]:
        """Not known: shape ``(n, 2)``, 0."""
        return np.zeros((len(self.ids), 2), np.int32)


@dataclass(frozen=True)
class SlowTokenizer:
    """A tokenizer of transformers with no fast form (MeCab and the like), behind the same protocol."""

    backend: Any = field(repr=False)
    max_length: int | None
    has_offsets: bool = False
    marks_subwords: bool = False

    @property
    def padding_side(self) -> str:
        """``"right"`` or ``"left"``."""
        return str(self.backend.padding_side)

    @property
    def truncation_side(self) -> str:
        """``"right"`` or ``"left"``."""
        return str(self.backend.truncation_side)

    @property
    def padding(self) -> Mapping[str, int]:
        """What fills short rows."""
        return {"input_ids": self.backend.pad_token_id or 0}

    @property
    def cls_token_id(self) -> int | None:
        """Id of the classification token."""
        found: int | None = self.backend.cls_token_id
        return found

    @property
    def unk_token_id(self) -> int | None:
        """Id of the unknown token."""
        found: int | None = self.backend.unk_token_id
        return found

    @property
    def mask_token_id(self) -> int | None:
        """Id of the mask token."""
        found: int | None = self.backend.mask_token_id
        return found

    @property
    def pad_token_id(self) -> int | None:
        """Id of the padding token."""
        found: int | None = self.backend.pad_token_id
        return found

    def encode(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, offsets: bool = True
    ) -> list[SlowTokens]:
        """Tokenise texts, or pairs of texts, whole; there are no offsets."""
        del offsets
        seconds = [None] * len(texts) if pairs is None else pairs
        return [self._encode(text, pair) for text, pair in zip(texts, seconds, strict=True)]

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The tokens of ids."""
        found: list[str] = self.backend.convert_ids_to_tokens(list(ids))
        return found

    def ids(self, tokens: Sequence[str]) -> list[int | None]:
        """The ids of tokens."""
        vocabulary: dict[str, int] = self.backend.get_vocab()
        return [vocabulary.get(token) for token in tokens]

    def join(self, tokens: Sequence[str]) -> str:
        """Tokens back to text."""
        return str(self.backend.convert_tokens_to_string(list(tokens)))

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """Ids back to text."""
        return str(self.backend.decode(list(ids), skip_special_tokens=skip_special, clean_up_tokenization_spaces=False))

    def _encode(self, text: str, pair: str | None) -> SlowTokens:
        encoding = self.backend(text, pair, return_token_type_ids=True, return_special_tokens_mask=True, verbose=False)
        special = np.array(encoding["special_tokens_mask"], bool)
        # The texts stand one after the other: what comes after the tokens of the first is of the second.
        first = len(self.backend.tokenize(text))
        sequences = np.where(special, -1, (np.cumsum(~special) > first).astype(int)).astype(np.int8)
        return SlowTokens(
            np.array(encoding["input_ids"], np.int64), np.array(encoding["token_type_ids"], np.int64), sequences
        )


def _auto_tokenizer(repository: Repository) -> Any:
    purpose = f"the tokenizer of {repository.model_id}, which has no tokenizer.json,"
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        install = "pip install 'onnxhub[optimum]' converts it on the first load"
        raise MissingDependencyError.of(error, "transformers", purpose, install) from error
    try:
        auto: Any = AutoTokenizer
        return auto.from_pretrained(repository.folder, local_files_only=True, trust_remote_code=False)
    except ImportError as error:
        raise MissingDependencyError(error.name or "a package", purpose, str(error).strip()) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        problem = f"transformers can make no tokenizer of its files: {error}"
        raise TaskMismatchError(repository.model_id, "text", (problem,)) from error


def _digest(paths: Sequence[Path]) -> str:
    """Of everything that the tokenizer is made from."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
