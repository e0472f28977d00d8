"""``onnxhub cache clear``: begin anew."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from onnxhub._backend.kept import housekeeping as kept
from onnxhub._process.sizes import sized
from onnxhub.cli._options import Json
from onnxhub.cli._printing import Printer
from onnxhub.cli.cache._shown import show_removal
from onnxhub.errors import one_line

__all__ = ["clear"]


def clear(
    kind: Annotated[
        str | None,
        typer.Argument(help="Only this kind, such as compiled (see `onnxhub cache ls`).", show_default=False),
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Clear away all that onnxhub has made, or all of a kind; models of the Hub stay.

    Example: onnxhub cache clear --yes

    In a pipe, a row is: kind, model, what it was made with, bytes, last use, key; the last row is the total.
    """
    digests = kept.digests_size() if kind in {None, kept.DIGESTS} else (0, 0)
    if not yes:
        if not sys.stdin or not sys.stdin.isatty():
            raise typer.BadParameter("nobody can be asked here: --yes clears without asking.")
        entries = kept.listed(None if kind is None else [kind])
        number, size = len(entries) + digests[0], sized(sum(entry.size for entry in entries) + digests[1])
        typer.confirm(
            f"Clear away {'everything' if kind is None else one_line(kind)} ({number} in all, {size})?",
            abort=True,
            err=True,
        )
    show_removal(Printer(json), kept.clear(kind), digests)
