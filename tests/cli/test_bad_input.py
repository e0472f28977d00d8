"""What becomes of wrong usage, bad files and closed pipes: one line on stderr, the right exit code, no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run
    from tests.workplace import Workplace

pytestmark = pytest.mark.light

CLASSIFY = ("classify", "-m", "models/sentiment")
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's signals, pipes and devices")


def one_line(stderr: bytes) -> str:
    """The error, which must be a single line and no traceback."""
    lines = stderr.decode().splitlines()
    assert len(lines) == 1, stderr.decode()
    assert lines[0].startswith("onnxhub: ")
    return lines[0].removeprefix("onnxhub: ")


@pytest.mark.alike
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "there is no text in it"),
        (b"\n \r\n\t\n", "there is no text in it"),
        (b"\x7fELF\x00\x00\x01", "line 1: binary data, not text (or UTF-16 text: UTF-8 is needed)"),
        ("UTF-16".encode("utf-16"), "line 1: binary data, not text (or UTF-16 text: UTF-8 is needed)"),
        (b"caf\xe9", "line 1: not UTF-8 (byte 0xe9 at position 3); convert it: iconv -f LATIN1 -t UTF-8"),
        (b"it\x92s", "line 1: not UTF-8 (byte 0x92 at position 2); convert it: iconv -f WINDOWS-1252 -t UTF-8"),
        (b"\x81\x92", "line 1: not UTF-8 (byte 0x81 at position 0); convert it: iconv -f LATIN1 -t UTF-8"),
    ],
)
def test_a_file_that_is_no_text(content: bytes, message: str, run: Run, tmp_path: Path) -> None:
    """The file and the line are named, whether it is read by its name or from standard input."""
    file = tmp_path / "reviews.txt"
    file.write_bytes(content)
    named = run(*CLASSIFY, "--file", str(file))
    assert (named.returncode, named.stdout) == (1, b"")
    separator = ": " if message.startswith("there") else ", "
    assert one_line(named.stderr) == f"{file}{separator}{message}"
    piped = run(*CLASSIFY, input=content)
    assert piped.returncode == 1
    assert one_line(piped.stderr) == f"standard input{separator}{message}"


@pytest.mark.alike
def test_the_texts_before_a_bad_line_are_answered(run: Run) -> None:
    """Nothing is lost but the bad line, and it is named by its number."""
    done = run(*CLASSIFY, input=b"Quite easy!\n\nRather hard.\n\xff\nnever read\n")
    assert done.returncode == 1
    assert [row.split(b"\t")[2] for row in done.stdout.splitlines()] == [b"Quite easy!", b"Rather hard."]
    assert "line 4: not UTF-8 (byte 0xff" in one_line(done.stderr)


@pytest.mark.alike
@pytest.mark.parametrize(("name", "message"), [("no-such-file", "No such file or directory"), (".", "Is a directory")])
@posix
def test_a_file_that_is_not_there(name: str, message: str, run: Run) -> None:
    """It is said before a model is looked for."""
    done = run("classify", "-m", "no/such/model", "--file", name)
    assert done.returncode == 1
    assert one_line(done.stderr) == f"{name}: {message}"
    asked = run("answer", "-m", "no/such/model", "Who?", "--file", name)
    assert one_line(asked.stderr) == f"{name}: {message}"


@pytest.mark.alike
def test_marks_of_other_systems_are_no_text(run: Run) -> None:
    """A byte-order mark and carriage returns are left out."""
    done = run(*CLASSIFY, input=b"\xef\xbb\xbfQuite easy!\r\nRather hard.\r\n")
    assert [row.split(b"\t")[2] for row in done.stdout.splitlines()] == [b"Quite easy!", b"Rather hard."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("clasify", "text"), "Did you mean 'classify', 'classify-image'?"),
        (("classify", "--modle", "x", "text"), "--model"),
        (("classify", "--top-k", "0", "text"), "--top-k"),
        (("classify", "--long-text", "cut", "text"), "truncate"),
        (("answer",), "question"),
        (("answer", "Who?", "Ada.", "--file", "reviews.txt"), "not both"),
        (("classify-zero-shot", "text"), "Missing option '--label'"),
        (("classify-zero-shot", "-l", "sport", "--top-k", "0", "text"), "--top-k"),
        (("fill-mask", "--top-k", "0", "a [MASK]"), "--top-k"),
        (("classify", "--file", "-", "--file", "-"), "standard input can be read once"),
        (("rerank",), "query"),
        (("choose", "-m", "models/chooser", "a cat eats"), "choices"),
        (("choose", "-m", "models/chooser", "a cat eats", "a fish"), "at least two choices"),
        (("choose", "a cat eats", "a fish", "tax law"), "no default model: name one with --model"),
        (("embed-sparse", "a cat"), "no default model: name one with --model"),
        (("bench",), "model"),
        (("bench", "models/sentiment", "--seconds", "0"), "--seconds"),
        (("bench", "models/sentiment", "--threads", "0"), "--threads"),
        (("bench", "models/sentiment", "--dtype", "q8", "--onnx-file", "model.onnx"), "without --dtype"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], message: str, run: Run) -> None:
    """Exit code 2, and what would be right."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert message.lower() in " ".join(done.stderr.decode().replace("│", " ").split()).lower()


