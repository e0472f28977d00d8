"""Texts to tokens, by the tokenizers library alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from onnxhub._backend.inputs.tokenizer_bounds import check_description, check_work
from onnxhub._backend.inputs.tokenizer_config import (
    adapt,
    check_settings,
    collect_special_tokens,
    find_family,
    parse_added_tokens,
)
from onnxhub._backend.inputs.tokenizer_limits import check_limit, find_limit, find_usable_length
from onnxhub._backend.inputs.tokenizer_support import explain_refusal
from onnxhub._contracts.checks import as_text
from onnxhub._process.signals import is_from_handler
from onnxhub._toolkit.json_files import read_token_id, read_token_ids
from onnxhub._toolkit.sentence_transformers.files import read_length_settings
from onnxhub.errors import InvalidInputError, OnnxHubError, OutOfMemoryError, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import tokenizers
    from numpy.typing import NDArray

__all__ = ["FastTokens", "TextTokenizer", "find_usable_length", "load_tokenizer"]


class Files(Protocol):
    """The files of a repository that a tokenizer is read from."""

    def json(self, name: str) -> Mapping[str, object] | None:
        """Return the object of a JSON file; None if there is no such file."""
        ...

    def path(self, name: str) -> Path:
        """Return a file on disk."""
        ...


class Calling:
    """Turns failures and panics of the tokenizers library in a call into errors about the input.

    A panic of Rust comes as pyo3's ``PanicException``, which derives from ``BaseException``, so that no ``except
    Exception`` of a caller would stop it. An interrupt and the end of the process are let through.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or not _is_failure(error):
            return
        if isinstance(error, MemoryError):
            raise OutOfMemoryError("the tokenizer has none left") from error
        msg = f"the tokenizer failed on this input: {one_line(error)}"
        raise InvalidInputError(msg) from error


class Reading(Calling):
    """Turns failures and panics while a tokenizer is loaded into errors about its file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and _is_failure(error) and not isinstance(error, MemoryError):
            raise explain_refusal(self.path, error) from error


_calling = Calling()


def _is_failure(error: BaseException) -> bool:
    """Tell whether an error comes from the library: neither from this package nor from an interrupt."""
    if isinstance(error, Exception):
        return not isinstance(error, OnnxHubError) and not is_from_handler(error)
    return (type(error).__module__, type(error).__name__) == ("pyo3_runtime", "PanicException")


@dataclass(frozen=True)
class FastTokens:
    """One encoding of the tokenizers library, as arrays; each property makes a new array, so read it once."""

    encoding: tokenizers.Encoding
    has_type_ids: bool

    def __len__(self) -> int:
        return len(self.encoding)  # pyright: ignore[reportArgumentType]  # its stubs lack __len__

    @property
    def ids(self) -> NDArray[np.int64]:
        """Shape ``(n,)``."""
        return np.array(self.encoding.ids, np.int64)

    @property
    def type_ids(self) -> NDArray[np.int64]:
        """Shape ``(n,)``; zeros where the tokenizer's class does not tell the texts of a pair apart."""
        return np.array(self.encoding.type_ids if self.has_type_ids else [0] * len(self), np.int64)

    @property
    def sequences(self) -> NDArray[np.int8]:
        """Shape ``(n,)``; -1 for special tokens that the tokenizer added."""
        return np.array([-1 if sequence is None else sequence for sequence in self.encoding.sequence_ids], np.int8)

    @property
    def words(self) -> NDArray[np.int32]:
        """Shape ``(n,)``; -1 for special tokens that the tokenizer added."""
        return np.array([-1 if word is None else word for word in self.encoding.word_ids], np.int32)

    @property
    def offsets(self) -> NDArray[np.int32]:
        """Shape ``(n, 2)``."""
        return np.array(self.encoding.offsets, np.int32).reshape(-1, 2)


