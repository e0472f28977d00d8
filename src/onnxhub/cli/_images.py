"""What commands on images share: files and folders of images, and lists of their names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from onnxhub.cli._reading import Lines
from onnxhub.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Images", "NamesFile", "expand_folders"]

ENDINGS: Final = frozenset(".bmp .gif .jpeg .jpg .png .tif .tiff .webp".split())
"""Ends of the names of files that are images, in a folder."""
CHUNK: Final = 256
"""Images of a folder that run together: few enough to answer soon."""

Images = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files with an image, or folders of them; none: each line of --file, or of standard input, is one.",
        show_default=False,
    ),
]
NamesFile = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        "-f",
        metavar="PATH",
        help="Read the names of files from a file, one a line, or of a table by --column; - is standard input.",
        show_default=False,
    ),
]


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
