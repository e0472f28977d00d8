"""Texts to tokens, by the tokenizers library alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from onnxhub.backend.tokenizer_config import adapt, added_tokens, family_of, special_tokens

if TYPE_CHECKING:
    from pathlib import Path

    import tokenizers
    from numpy.typing import NDArray

__all__ = ["FastTokens", "TextTokenizer", "load_tokenizer"]

UNLIMITED = 1_000_000
"""A ``model_max_length`` of this size or more is transformers' way to say that there is none."""
OFFSET_POSITIONS = frozenset({
    "camembert", "data2vec-text", "ibert", "longformer", "mpnet", "roberta", "roberta-prelayernorm", "xlm-roberta",
    "xlm-roberta-xl", "xmod",
})  # fmt: skip
"""Model types whose first position is the padding id plus 1."""


class Files(Protocol):
    """What a tokenizer needs of a repository."""

    def json(self, name: str) -> Mapping[str, object] | None:
        """The object of a JSON file; None if there is no such file."""
        ...

    def path(self, name: str) -> Path:
        """A file on disk."""
        ...


@dataclass(frozen=True)
class FastTokens:
    """One encoding of the tokenizers library, as arrays; each is made when it is asked for, so ask once."""

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

    def encode(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, offsets: bool = True
    ) -> list[FastTokens]:
        """Tokenise texts, or pairs of texts, whole; without offsets and words, it takes a sixth less time."""
        if len(texts) == 1:
            encoding = self.backend.encode(texts[0], None if pairs is None else pairs[0])
            return [FastTokens(encoding, self.has_type_ids)]
        inputs = texts if pairs is None else list(zip(texts, pairs, strict=True))
        encode = self.backend.encode_batch if offsets else self.backend.encode_batch_fast
        return [FastTokens(encoding, self.has_type_ids) for encoding in encode(inputs)]

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The tokens of ids."""
        return [self.backend.id_to_token(int(one)) or "" for one in ids]

    def ids(self, tokens: Sequence[str]) -> list[int | None]:
        """The ids of tokens."""
        return [self.backend.token_to_id(token) for token in tokens]

    def join(self, tokens: Sequence[str]) -> str:
        """Tokens back to text, as transformers' ``convert_tokens_to_string``."""
        decoder = self.backend.decoder
        return " ".join(tokens) if decoder is None else str(decoder.decode(list(tokens)))

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """Ids back to text."""
        return str(self.backend.decode(list(ids), skip_special_tokens=skip_special))


def load_tokenizer(files: Files, config: Mapping[str, object]) -> TextTokenizer:
    """The tokenizer of a repository that has a ``tokenizer.json``, as AutoTokenizer would configure it.

    Raises:
        IntegrityError: ``tokenizer.json`` cannot be read.
        TooNewError: It has what the installed tokenizers does not know.
    """
    from tokenizers import Tokenizer

    path = files.path("tokenizer.json")
    try:
        backend = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception, whatever is wrong with the file
        from onnxhub.backend.tokenizer_support import explain_refusal  # which loads that work do without

        raise explain_refusal(path, error) from error
    options = files.json("tokenizer_config.json") or {}
    padding_side = options.get("padding_side") or (backend.padding or {}).get("direction")
    truncation_side = options.get("truncation_side") or (backend.truncation or {}).get("direction")
    backend.no_padding()
    backend.no_truncation()
    family = family_of(options, config)
    known = {token.content: token for token in (*backend.get_added_tokens_decoder().values(),
                                                *added_tokens(options).values())}  # fmt: skip
    special = special_tokens(family, options, files.json("special_tokens_map.json") or {}, known)
    adapt(backend, family, options, special)
    ids = {role: backend.token_to_id(str(getattr(token, "content", token))) for role, token in special.items()}
    names = options.get("model_input_names")
    return TextTokenizer(
        backend,
        max_length=usable_length(files.json("sentence_bert_config.json") or {}, options, config),
        padding_side=str(padding_side or family.padding_side),
        truncation_side=str(truncation_side or "right"),
        padding={"input_ids": padding_id(config, ids.get("pad_token"))},
        cls_token_id=ids.get("cls_token"),
        unk_token_id=ids.get("unk_token"),
        mask_token_id=ids.get("mask_token"),
        pad_token_id=ids.get("pad_token"),
        marks_subwords=bool(getattr(backend.model, "continuing_subword_prefix", None)),
        has_type_ids="token_type_ids" in names if isinstance(names, Sequence) else family.type_ids,
    )


def padding_id(config: Mapping[str, object], token: int | None) -> int:
    """What fills short rows: what the model takes for padding, if it says so, else the tokenizer's padding token."""
    declared = config.get("pad_token_id")
    return declared if isinstance(declared, int) and declared >= 0 else token or 0


def usable_length(
    sentence: Mapping[str, object], options: Mapping[str, object], config: Mapping[str, object]
) -> int | None:
    """The most tokens that a model takes, special tokens included; None if nothing says so.

    Sentence-transformers' own limit, else the tokenizer's; but no more than the positions that the model has (less
    those that its family does not count from: the RoBERTa family starts after its padding id).
    """
    lengths = [sentence.get("max_seq_length"), options.get("model_max_length"), options.get("max_len")]
    declared = next((int(one) for one in lengths if isinstance(one, int | float) and 0 < one < UNLIMITED), None)
    positions = config.get("max_position_embeddings")
    if not isinstance(positions, int) or positions <= 0:
        return declared
    padding = config.get("pad_token_id")
    offset = padding + 1 if config.get("model_type") in OFFSET_POSITIONS and isinstance(padding, int) else 0
    if declared is None:
        return positions - offset
    # DeBERTa without position embeddings goes on beyond the positions that it declares.
    return declared if config.get("position_biased_input") is False else min(declared, positions - offset)
