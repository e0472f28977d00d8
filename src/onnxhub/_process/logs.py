"""The log, ``logging.getLogger("onnxhub")``: one line a record, printable, bounded and without credentials.

It is cleaned at its source, as not every handler is ours: with no configuration, Python itself writes warnings on stderr.
"""

from __future__ import annotations

import logging
import traceback
from typing import Any

from onnxhub._strings.plain_text import plain

__all__ = ["clean", "make_clean_record"]

_make_record = logging.getLogRecordFactory()


def clean(record: logging.LogRecord) -> bool:
    """Clean a record in place, and let it pass; one that is clean as it is keeps its template and arguments."""
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001  # of an argument: what was to be logged must not raise
        message, cleaned = "", plain(record.msg)
    else:
        # Newlines of a message of ours, as an exporter's last lines have them, become spaces: a record is a line.
        cleaned = plain(" ".join(message.split()) if "\n" in message else message)
    if cleaned != message:
        record.msg, record.args = cleaned, ()
    if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
        told = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if told != plain(told, lines=True):
            record.exc_text = plain(told, lines=True)
    return True


def make_clean_record(*arguments: Any, **options: Any) -> logging.LogRecord:
    """Make a record of any logger, and clean it: for ``logging.setLogRecordFactory`` of a program of ours."""
    record = _make_record(*arguments, **options)
    clean(record)
    return record


logging.getLogger("onnxhub").addFilter(clean)
