"""``onnxhub fill-mask``: the words that fit where a text has a mask."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Annotated, Unpack

import typer
from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from onnxhub.cli._options import (
    Column,
    File,
    Format,
    Json,
    ModelOptions,
    Texts,
    load_model,
)
from onnxhub.cli._printing import Line, Printer, format_score
from onnxhub.cli._reading import answer_lines, decode_argument, read_lines
from onnxhub.tasks.fill_mask import TASK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from onnxhub import MaskFill
    from onnxhub.cli._reading import Given

__all__ = ["fill_mask"]


def fill_mask(
    texts: Texts = None,
    file: File = None,
    *,
    column: Column = None,
    file_format: Format = None,
    top_k: Annotated[int, typer.Option(min=1, help="Words for each mask, best first.")] = 5,
    targets: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            metavar="WORD",
            help="A word that competes, once for each; none: all that the model knows.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Find the words that fit where a text has a mask: [MASK], or how else the model writes it.

    Example: onnxhub fill-mask "a [MASK] is no dog"

    In a pipe, a row is: number of the text, number of the mask in it, word, score, text with the word.
    """
    words = [decode_argument(word) for word in targets or ()] or None
    chunks, printer = read_lines(texts, file, column, file_format), Printer(json)
    loaded = load_model(TASK, **given)
    filler = loaded.with_options(top_k=top_k, targets=words)
    numbers = count(1)

    def show(given: Given[str], masks: list[list[MaskFill]]) -> None:
        number = next(numbers)
        printer.show(
            given.record({"masks": [[entry.to_dict() for entry in fills] for fills in masks]}),
            [
                given.beside(number, place, entry.token, format_score(entry.score), entry.text)
                for place, fills in enumerate(masks, 1)
                for entry in fills
            ],
            partial(_draw, masks),
        )

    answer_lines(filler.attempt, chunks, printer, show, ("masks",))


def _draw(masks: Sequence[Sequence[MaskFill]]) -> Group:
    width = max(cell_len(entry.token) for fills in masks for entry in fills)
    parts: list[RenderableType] = []
    for fills in masks:
        parts += [Line(entry.score, Text(entry.text), entry.token, width) for entry in fills]
        parts.append(Text())
    return Group(*parts)
