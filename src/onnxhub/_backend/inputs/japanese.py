"""Texts to tokens as transformers' ``BertJapaneseTokenizer`` makes them, without transformers, and with offsets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from onnxhub._backend.inputs.aligned_text import align
from onnxhub._backend.inputs.japanese_pieces import (
    Characters,
    SentencePieces,
    WholeWords,
    WordPieces,
    read_sentencepieces,
)
from onnxhub._backend.inputs.japanese_settings import (
    collect_added_tokens,
    is_japanese,
    read_settings,
    read_vocabulary,
)
from onnxhub._backend.inputs.japanese_words import BasicWords, MecabWords, WholeText
from onnxhub._backend.inputs.tokenizer import Files, choose_padding_id
from onnxhub._backend.inputs.tokenizer_limits import check_limit, find_limit
from onnxhub._contracts.checks import as_text
from onnxhub._toolkit.sentence_transformers.files import read_length_settings
from onnxhub.errors import InvalidInputError, MissingDependencyError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from onnxhub._backend.inputs.aligned_text import AlignedText
    from onnxhub._backend.inputs.japanese_pieces import Piece, Pieces
    from onnxhub._backend.inputs.japanese_settings import AddedTokens, JapaneseSettings
    from onnxhub._backend.inputs.japanese_words import Words

__all__ = ["JapaneseTokenizer", "JapaneseTokens", "find_japanese_tokenizer", "load_japanese_tokenizer"]

ELSEWHERE: Final[Mapping[str, str]] = {
    "sudachi": "pip install 'onnxhub[optimum]' sudachipy sudachidict_core",
    "jumanpp": "pip install 'onnxhub[optimum]' rhoknp, and install the program Juman++",
}
"""Kinds of words that transformers splits -> what it needs for them."""
SPECIAL: Final = 2
"""Special tokens that are added to each text."""
VOCABULARY: Final = "vocab.txt"
SENTENCEPIECE: Final = "spiece.model"


class Repository(Files, Protocol):
    """The files of a repository that has a name."""

    @property
    def model_id(self) -> str:
        """Hub id or folder."""
        ...

    def has(self, name: str) -> bool:
        """Tell whether there is such a file."""
        ...


@dataclass(frozen=True)
class JapaneseTokens:
    """One encoding."""

    ids: NDArray[np.int64]
    """Shape ``(n,)``."""
    type_ids: NDArray[np.int64]
    """Shape ``(n,)``."""
    sequences: NDArray[np.int8]
    """Shape ``(n,)``; -1 for special tokens that were added."""
    words: NDArray[np.int32]
    """Shape ``(n,)``; -1 for special tokens that were added."""
    offsets: NDArray[np.int32]
    """Shape ``(n, 2)``."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class JapaneseTokenizer:
    """Words, then pieces of them; threads can share it, and it can be pickled."""

    words: Words
    pieces: Pieces
    added: AddedTokens = field(repr=False)
    vocabulary: Mapping[str, int] = field(repr=False)
    max_length: int | None
    padding_side: str
    truncation_side: str
    padding: Mapping[str, int]
    """Graph input name -> the value that fills short rows."""
    lower_case: bool = False
    splits_special_tokens: bool = False
    """Whether special tokens in a text are words like any others."""
    has_type_ids: bool = True
    has_offsets: bool = True
    marks_subwords: bool = False
    special: int = SPECIAL
    """Tokens that are added to each text."""
    processor: Any = field(default=None, repr=False)
    """The SentencePiece model."""
    _spellings: Mapping[int, str] = field(init=False, repr=False, compare=False)
    _finder: _Finder = field(init=False, repr=False, compare=False)
    _spared: _Finder = field(init=False, repr=False, compare=False)
    """Finds what keeps its case."""

    def __post_init__(self) -> None:
        spellings = {index: token for token, index in self.vocabulary.items()}
        spellings |= {index: token for token, index in self.added.ids.items()}
        spared = {content for content, token in self.added.flags.items() if token.special or token.normalized}
        object.__setattr__(self, "_spellings", spellings)
        object.__setattr__(self, "_finder", _Finder(frozenset(filter(None, self.added.ids))))
        object.__setattr__(self, "_spared", _Finder(frozenset(filter(None, {*spared, *self.added.special}))))

    @property
    def cls_token_id(self) -> int | None:
        """Id of the classification token."""
        return self.added.roles.get("cls_token")

    @property
    def unk_token_id(self) -> int | None:
        """Id of the unknown token."""
        return self.added.roles.get("unk_token")

    @property
    def mask_token_id(self) -> int | None:
        """Id of the mask token."""
        return self.added.roles.get("mask_token")

    @property
    def pad_token_id(self) -> int | None:
        """Id of the padding token."""
        return self.added.roles.get("pad_token")

    def encode(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, offsets: bool = True
    ) -> list[JapaneseTokens]:
        """Tokenise texts, or pairs of texts, whole.

        Raises:
            InvalidInputError: One of them is no text, or has a character that cannot be read.
        """
        del offsets  # they come with the words
        if pairs is None:
            return [self._encode(text) for text in texts]
        return [self._encode(*given) for given in zip(texts, pairs, strict=True)]

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens of ids."""
        return [self._spellings.get(int(index), "") for index in ids]

    def ids(self, tokens: Sequence[str]) -> list[int | None]:
        """Return the ids of tokens."""
        return [self.added.ids.get(token, self.vocabulary.get(token)) for token in tokens]

    def join(self, tokens: Sequence[str]) -> str:
        """Join tokens to text, as transformers' ``convert_tokens_to_string``."""
        if self.processor is not None:
            return str(self.processor.decode(list(tokens)))
        return " ".join(tokens).replace(" ##", "").strip()

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """Return the text of ids."""
        tokens = self.tokens(ids)
        return self.join([token for token in tokens if not (skip_special and token in self.added.special)])

    def _encode(self, *texts: str) -> JapaneseTokens:
        cls, sep = self.added.roles["cls_token"], self.added.roles["sep_token"]
        rows = [(cls, 0, 0, -1, -1, 0)]
        for sequence, text in enumerate(texts):
            rows += [
                (index, start, end, word, sequence, sequence)
                for word, pieces in enumerate(self._split(text))
                for index, start, end in pieces
            ]
            rows.append((sep, 0, 0, -1, -1, sequence))
        table = np.array(rows, np.int64)
        type_ids = table[:, 5] if self.has_type_ids else np.zeros(len(rows), np.int64)
        words, sequences = table[:, 3].astype(np.int32), table[:, 4].astype(np.int8)
        return JapaneseTokens(table[:, 0], type_ids, sequences, words, table[:, 1:3].astype(np.int32))

    def _split(self, text: str) -> Iterator[Sequence[Piece]]:
        """Yield the pieces of each word."""
        try:
            text.encode()
        except (AttributeError, UnicodeEncodeError):
            _refuse(text)
        aligned = align(text)
        if self.lower_case:
            aligned = self._lower(aligned)
        for part in self._find_added(aligned):
            index = None if self.splits_special_tokens else self.added.ids.get(part.text)
            if index is not None:
                yield ((index, part.starts[0], part.ends[-1]),)
            else:
                yield from map(self.pieces.split, self.words.split(part))

    def _lower(self, text: AlignedText) -> AlignedText:
        """Lower each character by itself, but for those of special tokens and of added ones that are normalized."""
        if text.text.lower() == text.text:
            return text
        spared = {place for span in self._spared.find(text.text) for place in range(*span)}
        places = iter(range(len(text.text)))
        return text.replace_each(lambda character: character if next(places) in spared else character.lower())

    def _find_added(self, text: AlignedText) -> list[AlignedText]:
        """Split at added tokens; those that take the white space at their sides have it taken away."""
        if self.splits_special_tokens or not text.text:
            return [text] if text.text else []
        spans = self._finder.cut(text.text)
        for place, (start, stop) in enumerate(spans):
            token = self.added.flags.get(text.text[start:stop])
            if token is None:
                continue
            left = spans[place - 1] if place else None
            right = spans[place + 1] if place + 1 < len(spans) else None
            if token.rstrip and right:
                begin, end = right
                right = spans[place + 1] = (end - len(text.text[begin:end].lstrip()), end)
            if token.lstrip and left:
                begin, end = left
                left = spans[place - 1] = (begin, begin + len(text.text[begin:end].rstrip()))
            if token.single_word and left and left[0] < left[1] and text.text[left[1] - 1] != " ":
                spans[place - 1 : place + 1] = [(left[0], stop), (stop, stop)]
            elif token.single_word and right and right[0] < right[1] and text.text[right[0]] != " ":
                spans[place : place + 2] = [(start, start), (start, right[1])]
        return [text.cut(start, stop) for start, stop in spans if start < stop]


