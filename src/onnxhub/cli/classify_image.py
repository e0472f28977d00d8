"""``onnxhub classify-image``: one label with a score for each image."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Unpack

import typer
from rich.cells import cell_len

from onnxhub.cli._options import Column, Format, Json, ModelOptions, load_model
from onnxhub.cli._printing import Printer, draw_ranking, format_score
from onnxhub.cli._reading import Lines, answer_lines, read_lines
from onnxhub.errors import InvalidInputError
from onnxhub.tasks.image_classification import TASK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onnxhub import Classification
    from onnxhub.cli._reading import Given

__all__ = ["classify_image"]

ENDINGS: Final = frozenset(".bmp .gif .jpeg .jpg .png .tif .tiff .webp".split())
"""Ends of the names of files that are images, in a folder."""
CHUNK: Final = 256
"""Images of a folder that are classified together: few enough to answer soon."""


def classify_image(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files with an image, or folders of them; none: each line of --file, or of standard input, is one.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            "--file",
            "-f",
            metavar="PATH",
            help="Read the names of files from a file, one a line, or of a table by --column; - is standard input.",
            show_default=False,
        ),
    ] = None,
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


def expand_folders(chunks: Iterable[Lines[str]]) -> Iterator[Lines[str]]:
    """Yield the names with those of a folder's images in its place, by name; not those of folders within, nor of rows.

    Raises:
        InvalidInputError: There is no image in a folder.
    """
    for lines in chunks:
        if lines.rows is not None:  # each row has one result
            yield lines
            continue
        names: list[str] = []
        numbers: list[int] = []
        for name, number in zip(lines.texts, lines.numbers, strict=True):
            for found in _list_images(name):
                names.append(found)
                numbers.append(number)
        for start in range(0, len(names), CHUNK):
            yield Lines(names[start : start + CHUNK], lines.source, numbers[start : start + CHUNK])


def _list_images(name: str) -> list[str]:
    path = Path(name).expanduser()
    if not path.is_dir():
        return [name]
    found = sorted(str(entry) for entry in path.iterdir() if entry.suffix.lower() in ENDINGS and entry.is_file())
    if not found:
        raise InvalidInputError(
            f"{name}: no image is in this folder; known are files that end in {', '.join(sorted(ENDINGS))}"
        )
    return found