@pytest.mark.alike
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "builtin:sentimant"), "(did you mean 'builtin:sentiment'?)"),
        (("--model", "models/nothing/here"), "no such folder"),
        (("--model", "models/ner"), "cannot be used for text-classification"),
    ],
)
def test_our_errors(arguments: tuple[str, ...], message: str, run: Run) -> None:
    """One line with what was asked, what exists and what to do; `--debug` shows where it comes from."""
    done = run("classify", *arguments, "text")
    assert (done.returncode, done.stdout) == (1, b"")
    assert message in one_line(done.stderr)
    debugged = run("--debug", "classify", *arguments, "text")
    assert debugged.returncode == 1
    assert b"Traceback (most recent call last)" in debugged.stderr
    assert debugged.stderr.splitlines()[-1] == done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classify", "-m", "models/sentiment", "--dtype", "fp17", "text"), "(did you mean 'fp16'?)"),
        (("classify", "-m", "models/sentiment", "--provider", "cudaa", "text"), "(did you mean 'cuda'?)"),
        (
            ("bench", "models/sentiment", "--task", "image-classification"),
            "--task='image-classification': expected a task on texts",
        ),
        (
            ("classify-zero-shot", "-m", "models/nli", "-l", "a", "--template", "no", "x"),
            "--template='no': expected a text with {} for the label",
        ),
        (("classify-zero-shot", "-m", "models/nli", "-l", "a", "-l", "a", "x"), "--label=['a', 'a']: expected "),
        (("classify-zero-shot", "-m", "models/nli", "-l", "a", "-l", "a", "x"), "'a' is there twice"),
        (("classify-zero-shot", "-m", "models/nli", "-l", " ", "x"), "none of them empty"),
        (("fill-mask", "-m", "models/masked", "-t", "kittenish", "a [MASK]"), "--target=['kittenish']: expected "),
        (("fill-mask", "-m", "models/masked", "-t", "kittenish", "a [MASK]"), "'kittenish' is 'kitten', "),
        (("classify", "-m", "", "text"), "--model='': expected an id of the Hub such as 'org/name', or a local folder"),
        (("bench", "models/sentiment", "--task", "asr", "--onnx-file", "x.onnx"), "--onnx-file='x.onnx': expected "),
        (("inspect", ""), "MODEL='': expected an id of the Hub"),
        (("cache", "clear", "compield", "--yes"), "KIND='compield': expected one of compiled, "),
    ],
)
def test_an_option_with_a_value_that_it_cannot_have(arguments: tuple[str, ...], message: str, run: Run) -> None:
    """It is named as it is written here, not as in Python; exit code 2, as for other wrong usage."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in one_line(done.stderr)


@pytest.mark.alike
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classify-zero-shot", "-m", "models/sentiment", "-l", "a", "x"), "none of its labels begins with 'entail'"),
        (("fill-mask", "-m", "models/masked", "a cat"), "the text has no mask; this model's is written [MASK]"),
        (("rerank", "-m", "models/nli", "a", "b"), "3 logits for a pair of texts, where a ranking needs one"),
        (("bench", "models/sentiment", "--task", "sentimant"), "unknown task 'sentimant'"),
        (("bench", "no/such/model", "--file", "no-such-file"), "no-such-file: No such file or directory"),
    ],
)
def test_errors_of_the_tasks(arguments: tuple[str, ...], message: str, run: Run) -> None:
    """What only a model can tell is one line too."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert message in one_line(done.stderr)


@pytest.mark.alike
@pytest.mark.parametrize("name", ["models", "no-such-folder/vectors.npy"])
def test_vectors_that_cannot_be_written(name: str, run: Run) -> None:
    """It is said before a model is looked for, and not after all texts."""
    done = run("embed", "-m", "no/such/model", "--output", name, "text")
    assert done.returncode == 1
    assert one_line(done.stderr) == f"{name}: no file can be written there"


