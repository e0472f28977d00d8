"""``onnxhub tag``: the entities of each text."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Annotated, Literal, Unpack

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
from onnxhub.cli._printing import Printer, format_score, highlight
from onnxhub.cli._reading import answer_lines, read_lines
from onnxhub.tasks.token_classification import TASK

if TYPE_CHECKING:
    from onnxhub import Entity
    from onnxhub.cli._reading import Given

__all__ = ["tag"]


def tag(
    texts: Texts = None,
    file: File = None,
    *,
    column: Column = None,
    file_format: Format = None,
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
    chunks, printer = read_lines(texts, file, column, file_format), Printer(json)
    loaded = load_model(TASK, **given)
    tagger = loaded.with_options(aggregation=aggregation)
    numbers = count(1)

    def show(given: Given[str], entities: list[Entity]) -> None:
        number = next(numbers)
        spans = [(entry.start, entry.end, entry.label) for entry in entities]
        printer.show(
            given.record({"entities": [entry.to_dict() for entry in entities]}),
            [
                given.beside(number, entry.label, format_score(entry.score), entry.start, entry.end, entry.text)
                for entry in entities
            ],
            partial(highlight, given.text, spans),
        )

    answer_lines(tagger.attempt, chunks, printer, show, ("entities",))
