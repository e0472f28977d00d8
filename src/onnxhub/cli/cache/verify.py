"""``onnxhub cache verify``: whether what is kept is what was written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from onnxhub._backend.kept.housekeeping import damage, listed
from onnxhub._workshop.hub_models import hub_models
from onnxhub.cli._options import Json
from onnxhub.cli._printing import Printer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxhub.errors import IntegrityError

__all__ = ["verify"]


def verify(*, json: Json = False) -> None:
    """Read every file that is kept, and compare it with its digest; offline. The exit code is 1 if one is damaged.

    Damaged files need nothing by hand: load makes or fetches them anew, or says that it cannot.

    Example: onnxhub cache verify

    In a pipe, a row is: sound or damaged, kind, model, damaged file, what is wrong with it.
    """
    printer, sound = Printer(json), True
    for entry in listed():
        sound &= _shown(printer, entry.kind, entry.model, damage(entry))
    for model in hub_models():
        sound &= _shown(printer, "hub", model.model_id, model.damage())
    if not sound:
        raise typer.Exit(1)


def _shown(printer: Printer, kind: str, model: str, errors: Iterable[IntegrityError]) -> bool:
    """A row for each damaged file, or one that all is well; whether it is."""
    rows = [("damaged", kind, model, error.path, error.reason) for error in errors]
    for row in rows or [("sound", kind, model, "", "")]:
        state, *_, file, reason = row
        record = {"state": state, "kind": kind, "model": model, "file": file, "reason": reason}
        printer.show(record, [row], partial(_drawn, *row))
        printer.flush()
    return not rows


def _drawn(state: str, kind: str, model: str, path: str, reason: str) -> Text:
    style, which = ("green", "") if state == "sound" else ("bold red", f"\n  {path}: {reason}")
    return Text.assemble((f"{state:<9}", style), f"{kind} {model}{which}")
