"""``onnxhub rerank``: documents by how well they answer a query."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Unpack

import typer
from rich.text import Text

import onnxhub
from onnxhub.cli._options import (
    Column,
    File,
    Format,
    Json,
    ModelOptions,
    PromptName,
    load_model,
)
from onnxhub.cli._printing import Line, Printer, format_score
from onnxhub.cli._reading import decode_argument, read_all, read_lines
from onnxhub.tasks.text_ranking import TASK, VectorRankingPreprocessor

__all__ = ["rerank"]


def rerank(
    query: Annotated[str, typer.Argument(help="What the documents should answer.", show_default=False)],
    documents: Annotated[
        list[str] | None,
        typer.Argument(help="The documents; none: each line of --file, or of standard input.", show_default=False),
    ] = None,
    file: File = None,
    *,
    column: Column = None,
    file_format: Format = None,
    prompt_name: PromptName = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Only the best.", show_default="all")] = None,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Put documents in order by how well they answer a query, best first; all are read before the first is shown.

    Example: onnxhub rerank --model builtin:embed "a cat" "tax law" "a kitten"

    In a pipe, a row is: score, index of the document (from 0), document.
    """
    asked, printer = decode_argument(query), Printer(json)
    chunks = read_lines(documents, file, column, file_format, silent=True)
    ranker = load_model(TASK, **given)
    read = read_all(chunks)
    ranking = ranker(asked, [given.text for _, given in read], prompt_name=prompt_name or ..., top_k=top_k)
    compares_vectors = isinstance(ranker.preprocessor, VectorRankingPreprocessor)
    digits = max(len(format_score(entry.score)) for entry in ranking)
    for entry in ranking:
        # Of many models the score is the logit itself: what a bar can show is its place between 0 and 1. A cosine is there.
        share = max(entry.score, 0.0) if compares_vectors else float(onnxhub.sigmoid(entry.logit))
        index, document = read[entry.index]
        found = {**entry.to_dict(), "index": index}
        if document.row is not None:
            del found["text"]
        printer.show(
            document.record(found, None),
            [document.before(format_score(entry.score), index)],
            partial(Line, entry.score, Text(entry.text), share=share, digits=digits),
        )
    printer.flush()
