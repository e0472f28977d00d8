"""What commands that give labels share: printing the best of each input."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rich.cells import cell_len

from onnxhub.cli._printing import draw_ranking, format_score
from onnxhub.cli._reading import answer_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from onnxhub import Classification, Failure
    from onnxhub.cli._printing import Printer
    from onnxhub.cli._reading import Given, Lines

__all__ = ["answer_rankings"]


def answer_rankings(
    attempt: Callable[[list[str]], list[Classification | Failure]],
    chunks: Iterable[Lines[str]],
    printer: Printer,
    labels: Sequence[str],
    shown: int,
    name: str = "text",
) -> None:
    """Print the best labels of each input.

    Args:
        attempt: The model's.
        chunks: The inputs.
        printer: Where they are printed.
        labels: All labels that there are.
        shown: The labels of an input that a person is shown.
        name: Of the input in JSON, where it is no column of a table.

    Raises:
        InvalidInputError: an input has no label, with its place.
    """
    width = max(map(cell_len, labels))

    def show(given: Given[str], result: Classification) -> None:
        best = result.ranking[:shown]
        printer.show(
            given.record(result.to_dict(), name),
            [given.before(entry.label, format_score(entry.score)) for entry in best],
            partial(draw_ranking, given.text, best, width),
        )

    answer_lines(attempt, chunks, printer, show, ("label", "score", "ranking"))