@pytest.mark.alike
def test_the_texts_before_one_that_has_no_result_are_answered(run: Run, tmp_path: Path) -> None:
    """Whatever was read together with it; the error names its file and line as people count, blank lines included."""
    file = tmp_path / "texts.txt"
    file.write_text("a [MASK]\n" * 50 + "\na cat\nnever [MASK] answered\n", encoding="utf-8")
    done = run("fill-mask", "-m", "models/masked", "--top-k", "1", "--file", str(file), "one [MASK]", "two [MASK]")
    assert done.returncode == 1
    assert one_line(done.stderr).startswith(f"{file}, line 52: the text has no mask")
    assert [row.split(b"\t")[0] for row in done.stdout.splitlines()] == [b"%d" % number for number in range(1, 53)]
    piped = run("fill-mask", "-m", "models/masked", "--top-k", "1", input=b"a [MASK]\nno mask\n")
    assert one_line(piped.stderr).startswith("standard input, line 2: the text has no mask")
    assert piped.stdout.count(b"\n") == 1
    named = run("fill-mask", "-m", "models/masked", "--top-k", "1", "a [MASK]", "no mask")
    assert one_line(named.stderr).startswith("argument 2: the text has no mask")
    assert named.stdout.count(b"\n") == 1


@posix
@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}]
)
def test_utf8_whatever_the_locale(locale: dict[str, str], run: Run) -> None:
    """Arguments, standard input and output."""
    text = "東京 is naïve"
    assert run(*CLASSIFY, text, env=locale).stdout.decode().endswith(f"\t{text}\n")
    assert run(*CLASSIFY, input=text.encode(), env=locale).stdout.decode().endswith(f"\t{text}\n")
    assert run(*CLASSIFY, "--json", text, env=locale).stdout.decode().startswith(f'{{"text": "{text}"')


@posix
def test_an_argument_that_is_not_utf8(workplace: Workplace, environment: dict[str, str]) -> None:
    """It is refused like a file's."""
    command = [os.fsencode(sys.executable), b"-m", b"onnxhub", *(part.encode() for part in CLASSIFY), b"caf\xe9"]
    done = subprocess.run(command, cwd=workplace.folder, env=environment, capture_output=True, check=False)
    assert done.returncode == 1
    assert "not UTF-8 (byte 0xe9 at position 3)" in one_line(done.stderr)


@posix
def test_a_pipe_that_is_closed(workplace: Workplace, environment: dict[str, str]) -> None:
    """`| head -1` ends the program without a word, however much there is to read."""
    script = f"yes 'Quite easy!' | {sys.executable} -m onnxhub {' '.join(CLASSIFY)} --json | head -1; echo ${{PIPESTATUS[1]}}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=workplace.folder, env=environment, capture_output=True, timeout=60, check=True
    )
    first, status = done.stdout.decode().splitlines()
    assert first.startswith('{"text": "Quite easy!", "label": "POSITIVE"')
    assert (status, done.stderr) == ("0", b"")


@posix
@pytest.mark.parametrize("arguments", ["--help", "--version", "classify -h"])
def test_help_that_nobody_reads(arguments: str, environment: dict[str, str]) -> None:
    """It ends like results of which the reader has enough, whether the end is met while it is written or after it."""
    for buffered in ({}, {"PYTHONUNBUFFERED": "1"}):
        script = f"{sys.executable} -m onnxhub {arguments} | true; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", script], env={**environment, **buffered}, capture_output=True, timeout=60, check=True
        )
        assert (done.stdout, done.stderr) == (b"0\n", b"")


