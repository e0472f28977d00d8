"""Files that are tables, CSV, TSV, JSON lines and Parquet, as rows: column -> value, in the order of the file."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

import typer

from onnxhub._backend.inputs.parquet import open_parquet
from onnxhub._strings.plain_text import shorten
from onnxhub._toolkit.json_files import JSON_TYPES
from onnxhub.errors import InvalidInputError, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from io import BufferedReader
    from typing import TypeAlias

    Row: TypeAlias = Mapping[str, object]

__all__ = ["SUFFIXES", "Rows", "Table", "open_table"]

SUFFIXES: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
"""End of a file's name -> its format."""
DELIMITERS: Final = (",", ";", "\t", "|")
"""What may stand between the cells of a CSV; of those that fit, the first."""
MOST_OF_A_CELL: Final = 1 << 24
"""Characters: where a quotation mark is never closed, all that follows is one cell."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table that were at hand together, and where each of them stands."""

    rows: Sequence[Row]
    source: str
    """The unit of their numbers: the lines of a file, or its rows."""
    numbers: Sequence[int]
    """From 1, as people count."""

    def find_texts(self, column: str) -> list[str | None]:
        """Return a column's texts; None where a row has none.

        Raises:
            InvalidInputError: a value is no text; names its place.
        """
        return [self._find_text(row, place, column) for place, row in enumerate(self.rows)]

    def _find_text(self, row: Row, place: int, column: str) -> str | None:
        value = row.get(column)
        if value is None or isinstance(value, str):
            return value
        kind = JSON_TYPES.get(type(value), type(value).__name__)
        where = f"{self.source} {self.numbers[place]}"
        raise InvalidInputError(f"{where}: {column!r} holds {kind}, {shorten(value)}, not a text")


class Lines(Protocol):
    """The lines of a file, decoded one by one."""

    @property
    def is_at_hand(self) -> bool:
        """Whether the next line was read already, so that nobody waits for it."""
        ...

    def __iter__(self) -> Iterator[str]: ...

    def __next__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Table:
    """An open file: its columns are known, its rows are read as they are needed."""

    chunks: Iterator[Rows]
    size: int | None = None
    """Rows in all, where the file says that."""


def open_table(
    title: str, kind: str, stream: BufferedReader, columns: Sequence[str], read: Callable[[str], Lines]
) -> Table:
    """Open a file as a table, and look for the columns that are wanted.

    Args:
        title: The name of the file, for messages.
        kind: ``"csv"``, ``"tsv"``, ``"jsonl"`` or ``"parquet"``.
        stream: The file.
        columns: Those that hold texts. None at all: the table is not to be read, and the error says what there is.
        read: The file as lines of text; takes the unit of their numbers.

    Raises:
        typer.BadParameter: a column is not there, or is there twice; the message lists those that are.
        InvalidInputError: the file is no table of this kind.
    """
    if kind == "parquet":
        return _open_parquet(title, stream, columns)
    source = f"{title}, line"
    lines = read(source)
    if kind == "jsonl":
        return _open_json_lines(title, source, lines, columns)
    return _open_csv(title, source, lines, columns, ("\t",) if kind == "tsv" else DELIMITERS)


def _open_csv(title: str, source: str, lines: Lines, columns: Sequence[str], delimiters: Sequence[str]) -> Table:
    header = next((line for line in lines if line.strip()), None)
    if header is None:
        raise InvalidInputError(f"{title}: there is no text in it")
    csv.field_size_limit(MOST_OF_A_CELL)
    found = {delimiter: _read_header(source, header, delimiter) for delimiter in delimiters}
    fitting = [delimiter for delimiter in delimiters if set(columns) <= set(found[delimiter])]
    # Without a column that tells, it is the one that cuts the header into most cells.
    best = fitting[0] if columns and fitting else max(delimiters, key=lambda delimiter: len(found[delimiter]))
    reader = csv.reader(chain([header], lines), delimiter=best, strict=True)
    names = tuple(_next_cells(reader, source) or ())
    _check_columns(title, names, columns)
    return Table(_group(_read_cells(reader, names, source), source, lines))


def _read_header(source: str, header: str, delimiter: str) -> list[str]:
    """Return the cells of the first line; those of a header with a newline in it are fewer."""
    try:
        return next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error as error:
        raise InvalidInputError(f"{source} 1: {error}") from error


def _next_cells(reader: Iterator[list[str]], source: str) -> list[str] | None:
    start = getattr(reader, "line_num", 0) + 1
    try:
        return next(reader, None)
    except csv.Error as error:
        hint = "; a quotation mark that is not closed?" if "end of data" in str(error) or "limit" in str(error) else ""
        raise InvalidInputError(f"{source} {start}: {error}{hint}") from error


