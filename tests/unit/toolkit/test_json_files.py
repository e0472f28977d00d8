"""The JSON of a repository is parsed within bounds, and what is beyond them is an error about the file."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from onnxhub._toolkit.json_files import MOST_BYTES, MOST_DEPTH, parse, read_token_id, read_token_ids, whole_number
from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path


def nested(depth: int) -> str:
    """An object with lists in each other, so many levels in all."""
    return '{"a": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "not valid JSON: .*char 1"),
        (b'{"a": "\xff"}', "not valid JSON: 'utf-8' codec can't decode byte 0xff in position 7"),
        (b'{"a": "\xed\xa0\x80"}', "not valid JSON: 'utf-8' codec"),
        (b"[]", "it holds a list, not a dict"),
        (b"null", "it holds a NoneType, not a dict"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON: a whole number of 5,000 digits; 400 are the most"),
        (nested(MOST_DEPTH + 1).encode(), "nested more than 64 deep"),
        (nested(100_000).encode(), "not valid JSON: maximum recursion depth"),
        (rb'{"a": "\ud800"}', "lone surrogate"),
        (rb'{"a": ["\uDC00\ud800"]}', "lone surrogate"),
        (rb'{"\ud83d": 1}', "lone surrogate"),
    ],
)
def test_what_is_beyond_a_bound_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    """By an IntegrityError that names the file, the model and what is wrong with it."""
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(IntegrityError, match=f"^config.json: org/name: .*{reason}"):
        parse(tmp_path / "x.json", "config.json", "org/name", dict)


def test_a_file_of_settings_has_a_bound(tmp_path: Path) -> None:
    """It is not even read if it is larger."""
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(IntegrityError, match="it has 33,554,433 bytes, and settings may have 33,554,432"):
        parse(tmp_path / "x.json", "config.json", "org/name", dict)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"a": [1.5, None, True, "é", "😀"]}),
        json.dumps({"a": "é😀"}, ensure_ascii=False),
        '\ufeff{"a": 1}',
        '{"a": NaN, "b": [0.0, Infinity]}',
        '{"a": 1000000000000000019884624838656}',
        nested(MOST_DEPTH),
        r'{"a": "\\ud800"}',
    ],
)
def test_what_real_files_have_is_read_as_python_reads_it(content: str, tmp_path: Path) -> None:
    """Emoji as a pair of escapes, a mark in front, infinity (as Mamba has), and 10**30 for no limit."""
    (tmp_path / "x.json").write_bytes(content.encode())
    value = parse(tmp_path / "x.json", "config.json", "org/name", dict)
    assert repr(value) == repr(json.loads(content.removeprefix("\ufeff")))


def test_other_encodings_of_json(tmp_path: Path) -> None:
    """UTF-16 is read, as json.loads reads it; half a pair in it is no text."""
    (tmp_path / "x.json").write_bytes('{"a": "é"}'.encode("utf-16"))
    assert parse(tmp_path / "x.json", "config.json", "org/name", dict) == {"a": "é"}
    (tmp_path / "x.json").write_bytes('{"a": "x"}'.encode("utf-16-le").replace(b"x\0", b"\0\xd8"))
    with pytest.raises(IntegrityError, match="not valid JSON: 'utf-16-le' codec"):
        parse(tmp_path / "x.json", "config.json", "org/name", dict)


DECODER = """
import sys
from onnxhub._toolkit.json_files import decode

before = set(sys.modules)
print(ascii({decode(bytes.fromhex(text)) for text in sys.argv[1:]}))
print(sorted(name for name in set(sys.modules) - before))
"""


def test_no_codec_is_imported_for_json() -> None:
    """Every encoding of JSON is read by what Python has in memory, since nothing can be imported where no file can be opened."""
    text = '{"a": "é😀"}'
    encodings = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le")
    command = [sys.executable, "-c", DECODER, *(text.encode(name).hex() for name in encodings)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == [ascii({text}), "[]"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(512, 512), (512.0, 512), (-1, -1), (1e30, int(1e30)), (True, None), (0.5, None), ("512", None), (None, None),
     (float("nan"), None), (float("inf"), None), ([1], None)],
)  # fmt: skip
def test_whole_numbers(value: object, expected: int | None) -> None:
    """A truth value, a fraction and a text are no lengths."""
    assert whole_number(value) == expected


@pytest.mark.parametrize("value", [True, 0.5, 1.0, "0", [1], {}, 2**31, 2**63, 10**30, float("nan")])
def test_what_is_no_id_is_refused(value: object) -> None:
    """By its key; a number that no graph could be given would fail in a batch much later."""
    with pytest.raises(IntegrityError, match=r"^config.json: pad_token_id is .*, not the id of a token"):
        read_token_id({"pad_token_id": value}, "pad_token_id")


def test_ids_of_tokens() -> None:
    """A number below 0 says that there is none, as in early configurations of Llama; one stands for a list of one."""
    assert [read_token_id({"a": value}, "a") for value in (None, -1, 0, 7, 2**31 - 1)] == [None, None, 0, 7, 2**31 - 1]
    assert read_token_id({}, "a") is None
    assert [read_token_ids({"a": value}, "a") for value in (None, 5, [5, 6], [])] == [(), (5,), (5, 6), ()]
    with pytest.raises(IntegrityError, match="eos_token_id is "):
        read_token_ids({"eos_token_id": [[1], [1, 2]]}, "eos_token_id")
