"""What commands that give vectors share: printing them, or writing them into a file of numpy's."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Group
from rich.text import Text

from onnxhub.cli._reading import answer_lines
from onnxhub.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from onnxhub import Failure
    from onnxhub.cli._printing import Printer
    from onnxhub.cli._reading import Given, Lines

__all__ = ["Output", "answer_vectors", "check_output"]

STDOUT = "-"
SHOWN = 4
"""Values of a vector that a person is shown."""

Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE.npy",
        show_default=False,
        rich_help_panel="Output",
        help="Write the vectors to a file of numpy's, shape (inputs, dim), instead; - is standard output.",
    ),
]


def check_output(output: str | None) -> None:
    """Raise ``InvalidInputError`` where no file can be written: now, and not after all inputs."""
    if output is not None and (Path(output).is_dir() or not Path(output).parent.is_dir()):
        raise InvalidInputError(f"{output}: no file can be written there")


def answer_vectors(
    attempt: Callable[[list[str]], list[NDArray[np.float32] | Failure]],
    chunks: Iterable[Lines[str]],
    printer: Printer,
    output: str | None,
    name: str = "text",
) -> None:
    """Print the vector of each input, or write them all into a file.

    Args:
        attempt: The model's.
        chunks: The inputs.
        printer: Where vectors are printed.
        output: The file; None: they are printed.
        name: Of the input in JSON, where it is no column of a table.

    Raises:
        InvalidInputError: an input has no vector, with its place; or there is none to write.
    """
    kept: list[NDArray[np.float32] | None] = []

    def show(given: Given[str], vector: NDArray[np.float32]) -> None:
        if output is not None:
            kept.append(vector)
            return
        values = vector.tolist()
        printer.show(
            given.record({"embedding": values}, name),
            [given.beside(*(f"{value:.6g}" for value in values))],
            partial(_draw, given.text, values),
        )

    if output is None:
        answer_lines(attempt, chunks, printer, show, ("embedding",))
    else:
        answer_lines(attempt, chunks, printer, show, (), lambda _: kept.append(None))
        _save(output, _stack(kept))


def _stack(vectors: list[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    """Stack vectors to an array ``(rows, dim)``; NaN for rows without an input, so that the others stay in their places."""
    found = next((vector for vector in vectors if vector is not None), None)
    if found is None:
        raise InvalidInputError("no row has an input, so there are no vectors to write")
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
