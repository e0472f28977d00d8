"""Splits Japanese words into tokens: WordPiece, characters or SentencePiece."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any, Final, Protocol

from onnxhub._backend.inputs.aligned_text import AlignedText
from onnxhub.errors import IntegrityError, MissingDependencyError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["Characters", "Piece", "Pieces", "SentencePieces", "WholeWords", "WordPieces", "read_sentencepieces"]

Piece = tuple[int, int, int]
"""The id of a token, and its half-open span in the original text."""
LONGEST_WORD: Final = 100
"""Characters of a word; a longer one is unknown as a whole."""
MOST_KEPT: Final = 50_000
"""Words whose pieces are remembered."""
MOST_BYTES: Final = 64 * 2**20
"""Size of a SentencePiece model; real ones have a few million bytes."""
INSTALL: Final = "pip install 'onnxhub[ja]'"
_UNDERLINE: Final = "\u2581"
_QUOTES: Final = re.compile("``|''")


class Pieces(Protocol):
    """Splits a word into tokens."""

    def split(self, word: AlignedText) -> Sequence[Piece]:
        """Return the tokens of a word."""
        ...


@dataclass(frozen=True)
class WholeWords:
    """No splitting: each word is a token."""

    ids: Mapping[str, int]
    unknown: int

    def split(self, word: AlignedText) -> Sequence[Piece]:
        """Return the word as a token."""
        return ((self.ids.get(word.text, self.unknown), word.starts[0], word.ends[-1]),) if word.text else ()


@dataclass(frozen=True)
class Characters:
    """Each character of the vocabulary is a token."""

    vocabulary: Mapping[str, int]
    ids: Mapping[str, int]
    """The same with added tokens, which win."""
    unknown: int

    def split(self, word: AlignedText) -> Sequence[Piece]:
        """Return the characters of the word in NFKC."""
        word = word.normalize("NFKC")
        return [
            (self.ids[character] if character in self.vocabulary else self.unknown, start, end)
            for character, start, end in zip(word.text, word.starts, word.ends, strict=True)
        ]


@dataclass(frozen=True)
class WordPieces:
    """The longest entry of the vocabulary, then the longest that goes on, marked by ``##``."""

    vocabulary: Mapping[str, int]
    ids: Mapping[str, int]
    """The same with added tokens, which win."""
    unknown: int
    _longest: int = field(init=False, repr=False)
    _kept: dict[str, tuple[Piece, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_longest", max(map(len, self.vocabulary), default=0))

    def __reduce__(self) -> tuple[object, ...]:
        return WordPieces, (self.vocabulary, self.ids, self.unknown)

    def split(self, word: AlignedText) -> Sequence[Piece]:
        """Return the pieces of the word, or the unknown token for what has none."""
        pieces: list[Piece] = []
        for part in word.split():
            starts, ends = part.starts, part.ends
            pieces += [(index, starts[begin], ends[stop - 1]) for index, begin, stop in self._find(part.text)]
        return pieces

    def _find(self, word: str) -> tuple[Piece, ...]:
        """Return ids and the spans in the word."""
        kept = self._kept.get(word)
        if kept is None:
            kept = tuple(self._search(word)) if len(word) <= LONGEST_WORD else ()
            kept = kept or ((self.unknown, 0, len(word)),)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[word] = kept
        return kept

    def _search(self, word: str) -> list[Piece]:
        """Return the pieces; none if a part of the word is not in the vocabulary."""
        pieces: list[Piece] = []
        begin, size = 0, len(word)
        while begin < size:
            mark = "##" if begin else ""
            for stop in range(min(size, begin + self._longest), begin, -1):
                token = f"{mark}{word[begin:stop]}"
                if token in self.vocabulary:
                    pieces.append((self.ids[token], begin, stop))
                    begin = stop
                    break
            else:
                return []
        return pieces


@dataclass(frozen=True)
class SentencePieces:
    """The pieces of a SentencePiece model; a comma behind a number is a token of its own, as in ALBERT."""

    processor: Any = field(repr=False)
    added: Mapping[str, int]
    """Added tokens, which win."""

    def split(self, word: AlignedText) -> Sequence[Piece]:
        """Return the pieces of the word; the span of one has the white space before it."""
        word = _prepare(word)
        if not word.text:
            return ()
        found = self.processor.encode(word.text, return_type="offset_mapping")
        pieces: list[Piece] = []
        for text, (begin, end) in zip(found["pieces"], _fill_gaps(found["pieces"], found["offsets"]), strict=True):
            if len(text) > 1 and text[-1] == "," and text[-2].isdigit():
                pieces += self._split_number(text, word, begin, end)
            else:
                pieces.append((self._find_id(text), *_locate(word, begin, end)))
        return pieces

    def _split_number(self, text: str, word: AlignedText, begin: int, end: int) -> Iterator[Piece]:
        parts = list(self.processor.encode(text[:-1].replace(_UNDERLINE, ""), out_type=str))
        if text[0] != _UNDERLINE and parts[0][0] == _UNDERLINE:
            parts = parts[1:] if len(parts[0]) == 1 else [parts[0][1:], *parts[1:]]
        parts.append(text[-1])
        sizes = [len(part.replace(_UNDERLINE, "")) for part in parts]
        # The space before the number is in the span, and belongs to the first part; unless a normalization changed
        # the lengths, the rest is counted out, else each part has the whole span.
        lead = end - begin - sum(sizes)
        is_counted = lead == 0 or (lead > 0 and not word.text[begin : begin + lead].strip())
        place = begin
        for index, (part, size) in enumerate(zip(parts, sizes, strict=True)):
            after = place + size + (lead if not index else 0)
            yield (self._find_id(part), *(_locate(word, place, after) if is_counted else _locate(word, begin, end)))
            place = after

    def _find_id(self, token: str) -> int:
        index = self.added.get(token)
        return int(self.processor.piece_to_id(token)) if index is None else index


def _fill_gaps(pieces: Sequence[str], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans where each piece of one character has all of it; only the last of them has it in SentencePiece."""
    filled = list(spans)
    for place in range(len(filled) - 2, -1, -1):
        begin, end = filled[place]
        if begin == end == filled[place + 1][0] and pieces[place] != _UNDERLINE:
            filled[place] = filled[place + 1]
    return filled


def _prepare(word: AlignedText) -> AlignedText:
    """Return the word with single spaces, and the quotes of TeX as typed ones."""
    text: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for part in word.split():
        if text:
            text.append(" ")
            starts.append(ends[-1])
            ends.append(part.starts[0])
        text.append(part.text)
        starts += part.starts
        ends += part.ends
    joined = "".join(text)
    for match in reversed(list(_QUOTES.finditer(joined))):
        place = match.start()
        ends[place] = ends[place + 1]
        del starts[place + 1], ends[place + 1]
    return AlignedText(_QUOTES.sub('"', joined), starts, ends)


def _locate(word: AlignedText, begin: int, end: int) -> tuple[int, int]:
    """Return the span in the original text; an empty one stays empty."""
    if begin < end:
        return word.starts[begin], word.ends[end - 1]
    place = word.starts[begin] if begin < len(word.starts) else word.ends[-1]
    return place, place


def read_sentencepieces(path: Path, purpose: str) -> Any:
    """Return the SentencePiece model of a file.

    Raises:
        IntegrityError: It is none, or larger than a model may be.
        MissingDependencyError: The package sentencepiece is not installed.
    """
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise MissingDependencyError.of(error, "sentencepiece", purpose, INSTALL) from error
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise IntegrityError(str(path), f"it has {size:,} bytes; a SentencePiece model may have {MOST_BYTES:,}")
    processor: Any = SentencePieceProcessor()
    if "return_type" not in signature(processor.encode).parameters:
        reason = "it is too old to tell the places of tokens"
        raise MissingDependencyError("sentencepiece", purpose, "pip install 'sentencepiece>=0.2.3'", reason)
    try:
        processor.LoadFromSerializedProto(path.read_bytes())
    except RuntimeError as error:
        raise IntegrityError(str(path), f"it is no SentencePiece model: {one_line(error)}") from error
    return processor
