"""Results as HTML for notebooks: scores as bars, spans marked in their text, names and values as a table.

All text is escaped. There are no scripts, and nothing is loaded from elsewhere. Colours are translucent over the page's own,
so that they suit light and dark pages; where a page strips styles, as GitHub does, tables and marks stay.
"""

from __future__ import annotations

import re
from html import escape
from itertools import repeat
from math import isfinite
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Span", "cut_at_spans", "draw_fields", "draw_scores", "draw_text"]

Span = tuple[int, int, str]
"""First character, character after the last, and label."""

MOST_ROWS: Final = 10
"""Rows of a table of scores; how many more there are stands below."""
MOST_CHARACTERS: Final = 300
"""Characters of a text in a cell."""
_UNSHOWN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, overrides of the direction, by which a text shows as another, and surrogates, which no page has."""
_COLOURS: Final = ("46,160,67", "191,75,138", "27,154,170", "191,135,0", "56,120,220", "220,70,60")
_KNOWN: Final = {"POSITIVE": 0, "NEGATIVE": 5, "PER": 1, "ORG": 2, "LOC": 0}
_CELL: Final = "text-align:left;vertical-align:baseline;padding:.15em 1em .15em 0;border:0;background:none"
_NUMBER: Final = f"{_CELL};font-variant-numeric:tabular-nums"
_FAINT: Final = "opacity:.75"
# Pages style tables that have no class, and every other row: notebooks do, and sites of documentation.
_TABLE: Final = '<table class="onnxhub" style="border-collapse:collapse;border:0;margin:0;table-layout:auto">'
_ROW: Final = '<tr style="background:none">'


def draw_scores(entries: Sequence[tuple[str, float, str]], labels: Sequence[str] = (), heading: str = "") -> str:
    """Draw texts with their scores as bars: a row each of text, bar, score and note.

    Args:
        entries: Text, score and note of each; notes may be empty.
        labels: The label of each, in whose colour its bar is; none: all bars have the same colour.
        heading: A line above.
    """
    shown = entries[:MOST_ROWS]
    largest = max((abs(score) for _, score, _ in entries if isfinite(score)), default=0.0)
    # Probabilities are shares of 1. Other scores are shares of the largest, if there are several.
    whole = 1.0 if largest <= 1 else largest if len(entries) > 1 else 0.0
    rows = "".join(
        f'{_ROW}<td style="{_CELL};white-space:pre-wrap" dir="auto">{_cut(text)}</td>'
        f'<td style="{_CELL}">{_draw_bar(score, whole, label)}</td><td style="{_NUMBER}">{score:.4f}</td>'
        + (f'<td style="{_CELL};{_FAINT}">{_cut(note)}</td>' if note else "")
        + "</tr>"
        for (text, score, note), label in zip(shown, labels or repeat(""), strict=False)
    )
    above = f'<div style="{_FAINT}">{_clean(heading)}</div>' if heading else ""
    rest = f'<div style="{_FAINT}">… {len(entries) - len(shown):,} more</div>' if len(shown) < len(entries) else ""
    return _wrap(f"{above}{_TABLE}{rows}</table>{rest}")


def draw_fields(title: str, values: Mapping[str, object]) -> str:
    """Draw names and values as a small table below a title."""
    rows = "".join(
        f'{_ROW}<th scope="row" style="{_CELL};font-weight:normal;{_FAINT}">{_clean(name)}</th>'
        f'<td style="{_CELL};word-break:break-word">{_cut(str(value))}</td></tr>'
        for name, value in values.items()
    )
    heading = f"<strong>{_clean(title)}</strong>"
    return _wrap(f"{heading}{_TABLE}{rows}</table>")


def draw_text(texts: Iterable[tuple[str, Sequence[Span]]]) -> str:
    """Draw texts, each a paragraph, whose spans are marked in the colour of their labels, which stand behind them."""
    return _wrap("".join(f'<p style="{_PARAGRAPH}" dir="auto">{_mark(text, spans)}</p>' for text, spans in texts))


def cut_at_spans(text: str, spans: Sequence[Span]) -> Iterator[tuple[str, str | None]]:
    """Yield a text in parts: of a span with its label, and between spans with None.

    A span that begins within another begins where the other ends; each label is there once.
    """
    done = 0
    for start, end, label in sorted(spans):
        if done < start:
            yield text[done:start], None
        yield text[max(start, done) : end], label
        done = max(done, end)
    if done < len(text):
        yield text[done:], None


_PARAGRAPH: Final = "white-space:pre-wrap;line-height:1.7;margin:.3em 0"


def _mark(text: str, spans: Sequence[Span]) -> str:
    return "".join(
        _clean(part) if label is None else _mark_span(part, label) for part, label in cut_at_spans(text, spans)
    )


def _mark_span(part: str, label: str) -> str:
    colour = _choose_colour(label)
    style = (
        f"color:inherit;background:rgba({colour},.28);border-radius:.25em;padding:.1em .3em;box-decoration-break:clone"
    )
    name = f'&nbsp;<small style="font-size:.75em;font-weight:bold;{_FAINT}">{_clean(label)}</small>' if label else ""
    return f'<mark style="{style}">{_clean(part)}{name}</mark>'


def _draw_bar(score: float, whole: float, label: str) -> str:
    """Draw a score as a bar, of no length if it is no share of the whole; readers of screens have the number beside it."""
    share = min(max(score / whole, 0.0), 1.0) if whole and isfinite(score) else 0.0
    bar = f"display:block;height:100%;width:{share:.1%};background:rgba({_choose_colour(label)},.8)"
    frame = (
        "display:inline-block;width:8em;height:.7em;background:rgba(128,128,128,.2);border-radius:2px;overflow:hidden"
    )
    return f'<span aria-hidden="true" style="{frame}"><span style="{bar}"></span></span>'


def _choose_colour(label: str) -> str:
    """Return the colour of a label: always the same for the same label."""
    return _COLOURS[_KNOWN.get(label, sum(label.encode(errors="surrogatepass")) % len(_COLOURS))]


def _cut(text: str) -> str:
    return _clean(text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}… ({len(text):,} characters)")


def _clean(text: str) -> str:
    return escape(_UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", text))


def _wrap(content: str) -> str:
    # The classes keep notebooks from taking dollar signs of a text for formulas.
    return f'<div class="onnxhub tex2jax_ignore mathjax_ignore">{content}</div>'
