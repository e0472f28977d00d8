"""``onnxhub cache prune``: keep what is used."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from onnxhub._backend.kept import housekeeping as kept
from onnxhub._backend.kept.store import LIMIT
from onnxhub._process import sizes as _units
from onnxhub.cli._options import Json
from onnxhub.cli._printing import Printer
from onnxhub.cli.cache._shown import show_removal

__all__ = ["prune"]


def prune(
    *,
    limit: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help=f"Keep at most this much, such as 5GB. Default: {LIMIT}.", show_default=False
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="AGE", help="Clear away what was not used for so long, such as 30d.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Clear away what onnxhub has made, the least recently used first, until the rest fits; all of it can be made anew.

    Models of the Hub stay: they belong to all tools, and huggingface_hub's own command deletes them.

    Example: onnxhub cache prune --limit 5GB --older-than 30d

    In a pipe, a row is: kind, model, what it was made with, bytes, last use, key; the last row is the total.
    """
    name, size = ("limit", limit) if limit else (LIMIT, os.environ.get(LIMIT))
    if not size and older_than is None:
        raise typer.BadParameter("say what may stay: --limit SIZE, --older-than AGE, or both.")
    most = _units.size(name, size) if size else None
    oldest = None if older_than is None else _units.age("older_than", older_than)
    show_removal(Printer(json), kept.prune(most, oldest))
