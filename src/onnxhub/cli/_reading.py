"""Arguments, files and standard input -> texts: UTF-8 whatever the locale, and one error for what is no text."""

from __future__ import annotations

import json
import math
import os
import stat
import sys
from base64 import b64encode
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, TypeVar, cast

import typer
from rich.text import Text

from onnxhub import Failure
from onnxhub._process.progress import FileBar
from onnxhub.cli._printing import tell
from onnxhub.cli._tables import SUFFIXES, Table, open_table
from onnxhub.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from io import BufferedReader

    from onnxhub.cli._printing import Printer
    from onnxhub.cli._tables import Row, Rows

__all__ = [
    "FileFormat",
    "Given",
    "Lines",
    "add_fields",
    "answer_lines",
    "check_no_table",
    "decode_argument",
    "read_all",
    "read_lines",
    "read_pairs",
    "read_whole",
    "tell_missing",
]

FileFormat = Literal["lines", "csv", "tsv", "jsonl", "parquet"]
"""What is in a file: texts, one a line, or a table."""

ResultT = TypeVar("ResultT")
InputT = TypeVar("InputT")

CHUNK = 1 << 16
"""Bytes that are read at once: enough lines to make good batches of, few enough to answer soon."""
STDIN = "-"
EMPTY = "there is no text in it"
_NOT_OF_WINDOWS = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})
"""Bytes that Windows-1252 leaves undefined. They are listed here, since its codec would have to be imported."""


@dataclass(frozen=True, slots=True)
class Given(Generic[InputT]):
    """An input of the model, mostly a text, and the row of the table that it is from."""

    text: InputT
    row: Row | None = None
    """None: it is an argument or a line."""

    def record(self, found: Mapping[str, object], name: str | None = "text") -> dict[str, object]:
        """Return what JSON says of a result: its fields behind the text, or behind all columns of the row.

        A field whose name a column has becomes ``predicted_<name>``.

        Args:
            found: The fields of the result.
            name: Of the text, where it is no column of a table; None: a field has it already.
        """
        if self.row is None:
            return dict(found) if name is None else {name: self.text, **found}
        return add_fields({column: _as_json(value) for column, value in self.row.items()}, found)

    def beside(self, *found: object) -> list[object]:
        """Return the cells of a result behind those of the row."""
        return [*map(_as_cell, (self.row or {}).values()), *found]

    def before(self, *found: object) -> list[object]:
        """Return the cells of a result before its text, or behind those of the row, of which the text is one."""
        return [*found, self.text] if self.row is None else self.beside(*found)


@dataclass(frozen=True, slots=True)
class Lines(Generic[InputT]):
    """Inputs of the model, mostly texts, that were at hand together, and where each of them stands."""

    texts: list[InputT]
    source: str
    """The unit of their numbers: ``"argument"``, or the lines of a file."""
    numbers: Sequence[int]
    """From 1, as people count; blank lines count, too."""
    rows: Sequence[Row] | None = None
    """The rows of a table, more than texts if some have none; None: these are no table."""
    is_missing: Sequence[bool] = ()
    """For each row of a table, whether it has no text."""

    def place(self, index: int) -> str:
        """Return the place of a text in its source."""
        return f"{self.source} {self.numbers[index]}"

    @property
    def given(self) -> list[Given[InputT]]:
        """The texts, with their rows."""
        if self.rows is None:
            return [Given(text) for text in self.texts]
        present = [row for row, missing in zip(self.rows, self.is_missing, strict=True) if not missing]
        return [Given(text, row) for text, row in zip(self.texts, present, strict=True)]

    @property
    def all_given(self) -> list[Given[InputT] | Row]:
        """The same, and between them each row without a text."""
        given = iter(self.given)
        if self.rows is None:
            return [*given]
        return [row if missing else next(given) for row, missing in zip(self.rows, self.is_missing, strict=True)]


def read_lines(
    arguments: Sequence[str] | None,
    files: Sequence[str] | None,
    column: str | None = None,
    file_format: FileFormat | None = None,
    *,
    silent: bool = False,
) -> Iterator[Lines[str]]:
    """Yield the arguments, then the lines of the files, else of standard input; those available together.

    Lines are passed on as they come, so that a slow producer has each one answered at once, and those before a bad
    line are not lost. Blank lines are left out. Arguments and files are checked now, before a model is loaded. A bar on
    stderr shows how much of the files is read, if that is a terminal and results go elsewhere.

    Args:
        arguments: Texts.
        files: Names of files; ``-`` is standard input.
        column: The column of texts, where the files are tables.
        file_format: What is in the files; None: as their names say, and lines if these say nothing.
        silent: Whether nothing is printed while they are read, so that a bar is in nobody's way.

    Raises:
        typer.BadParameter: there is nothing to read, or standard input is named twice; or a table has no such column.
        InvalidInputError: a file is not there (now), or is no text (when it is read).
    """
    if files and files.count(STDIN) > 1:
        raise typer.BadParameter("standard input can be read once: name - in one --file.")
    texts = [decode_argument(text) for text in arguments or ()]
    if texts and not files and (column or file_format):
        raise typer.BadParameter("--column and --format are about a --file; texts that are arguments have none.")
    names = files or ([] if texts else [_standard_input()])
    columns = () if column is None else (column,)
    sources = [_open_source(name, columns, file_format) for name in names]
    return _read_chunks(texts, sources, columns, str, silent=silent)


