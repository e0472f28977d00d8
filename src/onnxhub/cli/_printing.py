"""Results on standard output: for a person at a terminal, as tab-separated rows in a pipe, or as JSON lines."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from onnxhub.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.console import ConsoleOptions, RenderableType, RenderResult

    from onnxhub.tasks.text_classification import LabelScore

__all__ = ["Line", "Printer", "draw_ranking", "format_score", "highlight", "join_values", "tell"]

STYLES = ("green", "magenta", "cyan", "yellow", "blue", "red")
BAR = 10
"""Characters of a bar."""
NARROW = 60
"""A terminal of fewer columns has no room for bars."""
_CONTROL = [*range(0x20), 0x7F, *range(0x80, 0xA0)]
_DIRECTION = [0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x2070)]
"""Marks and overrides of the direction, by which a text shows as another, and separators of lines."""
SIGNS = {
    **dict.fromkeys([*_CONTROL, *_DIRECTION], 0xFFFD),
    **{code: 0x2400 + code for code in range(0x20)},
    0x7F: 0x2421,
}
"""Control characters, but for the newline, as signs of the width of a column: U+241B for an escape."""
del SIGNS[0x0A]
ESCAPES = {
    **{code: f"\\x{code:02x}" for code in _CONTROL},
    **{code: f"\\u{code:04x}" for code in _DIRECTION},
    **{ord(character): escaped for character, escaped in zip("\\\t\n\r", ("\\\\", "\\t", "\\n", "\\r"), strict=True)},
}
"""Replacements, in a cell of a row, of characters that would end the cell, or that a terminal would obey."""
JSON_ESCAPES = {code: f"\\u{code:04x}" for code in [*_CONTROL, *_DIRECTION] if code >= 0x7F}
"""JSON itself escapes only those below."""
KNOWN_STYLES = {"POSITIVE": "green", "NEGATIVE": "red", "PER": "magenta", "ORG": "cyan", "LOC": "green"}


@dataclass(frozen=True)
class Printer:
    """Prints each result in the one form that suits where it goes."""

    json: bool
    """Whether JSON was asked for."""

    def show(
        self,
        record: Mapping[str, object],
        rows: Iterable[Sequence[object]],
        drawn: Callable[[], RenderableType],
    ) -> None:
        """Print a result: its record as JSON, or its rows with tabs between, or what is drawn of it for a person."""
        if self.json:
            sys.stdout.write(json.dumps(record, ensure_ascii=False).translate(JSON_ESCAPES) + "\n")
        elif self.for_a_person:
            self._console.print(_Harmless(drawn()))
        else:
            sys.stdout.writelines("\t".join(map(_escape, row)) + "\n" for row in rows)

    def show_table(self, records: Sequence[Mapping[str, object]]) -> None:
        """Print records that belong together: as JSON lines, as rows, or as a table that cuts nothing."""
        if not self.for_a_person:
            for record in records:
                named = {re.sub(r"\W", "_", title): value for title, value in record.items()}
                self.show(named, [[join_values(value) for value in record.values()]], Text)
            return
        self._console.print(_Harmless(self.table(records)))

    def table(self, records: Sequence[Mapping[str, object]]) -> RenderableType:
        """Draw records as a table, or as blocks if the terminal is too narrow for a table."""
        table = _draw_table(records)
        squeezed = self._console.measure(table, options=self._console.options.update(max_width=1000)).maximum
        return table if squeezed <= 1.7 * self._console.width else _draw_blocks(records)

    def flush(self) -> None:
        """Send to the reader what was printed."""
        sys.stdout.flush()

    @property
    def for_a_person(self) -> bool:
        """Whether results are drawn, rather than written for a program."""
        return not self.json and self._console.is_terminal

    @cached_property
    def _console(self) -> Console:
        return Console(file=sys.stdout, highlight=False, emoji=False, markup=False)


@dataclass(frozen=True)
class _Harmless:
    """Something drawn, with what a terminal would obey in its texts as visible signs."""

    renderable: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw for rich."""
        for segment in console.render(self.renderable, options):
            yield segment if segment.control else Segment(segment.text.translate(SIGNS), segment.style)


def tell(message: object) -> None:
    """Write a message to standard error, in a line without control characters."""
    sys.stderr.write(f"onnxhub: {one_line(message)}\n")


def format_score(value: float) -> str:
    """Write a probability or another score with four digits."""
    return f"{value:.4f}"


def draw_bar(value: float) -> Text:
    """Draw a share of 1 as a bar of full and eighth blocks."""
    full, part = divmod(round(min(max(value, 0.0), 1.0) * BAR * 8), 8)
    return Text(("█" * full + " ▏▎▍▌▋▊▉"[part]).ljust(BAR)[:BAR], style="dim")


def choose_style(label: str) -> str:
    """Return the colour of a label: always the same for the same label."""
    return KNOWN_STYLES.get(label) or STYLES[sum(label.encode(errors="surrogatepass")) % len(STYLES)]


@dataclass(frozen=True)
class Line:
    """A score as a number and as a bar, then a text, with a label of fixed width before it; lines stand in columns."""

    score: float
    text: Text
    label: str = ""
    width: int = 0
    """Width of the label's column; 0: there is none."""
    share: float | None = None
    """The length of the bar, if the score itself is no share of 1; None: the score."""
    digits: int = 7
    """Width of the scores' column."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw for rich; without the bar if the text needs the room."""
        cells: list[tuple[int | None, RenderableType]] = [
            (self.digits, format_score(self.score)),
            (BAR, draw_bar(self.score if self.share is None else self.share)),
            (None, self.text),
        ]
        if options.max_width < NARROW:
            del cells[1]
        if self.width:
            # A long label is folded in its column: the text needs room as well.
            cells.insert(0, (min(self.width, options.max_width // 3), Text(self.label, choose_style(self.label))))
        grid = Table.grid(padding=(0, 2, 0, 0))
        for width, _ in cells:
            grid.add_column(width=width, overflow="fold")
        grid.add_row(*(cell for _, cell in cells))
        yield grid


def highlight(text: str, spans: Iterable[tuple[int, int, str]]) -> Text:
    """Draw spans ``(start, end, label)`` of a text in their labels' colours, each followed by its label, if any."""
    drawn, done = Text(), 0
    for start, end, label in sorted(spans):
        style = f"bold {choose_style(label)}"
        drawn.append(text[done:start]).append(text[start:end], f"{style} underline")
        if label:
            drawn.append(f" {label}", f"{choose_style(label)} dim")
        done = end
    return drawn.append(text[done:])


def draw_ranking(text: str, best: Sequence[LabelScore], width: int) -> Group:
    """Draw the best labels of a text, a line each in a column of this width, with the text behind the first."""
    return Group(
        *(Line(entry.score, Text("" if place else text), entry.label, width) for place, entry in enumerate(best))
    )


def _draw_table(records: Sequence[Mapping[str, object]]) -> Table:
    drawn = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in records[0]:
        drawn.add_column(title, overflow="fold")
    for record in records:
        drawn.add_row(*map(join_values, record.values()))
    return drawn


def _draw_blocks(records: Sequence[Mapping[str, object]]) -> Group:
    """Draw a block for each record and a line for each value, for terminals too narrow for a table."""
    lines = []
    for record in records:
        (_, name), *others = record.items()
        lines.append(Text(join_values(name), "bold"))
        lines += [Text(f"  {title}: {join_values(value)}") for title, value in others if join_values(value)]
    return Group(*lines)


def join_values(value: object) -> str:
    """Write a value as a cell: several values with commas between."""
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _escape(value: object) -> str:
    return str(value).translate(ESCAPES)
