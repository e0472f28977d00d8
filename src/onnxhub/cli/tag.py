"""``onnxhub tag``: the entities of each text."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, Unpack

import typer

from onnxhub.cli._options import (
    File,
    Json,
    ModelOptions,
    Texts,
    load_model,
)
from onnxhub.cli._printing import Printer, format_score, highlight
from onnxhub.cli._reading import answer_lines, read_lines
from onnxhub.tasks.token_classification import TASK

__all__ = ["tag"]


def tag(
    texts: Texts = None,
    file: File = None,
    *,
    aggregation: Annotated[
        Literal["none", "simple", "first", "average", "max"], typer.Option(help="How tokens become entities.")
    ] = "simple",
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Find the people, places and organisations (or what else the model knows) in each text.

    Example: onnxhub tag --model builtin:ner "Ada Lovelace lived in London."

    In a pipe, a row is: number of the text, label, score, start, end, entity.
    """
    chunks, printer = read_lines(texts, file), Printer(json)
    loaded = load_model(TASK, **given)
    tagger = loaded.with_options(aggregation=aggregation)
    number = 0
    for chunk, found in answer_lines(tagger.attempt, chunks):
        for text, entities in zip(chunk, found, strict=True):
            number += 1
            spans = [(entry.start, entry.end, entry.label) for entry in entities]
            printer.show(
                {"text": text, "entities": [entry.to_dict() for entry in entities]},
                [
                    (number, entry.label, format_score(entry.score), entry.start, entry.end, entry.text)
                    for entry in entities
                ],
                partial(highlight, text, spans),
            )
        printer.flush()
