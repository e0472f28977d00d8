"""``onnxhub classify-zero-shot``: one of the labels that are named, for each text."""

from __future__ import annotations

from typing import Annotated, Unpack

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
from onnxhub.cli._reading import decode_argument, read_lines
from onnxhub.tasks.zero_shot_classification import TASK

__all__ = ["classify_zero_shot"]


def classify_zero_shot(
    texts: Texts = None,
    file: File = None,
    *,
    column: Column = None,
    file_format: Format = None,
    label: Annotated[
        list[str], typer.Option("--label", "-l", metavar="NAME", help="A label to choose from; once for each.")
    ],
    template: Annotated[
        str, typer.Option(metavar="TEXT", help="The sentence that is tested, with {} for the label.")
    ] = "This example is {}.",
    multi_label: Annotated[bool, typer.Option("--multi-label", help="Several labels may be true, or none.")] = False,
    top_k: Annotated[
        int | None,
        typer.Option(
            min=1, help="Labels to show for each text, best first.", show_default="1; all with --multi-label or --json"
        ),
    ] = None,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Give each text one of the labels that you name, with a score.

    Example: onnxhub classify-zero-shot -l sport -l law "Who won the match?"

    In a pipe, a row is: label, score, text.
    """
    labels = [decode_argument(text) for text in label]
    chunks, printer = read_lines(texts, file, column, file_format), Printer(json)
    loaded = load_model(TASK, **given)
    classifier = loaded.with_options(
        labels=labels, template=decode_argument(template), multi_label=multi_label, top_k=top_k
    )
    answer_rankings(classifier.attempt, chunks, printer, labels, top_k or (len(labels) if multi_label else 1))
