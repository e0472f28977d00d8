"""``onnxhub classify-image``: one label with a score for each image."""

from __future__ import annotations

from typing import Annotated, Unpack

import typer

from onnxhub.cli._images import Images, NamesFile, expand_folders
from onnxhub.cli._options import Column, Format, Json, ModelOptions, load_model
from onnxhub.cli._printing import Printer
from onnxhub.cli._rankings import answer_rankings
from onnxhub.cli._reading import read_lines
from onnxhub.tasks.image_classification import TASK

__all__ = ["classify_image"]


def classify_image(
    images: Images = None,
    file: NamesFile = None,
    *,
    column: Column = None,
    file_format: Format = None,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, help="Labels to show for each image, best first.", show_default="1, and all in JSON"),
    ] = None,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Give each image one of the model's labels, with a score.

    Example: onnxhub classify-image photo.jpg photos

    In a pipe, a row is: label, score, file.
    """
    chunks, printer = expand_folders(read_lines(images, file, column, file_format)), Printer(json)
    classifier = load_model(TASK, **given).with_options(top_k=top_k)
    answer_rankings(classifier.attempt, chunks, printer, classifier.info.labels, top_k or 1, "image")
