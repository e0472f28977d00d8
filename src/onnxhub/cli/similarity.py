"""``onnxhub similarity``: how near other texts are to one."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final, Unpack

import typer
from rich.text import Text

from onnxhub.cli._options import (
    Column,
    File,
    Format,
    Json,
    ModelOptions,
    load_model,
)
from onnxhub.cli._printing import Line, Printer, format_score
from onnxhub.cli._reading import Given, decode_argument, read_lines, tell_missing
from onnxhub.tasks.feature_extraction import TASK

__all__ = ["similarity"]

DISTANCES: Final = ("euclidean", "manhattan")
"""Measures whose values are 0 at most."""


def similarity(
    text: Annotated[str, typer.Argument(help="The text that the others are compared with.", show_default=False)],
    others: Annotated[
        list[str] | None,
        typer.Argument(help="The others; none: each line of --file, or of standard input.", show_default=False),
    ] = None,
    file: File = None,
    *,
    column: Column = None,
    file_format: Format = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Only the nearest, nearest first.", show_default="all, as they come")
    ] = None,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Say how near other texts are in meaning to a text: the cosine of their vectors, unless the model names another measure.

    Example: onnxhub similarity "a cat" "a kitten" "tax law"

    In a pipe, a row is: similarity, text.
    """
    asked, printer = decode_argument(text), Printer(json)
    chunks = read_lines(others, file, column, file_format, silent=top_k is not None)
    embedder = load_model(TASK, **given)
    best: list[tuple[float, Given[str]]] = []
    measure, missing = embedder.preprocessor.similarity_fn_name, 0
    for lines in chunks:
        missing += sum(lines.is_missing)
        values = embedder.similarity(asked, lines.texts).tolist() if lines.texts else []
        found = [*zip(values, lines.given, strict=True)]
        if top_k is None:
            _show(printer, measure, found)
        else:
            best = sorted([*best, *found], key=lambda pair: -pair[0])[:top_k]
    _show(printer, measure, best)
    tell_missing(missing)


def _show(printer: Printer, measure: str, found: list[tuple[float, Given[str]]]) -> None:
    most = max((value for value, _ in found), default=1.0)
    digits = max((len(format_score(value)) for value, _ in found), default=0)
    for value, given in found:
        printer.show(
            {"similarity": value, "text": given.text} if given.row is None else given.record({"similarity": value}),
            [given.before(format_score(value))],
            partial(Line, value, Text(given.text), share=_share(measure, value, most), digits=max(digits, 7)),
        )
    printer.flush()


def _share(measure: str, value: float, most: float) -> float:
    """Return what a bar shows: for a distance, which is negative, how near it is; for a product beyond 1, its share of the largest."""
    return 1 / (1 - min(value, 0.0)) if measure in DISTANCES else value / max(most, 1.0)
