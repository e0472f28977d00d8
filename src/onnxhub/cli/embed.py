"""``onnxhub embed``: one vector for each text."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

import numpy as np
import typer
from rich.console import Group
from rich.text import Text

from onnxhub.cli._options import Column, File, Format, Json, ModelOptions, PromptName, Texts, load_model
from onnxhub.cli._printing import Printer
from onnxhub.cli._reading import answer_lines, read_lines
from onnxhub.errors import InvalidInputError
from onnxhub.tasks.feature_extraction import TASK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from onnxhub.cli._reading import Given

__all__ = ["embed"]

STDOUT = "-"
SHOWN = 4
"""Values of a vector that a person is shown."""


def embed(
    texts: Texts = None,
    file: File = None,
    *,
    column: Column = None,
    file_format: Format = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.npy",
            show_default=False,
            rich_help_panel="Output",
            help="Write the vectors to a file of numpy's, shape (texts, dim), instead; - is standard output.",
        ),
    ] = None,
    prompt_name: PromptName = None,
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
    if output is not None and (Path(output).is_dir() or not Path(output).parent.is_dir()):
        raise InvalidInputError(f"{output}: no file can be written there")  # said now, and not after all texts
    chunks, printer = read_lines(texts, file, column, file_format, silent=output is not None), Printer(json)
    loaded = load_model(TASK, **given)
    embedder = loaded.with_options(prompt_name=prompt_name or ..., truncate_dim=truncate_dim or ...)
    kept: list[NDArray[np.float32] | None] = []

    def show(given: Given[str], vector: NDArray[np.float32]) -> None:
        if output is not None:
            kept.append(vector)
            return
        values = vector.tolist()
        printer.show(
            given.record({"embedding": values}),
            [given.beside(*(f"{value:.6g}" for value in values))],
            partial(_draw, given.text, values),
        )

    if output is None:
        answer_lines(embedder.attempt, chunks, printer, show, ("embedding",))
    else:
        answer_lines(embedder.attempt, chunks, printer, show, (), lambda _: kept.append(None))
        _save(output, _stack(kept))


def _stack(vectors: list[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    """Stack vectors to an array ``(rows, dim)``; NaN for rows without a text, so that the others stay in their places."""
    found = next((vector for vector in vectors if vector is not None), None)
    if found is None:
        raise InvalidInputError("no row has a text, so there are no vectors to write")
    nothing = np.full_like(found, np.nan)
    return np.stack([nothing if vector is None else vector for vector in vectors])


def _save(name: str, vectors: NDArray[np.float32]) -> None:
    written = BytesIO()  # to a name, numpy would add .npy; and in a file it would seek, which a pipe cannot
    np.save(written, vectors)
    with nullcontext(sys.stdout.buffer) if name == STDOUT else open(name, "wb") as file:  # noqa: PTH123  # as typed
        file.write(written.getbuffer())


def _draw(text: str, values: list[float]) -> Group:
    start = "  ".join(f"{value:.4f}" for value in values[:SHOWN])
    return Group(Text(text), Text(f"  {start}  …  ({len(values)},)", "dim"))
