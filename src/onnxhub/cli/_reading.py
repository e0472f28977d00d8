"""Arguments, files and standard input -> texts: UTF-8 whatever the locale, and one error for what is no text."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

import typer

from onnxhub import Failure
from onnxhub.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from io import BufferedReader

__all__ = ["Lines", "answer_lines", "decode_argument", "read_lines", "read_whole"]

ResultT = TypeVar("ResultT")

CHUNK = 1 << 16
"""Bytes that are read at once: enough lines to make good batches of, few enough to answer soon."""
STDIN = "-"
EMPTY = "there is no text in it"
_NOT_OF_WINDOWS = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})
"""Bytes that Windows-1252 leaves undefined. They are listed here, since its codec would have to be imported."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Texts that were at hand together, and where each of them stands."""

    texts: list[str]
    source: str
    """The unit of their numbers: ``"argument"``, or the lines of a file."""
    numbers: Sequence[int]
    """From 1, as people count; blank lines count, too."""

    def place(self, index: int) -> str:
        """Return the place of a text in its source."""
        return f"{self.source} {self.numbers[index]}"


def read_lines(arguments: Sequence[str] | None, files: Sequence[str] | None) -> Iterator[Lines]:
    """Yield the arguments, then the lines of the files, else of standard input; those available together.

    Lines are passed on as they come, so that a slow producer has each one answered at once, and those before a bad
    line are not lost. Blank lines are left out. Arguments and files are checked now, before a model is loaded.

    Raises:
        typer.BadParameter: there is nothing to read, or standard input is named twice.
        InvalidInputError: a file is not there (now), or is no text (when it is read).
    """
    if files and files.count(STDIN) > 1:
        raise typer.BadParameter("standard input can be read once: name - in one --file.")
    texts = [decode_argument(text) for text in arguments or ()]
    names = files or ([] if texts else [_standard_input()])
    return _read_chunks(texts, [(_title(name), _open_file(name)) for name in names])


def answer_lines(
    attempt: Callable[[list[str]], list[ResultT | Failure]], chunks: Iterable[Lines]
) -> Iterator[tuple[list[str], list[ResultT]]]:
    """Yield texts with their results, those available together.

    Args:
        attempt: The model's: texts that run together should not be lost for one of them.
        chunks: The texts.

    Raises:
        InvalidInputError: a text has no result; those before it were given. It names the text's place.
    """
    for lines in chunks:
        results: list[ResultT] = []
        failed: Failure | None = None
        for result in attempt(lines.texts):
            if isinstance(result, Failure):
                failed = result
                break
            results.append(result)
        if results:
            yield lines.texts[: len(results)], results
        if failed is not None:
            raise InvalidInputError(f"{lines.place(failed.index)}: {failed.error.at(None)}") from failed.error


def read_whole(file: str | None) -> str:
    """Read all of a file, or of standard input, as a single text.

    Raises:
        typer.BadParameter: there is nothing to read.
        InvalidInputError: the file is not there, or is no text.
    """
    name = _standard_input() if file is None else file
    with _open_file(name) as stream:
        text = _decode(stream.read(), _title(name)).removeprefix("\ufeff")
    if not text.strip():
        raise InvalidInputError(f"{_title(name)}: {EMPTY}")
    return text


def decode_argument(text: str) -> str:
    """Decode the bytes of an argument as UTF-8, whatever the locale made of them."""
    return _decode(os.fsencode(text), f"the argument {text!r}")


def _standard_input() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise typer.BadParameter("no text: pass it as an argument, name a file with --file, or pipe it in.")
    return STDIN


def _read_chunks(texts: list[str], files: Sequence[tuple[str, BufferedReader]]) -> Iterator[Lines]:
    if texts:
        yield Lines(texts, "argument", range(1, len(texts) + 1))
    for title, stream in files:
        empty = True
        with stream:
            for lines in _read_file(title, stream):
                empty = False
                yield lines
        if empty:
            raise InvalidInputError(f"{title}: {EMPTY}")


def _read_file(title: str, stream: BufferedReader) -> Iterator[Lines]:
    begun: list[bytes] = []  # the pieces of a line whose end has not come: joined once, however long it is
    number = 0
    while chunk := stream.read1(CHUNK):
        *lines, rest = chunk.split(b"\n")
        if lines:
            lines[0] = b"".join((*begun, lines[0]))
            begun.clear()
            yield from _decode_lines(lines, number, title)
            number += len(lines)
        begun.append(rest)
    yield from _decode_lines([b"".join(begun)], number, title)


def _decode_lines(lines: Sequence[bytes], number: int, title: str) -> Iterator[Lines]:
    """Yield the texts of lines that ``number`` lines precede; those before a bad line first, then its error."""
    texts: list[str] = []
    numbers: list[int] = []
    source = f"{title}, line"
    for count, line in enumerate(lines, number + 1):
        try:
            text = _decode(line, f"{source} {count}").removeprefix("\ufeff" if count == 1 else "")
        except InvalidInputError:
            if texts:
                yield Lines(texts, source, numbers)
            raise
        if text.strip():
            texts.append(text.removesuffix("\r"))
            numbers.append(count)
    if texts:
        yield Lines(texts, source, numbers)


def _decode(data: bytes, title: str) -> str:
    if b"\0" in data:
        raise InvalidInputError(f"{title}: binary data, not text (or UTF-16 text: UTF-8 is needed)")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        where = f"byte {data[error.start]:#04x} at position {error.start}"
        encoding = "WINDOWS-1252" if _is_of_windows(data) else "LATIN1"
        raise InvalidInputError(f"{title}: not UTF-8 ({where}); convert it: iconv -f {encoding} -t UTF-8") from error


def _is_of_windows(data: bytes) -> bool:
    """Tell whether it has quotation marks and dashes where Latin 1 has control characters."""
    controls = set(data) & set(range(0x80, 0xA0))
    return bool(controls) and not controls & _NOT_OF_WINDOWS


def _open_file(name: str) -> BufferedReader:
    if name == STDIN:
        return cast("BufferedReader", sys.stdin.buffer)
    try:
        return open(os.path.expanduser(name), "rb")  # noqa: PTH123  # as typed; the reader closes it
    except OSError as error:
        raise InvalidInputError(f"{name}: {error.strerror}") from error


def _title(name: str) -> str:
    return "standard input" if name == STDIN else name
