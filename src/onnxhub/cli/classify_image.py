"""``onnxhub classify-image``: one label with a score for each image."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Unpack

import typer
from rich.cells import cell_len

from onnxhub.cli._images import Images, NamesFile, expand_folders
from onnxhub.cli._options import Column, Format, Json, ModelOptions, load_model
from onnxhub.cli._printing import Printer, draw_ranking, format_score
from onnxhub.cli._reading import answer_lines, read_lines
from onnxhub.tasks.image_classification import TASK

if TYPE_CHECKING:
    from onnxhub import Classification
    from onnxhub.cli._reading import Given

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
    width = max(map(cell_len, classifier.info.labels))

    def show(image: Given[str], result: Classification) -> None:
        best = result.ranking[: top_k or 1]
        printer.show(
            image.record(result.to_dict(), "image"),
            [image.before(entry.label, format_score(entry.score)) for entry in best],
            partial(draw_ranking, image.text, best, width),
        )

    answer_lines(classifier.attempt, chunks, printer, show, ("label", "score", "ranking"))
