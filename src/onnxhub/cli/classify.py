"""``onnxhub classify``: one label with a score for each text."""

from __future__ import annotations

from typing import Annotated, Literal, Unpack

import typer

from onnxhub.cli._options import (
    Column,
    File,
    Format,
    Json,
    ModelOptions,
    Texts,
    load_model,
)
from onnxhub.cli._printing import Printer
from onnxhub.cli._rankings import answer_rankings
from onnxhub.cli._reading import read_lines
from onnxhub.tasks.text_classification import TASK

__all__ = ["classify"]


def classify(
    texts: Texts = None,
    file: File = None,
    *,
    column: Column = None,
    file_format: Format = None,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, help="Labels to show for each text, best first.", show_default="1, and all in JSON"),
    ] = None,
    long_text: Annotated[
        Literal["truncate", "window", "error"], typer.Option(help="What becomes of a text longer than the model takes.")
    ] = "truncate",
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Give each text one of the model's labels, with a score.

    Example: onnxhub classify --model builtin:sentiment "Quite easy to use!"

    In a pipe, a row is: label, score, text.
    """
    chunks, printer = read_lines(texts, file, column, file_format), Printer(json)
    loaded = load_model(TASK, **given)
    classifier = loaded.with_options(top_k=top_k, long_text=long_text)
    answer_rankings(classifier.attempt, chunks, printer, classifier.info.labels, top_k or 1)
