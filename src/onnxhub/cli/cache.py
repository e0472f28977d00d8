"""``onnxhub cache``: see, check, refresh and clear away what is kept on this machine."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from onnxhub._backend.kept import housekeeping
from onnxhub._backend.kept.housekeeping import LIMIT
from onnxhub._process import sizes
from onnxhub._workshop import hub_models
from onnxhub.cli._options import Json, Revision
from onnxhub.cli._printing import Printer, tell
from onnxhub.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnxhub._backend.kept.housekeeping import EntryInfo, Removal
    from onnxhub.errors import IntegrityError

__all__ = ["COMMANDS"]


def ls(*, json: Json = False) -> None:
    """List what onnxhub has made and keeps, the digests that it remembers, and the models of the Hub that it uses.

    Example: onnxhub cache ls

    In a pipe, a row is: kind, model, what it was made with, bytes, last use, key; the last row is the total.
    """
    printer = Printer(json)
    entries, (number, digests), models = (
        housekeeping.list_entries(),
        housekeeping.measure_digests(),
        hub_models.hub_models(),
    )
    rows = [_describe_entry(printer, entry) for entry in entries]
    if number:
        rows.append(_describe_digests(printer, number, digests))
    rows += [
        _describe(printer, "hub", model.model_id, ", ".join(model.revisions), model.size, model.used)
        for model in models
    ]
    total = sum(entry.size for entry in entries) + digests + hub_models.size_on_disk(models)
    printer.show_table([*rows, _describe(printer, "total", "", "", total, None)])


def verify(*, json: Json = False) -> None:
    """Read every file that is kept, and compare it with its digest; offline. The exit code is 1 if one is damaged.

    Damaged files need nothing by hand: load makes or fetches them anew, or says that it cannot.

    Example: onnxhub cache verify

    In a pipe, a row is: sound or damaged, kind, model, damaged file, what is wrong with it.
    """
    printer, sound = Printer(json), True
    for entry in housekeeping.list_entries():
        sound &= _show_damage(printer, entry.kind, entry.model, housekeeping.find_damage(entry))
    for model in hub_models.hub_models():
        sound &= _show_damage(printer, "hub", model.model_id, model.damage())
    if not sound:
        raise typer.Exit(1)


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
    found = hub_models.refresh(model, revision)
    same = found.before == found.now
    known = "no commit was known" if found.before is None else f"it was {found.before}"
    lines = [f"{found.model_id}: {found.now}, {'as before' if same else known}"]
    lines += [
        f"  {change.kind:<8} {change.file}{'' if change.size is None else f' ({sizes.format_size(change.size)})'}"
        for change in found.changes
    ]
    Printer(json).show(
        asdict(found),
        [
            ("commit", found.before or "", found.now),
            *((change.kind, change.file, "" if change.size is None else change.size) for change in found.changes),
        ],
        lambda: Group(*map(Text, lines)),
    )


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
    most = sizes.size(name, size) if size else None
    oldest = None if older_than is None else sizes.age("older_than", older_than)
    _show_removal(Printer(json), housekeeping.prune(most, oldest))


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
    digests = housekeeping.measure_digests() if kind in {None, housekeeping.DIGESTS} else (0, 0)
    if not yes:
        if not sys.stdin or not sys.stdin.isatty():
            raise typer.BadParameter("nobody can be asked here: --yes clears without asking.")
        entries = housekeeping.list_entries(None if kind is None else [kind])
        number, size = len(entries) + digests[0], sizes.format_size(sum(entry.size for entry in entries) + digests[1])
        typer.confirm(
            f"Clear away {'everything' if kind is None else one_line(kind)} ({number} in all, {size})?",
            abort=True,
            err=True,
        )
    _show_removal(Printer(json), housekeeping.clear(kind), digests)


COMMANDS = (ls, verify, refresh, prune, clear)


def _describe(
    printer: Printer, kind: str, model: str, made_with: str, size: int, used: float | None, key: str = ""
) -> Mapping[str, object]:
    """Return a row: sizes and times for a person, or bytes and ISO 8601 for a program."""
    when = "" if used is None else _format_time(used, short=printer.for_a_person)
    return {
        "kind": kind,
        "model": model,
        "made with": made_with,
        "size": sizes.format_size(size) if printer.for_a_person else size,
        "last use": when,
        "key": key[:12] if printer.for_a_person else key,
    }


def _format_time(seconds: float, *, short: bool) -> str:
    when = datetime.fromtimestamp(seconds, UTC).astimezone()
    return f"{when:%Y-%m-%d %H:%M}" if short else when.isoformat(timespec="seconds")


def _describe_entry(printer: Printer, entry: EntryInfo) -> Mapping[str, object]:
    return _describe(printer, entry.kind, entry.model, entry.made_with, entry.size, entry.used, entry.key)


def _describe_digests(printer: Printer, number: int, size: int) -> Mapping[str, object]:
    """Return the row of all remembered digests together."""
    return _describe(printer, housekeeping.DIGESTS, "", f"{number} file{'s' * (number != 1)}", size, None)


def _show_removal(printer: Printer, removal: Removal, digests: tuple[int, int] = (0, 0)) -> None:
    """Print the removed entries and their total; on standard error, which entries stay and why.

    Args:
        printer: The form of the output.
        removal: The removed entries, and those that stay.
        digests: How many digests were removed with it, and their bytes.
    """
    rows = [_describe_entry(printer, entry) for entry in removal.removed]
    if digests[0]:
        rows.append(_describe_digests(printer, *digests))
    total = sum(entry.size for entry in removal.removed) + digests[1]
    printer.show_table([*rows, _describe(printer, "total", "", "removed", total, None)])
    for entry, reason in removal.skipped:
        tell(f"{entry.folder} stays: {reason}")


def _show_damage(printer: Printer, kind: str, model: str, errors: Iterable[IntegrityError]) -> bool:
    """Print a row for each damaged file, or one row if there is none; return whether there is none."""
    rows = [("damaged", kind, model, error.path, error.reason) for error in errors]
    for row in rows or [("sound", kind, model, "", "")]:
        state, *_, file, reason = row
        record = {"state": state, "kind": kind, "model": model, "file": file, "reason": reason}
        printer.show(record, [row], partial(_draw_state, *row))
        printer.flush()
    return not rows


def _draw_state(state: str, kind: str, model: str, path: str, reason: str) -> Text:
    style, which = ("green", "") if state == "sound" else ("bold red", f"\n  {path}: {reason}")
    return Text.assemble((f"{state:<9}", style), f"{kind} {model}{which}")
