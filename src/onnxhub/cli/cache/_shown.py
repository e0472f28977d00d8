"""How what is kept is shown, by every command of ``onnxhub cache``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from onnxhub._backend.kept.housekeeping import DIGESTS
from onnxhub._process.sizes import sized
from onnxhub.cli._printing import tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.kept.housekeeping import EntryInfo, Removal
    from onnxhub.cli._printing import Printer

__all__ = ["digests_record", "record", "record_of", "show_removal"]


def record(
    printer: Printer, kind: str, model: str, made_with: str, size: int, used: float | None, key: str = ""
) -> Mapping[str, object]:
    """One row: sizes and times for a person, or bytes and ISO 8601 for a program."""
    when = "" if used is None else _time(used, short=printer.for_a_person)
    return {
        "kind": kind,
        "model": model,
        "made with": made_with,
        "size": sized(size) if printer.for_a_person else size,
        "last use": when,
        "key": key[:12] if printer.for_a_person else key,
    }


def _time(seconds: float, *, short: bool) -> str:
    when = datetime.fromtimestamp(seconds, UTC).astimezone()
    return f"{when:%Y-%m-%d %H:%M}" if short else when.isoformat(timespec="seconds")


def record_of(printer: Printer, entry: EntryInfo) -> Mapping[str, object]:
    """The row of an entry."""
    return record(printer, entry.kind, entry.model, entry.made_with, entry.size, entry.used, entry.key)


def digests_record(printer: Printer, number: int, size: int) -> Mapping[str, object]:
    """The row of all remembered digests."""
    return record(printer, DIGESTS, "", f"{number} file{'s' * (number != 1)}", size, None)


def show_removal(printer: Printer, removal: Removal, digests: tuple[int, int] = (0, 0)) -> None:
    """What went, so many digests with so many bytes among it, with its sum; on standard error, what stays and why."""
    rows = [record_of(printer, entry) for entry in removal.removed]
    if digests[0]:
        rows.append(digests_record(printer, *digests))
    total = sum(one.size for one in removal.removed) + digests[1]
    printer.show_table([*rows, record(printer, "total", "", "removed", total, None)])
    for entry, reason in removal.skipped:
        tell(f"{entry.folder} stays: {reason}")
