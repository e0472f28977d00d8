"""``onnxhub embed``: one vector for each text."""

from __future__ import annotations

from typing import Annotated, Unpack

import typer

from onnxhub.cli._options import Column, File, Format, InputSide, Json, ModelOptions, PromptName, Texts, load_model
from onnxhub.cli._printing import Printer
from onnxhub.cli._reading import read_lines
from onnxhub.cli._vectors import Output, answer_vectors, check_output
from onnxhub.tasks.feature_extraction import TASK

__all__ = ["embed"]


def embed(
    texts: Texts = None,
    file: File = None,
    *,
    column: Column = None,
    file_format: Format = None,
    output: Output = None,
    prompt_name: PromptName = None,
    input_type: InputSide = None,
    truncate_dim: Annotated[
        int | None, typer.Option(min=1, help="Keep only the first dimensions.", show_default=False)
    ] = None,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Turn each text into a vector.

    Example: onnxhub embed "a cat" "a kitten" --output vectors.npy

    In a pipe, a row is: the numbers of the vector.
    """
    check_output(output)
    chunks = read_lines(texts, file, column, file_format, silent=output is not None)
    loaded = load_model(TASK, **given)
    embedder = loaded.with_options(
        prompt_name=prompt_name or ..., input_type=input_type or ..., truncate_dim=truncate_dim or ...
    )
    answer_vectors(embedder.attempt, chunks, Printer(json), output)
