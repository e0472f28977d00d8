"""Converts the tokenizers of repositories without a ``tokenizer.json``, once, by transformers."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from onnxhub._backend.files.layout import BESIDE, VOCABULARIES
from onnxhub._backend.inputs.japanese import find_japanese_tokenizer
from onnxhub._backend.inputs.tokenizer import find_usable_length, load_tokenizer
from onnxhub._backend.kept.building import make
from onnxhub._backend.kept.digests import digest_of, sha256
from onnxhub._backend.kept.store import find
from onnxhub._backend.making.child_process import run_child
from onnxhub._backend.making.programs.convert_tokenizer import convert
from onnxhub._backend.making.settings import RECIPE
from onnxhub._backend.making.staging import read_settings, stage
from onnxhub._process.signals import is_from_handler
from onnxhub.errors import ExportError, MissingDependencyError, TaskMismatchError, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from onnxhub._backend.inputs.tokenizer import TextTokenizer
    from onnxhub._backend.kept.entries import Entry
    from onnxhub._backend.repository.repository import Repository

__all__ = ["SlowTokenizer", "check_vocabulary", "convert_tokenizer", "find_fast_form"]

KIND: Final = "tokenizers"
FAST: Final = "tokenizer.json"
NAMES: Final = (*VOCABULARIES, *BESIDE, "config.json", "tokenizer_config.json", "special_tokens_map.json")
"""Files that a tokenizer may be made from."""
PROGRAM: Final = "onnxhub._backend.making.programs.convert_tokenizer"
TORCH: Final = frozenset({"pytorch", "torch"})
"""Names of the package torch in transformers' errors."""
INSTALL: Final = "pip install 'onnxhub[optimum]'"


def convert_tokenizer(repository: Repository, config: Mapping[str, object]) -> TextTokenizer | SlowTokenizer:
    """Return the tokenizer that transformers makes of a vocabulary; its fast form is made once, and kept.

    Raises:
        TaskMismatchError: the repository has no vocabulary either, or transformers can make nothing of it.
        MissingDependencyError: transformers, or what it needs for this tokenizer, is not installed.
        UnsafeModelError: the tokenizer would be made of files elsewhere.
    """
    entry = _find_or_convert(repository)
    if FAST in entry.files:
        return load_tokenizer(_WithFastForm(repository, entry.folder / FAST), config)
    limit = find_usable_length({}, repository.json("tokenizer_config.json") or {}, config)
    return SlowTokenizer(_load_slow(repository, entry.folder), limit)


def check_vocabulary(repository: Repository) -> bool:
    """Tell whether transformers would make the tokenizer of a vocabulary, since there is no other; makes none.

    Raises:
        TaskMismatchError: the repository has no vocabulary either.
        MissingDependencyError: it was not converted before, and transformers is not installed.
    """
    if repository.has(FAST):
        return False
    if find_japanese_tokenizer(repository, repository.json("config.json") or {}) is not None:
        return False  # it is made of its vocabulary as it is
    files = _list_vocabulary_files(repository)
    entry = find(KIND, _compute_digest(repository, files))
    if entry is None or not _is_current(entry):
        _check_installed(repository)
    return True


def find_fast_form(repository: Repository) -> Path | None:
    """Return the ``tokenizer.json`` that is made of a vocabulary; None where transformers has none for its class.

    Raises:
        TaskMismatchError, MissingDependencyError, UnsafeModelError: see ``convert_tokenizer``.
    """
    entry = _find_or_convert(repository)
    return entry.folder / FAST if FAST in entry.files else None


def _find_or_convert(repository: Repository) -> Entry:
    files = _list_vocabulary_files(repository)
    key = _compute_digest(repository, files)
    entry = find(KIND, key)
    if entry is None or not _is_current(entry):
        entry = _convert(repository, files, key, anew=entry is not None)
    return entry


def _list_vocabulary_files(repository: Repository) -> list[str]:
    files = [name for name in NAMES if repository.has(name)]
    if not any(name in VOCABULARIES for name in files):
        problem = (
            f"it has no tokenizer: none of tokenizer.json, {', '.join(VOCABULARIES)}; load('custom', ...) runs its graph on "
            "arrays of token ids"
        )
        raise TaskMismatchError(repository.model_id, "text", (problem,))
    return files


def _is_current(entry: Entry) -> bool:
    """Tell whether an entry can be used: always if it is fast, else with the transformers that found no fast form."""
    return FAST in entry.files or entry.made_of.get("transformers") == _find_version()


def _convert(repository: Repository, files: Sequence[str], key: str, *, anew: bool) -> Entry:
    _check_installed(repository)
    made_of = {"model": repository.model_id, "transformers": _find_version()}

    def build(folder: Path) -> None:
        # Inside the entry's own unfinished folder, so that clearing the one clears the other.
        with TemporaryDirectory(prefix=".convert-", dir=folder) as work:
            source, output = Path(work, "source"), Path(work, "output")
            source.mkdir()
            output.mkdir()
            stage(repository, files, source)
            facts = _run(repository, Path(work))
            _check(repository, facts)
            # A tokenizer that is written in Python is made of its files again, in each process.
            for path in [output / FAST] if facts["fast"] else source.iterdir():
                shutil.copyfile(path, folder / path.name)

    return make(KIND, key, made_of, build, replace=anew)


