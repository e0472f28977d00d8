"""``onnxhub embed-image``: one vector for each image."""

from __future__ import annotations

from typing import Annotated, Literal, Unpack

import typer

from onnxhub.cli._images import Images, NamesFile, expand_folders
from onnxhub.cli._options import Column, Format, Json, ModelOptions, load_model
from onnxhub.cli._printing import Printer
from onnxhub.cli._reading import read_lines
from onnxhub.cli._vectors import Output, answer_vectors, check_output
from onnxhub.tasks.image_feature_extraction import TASK

__all__ = ["embed_image"]


def embed_image(
    images: Images = None,
    file: NamesFile = None,
    *,
    column: Column = None,
    file_format: Format = None,
    output: Output = None,
    pooling: Annotated[
        Literal["pooler", "cls", "mean"] | None,
        typer.Option(help="Which vector is taken.", show_default="the graph's own"),
    ] = None,
    normalize: Annotated[bool, typer.Option("--normalize", help="Make the vectors' length 1.")] = False,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Turn each image into a vector.

    Example: onnxhub embed-image photos --output vectors.npy

    In a pipe, a row is: the numbers of the vector.
    """
    check_output(output)
    chunks = expand_folders(read_lines(images, file, column, file_format, silent=output is not None))
    embedder = load_model(TASK, **given).with_options(pooling=pooling, normalize=normalize)
    answer_vectors(embedder.attempt, chunks, Printer(json), output, "image")
