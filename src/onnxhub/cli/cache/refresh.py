"""``onnxhub cache refresh``: what a revision is now."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from onnxhub._process.sizes import sized
from onnxhub._workshop.hub_models import refreshed
from onnxhub.cli._options import Json, Revision
from onnxhub.cli._printing import Printer

__all__ = ["refresh"]


def refresh(
    model: Annotated[str, typer.Argument(help="Id on the Hub.", show_default=False)],
    *,
    revision: Revision = None,
    json: Json = False,
) -> None:
    """Ask the Hub for a model's newest commit, and say what has changed; load takes it from then on.

    Files are fetched when load needs them.

    Example: onnxhub cache refresh org/name

    In a pipe, a row is: commit, the one that was known, the one of now; then, for each file: added, removed or changed,
    path, bytes.
    """
    found = refreshed(model, revision)
    same = found.before == found.now
    known = "no commit was known" if found.before is None else f"it was {found.before}"
    lines = [f"{found.model_id}: {found.now}, {'as before' if same else known}"]
    lines += [
        f"  {one.kind:<8} {one.file}{'' if one.size is None else f' ({sized(one.size)})'}" for one in found.changes
    ]
    Printer(json).show(
        asdict(found),
        [
            ("commit", found.before or "", found.now),
            *((one.kind, one.file, "" if one.size is None else one.size) for one in found.changes),
        ],
        lambda: Group(*map(Text, lines)),
    )