def _check_installed(repository: Repository) -> None:
    if _find_version() is None:
        raise MissingDependencyError(
            "transformers", _describe_purpose(repository), f"{INSTALL} converts it on the first load"
        )


def _run(repository: Repository, work: Path) -> dict[str, Any]:
    """Convert in a process of its own, where nothing else can be opened; in this one, where none can be started."""
    try:
        facts = _run_program(repository, work, frameworks=False)
        # A class that is no tokenizer is reported as a missing torch; with torch, the true reason is known.
        if _may_lack_torch(facts) and find_spec("torch") is not None:
            return _run_program(repository, work, frameworks=True)
    except ExportError as error:
        if not isinstance(error.__cause__, OSError):
            raise _make_error(repository, error.reason) from error
        return convert(work / "source", work / "output")
    return facts


def _run_program(repository: Repository, work: Path, *, frameworks: bool) -> dict[str, Any]:
    """Run the program that converts, with or without torch and the like, whose import takes longer than all else."""
    asked = {"source": str(work / "source"), "output": str(work / "output"), "frameworks": frameworks}
    what = f"converting the tokenizer of {repository.model_id}"
    run_child(PROGRAM, asked, model_id=repository.model_id, what=what, work=work)
    facts: dict[str, Any] = json.loads((work / "output" / "facts.json").read_bytes())
    return facts


def _may_lack_torch(facts: Mapping[str, Any]) -> bool:
    return "error" in facts or facts.get("package") in TORCH


def _check(repository: Repository, facts: Mapping[str, str]) -> None:
    """Raise the error that says why no tokenizer was made, if none was."""
    if "package" in facts:
        package, said = facts["package"], facts["said"]
        install = f"{said}; {INSTALL}" if said else INSTALL
        raise MissingDependencyError(package, _describe_purpose(repository), f"{install}, or pip install {package}")
    if "problem" in facts:
        raise _make_error(repository, facts["problem"])


def _load_slow(repository: Repository, folder: Path) -> Any:
    try:
        from transformers import AutoTokenizer

        auto: Any = AutoTokenizer
        return auto.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except ImportError as error:
        raise MissingDependencyError.of(error, "transformers", _describe_purpose(repository), INSTALL) from error
    except Exception as error:  # transformers raises errors of any type
        if is_from_handler(error):
            raise
        raise _make_error(repository, one_line(error)) from error


def _describe_purpose(repository: Repository) -> str:
    return f"the tokenizer of {repository.model_id}, which has no tokenizer.json,"


def _make_error(repository: Repository, reason: str) -> TaskMismatchError:
    return TaskMismatchError(
        repository.model_id, "text", (f"transformers can make no tokenizer of its files: {reason}",)
    )


def _find_version() -> str | None:
    """Return the version of transformers; None if it is not installed."""
    try:
        return metadata.version("transformers")
    except metadata.PackageNotFoundError:
        return None


def _compute_digest(repository: Repository, files: Sequence[str]) -> str:
    """Return the digest of all that the tokenizer is made from."""
    made_from: dict[str, str] = read_settings(repository, files)
    for name in files:
        if name not in made_from:
            made_from[name] = sha256(repository.path(name))
    return digest_of([RECIPE, made_from])


@dataclass(frozen=True)
class _WithFastForm:
    """The files of a repository, with a ``tokenizer.json`` that it lacks."""

    repository: Repository
    tokenizer: Path

    def json(self, name: str) -> Mapping[str, object] | None:
        """Return the object of the repository's own JSON file."""
        return self.repository.json(name)

    def path(self, name: str) -> Path:
        """Return the converted file, or one of the repository."""
        return self.tokenizer if name == FAST else self.repository.path(name)


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
        """Graph input name -> the value that fills short rows."""
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
        """Return the tokens of ids."""
        found: list[str] = self.backend.convert_ids_to_tokens(list(ids))
        return found

    def ids(self, tokens: Sequence[str]) -> list[int | None]:
        """Return the ids of tokens."""
        vocabulary: dict[str, int] = self.backend.get_vocab()
        return [vocabulary.get(token) for token in tokens]

    def join(self, tokens: Sequence[str]) -> str:
        """Join tokens to text."""
        return str(self.backend.convert_tokens_to_string(list(tokens)))

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """Return the text of ids."""
        return str(self.backend.decode(list(ids), skip_special_tokens=skip_special, clean_up_tokenization_spaces=False))

    def _encode(self, text: str, pair: str | None) -> SlowTokens:
        # A class that does not tell the texts of a pair apart may give wrong type ids.
        types = "token_type_ids" in self.backend.model_input_names
        encoding = self.backend(text, pair, return_token_type_ids=types, return_special_tokens_mask=True, verbose=False)
        special = np.array(encoding["special_tokens_mask"], bool)
        # Tokens behind those of the first text belong to the second.
        first = len(self.backend.tokenize(text))
        sequences = np.where(special, -1, (np.cumsum(~special) > first).astype(int)).astype(np.int8)
        ids = np.array(encoding["input_ids"], np.int64)
        type_ids = np.array(encoding["token_type_ids"], np.int64) if types else np.zeros_like(ids)
        return SlowTokens(ids, type_ids, sequences)
