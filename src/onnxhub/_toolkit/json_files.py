"""The JSON files of a repository: parsed within bounds, and the numbers in them read for what they are.

A model's files come from strangers. A file that is too large, too deep or not Unicode text is refused here, once, so
that no later code meets an error of the interpreter instead. NaN and Infinity are let through, since configurations
of real models have them (Mamba's ``time_step_limit``) and transformers reads them; of a key that is said twice the last
counts, as there.
"""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Final, TypeVar

from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["JSON_TYPES", "decode", "parse", "read_token_id", "read_token_ids", "whole_number"]

MOST_BYTES: Final = 32 * 2**20
"""Bytes of a settings file; the largest of real models have one or two million (thousands of added tokens or labels)."""
MOST_DEPTH: Final = 64
"""Objects and lists inside each other."""
MOST_DIGITS: Final = 400
"""Digits of a whole number; the largest in real files is 10**30, and no float is above 10**308."""
MOST_ID: Final = 2**31 - 1
"""The highest token id: graphs can have inputs of int32."""
JSON_TYPES: Final[Mapping[type, str]] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}
"""What a value of a file is called in messages, by the type that it has here."""

_DECODERS: Final = {
    "utf-8": codecs.utf_8_decode,
    "utf-16": codecs.utf_16_decode,
    "utf-16-be": codecs.utf_16_be_decode,
    "utf-16-le": codecs.utf_16_le_decode,
    "utf-32": codecs.utf_32_decode,
    "utf-32-be": codecs.utf_32_be_decode,
    "utf-32-le": codecs.utf_32_le_decode,
}
"""Encoding of JSON -> its decoder. By its name, bytes.decode would import a module first, which can fail by itself."""

JsonT = TypeVar("JsonT", dict[str, object], list[object])


def parse(path: Path, name: str, model_id: str, kind: type[JsonT]) -> JsonT:
    """Return the object or list in a JSON file of a model.

    Args:
        path: The file on disk.
        name: Its path in the repository, for the errors.
        model_id: Whose file it is, for the errors.
        kind: ``dict`` or ``list``.

    Raises:
        IntegrityError: The file is not valid JSON, holds something else, or is beyond a bound.
        OSError: It cannot be read, as Python says it.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise IntegrityError(name, f"{model_id}: it has {size:,} bytes, and settings may have {MOST_BYTES:,}")
    data = path.read_bytes()
    try:
        text = decode(data)  # json.loads would take lone surrogates in bytes
        value: object = json.loads(text, parse_int=_read_digits)
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError tell the position
        raise IntegrityError(name, f"{model_id}: not valid JSON: {error}") from error
    if not isinstance(value, kind):
        raise IntegrityError(name, f"{model_id}: it holds a {type(value).__name__}, not a {kind.__name__}")
    if not _is_shallow(value):
        raise IntegrityError(name, f"{model_id}: objects and lists are nested more than {MOST_DEPTH} deep in it")
    if ("\\ud" in text or "\\uD" in text) and not _is_unicode(value):
        raise IntegrityError(name, f"{model_id}: a text in it has a lone surrogate (half of a UTF-16 pair)")
    return value


def decode(data: bytes) -> str:
    """Return the text of a JSON file, in one of the encodings that ``json.loads`` reads.

    Raises:
        UnicodeDecodeError: it is in none of them.
    """
    encoding = json.detect_encoding(data)
    if encoding == "utf-8-sig":
        encoding, data = "utf-8", data[len(codecs.BOM_UTF8) :]
    return _DECODERS[encoding](data, "strict", True)[0]  # its parameters have no names


def whole_number(value: object) -> int | None:
    """Return the value if it is a whole number (512.0 is one); None for truth values and all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, int) or value.is_integer() else None


def read_token_id(config: Mapping[str, object], key: str, file: str = "config.json") -> int | None:
    """Return the id of a token; None if the key is missing, null, or a number below 0, which means that there is none.

    Raises:
        IntegrityError: it is something else, or above what a graph can be given.
    """
    value = config.get(key)
    if value is None:
        return None
    number = None if isinstance(value, float) else whole_number(value)
    if number is None or number > MOST_ID:
        raise IntegrityError(file, f"{key} is {_quote(value)}, not the id of a token")
    return None if number < 0 else number


def read_token_ids(config: Mapping[str, object], key: str, file: str = "config.json") -> tuple[int, ...]:
    """Return the ids of tokens, given as a list or as a single id.

    Raises:
        IntegrityError: one of them is no id.
    """
    value = config.get(key)
    ids = [read_token_id({key: each}, key, file) for each in (value if isinstance(value, list) else [value])]
    return tuple(number for number in ids if number is not None)


def _read_digits(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        msg = f"a whole number of {len(digits):,} digits; {MOST_DIGITS} are the most"
        raise ValueError(msg)
    return int(digits)


def _is_shallow(value: object) -> bool:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent if isinstance(parent, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return True
    return False


def _is_unicode(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _quote(value: object, most: int = 60) -> str:
    text = json.dumps(value)
    return text if len(text) <= most else text[:most] + "..."
