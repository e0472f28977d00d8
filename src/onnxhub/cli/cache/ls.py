"""``onnxhub cache ls``: what is kept."""

from __future__ import annotations

from onnxhub._backend.kept.housekeeping import digests_size, listed
from onnxhub._workshop.hub_models import hub_models, size_on_disk
from onnxhub.cli._options import Json
from onnxhub.cli._printing import Printer
from onnxhub.cli.cache._shown import digests_record, record, record_of

__all__ = ["ls"]


def ls(*, json: Json = False) -> None:
    """List what onnxhub has made and keeps, the digests that it remembers, and the models of the Hub that it uses.

    Example: onnxhub cache ls

    In a pipe, a row is: kind, model, what it was made with, bytes, last use, key; the last row is the total.
    """
    printer = Printer(json)
    entries, (number, digests), models = listed(), digests_size(), hub_models()
    rows = [record_of(printer, entry) for entry in entries]
    if number:
        rows.append(digests_record(printer, number, digests))
    rows += [record(printer, "hub", one.model_id, ", ".join(one.revisions), one.size, one.used) for one in models]
    total = sum(entry.size for entry in entries) + digests + size_on_disk(models)
    printer.show_table([*rows, record(printer, "total", "", "", total, None)])
