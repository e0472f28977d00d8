"""What comes from outside and is shown on a terminal: it gives the terminal no orders, and keeps secrets."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX's", allow_module_level=True)

from tests import tiny
from tests.cli.terminal import in_a_terminal, on_a_terminal
from tests.hostile import HOSTILE, SECRETS

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.workplace import Workplace

pytestmark = pytest.mark.light

OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\r")
"""Colours, and how a line of progress is drawn anew."""
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f]")
LABEL = "x\x1b]0;PWNED\x07\x1b[2J\u202eevil\u2066\x9b31m\u2028\ttab\nline"
"""A label as a model may have it."""
TEXT = "Quite easy!"

EVERYTHING = """
import logging, runpy, sys, traceback, warnings
from dataclasses import fields, is_dataclass, replace
import onnxhub
from onnxhub import errors
from onnxhub._contracts import registry as _registry
from onnxhub._strings.plain_text import PlainWarning
from onnxhub._process.progress import waiting
from tests.hostile import HOSTILE
from tests.unit.test_errors import RAISED, hostile

def below(cls):
    return {cls}.union(*map(below, cls.__subclasses__()))

sys.stderr.reconfigure(errors="backslashreplace")  # which Python itself has for it
for name in onnxhub.__all__:
    getattr(onnxhub, name)
told = {cls for cls in below(Warning) if cls.__module__.startswith("onnxhub")}
assert told == below(PlainWarning), told
for cls in told:
    warnings.warn(cls(HOSTILE), stacklevel=1)
for cls in RAISED:
    error = hostile(cls, HOSTILE)
    print(f"{error}", repr(error), error, file=sys.stderr)
    logging.getLogger("onnxhub").error("%s: %r", error, error)
    sys.excepthook(cls, error, None)
with waiting(HOSTILE):
    pass
print("the end", file=sys.stderr)
"""


def obeyed_in(seen: str) -> list[str]:
    """What a terminal would obey, that is none of our colours; and the secrets."""
    rest = OURS.sub("", seen)
    return [*OBEYED.findall(rest), *(secret for secret in SECRETS if secret in rest)]


def test_every_error_warning_and_record_is_harmless(workplace: Workplace, environment: dict[str, str]) -> None:
    """Of every class that there is, raised, printed, warned of or logged, with no handler but Python's own."""
    root = Path(__file__).parents[2]
    env = {**environment, "PYTHONPATH": f"{environment['PYTHONPATH']}:{root}"}
    code, seen = in_a_terminal([sys.executable, "-c", EVERYTHING], workplace.folder, env)
    assert code == 0, seen[-2000:]
    assert seen.endswith("the end\n")
    assert "TruncationWarning" in seen
    assert "converted to" in seen
    assert not obeyed_in(seen)


@pytest.fixture(scope="module")
def labelled(workplace: Workplace) -> str:
    """A model whose labels are hostile, one for each task that shows labels."""
    for name, task, labels in (
        ("odd", "text-classification", ("L", "L2")),
        ("odd-tags", "token-classification", ("B-L", "I-L")),
    ):
        folder = workplace.folder / "models" / name
        tiny.make_model(folder, task, labels=labels, texts=[TEXT])
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config["id2label"] = {number: label.replace("L", LABEL) for number, label in config["id2label"].items()}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return "models/odd"


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "-m", "models/odd", "--top-k", "2", TEXT),
        ("tag", "-m", "models/odd-tags", TEXT),
        ("inspect", "models/odd"),
        ("classify", "-m", f"no/{HOSTILE}", TEXT),
        ("classify", "-m", "models/odd", "--dtype", HOSTILE, TEXT),
        ("classify", "-m", "models/odd", "--onnx-file", HOSTILE, TEXT),
        ("classify", "-m", "models/odd", "--file", HOSTILE),
        ("--debug", "classify", "-m", "models/odd", "--dtype", HOSTILE, TEXT),
        ("classify", f"--{HOSTILE}", TEXT),
        ("classify", "--long-text", HOSTILE, TEXT),
        ("cache", HOSTILE),
        (HOSTILE,),
    ],
    ids=range(12),
)
def test_a_terminal_gets_no_orders(
    arguments: tuple[str, ...], workplace: Workplace, environment: dict[str, str], labelled: str
) -> None:
    """By labels, names of files, arguments and errors."""
    assert labelled
    given = [argument.replace("\0", "").replace("\ud800", "") for argument in arguments]  # which no argument can have
    _, seen = on_a_terminal(given, workplace.folder, environment)
    assert seen
    assert not obeyed_in(seen)
    assert "a bug in onnxhub" not in seen


def test_a_row_of_a_pipe_is_one_row(run: Run, labelled: str) -> None:
    """Whatever the label has; it is escaped, so that a program can have it back."""
    done = run("classify", "-m", labelled, "--top-k", "2", TEXT)
    rows = done.stdout.decode()
    assert not [each for each in rows if unicodedata.category(each) in {"Cc", "Zl", "Zp"} and each not in "\t\n"]
    assert not OBEYED.findall(rows.replace("\t", ""))
    fields = [row.split("\t") for row in rows.splitlines()]
    assert [len(row) for row in fields] == [3, 3]
    assert {row[0].removesuffix("2").encode().decode("unicode_escape") for row in fields} == {LABEL}


def test_json_has_the_true_label(run: Run, labelled: str) -> None:
    """Escaped in the line, and exact for whoever reads it."""
    done = run("classify", "-m", labelled, "--json", TEXT)
    line = done.stdout.decode()
    assert not OBEYED.findall(line)
    assert json.loads(line)["label"].removesuffix("2") == LABEL


def test_a_damaged_file_with_a_hostile_name(run: Run, workplace: Workplace, labelled: str) -> None:
    """Of a folder: the name is in the error, and harmless."""
    folder = workplace.folder / "models" / "named"
    tiny.make_model(folder, "text-classification", labels=("a", "b"), texts=[TEXT])
    name = "model\x1b]0;PWNED\x07\u202e.onnx"
    (folder / name).write_bytes(b"\xff" * 100)
    for arguments in (["classify", "-m", "models/named", "--onnx-file", name, TEXT], ["inspect", "models/named"]):
        done = run(*arguments)
        said = (done.stderr + done.stdout).decode()
        assert "PWNED" in said
        assert not OBEYED.findall(said.replace("\t", "").replace("\n", ""))
    assert labelled