def _refuse(text: object) -> None:
    """Raise ``InvalidInputError`` with what is wrong with a value that is no text in Unicode."""
    try:
        as_text(text, None)
    except InvalidInputError as error:
        msg = f"the tokenizer failed on this input: {error.reason}"
        raise InvalidInputError(msg) from error.__cause__


@dataclass(frozen=True)
class _Finder:
    """Finds the first and longest of given words in a text."""

    words: frozenset[str]
    _first: re.Pattern[str] = field(init=False, repr=False)
    _sizes: tuple[int, ...] = field(init=False, repr=False)
    """Lengths of the words, the longest first."""

    def __post_init__(self) -> None:
        letters = "".join(re.escape(letter) for letter in sorted({word[0] for word in self.words}))
        object.__setattr__(self, "_first", re.compile(f"[{letters}]" if letters else r"(?!)"))
        object.__setattr__(self, "_sizes", tuple(sorted(set(map(len, self.words)), reverse=True)))

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of the words."""
        place = 0
        for match in self._first.finditer(text):
            start = match.start()
            if start < place:
                continue
            size = next((size for size in self._sizes if text[start : start + size] in self.words), 0)
            if size:
                place = start + size
                yield start, place

    def cut(self, text: str) -> list[tuple[int, int]]:
        """Return the spans of the words, and of what is between them."""
        spans: list[tuple[int, int]] = []
        place = 0
        for start, stop in self.find(text):
            if place < start:
                spans.append((place, start))
            spans.append((start, stop))
            place = stop
        if place < len(text):
            spans.append((place, len(text)))
        return spans


def find_japanese_tokenizer(repository: Repository, config: Mapping[str, object]) -> JapaneseSettings | None:
    """Return how the tokenizer of a repository splits texts; None if it is no Japanese one that is made here.

    Raises:
        MissingDependencyError: It splits words by what transformers alone can call, which is not installed.
        IntegrityError, UnsafeModelError: See ``read_settings``.
    """
    options = repository.json("tokenizer_config.json") or {}
    if repository.has("tokenizer.json") or not is_japanese(options, config):
        return None
    settings = read_settings(options)
    if settings.words not in ELSEWHERE:
        return settings
    if not _has_transformers():
        purpose = f"the tokenizer of {repository.model_id}, whose word_tokenizer_type is {settings.words!r},"
        raise MissingDependencyError("transformers", purpose, ELSEWHERE[settings.words])
    return None


def load_japanese_tokenizer(
    repository: Repository, settings: JapaneseSettings, config: Mapping[str, object]
) -> JapaneseTokenizer:
    """Return the tokenizer of a repository.

    Raises:
        TaskMismatchError: It has no vocabulary.
        IntegrityError: A file is damaged, or has impossible values.
        MissingDependencyError: MeCab, its dictionary or SentencePiece is not installed.
    """
    options = repository.json("tokenizer_config.json") or {}
    limit = find_limit(read_length_settings(repository), options, config)
    check_limit(limit, SPECIAL)
    processor, vocabulary = _read_vocabulary(repository, settings)
    added = collect_added_tokens(repository, options, vocabulary)
    names = options.get("model_input_names")
    return JapaneseTokenizer(
        _choose_words(repository, settings, added),
        _choose_pieces(settings, vocabulary, added, processor),
        added,
        vocabulary,
        max_length=None if limit is None else limit.tokens,
        padding_side=str(options.get("padding_side") or "right"),
        truncation_side=str(options.get("truncation_side") or "right"),
        padding={"input_ids": choose_padding_id(config, added.roles.get("pad_token"))},
        lower_case=settings.lower_case,
        splits_special_tokens=settings.splits_special_tokens,
        has_type_ids="token_type_ids" in names if isinstance(names, list) else True,
        marks_subwords=settings.pieces == "wordpiece",
        processor=processor,
    )


def _read_vocabulary(repository: Repository, settings: JapaneseSettings) -> tuple[Any, dict[str, int]]:
    """Return the SentencePiece model, if it has one, and its tokens with their ids."""
    name = SENTENCEPIECE if settings.pieces == "sentencepiece" else VOCABULARY
    if not repository.has(name):
        problem = f"its tokenizer, a BertJapaneseTokenizer, is made of {name}, which it lacks"
        raise TaskMismatchError(repository.model_id, "text", (problem,))
    path = repository.path(name)
    if name == VOCABULARY:
        return None, read_vocabulary(path)
    processor = read_sentencepieces(path, _describe_purpose(repository))
    size = processor.get_piece_size()
    return processor, {processor.id_to_piece(index): index for index in range(size)}


def _choose_words(repository: Repository, settings: JapaneseSettings, added: AddedTokens) -> Words:
    if not settings.words:
        return WholeText()
    kept = frozenset({*settings.never_split, *added.special})
    if settings.words == "basic":
        return BasicWords(settings.lower_case, kept)
    purpose = _describe_purpose(repository)
    return MecabWords(settings.dictionary, settings.lower_case, kept, settings.normalizes, purpose)


def _choose_pieces(
    settings: JapaneseSettings, vocabulary: Mapping[str, int], added: AddedTokens, processor: Any
) -> Pieces:
    ids, unknown = {**vocabulary, **added.ids}, added.roles["unk_token"]
    if settings.pieces == "sentencepiece":
        return SentencePieces(processor, added.ids)
    if settings.pieces == "wordpiece":
        return WordPieces(vocabulary, ids, unknown)
    return Characters(vocabulary, ids, unknown) if settings.pieces == "character" else WholeWords(ids, unknown)


def _describe_purpose(repository: Repository) -> str:
    return f"the tokenizer of {repository.model_id}, a Japanese one,"


def _has_transformers() -> bool:
    try:
        metadata.version("transformers")
    except metadata.PackageNotFoundError:
        return False
    return True
