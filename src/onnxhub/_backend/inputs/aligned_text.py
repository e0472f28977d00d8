"""A text that was changed, whose characters still know where they come from."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["AlignedText", "align"]

Form: TypeAlias = Literal["NFC", "NFD", "NFKC"]

_WORD = re.compile(r"\S+")
"""What ``str.split`` gives: both go by ``str.isspace``."""


@dataclass(frozen=True, slots=True)
class AlignedText:
    """A text, and the half-open span of each of its characters in the original."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def cut(self, start: int, stop: int) -> AlignedText:
        """Return a part of it."""
        return AlignedText(self.text[start:stop], self.starts[start:stop], self.ends[start:stop])

    def split(self) -> Iterator[AlignedText]:
        """Split at white space, as ``str.split``."""
        return (self.cut(*match.span()) for match in _WORD.finditer(self.text))

    def normalize(self, form: Form) -> AlignedText:
        """Bring it to a Unicode form; what becomes of a letter and its marks has the span of all of them."""
        text = self.text
        if unicodedata.is_normalized(form, text):
            return self
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for begin, stop in _find_clusters(text):
            part = text[begin:stop]
            changed = unicodedata.normalize(form, part)
            if changed == part:
                starts += self.starts[begin:stop]
                ends += self.ends[begin:stop]
            else:
                starts += [self.starts[begin]] * len(changed)
                ends += [self.ends[stop - 1]] * len(changed)
            parts.append(changed)
        return AlignedText("".join(parts), starts, ends)

    def lower(self) -> AlignedText:
        """Return it in lower case, as ``str.lower``: the sigma at the end of a word is another there."""
        lowered = self.text.lower()
        if lowered == self.text:
            return self
        if len(lowered) == len(self.text):
            return AlignedText(lowered, self.starts, self.ends)
        changed = self.replace_each(str.lower)
        return AlignedText(lowered, changed.starts, changed.ends)

    def replace_each(self, change: Callable[[str], str]) -> AlignedText:
        """Replace each character by what a function makes of it, which may be empty."""
        changed = [change(character) for character in self.text]
        sizes = list(map(len, changed))
        starts = [start for start, size in zip(self.starts, sizes, strict=True) for _ in range(size)]
        ends = [end for end, size in zip(self.ends, sizes, strict=True) for _ in range(size)]
        return AlignedText("".join(changed), starts, ends)


def align(text: str) -> AlignedText:
    """Return an original text, each of whose characters stands for itself."""
    return AlignedText(text, range(len(text)), range(1, len(text) + 1))


def _find_clusters(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of letters with the marks behind them: a Unicode form changes each of these by itself."""
    begin = 0
    for place, character in enumerate(text):
        if place and _attaches(character):
            continue
        if place:
            yield begin, place
        begin = place
    yield begin, len(text)


@lru_cache(2**16)
def _attaches(character: str) -> bool:
    """Tell whether a character may compose with what is before it: marks, and vowels and endings of Hangul."""
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first)[0] == "M" or "\u1160" <= first <= "\u11ff" or "\ud7b0" <= first <= "\ud7ff"
