"""Boundaries of graphemes: a letter or sign, as a reader sees it, can be several characters.

The rules are those of extended grapheme clusters in Unicode's annex 29, written down by categories and ranges, for
Python's ``unicodedata`` does not have the property. Three differences are meant: all spacing marks go with their letter,
a mark behind white space stands alone, as spans have no white space at their ends, and what the annex calls Prepend
(signs before numbers, mostly Arabic) is no part of what follows.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category

__all__ = ["Graphemes", "trim"]

FIRST_JOINED: Final = "\u0300"
"""No character before this one goes with the one in front of it."""
_JOINER: Final = "\u200d"
_EXTENDERS: Final = frozenset(
    {
        *"\u0e33\u0eb3\u200c\u200d\uff9e\uff9f",
        *map(chr, range(0x1F3FB, 0x1F400)),
        *map(chr, range(0xE0020, 0xE0080)),
    }
)
"""Characters, beside marks, that join the character in front of them: Thai and Lao AM, joiners, half-width sound marks,
skin tones, tags."""
_PICTOGRAPH: Final = re.compile(
    "[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]")
"""Two of these letters are a flag."""
_LINKER: Final = re.compile("[\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d]")
"""Viramas that make one sign of two consonants; all in blocks of 128 characters."""
_LEADING: Final = re.compile("[\u1100-\u115f\ua960-\ua97c]")
_VOWEL: Final = re.compile("[\u1160-\u11a7\ud7b0-\ud7c6]")
_TRAILING: Final = re.compile("[\u11a8-\u11ff\ud7cb-\ud7fb]")
_SYLLABLE: Final = re.compile("[\uac00-\ud7a3]")


class Graphemes:
    """The graphemes of a text, for spans that are asked for in ascending order, or for a few."""

    def __init__(self, text: str) -> None:
        self._text = text
        # A place, and how many letters of flags stand before it: a long run of them is counted once.
        self._flags = (0, 0)

    def span(self, start: int, end: int, floor: int = 0, limit: int | None = None) -> tuple[int, int]:
        """Return the span without white space at its ends, widened to whole graphemes.

        Tokenizers drop accents and other marks, or have tokens of their own for them; a span of tokens can then begin
        or end within what is one letter.

        Args:
            start: First character.
            end: Character after the last.
            floor: Where the span before it ends: it does not grow past that.
            limit: Where the span behind it begins; None: the end of the text.
        """
        start, end = trim(self._text, start, end)
        if start >= end:
            return start, end
        text, limit = self._text, len(self._text) if limit is None else limit
        # The comparison saves nearly all calls.
        while start > floor and text[start] >= FIRST_JOINED and self.is_inside(start):
            start -= 1
        while end < limit and text[end] >= FIRST_JOINED and self.is_inside(end):
            end += 1
        return start, end

    def is_inside(self, index: int) -> bool:
        """Return whether the characters before and at a place are of one grapheme."""
        text = self._text
        if not 0 < index < len(text) or (after := text[index]) < FIRST_JOINED:
            return False
        before, kind = text[index - 1], category(after)
        if kind[0] == "M" or after in _EXTENDERS:
            return not _stands_alone(before)
        if kind == "Lo":
            return self._is_conjunct(index) if _extends(before) else _is_one_syllable(before, after)
        if before == _JOINER and _PICTOGRAPH.match(after):
            return bool(_PICTOGRAPH.match(self._base(index - 1)))
        return kind == "So" and bool(_FLAG.match(after)) and self._flags_before(index) % 2 == 1

    def has_both(self, end: int, start: int) -> bool:
        """Return whether a span that ends at ``end`` and another that starts at ``start`` meet within one grapheme."""
        return start < end or (self.is_inside(start) and all(map(self.is_inside, range(end, start))))

    def _flags_before(self, index: int) -> int:
        last, known = self._flags
        if last - known <= index <= last:  # within the run that was counted
            return known - (last - index)
        place, count = index, 0
        while place and _FLAG.match(self._text[place - 1]):
            if place == last:
                count += known
                break
            place, count = place - 1, count + 1
        self._flags = (index, count)
        return count

    def _base(self, index: int) -> str:
        """Return the character before a place that others extend; empty at the beginning of the text."""
        while index and _extends(self._text[index - 1]):
            index -= 1
        return self._text[index - 1 : index]

    def _is_conjunct(self, index: int) -> bool:
        """Return whether a virama makes one sign of the consonants before and at a place."""
        after, place, linked = self._text[index], index, False
        while place and _extends(mark := self._text[place - 1]):
            linked = linked or _is_linker(mark, after)
            place -= 1
        return linked and place > 0 and category(self._text[place - 1]) == "Lo"


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without white space at its ends; some tokenizers' tokens include the space before a word."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), max(end - (len(piece) - len(piece.rstrip())), start)


def _extends(character: str) -> bool:
    return category(character)[0] == "M" or character in _EXTENDERS


def _stands_alone(character: str) -> bool:
    """Return whether no mark can join the character: white space and controls."""
    kind = category(character)
    return kind[0] == "Z" or kind == "Cc" or (kind == "Cf" and character not in _EXTENDERS)


def _is_linker(mark: str, consonant: str) -> bool:
    return bool(_LINKER.match(mark)) and ord(mark) // 128 == ord(consonant) // 128


def _is_one_syllable(before: str, after: str) -> bool:
    """Return whether two characters of Hangul are of one syllable."""
    if not "\u1100" <= after <= "\ud7fb":
        return False
    if _VOWEL.match(after):
        return bool(_LEADING.match(before) or _VOWEL.match(before) or _is_open(before))
    if _TRAILING.match(after):
        return bool(_VOWEL.match(before) or _TRAILING.match(before) or _SYLLABLE.match(before))
    return bool(_LEADING.match(before)) and bool(_LEADING.match(after) or _SYLLABLE.match(after))


def _is_open(character: str) -> bool:
    """Return whether a composed syllable ends in its vowel."""
    return bool(_SYLLABLE.match(character)) and (ord(character) - 0xAC00) % 28 == 0