def read_pairs(
    files: Sequence[str], columns: Sequence[str], file_format: FileFormat | None, question: str | None
) -> Iterator[Lines[tuple[str, str]]]:
    """Yield the questions and contexts of tables; those available together.

    Args:
        files: Names of files; ``-`` is standard input.
        columns: The column of questions, unless all have the same one, and that of contexts.
        file_format: What is in the files; None: as their names say.
        question: The one of all rows; None: each has its own.

    Raises:
        typer.BadParameter: a table has no such column.
        InvalidInputError: a file is not there (now), or is no table of its kind (when it is read).
    """

    def make_pair(*texts: str) -> tuple[str, str]:
        return (texts[0], texts[1]) if question is None else (question, texts[0])

    sources = [_open_source(name, columns, file_format) for name in files]
    return _read_chunks([], sources, columns, make_pair, silent=False)


def answer_lines(
    attempt: Callable[[list[InputT]], list[ResultT | Failure]],
    chunks: Iterable[Lines[InputT]],
    printer: Printer,
    show: Callable[[Given[InputT], ResultT], None],
    fields: Sequence[str],
    show_missing: Callable[[Given[str]], None] | None = None,
) -> None:
    """Show texts with their results, those available together; rows without a text as well, and say how many.

    Args:
        attempt: The model's: texts that run together should not be lost for one of them.
        chunks: The texts.
        printer: Where results are shown.
        show: Shows a result.
        fields: What JSON says of a result; null for a row without a text.
        show_missing: Shows such a row; None: it is printed, with a result of nothing.

    Raises:
        InvalidInputError: a text has no result; those before it were shown. It names the text's place.
    """

    def print_missing(given: Given[str]) -> None:
        printer.show(given.record(dict.fromkeys(fields)), [given.beside()], partial(Text, "(no text)", "dim"))

    missing = 0
    try:
        for lines in chunks:
            missing += sum(lines.is_missing)
            _answer_chunk(attempt, lines, show, show_missing or print_missing)
            printer.flush()
    finally:
        tell_missing(missing)


def _answer_chunk(
    attempt: Callable[[list[InputT]], list[ResultT | Failure]],
    lines: Lines[InputT],
    show: Callable[[Given[InputT], ResultT], None],
    show_missing: Callable[[Given[str]], None],
) -> None:
    results = iter(attempt(lines.texts) if lines.texts else [])
    for given in lines.all_given:
        if not isinstance(given, Given):
            show_missing(Given("", given))
            continue
        result = next(results)
        if isinstance(result, Failure):
            raise InvalidInputError(f"{lines.place(result.index)}: {result.error.at(None)}") from result.error
        show(given, result)


def add_fields(record: Mapping[str, object], found: Mapping[str, object]) -> dict[str, object]:
    """Return a record with the fields of a result behind; one whose name is taken becomes ``predicted_<name>``."""
    whole = dict(record)
    for name, value in found.items():
        free = name
        while free in whole:
            free = f"predicted_{free}"
        whole[free] = value
    return whole


def check_no_table(file: str | None, file_format: FileFormat | None) -> None:
    """Raise ``typer.BadParameter`` if a file that is to be read whole is a table."""
    kind = file_format or _guess_format(file or STDIN)
    if kind != "lines":
        title = _title(file or STDIN)
        raise typer.BadParameter(
            f"{title} is a table: name the column of contexts by --context-column, or have it read whole, --format lines."
        )


def _guess_format(name: str) -> str:
    return SUFFIXES.get(Path(name).suffix.lower(), "lines")


def read_all(chunks: Iterable[Lines[str]]) -> list[tuple[int, Given[str]]]:
    """Return all texts with their places among the rows, from 0; say how many rows have none."""
    rows = [given for lines in chunks for given in lines.all_given]
    found = [(place, given) for place, given in enumerate(rows) if isinstance(given, Given)]
    tell_missing(len(rows) - len(found))
    return found


def tell_missing(count: int) -> None:
    """Say on stderr how many rows of a table have no text, if any."""
    if count:
        tell(f"{count:,} {'row has' if count == 1 else 'rows have'} no text, and no result")


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


