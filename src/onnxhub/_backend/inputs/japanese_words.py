"""Splits Japanese texts into words: by MeCab, or at white space and punctuation."""

from __future__ import annotations

import threading
import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from onnxhub.errors import InvalidInputError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnxhub._backend.inputs.aligned_text import AlignedText

__all__ = ["DICTIONARIES", "BasicWords", "MecabWords", "WholeText", "Words"]

DICTIONARIES: Final = ("ipadic", "unidic_lite", "unidic")
"""Packages of dictionaries, as ``mecab_dic`` names them."""
MOST_CHARACTERS: Final = 30_000
"""Characters that MeCab gets at once. It adds up costs, of up to 2**16 for each word, in 32 bits, and the process crashes
where they overflow: 300,000 digits do. White space of more than 2**16 bytes hides what is behind it."""
INSTALL: Final = "pip install 'onnxhub[ja]'"
_PUNCTUATION: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_KEPT_CONTROLS: Final = frozenset("\t\n\r")


class Words(Protocol):
    """Splits a text that has no special tokens into words."""

    def split(self, text: AlignedText) -> Sequence[AlignedText]:
        """Return the words."""
        ...


@dataclass(frozen=True)
class WholeText:
    """No splitting: the text is one word."""

    def split(self, text: AlignedText) -> Sequence[AlignedText]:
        """Return the text itself."""
        return (text,)


@dataclass(frozen=True)
class BasicWords:
    """BERT's splitting at white space and punctuation, which leaves Han characters together."""

    lower_case: bool
    kept: frozenset[str]
    """Words that are neither lower-cased nor split."""

    def split(self, text: AlignedText) -> Sequence[AlignedText]:
        """Return the words, without accents where they are lower-cased."""
        words: list[AlignedText] = []
        for word in text.replace_each(_clean).normalize("NFC").split():
            if word.text in self.kept:
                words.append(word)
                continue
            bare = word.lower().normalize("NFD").replace_each(_strip_mark) if self.lower_case else word
            words += _split_at_punctuation(bare) if bare.text not in self.kept else [bare]
        return words


def _clean(character: str) -> str:
    """Return a space for white space, and nothing for a control character."""
    if character in _KEPT_CONTROLS:
        return " "
    category = unicodedata.category(character)
    if category[0] == "C" or character == "\ufffd":
        return ""
    return " " if category == "Zs" else character


def _strip_mark(character: str) -> str:
    return "" if unicodedata.category(character) == "Mn" else character


def _split_at_punctuation(word: AlignedText) -> list[AlignedText]:
    places = [0]
    for place, character in enumerate(word.text):
        if character in _PUNCTUATION or unicodedata.category(character)[0] == "P":
            places += (place, place + 1)
    places.append(len(word.text))
    return [word.cut(start, stop) for start, stop in pairwise(places) if start < stop]


@dataclass(frozen=True)
class MecabWords:
    """MeCab's morphemes. Each thread has a tagger of its own, since a tagger is not safe to share; none is pickled."""

    dictionary: str
    lower_case: bool
    kept: frozenset[str]
    """Words that are not lower-cased."""
    normalizes: bool
    """Whether the text is brought to NFKC first."""
    purpose: str
    """What needs MeCab, for errors."""
    _local: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._make_tagger()

    def __reduce__(self) -> tuple[object, ...]:
        return MecabWords, (self.dictionary, self.lower_case, self.kept, self.normalizes, self.purpose)

    def split(self, text: AlignedText) -> Sequence[AlignedText]:
        """Return the words.

        Raises:
            InvalidInputError: The text has a NUL: MeCab would read nothing behind it.
        """
        if "\0" in text.text:
            msg = "it has a NUL character, and MeCab, which splits it into words, reads a text only up to there"
            raise InvalidInputError(msg)
        if self.normalizes:
            text = text.normalize("NFKC")
        return [word for part in _cut_long(text) for word in self._parse(part)]

    def _parse(self, text: AlignedText) -> Iterator[AlignedText]:
        tagger = getattr(self._local, "tagger", None) or self._make_tagger()
        place = 0
        for surface in [node.surface for node in tagger(text.text)]:
            # Only white space is left out between words, so that the next occurrence is the word itself.
            start = text.text.index(surface, place)
            place = start + len(surface)
            word = text.cut(start, place)
            yield word.lower() if self.lower_case and surface not in self.kept else word

    def _make_tagger(self) -> Any:
        try:
            from fugashi import GenericTagger  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]  # Cython
        except ImportError as error:
            raise MissingDependencyError.of(error, "fugashi", self.purpose, INSTALL) from error
        folder = self._find_dictionary()
        tagger = GenericTagger(f'-d "{folder}" -r "{folder / "mecabrc"}"')
        self._local.tagger = tagger
        return tagger

    def _find_dictionary(self) -> Path:
        hint = "pip install unidic && python -m unidic download" if self.dictionary == "unidic" else INSTALL
        try:
            package = _import_dictionary(self.dictionary)
        except ImportError as error:
            raise MissingDependencyError.of(error, self.dictionary, self.purpose, hint) from error
        folder = Path(package.DICDIR)
        if not folder.is_dir():  # unidic downloads its dictionary after it is installed
            raise MissingDependencyError(self.dictionary, self.purpose, hint, f"its dictionary is not in {folder}")
        return folder


def _cut_long(text: AlignedText) -> Iterator[AlignedText]:
    """Cut a text that is longer than MeCab may take: behind the last sentence that fits, else where it must be."""
    place, size = 0, len(text.text)
    while size - place > MOST_CHARACTERS:
        end = place + MOST_CHARACTERS
        stop = max(text.text.rfind(sign, place, end) for sign in "。\n") + 1 or end
        yield text.cut(place, stop)
        place = stop
    yield text.cut(place, size)


def _import_dictionary(name: str) -> Any:
    if name == "ipadic":
        import ipadic  # pyright: ignore[reportMissingImports]

        return ipadic
    if name == "unidic_lite":
        import unidic_lite  # pyright: ignore[reportMissingImports]

        return unidic_lite
    import unidic  # pyright: ignore[reportMissingImports]

    return unidic