def _read_cells(reader: Iterator[list[str]], names: Sequence[str], source: str) -> Iterator[tuple[int, Row | None]]:
    number = getattr(reader, "line_num", 0) + 1
    while (cells := _next_cells(reader, source)) is not None:
        yield number, _name_cells(names, cells, f"{source} {number}") if cells else None
        number = getattr(reader, "line_num", 0) + 1


def _group(parsed: Iterable[tuple[int, Row | None]], source: str, lines: Lines) -> Iterator[Rows]:
    """Yield together the rows that are at hand; those before a bad line are answered, and then comes its error.

    Args:
        parsed: The number and the row of each line; None for a blank one.
        source: The unit of the numbers.
        lines: Where they are read from.
    """
    rows: list[Row] = []
    numbers: list[int] = []
    try:
        for number, row in parsed:
            if row is not None:
                rows.append(row)
                numbers.append(number)
            if rows and not lines.is_at_hand:
                yield Rows(rows, source, numbers)
                rows, numbers = [], []
    except InvalidInputError:
        if rows:
            yield Rows(rows, source, numbers)
        raise
    if rows:
        yield Rows(rows, source, numbers)


def _name_cells(names: Sequence[str], cells: Sequence[str], place: str) -> Row:
    if len(cells) != len(names):
        said = f"{len(cells)} {'cell' if len(cells) == 1 else 'cells'}, where the header has {len(names)}"
        raise InvalidInputError(f"{place}: {said}")
    return {name: cell or None for name, cell in zip(names, cells, strict=True)}


def _open_json_lines(title: str, source: str, lines: Lines, columns: Sequence[str]) -> Table:
    chunks = _group(_read_json_lines(source, lines), source, lines)
    first = next(chunks, None)
    if first is None:
        raise InvalidInputError(f"{title}: there is no text in it")
    # A key that a row lacks is a value that is missing; one that no row at hand has is a mistake.
    names = tuple(dict.fromkeys(name for row in first.rows for name in row))
    _check_columns(title, names, columns)
    return Table(chain([first], chunks))


def _read_json_lines(source: str, lines: Lines) -> Iterator[tuple[int, Row | None]]:
    for number, line in enumerate(lines, 1):
        yield number, _parse_object(line, f"{source} {number}") if line.strip() else None


def _parse_object(line: str, place: str) -> Row:
    try:
        value = json.loads(line, object_pairs_hook=_take_pairs)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{place}: no JSON: {error}") from error
    if not isinstance(value, dict):
        kind = JSON_TYPES.get(type(value), "null")
        raise InvalidInputError(f"{place}: {kind}, where each line is an object")
    return value


def _take_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object of JSON; a name that is there twice would lose a value."""
    taken = dict(pairs)
    if len(taken) < len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        msg = f"the name {name!r} is there twice"
        raise ValueError(msg)
    return taken


def _open_parquet(title: str, stream: BufferedReader, columns: Sequence[str]) -> Table:
    if not stream.seekable():
        raise InvalidInputError(f"{title}: a Parquet file is read from its end; name the file by --file")
    opened = open_parquet(title, stream)
    if not columns:
        _ask_for_a_column(title, opened.texts)
    _check_columns(title, opened.columns, columns)
    if strange := [name for name in columns if name not in opened.texts]:
        known = f"; those of texts are {listing(map(repr, opened.texts))}" if opened.texts else ""
        raise typer.BadParameter(
            f"{title}: the column {strange[0]!r} holds {opened.kinds[strange[0]]}, not texts{known}."
        )

    def read_all() -> Iterator[Rows]:
        number = 0
        for rows in opened.batches:
            yield Rows(rows, f"{title}, row", range(number + 1, number + len(rows) + 1))
            number += len(rows)

    return Table(read_all(), opened.rows)


def _check_columns(title: str, names: Sequence[str], columns: Sequence[str]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise typer.BadParameter(f"{title} has two columns {twice[0]!r}: rename one of them.")
    if not columns:
        _ask_for_a_column(title, names, "; or have each line read as a text, --format lines")
    if missing := [name for name in columns if name not in names]:
        raise typer.BadParameter(f"{title} has no column {missing[0]!r}; it has {listing(map(repr, names))}.")


def _ask_for_a_column(title: str, names: Sequence[str], otherwise: str = "") -> NoReturn:
    known = listing(map(repr, names))
    raise typer.BadParameter(f"{title} is a table: name the column of its texts by --column: {known}{otherwise}.")
