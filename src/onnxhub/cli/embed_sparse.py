"""``onnxhub embed-sparse``: weights of words for each text."""

from __future__ import annotations

from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Annotated, Unpack

import typer
from rich.columns import Columns
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from onnxhub.cli._options import (
    Column,
    File,
    Format,
    InputSide,
    Json,
    ModelOptions,
    PromptName,
    Texts,
    load_model,
)
from onnxhub.cli._printing import Printer, format_score
from onnxhub.cli._reading import answer_lines, read_lines
from onnxhub.tasks.sparse_feature_extraction import TASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub import SparseEmbedding
    from onnxhub.cli._reading import Given

__all__ = ["embed_sparse"]

SHOWN = 12
"""Words that a person is shown."""


def embed_sparse(
    texts: Texts = None,
    file: File = None,
    *,
    column: Column = None,
    file_format: Format = None,
    prompt_name: PromptName = None,
    input_type: InputSide = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Only the heaviest words.", show_default="all")] = None,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Turn each text into weights of words (SPLADE); --model must be named, there is no default one.

    Example: onnxhub embed-sparse --model models/masked --top-k 3 "a cat"

    In a pipe, a row is: number of the text, word, weight; the heaviest word first.
    """
    chunks, printer = read_lines(texts, file, column, file_format), Printer(json)
    loaded = load_model(TASK, **given)
    embedder = loaded.with_options(prompt_name=prompt_name or ..., input_type=input_type or ..., top_k=top_k or ...)
    numbers = count(1)

    def show(given: Given[str], embedding: SparseEmbedding) -> None:
        number, words = next(numbers), embedder.words(embedding)
        printer.show(
            given.record(embedding.to_dict()),
            [given.beside(number, word, format_score(weight)) for word, weight in words.items()],
            partial(_draw, given.text, words),
        )

    answer_lines(embedder.attempt, chunks, printer, show, ("indices", "values", "size"))


def _draw(text: str, words: Mapping[str, float]) -> Group:
    heaviest = [Text(f"{word} ").append(format_score(weight), "dim") for word, weight in islice(words.items(), SHOWN)]
    rest = [Text(f"… ({len(words)})", "dim")] if len(words) > SHOWN else []
    return Group(Text(text, "bold"), Padding(Columns([*heaviest, *rest], padding=(0, 3, 0, 0)), (0, 0, 0, 2)))