@dataclass
class _Source:
    """An open file: its lines, or its table."""

    title: str
    stream: BufferedReader
    size: int | None
    """Bytes; None: nobody knows, as of a pipe."""
    table: Table | None = None
    position: int = field(default=0, init=False)


def _open_source(name: str, columns: Sequence[str], file_format: FileFormat | None) -> _Source:
    stream, title = _open_file(name), _title(name)
    source = _Source(title, stream, _measure(stream))
    kind = file_format or _guess_format(name)
    with ExitStack() as at_error:
        at_error.enter_context(stream)
        if kind != "lines":
            source.table = open_table(title, kind, stream, columns, lambda unit: _DecodedLines(source, unit))
        elif columns:
            raise typer.BadParameter(
                f"{title} is read as lines of text; a table's --format is csv, tsv, jsonl or parquet."
            )
        at_error.pop_all()
    return source


def _measure(stream: BufferedReader) -> int | None:
    try:
        found = os.fstat(stream.fileno())
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _read_chunks(
    texts: list[InputT],
    sources: Sequence[_Source],
    columns: Sequence[str],
    make: Callable[..., InputT],
    *,
    silent: bool,
) -> Iterator[Lines[InputT]]:
    if texts:
        yield Lines(texts, "argument", range(1, len(texts) + 1))
    sizes = [source.size for source in sources]
    total = None if None in sizes else sum(cast("list[int]", sizes))
    # Beside results at a terminal it would be in the way of what it counts.
    with FileBar(total, shown=silent or not sys.stdout.isatty()) as bar:
        for source in sources:
            empty = True
            with source.stream:
                for lines in _read_source(source, columns, make):
                    empty = False
                    yield lines
                    bar.move(source.position, len(lines.rows or lines.texts))
            bar.finish(source.position)
            if empty and source.table is None:
                raise InvalidInputError(f"{source.title}: {EMPTY}")


def _read_source(source: _Source, columns: Sequence[str], make: Callable[..., InputT]) -> Iterator[Lines[InputT]]:
    if source.table is None:
        yield from cast("Iterator[Lines[InputT]]", _read_file(source))
        return
    done = 0
    for chunk in source.table.chunks:
        yield _take_inputs(chunk, columns, make)
        done += len(chunk.rows)
        if source.table.size and source.size:  # its reader seeks in the file
            source.position = source.size * done // source.table.size


def _take_inputs(chunk: Rows, columns: Sequence[str], make: Callable[..., InputT]) -> Lines[InputT]:
    found = [*zip(*(chunk.find_texts(column) for column in columns), strict=True)]
    missing = [None in texts for texts in found]
    places = [place for place, is_missing in enumerate(missing) if not is_missing]
    texts, numbers = [make(*found[place]) for place in places], [chunk.numbers[place] for place in places]
    return Lines(texts, chunk.source, numbers, chunk.rows, missing)


def _read_file(source: _Source) -> Iterator[Lines[str]]:
    number = 0
    for lines in _read_pieces(source):
        yield from _decode_lines(lines, number, source.title)
        number += len(lines)


def _read_pieces(source: _Source) -> Iterator[list[bytes]]:
    """Yield the lines of a file without their ends, those that are at hand together."""
    begun: list[bytes] = []  # the pieces of a line whose end has not come: joined once, however long it is
    while chunk := source.stream.read1(CHUNK):
        source.position += len(chunk)
        *lines, rest = chunk.split(b"\n")
        if lines:
            lines[0] = b"".join((*begun, lines[0]))
            begun.clear()
            yield lines
        begun.append(rest)
    yield [b"".join(begun)]


class _DecodedLines:
    """The lines of a file with their ends, decoded one by one."""

    def __init__(self, source: _Source, unit: str) -> None:
        self._pieces = _read_pieces(source)
        self._lines: Iterator[bytes] = iter(())
        self._left = 0
        self._number = 0
        self._unit = unit

    @property
    def is_at_hand(self) -> bool:
        """Whether the next line was read already."""
        return self._left > 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while not self._left:
            lines = next(self._pieces)
            self._left = len(lines)
            self._lines = iter(lines)
        self._left -= 1
        self._number += 1
        text = _decode(next(self._lines), f"{self._unit} {self._number}") + "\n"
        return text.removeprefix("\ufeff") if self._number == 1 else text


def _decode_lines(lines: Sequence[bytes], number: int, title: str) -> Iterator[Lines[str]]:
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


def _as_cell(value: object) -> object:
    if value is None:
        return ""
    return json.dumps(_as_json(value), ensure_ascii=False) if isinstance(value, dict | list | tuple | bytes) else value


def _as_json(value: object) -> object:
    """Return a value of a table as JSON has it: bytes in base64, dates written out, and what is no number as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_as_json(entry) for entry in value]
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, dict):
        return {str(key): _as_json(entry) for key, entry in value.items()}
    return value if value is None or isinstance(value, str | int | bool) else str(value)