@dataclass(frozen=True)
class TextTokenizer:
    """A tokenizer that is never reconfigured, so that threads can share it."""

    backend: tokenizers.Tokenizer = field(repr=False)
    max_length: int | None
    padding_side: str
    truncation_side: str
    padding: Mapping[str, int]
    """Graph input name -> the value that fills short rows."""
    cls_token_id: int | None
    unk_token_id: int | None
    mask_token_id: int | None
    marks_subwords: bool
    pad_token_id: int | None = None
    has_type_ids: bool = True
    has_offsets: bool = True
    special: int = 0
    """Tokens that are added to each text."""

    def encode(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, offsets: bool = True
    ) -> list[FastTokens]:
        """Tokenise texts, or pairs of texts, whole; without offsets and words, it takes a sixth less time.

        Raises:
            InvalidInputError: one of them is no text, or the library fails on it; a call with fewer texts finds which.
        """
        try:
            if len(texts) == 1:
                with _calling:
                    encoding = self.backend.encode(texts[0], None if pairs is None else pairs[0])
                return [FastTokens(encoding, self.has_type_ids)]
            inputs = texts if pairs is None else list(zip(texts, pairs, strict=True))
            encode = self.backend.encode_batch if offsets else self.backend.encode_batch_fast
            with _calling:
                return [FastTokens(encoding, self.has_type_ids) for encoding in encode(inputs)]
        except InvalidInputError:
            # The library says the same of a number and of a lone surrogate; tasks of other packages may check neither.
            _check_texts((*texts, *(pairs or ())))
            raise

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens of ids."""
        with _calling:
            return [self.backend.id_to_token(int(index)) or "" for index in ids]

    def ids(self, tokens: Sequence[str]) -> list[int | None]:
        """Return the ids of tokens."""
        with _calling:
            return [self.backend.token_to_id(token) for token in tokens]

    def join(self, tokens: Sequence[str]) -> str:
        """Join tokens to text, as transformers' ``convert_tokens_to_string``."""
        with _calling:
            decoder = self.backend.decoder
            return " ".join(tokens) if decoder is None else str(decoder.decode(list(tokens)))

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """Return the text of ids."""
        with _calling:
            return str(self.backend.decode(list(ids), skip_special_tokens=skip_special))


def _check_texts(texts: Sequence[object]) -> None:
    """Raise ``InvalidInputError`` with what is wrong with the first that is no text."""
    try:
        for text in texts:
            as_text(text, None)
    except InvalidInputError as error:
        msg = f"the tokenizer failed on this input: {error.reason}"
        raise InvalidInputError(msg) from error.__cause__


def load_tokenizer(files: Files, config: Mapping[str, object]) -> TextTokenizer:
    """Return the tokenizer of a repository that has a ``tokenizer.json``, as AutoTokenizer would configure it.

    Raises:
        IntegrityError: ``tokenizer.json`` cannot be read, or the settings beside it have impossible values.
        TooNewError: It has something that the installed tokenizers does not know.
    """
    path = files.path("tokenizer.json")
    options = files.json("tokenizer_config.json") or {}
    special_map = files.json("special_tokens_map.json") or {}
    check_settings(options, "tokenizer_config.json")
    check_settings(special_map, "special_tokens_map.json")
    limit = find_limit(read_length_settings(files), options, config)
    family = find_family(options, config)
    with Reading(str(path)):
        backend = read_backend(path)
        padding_side = options.get("padding_side") or (backend.padding or {}).get("direction")
        truncation_side = options.get("truncation_side") or (backend.truncation or {}).get("direction")
        backend.no_padding()
        backend.no_truncation()
        known = {token.content: token for token in backend.get_added_tokens_decoder().values()}
        known |= {token.content: token for token in parse_added_tokens(options).values()}
        special = collect_special_tokens(family, options, special_map, known)
        adapt(backend, family, options, special)
        ids = {role: backend.token_to_id(str(getattr(token, "content", token))) for role, token in special.items()}
        check_work(backend, str(path))
        added = backend.num_special_tokens_to_add(is_pair=False)
        subwords = bool(getattr(backend.model, "continuing_subword_prefix", None))
    check_limit(limit, added)
    read_token_ids(config, "eos_token_id")  # a wrong entry fails now, and not in a call
    names = options.get("model_input_names")
    return TextTokenizer(
        backend,
        max_length=None if limit is None else limit.tokens,
        padding_side=str(padding_side or family.padding_side),
        truncation_side=str(truncation_side or "right"),
        padding={"input_ids": choose_padding_id(config, ids.get("pad_token"))},
        cls_token_id=ids.get("cls_token"),
        unk_token_id=ids.get("unk_token"),
        mask_token_id=ids.get("mask_token"),
        pad_token_id=ids.get("pad_token"),
        marks_subwords=subwords,
        has_type_ids="token_type_ids" in names if isinstance(names, list) else family.type_ids,
        special=added,
    )


def read_backend(path: Path) -> tokenizers.Tokenizer:
    """Return the tokenizer in a file, whose bounds are checked before the library builds it."""
    from tokenizers import Tokenizer

    data = path.read_bytes()
    check_description(data, str(path))
    backend: tokenizers.Tokenizer = Tokenizer.from_buffer(data)
    return backend


def choose_padding_id(config: Mapping[str, object], token: int | None) -> int:
    """Return the token id that fills short rows: the model's own padding id, else that of the tokenizer.

    Raises:
        IntegrityError: ``pad_token_id`` is no id.
    """
    declared = read_token_id(config, "pad_token_id")
    return token or 0 if declared is None else declared
