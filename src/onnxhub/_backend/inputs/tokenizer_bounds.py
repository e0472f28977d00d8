"""Bounds of a ``tokenizer.json``, checked before and after the tokenizers library reads it.

The library builds all that a file describes. One special token of 20,000 letters keeps it busy for half a minute, and a
normalizer that doubles a letter 24 times makes 16 MB of it. The parts that can do so are looked at before the library
reads the file, and cost a search for their names there; the rest of the file is not parsed twice.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import tokenizers

__all__ = ["check_description", "check_steps", "check_token", "check_tokens", "check_work"]

MOST_BYTES: Final = 512 * 2**20
"""Size of a tokenizer.json; the largest of real models have about 40 million bytes."""
MOST_BYTES_PARSED: Final = 64 * 2**20
"""The same for a file in which an entry is found only by parsing all of it."""
MOST_TOKENS: Final = 300_000
"""Added tokens; real models have up to a few thousand, and whole vocabularies of 262,000."""
MOST_LETTERS: Final = 1_000
"""Length of an added token: reading it takes time by the square of its length."""
MOST_LETTERS_IN_ALL: Final = 4_000_000
"""Length of all added tokens together."""
MOST_STEPS: Final = 1_000
"""Steps of a normalizer; real ones have about ten."""
MOST_GROWTH: Final = 10_000
"""Letters that a normalizer may make of a single one; Unicode forms make up to 18."""
MOST_WORD: Final = 5_000
"""Letters of a word that WordPiece looks up: it takes time by the square of them. Real models have 100."""
MOST_SPECIAL: Final = 10_000
"""Tokens that are added to each text."""

_ESCAPED: Final = re.compile(rb"\\u00(?:5[fF]|6[1-9a-fA-F]|7[0-9aA])")
"""A letter of a key, written as an escape: unusual, but the library reads it."""


def check_description(data: bytes, path: str) -> None:
    """Raise ``IntegrityError`` if the bytes of a tokenizer.json ask for more than is bounded here.

    Invalid JSON passes: the library reports it better.
    """
    if len(data) > MOST_BYTES:
        raise IntegrityError(path, f"it has {len(data):,} bytes; a tokenizer may have {MOST_BYTES:,}")
    escaped = b"\\" in data and b"\\u00" in data and _ESCAPED.search(data) is not None
    for tokens in _find(data, "added_tokens", path, escaped=escaped):
        entries = tokens if isinstance(tokens, list) else []
        check_tokens([entry.get("content") for entry in entries if isinstance(entry, Mapping)], path)
    for normalizer in _find(data, "normalizer", path, escaped=escaped):
        check_steps(normalizer, path, "normalizer")


def check_tokens(contents: Sequence[object], path: str) -> None:
    """Raise ``IntegrityError`` if there are too many added tokens, or too long ones."""
    if len(contents) > MOST_TOKENS:
        raise IntegrityError(path, f"it has {len(contents):,} added tokens; {MOST_TOKENS:,} are the most")
    texts = [content for content in contents if isinstance(content, str)]
    for text in texts:
        check_token(text, path)
    letters = sum(map(len, texts))
    if letters > MOST_LETTERS_IN_ALL:
        raise IntegrityError(path, f"its added tokens have {letters:,} letters; {MOST_LETTERS_IN_ALL:,} are the most")


def check_token(content: str, path: str) -> None:
    """Raise ``IntegrityError`` if an added token is too long."""
    if len(content) > MOST_LETTERS:
        start = f"{content[:20]!r}..."
        raise IntegrityError(path, f"its token {start} has {len(content):,} letters; {MOST_LETTERS:,} are the most")


def check_steps(value: object, path: str, what: str) -> None:
    """Raise ``IntegrityError`` if a normalizer (or a decoder) makes far more of a text than it was.

    Args:
        value: Its description.
        path: The file, for the errors.
        what: ``"normalizer"`` or ``"decoder"``.
    """
    steps = list(_flatten(value))
    if len(steps) > MOST_STEPS:
        raise IntegrityError(path, f"its {what} has {len(steps):,} steps; {MOST_STEPS:,} are the most")
    for step in steps:
        growth = max(len(_read_insertion(step)), _measure_longest_mapping(step))
        if growth > MOST_GROWTH:
            raise IntegrityError(path, f"its {what} makes {growth:,} letters of one; {MOST_GROWTH:,} are the most")
    growing = [step for step in steps if _can_grow(step)]
    if sum(map(len, map(_read_insertion, growing))) > MOST_GROWTH * 10 or not _is_bounded(growing):
        raise IntegrityError(path, f"its {what} makes more than {MOST_GROWTH:,} letters of one, step by step")


def check_work(backend: tokenizers.Tokenizer, path: str) -> None:
    """Raise ``IntegrityError`` if a tokenizer that was read does far more for a text than its length accounts for."""
    word = getattr(backend.model, "max_input_chars_per_word", 0)
    if word > MOST_WORD:
        raise IntegrityError(path, f"max_input_chars_per_word is {word:,}; {MOST_WORD:,} is the most")
    if backend.decoder is not None:
        check_steps(json.loads(backend.decoder.__getstate__()), path, "decoder")
    special = backend.num_special_tokens_to_add(is_pair=False)
    if special > MOST_SPECIAL:
        raise IntegrityError(path, f"it adds {special:,} special tokens to each text; {MOST_SPECIAL:,} are the most")


def _find(data: bytes, key: str, path: str, *, escaped: bool) -> Iterator[object]:
    """Yield the object or list that a key has in a tokenizer.json; a word of the vocabulary may have the same name."""
    places = [] if escaped else list(_find_places(data, key))
    if len(places) == 1:
        yield from _decode(data, places[0])
        return
    if len(data) > MOST_BYTES_PARSED:
        raise IntegrityError(path, f"its {key} stand in {len(places)} places of {len(data):,} bytes")
    try:
        whole: object = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(whole, dict) and key in whole:
        yield whole[key]


def _find_places(data: bytes, key: str) -> Iterator[int]:
    """Yield the positions at which an object or a list begins that is the value of this key."""
    quoted = f'"{key}"'.encode()
    place = data.find(quoted)
    while place >= 0:
        place += len(quoted)
        if begins := re.compile(rb"\s*:\s*(?=[\[{n])").match(data, place):
            yield begins.end()
        place = data.find(quoted, place)


def _decode(data: bytes, place: int) -> Iterator[object]:
    for size in (2**16, 2**22, len(data)):
        try:
            value, _ = json.JSONDecoder().raw_decode(data[place : place + size].decode(errors="replace"))
        except (ValueError, RecursionError):  # cut, as a rule
            continue
        yield value
        return


def _flatten(value: object) -> Iterator[Mapping[str, object]]:
    waiting = [value]
    while waiting:
        step = waiting.pop()
        if not isinstance(step, Mapping):
            continue
        inner = step.get("normalizers", step.get("decoders"))
        if isinstance(inner, list):
            waiting += reversed(inner)
        else:
            yield step


def _read_insertion(step: Mapping[str, object]) -> str:
    """Return the text that a step puts in."""
    text = step.get("prepend" if step.get("type") == "Prepend" else "content")
    return text if isinstance(text, str) else ""


def _measure_longest_mapping(step: Mapping[str, object]) -> int:
    """Return the bytes of the longest replacement of a Precompiled normalizer: a trie, then texts that end in NUL."""
    charsmap = step.get("precompiled_charsmap")
    if not isinstance(charsmap, str):
        return 0
    try:
        raw = base64.b64decode(charsmap, validate=True)
    except ValueError:
        return 0  # the library refuses it
    texts = raw[4 + int.from_bytes(raw[:4], "little") :]
    return max(map(len, texts.split(b"\0")))


def _can_grow(step: Mapping[str, object]) -> bool:
    pattern = step.get("pattern")
    found = pattern.get("String") if isinstance(pattern, Mapping) else None
    if step.get("type") == "Prepend":
        return bool(_read_insertion(step))
    shrinks = isinstance(found, str) and found and len(_read_insertion(step)) <= len(found)
    return step.get("type") == "Replace" and not shrinks


def _is_bounded(steps: Sequence[Mapping[str, object]]) -> bool:
    """Tell whether the text that each step inserts stays short in all steps after it."""
    from tokenizers import Regex, normalizers

    normalizers_of_steps: list[normalizers.Normalizer] = []
    for step in steps:
        pattern, text = step.get("pattern"), _read_insertion(step)
        wanted = pattern if isinstance(pattern, Mapping) else {}
        if step.get("type") == "Prepend":
            normalizers_of_steps.append(normalizers.Prepend(text))
        elif isinstance(wanted.get("Regex"), str):
            normalizers_of_steps.append(normalizers.Replace(Regex(str(wanted["Regex"])), text))
        else:
            normalizers_of_steps.append(normalizers.Replace(str(wanted.get("String", "")), text))
    for place, step in enumerate(steps):
        text = _read_insertion(step) * 2  # twice, for patterns that match across two of them
        for normalizer in normalizers_of_steps[place + 1 :]:
            text = normalizer.normalize_str(text)
            if len(text) > 2 * MOST_GROWTH:
                return False
    return True
