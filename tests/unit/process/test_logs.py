"""The log: what handlers get of it is one printable line, whatever was logged."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from onnxhub._process import logs as _logs
from onnxhub.errors import ExportError, IntegrityError
from tests.hostile import HOSTILE, SECRETS, orders_in

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("onnxhub")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a handler without any configuration writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    log.addHandler(handler)
    yield stream
    log.removeHandler(handler)


@pytest.mark.parametrize(
    "argument", [HOSTILE, IntegrityError(HOSTILE, HOSTILE), OSError(2, HOSTILE, HOSTILE), [HOSTILE], {"a": HOSTILE}]
)
def test_a_record_is_one_printable_line(argument: object, written: io.StringIO) -> None:
    """Names of files, errors and all else that it is made of."""
    log.warning("%s is damaged: %r", argument, argument)
    said = written.getvalue()
    assert said.endswith("\n")
    assert not orders_in(said[:-1])
    assert "is damaged" in said


def test_no_part_of_a_record_tells_what_its_message_does_not(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that looks at the arguments finds nothing there."""
    log.warning("%s", HOSTILE)
    (record,) = caplog.records
    assert not any(secret in repr(vars(record)) for secret in SECRETS)


def test_a_clean_record_keeps_its_template(caplog: pytest.LogCaptureFixture) -> None:
    """By which programs that collect logs know what belongs together."""
    log.warning("%s was compiled in %.1f s", "model.onnx", 0.5)
    (record,) = caplog.records
    assert (record.msg, record.args) == ("%s was compiled in %.1f s", ("model.onnx", 0.5))


def test_an_error_of_many_lines_is_one_line_of_the_log(written: io.StringIO) -> None:
    """Whoever counts lines counts records."""
    log.warning("%s", ExportError("org/name", "its last lines were:\n  one\n  two"))
    assert written.getvalue().endswith("its last lines were: one two\n")


def test_a_traceback_in_the_log_is_printable(written: io.StringIO) -> None:
    """Of another package's error, too; its own lines stay lines."""
    try:
        int(HOSTILE)
    except ValueError:
        log.exception("failed")
    said = written.getvalue()
    assert not orders_in(said, lines=True)
    assert said.startswith("failed\nTraceback (most recent call last):\n")


def test_what_cannot_be_written_is_logged_all_the_same(written: io.StringIO) -> None:
    """By its template: logging something must not fail."""

    class Raising:
        def __str__(self) -> str:
            raise RuntimeError

    log.warning("about %s", Raising())
    assert written.getvalue() == "about %s\n"


def test_every_logger_of_a_program_of_ours_is_clean() -> None:
    """The command line prints the logs of other packages, too."""
    record = _logs.make_clean_record("other", logging.WARNING, __file__, 1, "of %s", (HOSTILE,), None)
    assert not orders_in(record.getMessage())


def test_a_long_record_is_cut(written: io.StringIO) -> None:
    """Nothing of megabytes gets into a log."""
    log.warning("%s", "x" * 5_000_000)
    assert len(written.getvalue()) < 21_000


@pytest.mark.parametrize(
    "module", ["onnxhub._backend.kept.store", "onnxhub._backend.repository.repository", "onnxhub.compat.fill_mask"]
)
def test_the_log_is_clean_for_whoever_imports_a_part(module: str) -> None:
    """Without the command line, and without any configuration."""
    code = f"import logging, {module}; print(len(logging.getLogger('onnxhub').filters))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "1\n"