@posix
@pytest.mark.parametrize("arguments", [(*CLASSIFY, "text"), ("--help",), ("--version",), ("classify", "--help")])
def test_a_disk_that_is_full(arguments: tuple[str, ...], workplace: Workplace, environment: dict[str, str]) -> None:
    """One line, exit code 1."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "onnxhub", *arguments], cwd=workplace.folder, env=environment, stdout=full,
            stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert one_line(done.stderr) == "[Errno 28] No space left on device"


@posix
def test_streams_that_are_closed(workplace: Workplace, environment: dict[str, str]) -> None:
    """No standard input to read: usage; nowhere to write: nothing to say."""
    command = f"{sys.executable} -m onnxhub {' '.join(CLASSIFY)}"
    for redirected, code in ((f"{command} <&-", 2), (f"{command} text >&- 2>&-", 0)):
        done = subprocess.run(
            ["bash", "-c", redirected], cwd=workplace.folder, env=environment, capture_output=True, check=False
        )
        assert done.returncode == code


@posix
def test_ctrl_c(workplace: Workplace, environment: dict[str, str]) -> None:
    """Exit code 130, what was answered is there, and no traceback. And before that: a line is answered as it comes."""
    # A job in the background of a shell is started with the signal ignored, and so are its children: these tests, too.
    code = "from signal import *; signal(SIGINT, default_int_handler); from onnxhub.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *CLASSIFY], cwd=workplace.folder, env=environment, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    for text in (b"Quite easy!", b"Rather hard."):
        process.stdin.write(text + b"\n")
        process.stdin.flush()
        assert process.stdout.readline().endswith(b"\t" + text + b"\n")
    time.sleep(0.1)  # it waits for the next line by now
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert (process.returncode, out, error) == (130, b"", b"")


@pytest.mark.alike
def test_a_text_that_is_too_long_is_told(run: Run) -> None:
    """A warning of the library is one line on stderr, beside the result; `--long-text error` makes it an error."""
    long = "a cat " * 300
    done = run(*CLASSIFY, long)
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 1)
    assert "; --long-text window reads all of it" in one_line(done.stderr)
    refused = run(*CLASSIFY, "--long-text", "error", "fine", long)
    assert (refused.returncode, refused.stdout.count(b"\n")) == (1, 1)
    assert "argument 2: the text has" in one_line(refused.stderr)


def _installed(folder: Path, environment: dict[str, str], module: str) -> dict[str, str]:
    """The environment of a command beside another package, which brings a task of its own."""
    information = folder / "other-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text("[onnxhub.tasks]\nloud = other:TASK\n", encoding="utf-8")
    (folder / "other.py").write_text(module, encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join([environment["PYTHONPATH"], str(folder)])}


def test_a_broken_package_takes_no_command_along(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """One that brings a task which cannot be imported costs one line, and its own commands."""
    env = _installed(tmp_path, environment, "import no_such_module\n")
    for arguments, beginning in (("--version",), b"onnxhub "), (("tasks",), b"feature-extraction\t"):
        done = run(*arguments, env=env)
        assert done.returncode == 0
        assert done.stdout.startswith(beginning)
        assert one_line(done.stderr) == (
            "the task loud of another package is left out: other:TASK: "
            "ModuleNotFoundError: No module named 'no_such_module'"
        )


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("other:loud", "AttributeError: "),
        ("no_such_module:loud", "ModuleNotFoundError: "),
        ("other", "AttributeError: "),
        ("other:odd", "AssertionError: "),
    ],
)
def test_a_broken_command_takes_no_other_along(
    command: str, reason: str, run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    """Of another package's task: it costs one line, which names it, and the task is listed all the same."""
    module = f"""
from dataclasses import replace
from onnxhub.tasks.text_classification import TASK
TASK = replace(TASK, name="loud", aliases=(), commands=({command!r},))
def odd(what: list[list[int]]) -> None: ...
"""
    done = run("tasks", env=_installed(tmp_path, environment, module))
    assert done.returncode == 0
    assert b"\nloud\t" in done.stdout
    assert one_line(done.stderr).startswith(f"a command of loud is left out: {command}: {reason}")


@pytest.mark.alike
def test_a_task_without_a_command_gets_one_of_its_row(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """Another package's row that says its inputs, options and result is a command of the task's name."""
    module = """
from dataclasses import replace
from onnxhub.tasks.question_answering import TASK as ANSWER
from onnxhub.tasks.text_classification import TASK as CLASSIFY
import onnxhub
TASK = replace(CLASSIFY, name="loud", aliases=(), commands=())
onnxhub.register(replace(ANSWER, name="ask", aliases=(), commands=()))
"""
    env = _installed(tmp_path, environment, module)
    model = ("--model", "models/sentiment")
    done = run("loud", *model, "--json", "--top-k", "1", "a", "b", env=env)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["text"], len(line["result"]["ranking"])) for line in found] == [("a", 1), ("b", 1)]
    row = run("loud", *model, "a", env=env).stdout.decode()
    assert row == f"{found[0]['result']['label']}\t{found[0]['result']['score']:.4f}\n"
    wrong = run("loud", *model, "--long-text", "cut", "a", env=env)
    assert wrong.returncode == 2
    assert run("loud", *model, "--top-k", "0", "a", env=env).returncode == 2
    asked = run("ask", "--model", "models/qa", "Who wrote it?", "Ada wrote it in London.", env=env)
    assert asked.stdout.startswith(b"Ada\t")


@pytest.mark.alike
def test_a_line_of_many_pieces_is_one_text(run: Run) -> None:
    """However long it is, and wherever the pieces that are read at once end."""
    texts = ["a cat " * 30_000, "fine", "tax law " * 20_000]
    done = run(*CLASSIFY, "--json", input="\n".join(texts).encode())
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == texts
