"""``onnxhub choose``: the continuation that fits a text best."""

from __future__ import annotations

from typing import Annotated, Unpack

import typer
from rich.console import Group
from rich.text import Text

from onnxhub.cli._options import (
    Json,
    ModelOptions,
    load_model,
)
from onnxhub.cli._printing import Line, Printer, format_score
from onnxhub.cli._reading import decode_argument
from onnxhub.tasks.multiple_choice import TASK

__all__ = ["choose"]


def choose(
    prompt: Annotated[str, typer.Argument(help="The text that goes on.", show_default=False)],
    choices: Annotated[list[str], typer.Argument(help="How it may go on; at least two.", show_default=False)],
    *,
    top_k: Annotated[int | None, typer.Option(min=1, help="Only the best.", show_default="all")] = None,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Choose the continuation that fits a text best; --model must be named, there is no default one.

    Example: onnxhub choose --model models/chooser "a cat eats" "tax law" "a fish"

    In a pipe, a row is: score, index of the choice (from 0), choice.
    """
    asked, among = decode_argument(prompt), [decode_argument(choice) for choice in choices]
    if len(among) < 2:
        raise typer.BadParameter("there must be at least two choices.")
    chooser = load_model(TASK, **given)
    result = chooser(asked, among, top_k=top_k)
    Printer(json).show(
        {"prompt": asked, **result.to_dict()},
        [(format_score(entry.score), entry.index, entry.choice) for entry in result.ranking],
        lambda: Group(
            *(
                Line(entry.score, Text(entry.choice, "" if place else "bold green"))
                for place, entry in enumerate(result.ranking)
            )
        ),
    )
