"""Files that are tables: which columns are read, what is kept beside the results, and what becomes of bad ones."""

from __future__ import annotations

import csv
import json
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from tests.cli.terminal import in_a_terminal, plain

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.workplace import Workplace

pytestmark = pytest.mark.alike

CLASSIFY = ("classify", "-m", "builtin:sentiment")
FIRST, SECOND = "Quite easy!", "Rather hard."
REVIEWS = f'id,review,label\n1,"{FIRST}\nReally.",good\n2,{SECOND},bad\n3,,bad\n4,{FIRST},good\n'
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX's terminals and pipes")


def write(folder: Path, name: str, content: str | bytes) -> str:
    """Write a file, and return its path."""
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


def records(stdout: bytes) -> list[dict[str, object]]:
    """The lines of JSON."""
    return [json.loads(line) for line in stdout.splitlines()]


def usage(stderr: bytes) -> str:
    """What an error about the usage says, without its frame."""
    lines = stderr.decode().splitlines()
    said = [line.strip("│ ") for line in lines if line.startswith("│")]
    assert said, stderr.decode()
    return " ".join(said)


def test_a_table_is_asked_about(run: Run, tmp_path: Path) -> None:
    """Its lines are no texts unless that is said: a header and numbers would be classified."""
    file = write(tmp_path, "reviews.csv", REVIEWS)
    done = run(*CLASSIFY, "-f", file)
    assert (done.returncode, done.stdout) == (2, b"")
    asked = "is a table: name the column of its texts by --column: 'id', 'review', 'label'; or have each line read as a text, --format lines."
    assert asked in usage(done.stderr)
    done = run(*CLASSIFY, "-f", file, "--format", "lines")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 6)


def test_columns_and_order_are_kept(run: Run, tmp_path: Path) -> None:
    """Rows keep all their columns; a row without a text has a result of nothing, and is counted."""
    file = write(tmp_path, "reviews.csv", REVIEWS)
    done = run(*CLASSIFY, "-f", file, "--column", "review", "--json")
    assert done.returncode == 0
    found = records(done.stdout)
    assert [record["id"] for record in found] == ["1", "2", "3", "4"]
    assert [record["label"] for record in found] == ["good", "bad", "bad", "good"]
    assert [record["predicted_label"] for record in found] == ["POSITIVE", "NEGATIVE", None, "POSITIVE"]
    assert found[0]["review"] == f"{FIRST}\nReally."
    assert found[2] == {
        "id": "3", "review": None, "label": "bad", "predicted_label": None, "score": None, "ranking": None,
    }  # fmt: skip
    assert done.stderr.decode() == "onnxhub: 1 row has no text, and no result\n"
    rows = run(*CLASSIFY, "-f", file, "--column", "review").stdout.decode().splitlines()
    assert rows[1:3] == [f"2\t{SECOND}\tbad\tNEGATIVE\t0.9757", "3\t\tbad"]


def test_what_was_written_is_read_back(run: Run, tmp_path: Path) -> None:
    """JSON lines of one command are a table for the next."""
    first = run("tag", "-m", "builtin:ner", "--json", "Ada lived in London.").stdout
    file = write(tmp_path, "tagged.jsonl", first)
    [record] = records(run(*CLASSIFY, "-f", file, "--column", "text", "--json").stdout)
    [entities] = [entry["entities"] for entry in records(first)]
    assert record["entities"] == entities
    assert record["text"] == "Ada lived in London."
    assert record["label"] in {"POSITIVE", "NEGATIVE"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("semicolons.csv", f"id;review\n1;{FIRST}\n"),
        ("tabs.csv", f"id\treview\n1\t{FIRST}\n"),
        ("tabs.tsv", f"id\treview\n1\t{FIRST}\n"),
        ("bom.csv", f"\ufeffreview,id\r\n{FIRST},1\r\n"),
        ("blank.csv", f"\n\nreview,id\n\n{FIRST},1\n\n"),
        ("header.csv", f'"a\nb",review\n1,{FIRST}\n'),
        ("lines.jsonl", f'\n{{"review": "{FIRST}"}}\n\n'),
        ("lines.ndjson", f'{{"review": "{FIRST}", "id": {{"deep": [1, null]}}}}'),
    ],
)
def test_tables_as_programs_write_them(name: str, content: str, run: Run, tmp_path: Path) -> None:
    """Other delimiters, marks at the start, blank lines, newlines in quotation marks."""
    file = write(tmp_path, name, content)
    [record] = records(run(*CLASSIFY, "-f", file, "--column", "review", "--json").stdout)
    assert (record["review"], record["label"]) == (FIRST, "POSITIVE")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", ": there is no text in it"),
        ("a.jsonl", "\n", ": there is no text in it"),
        ("a.csv", f"id,review\n1,{FIRST}\n2,a,b\n", ", line 3: 3 cells, where the header has 2"),
        ("a.csv", f'id,review\n1,{FIRST}\n2,"a\n3,b\n', ", line 3: unexpected end of data; a quotation mark that is not closed?"),
        ("a.csv", b"id,review\n1,Quite easy!\n2,it\x92s\n", ", line 3: not UTF-8 (byte 0x92 at position 4); convert it: iconv -f WINDOWS-1252 -t UTF-8"),
        ("a.csv", "id,review\n1,x\n".encode("utf-16"), ", line 1: binary data, not text (or UTF-16 text: UTF-8 is needed)"),
        ("a.jsonl", f'{{"review": "{FIRST}"}}\n{{"review": 5}}\n', ", line 2: 'review' holds a number, 5, not a text"),
        ("a.jsonl", f'{{"review": "{FIRST}"}}\n{{"review": "a", "review": "b"}}\n', ", line 2: no JSON: the name 'review' is there twice"),
        ("a.jsonl", f'{{"review": "{FIRST}"}}\n[1]\n', ", line 2: a list, where each line is an object"),
        ("a.jsonl", f'{{"review": "{FIRST}"}}\n{{"review": \n', ", line 2: no JSON: Expecting value: line 2 column 1 (char 12)"),
    ],
)  # fmt: skip
def test_bad_tables(name: str, content: str | bytes, message: str, run: Run, tmp_path: Path) -> None:
    """The file and the line are named, and what comes before a bad line is answered where that can be."""
    file = write(tmp_path, name, content)
    done = run(*CLASSIFY, "-f", file, "--column", "review")
    assert done.returncode == 1
    assert done.stderr.decode() == f"onnxhub: {file}{message}\n"


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        (REVIEWS, "text", "has no column 'text'; it has 'id', 'review', 'label'."),
        ("a,review,a\n1,x,2\n", "review", "has two columns 'a': rename one of them."),
    ],
)
def test_columns_that_cannot_be_meant(content: str, column: str, message: str, run: Run, tmp_path: Path) -> None:
    """Said before a model is loaded, with those that there are."""
    file = write(tmp_path, "reviews.csv", content)
    done = run("classify", "-m", "models/nothere", "-f", file, "--column", column)
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in usage(done.stderr)


def test_columns_of_what_is_no_table(run: Run, tmp_path: Path) -> None:
    """A column of arguments, of lines or of standard input without a format is no guess."""
    lines = write(tmp_path, "reviews.txt", FIRST)
    for arguments in ((FIRST, "--column", "a"), ("-f", lines, "--column", "a"), ("--column", "a")):
        done = run(*CLASSIFY, *arguments, input=b"a\nb\n")
        assert (done.returncode, done.stdout) == (2, b""), arguments
    piped = run(*CLASSIFY, "--column", "review", "--format", "csv", input=REVIEWS.encode())
    assert len(piped.stdout.splitlines()) == 4


def test_questions_and_contexts_have_columns(run: Run, tmp_path: Path) -> None:
    """Row by row; the question may be the same for all."""
    rows = [
        {"q": "Who wrote it?", "c": "It was written by Ada in London."},
        {"q": None, "c": "Nobody asks."},
        {"q": "Where?", "c": "Ada lived in London."},
    ]
    file = write(tmp_path, "questions.jsonl", "\n".join(map(json.dumps, rows)))
    answer = ("answer", "-m", "builtin:qa", "-f", file, "--context-column", "c", "--json")
    found = records(run(*answer, "--question-column", "q").stdout)
    assert [record["answer"] for record in found] == ["Ada", None, "London"]
    assert [record["c"] for record in found] == [row["c"] for row in rows]
    same = records(run(*answer, "Who wrote it?").stdout)
    assert same[0]["answer"] == "Ada"
    assert len(same) == 3
    for arguments in (("answer", "Who?", "-f", file), answer, (*answer, "Who?", "--question-column", "q")):
        assert run(*arguments).returncode == 2, arguments


def test_documents_have_a_column(run: Run, tmp_path: Path) -> None:
    """Ranked and compared with their rows; places count all rows."""
    file = write(tmp_path, "documents.csv", "id,text\na,tax law\nb,\nc,a kitten\n")
    ranked = run("rerank", "-m", "models/reranker", "a cat", "-f", file, "--column", "text", "--json")
    found = records(ranked.stdout)
    assert sorted((record["id"], record["index"]) for record in found) == [("a", 0), ("c", 2)]
    assert ranked.stderr.decode() == "onnxhub: 1 row has no text, and no result\n"
    compared = run("similarity", "-m", "models/embedder", "a cat", "-f", file, "--column", "text", "--json")
    assert [record["id"] for record in records(compared.stdout)] == ["a", "c"]


def test_vectors_stay_in_their_places(run: Run, tmp_path: Path) -> None:
    """In a file of numpy's, a row without a text has a vector of NaN."""
    np = pytest.importorskip("numpy")
    file, vectors = write(tmp_path, "documents.csv", "text,id\na cat,1\n,2\na dog,3\n"), tmp_path / "vectors.npy"
    done = run("embed", "-m", "models/embedder", "-f", file, "--column", "text", "-o", str(vectors))
    assert done.returncode == 0
    assert np.isnan(np.load(vectors)).any(axis=1).tolist() == [False, True, False]


def test_parquet(run: Run, tmp_path: Path) -> None:
    """Rows with their types, dates as texts; a file that is not whole, and columns of numbers, are errors."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    import datetime as dt

    day = dt.date(2020, 1, 2)
    table = pa.table(
        {"id": [1, 2, 3], "review": [FIRST, None, SECOND], "day": [day] * 3, "x": [float("nan"), 1.5, None]}
    )
    file = tmp_path / "reviews.parquet"
    pq.write_table(table, file)
    found = records(run(*CLASSIFY, "-f", str(file), "--column", "review", "--json").stdout)
    assert [(record["id"], record["label"]) for record in found] == [(1, "POSITIVE"), (2, None), (3, "NEGATIVE")]
    assert [record["x"] for record in found] == [None, 1.5, None]
    assert {record["day"] for record in found} == {"2020-01-02"}
    asked = run(*CLASSIFY, "-f", str(file))
    assert "name the column of its texts by --column: 'review'." in usage(asked.stderr)
    numbers = run(*CLASSIFY, "-f", str(file), "--column", "id")
    assert "the column 'id' holds values of the type int64, not texts; those of texts are 'review'." in usage(
        numbers.stderr
    )
    odd = pa.table(
        {"review": [FIRST], "bytes": [b"\xff"], "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))}
    )
    pq.write_table(odd, file)
    [record] = records(run(*CLASSIFY, "-f", str(file), "--column", "review", "--json").stdout)
    assert (record["bytes"], record["map"]) == ("/w==", [["a", 1]])
    late = pa.array([2**50], pa.timestamp("ms"))
    pq.write_table(pa.table({"review": [FIRST], "late": late}), file)
    done = run(*CLASSIFY, "-f", str(file), "--column", "review")
    assert done.returncode == 1
    assert "reviews.parquet, rows 1 to 1,024: a value cannot be read" in done.stderr.decode()
    pq.write_table(table, file)
    cut = write(tmp_path, "cut.parquet", file.read_bytes()[:-20])
    done = run(*CLASSIFY, "-f", cut, "--column", "review")
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"onnxhub: {cut}: no Parquet file, or not whole: ")


@posix
def test_many_rows_have_a_bar(workplace: Workplace, environment: dict[str, str], tmp_path: Path) -> None:
    """20,000 rows on a terminal, results elsewhere: a bar that ends, order and columns kept."""
    file, results = tmp_path / "reviews.csv", tmp_path / "results.jsonl"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([["id", "review"], *([number, FIRST] for number in range(20_000))])
    # At once, since a fast machine might be done before a bar is worth drawing.
    script = tmp_path / "command.py"
    script.write_text(
        "import onnxhub._process.progress as progress\nprogress.SOON = 0\nfrom onnxhub.cli import main\nmain()\n"
    )
    command = f"{sys.executable} {script} classify -m models/sentiment -f {file} --column review --json > {results}"
    code, seen = in_a_terminal(["sh", "-c", command], workplace.folder, environment)
    assert code == 0, seen
    last = plain(seen).rstrip().rpartition("\r")[2]
    assert "100%" in last
    assert "20,000 inputs" in last
    assert [record["id"] for record in records(results.read_bytes())] == [str(number) for number in range(20_000)]


@posix
def test_a_pipe_is_answered_as_it_comes(workplace: Workplace, environment: dict[str, str], tmp_path: Path) -> None:
    """A table without an end: rows have results before the next ones are written."""
    import subprocess

    pipe = tmp_path / "rows.csv"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "onnxhub", *CLASSIFY, "-f", str(pipe), "--column", "review"]
    with subprocess.Popen(command, cwd=workplace.folder, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        late = threading.Timer(120, process.kill)
        late.start()
        with pipe.open("w") as rows:
            for number in range(3):
                rows.write(f"id,review\n{number},{FIRST}\n" if number == 0 else f"{number},{FIRST}\n")
                rows.flush()
                assert process.stdout.readline().split(b"\t")[0] == str(number).encode()
        late.cancel()
    assert process.returncode == 0


@posix
def test_a_shell_completes_behind_a_colon(tmp_path: Path) -> None:
    """Bash takes a colon for the end of a word: what it offers has no ``builtin:`` in front then."""
    import shutil
    import subprocess

    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    command = tmp_path / "onnxhub"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m onnxhub "$@"\n')
    command.chmod(0o755)
    script = (
        'eval "$(onnxhub --show-completion bash)"\n'
        "COMP_WORDS=(onnxhub classify --model builtin : {}); COMP_CWORD=5\n"
        '_onnxhub_completion onnxhub; echo "${{COMPREPLY[@]}}"\n'
    )
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for typed, offered in (("s", "sentiment"), ("", "embed ner qa sentiment")):
        typed = typed or "''"  # noqa: PLW2901
        done = subprocess.run(
            [bash, "--norc", "-c", script.format(typed)], capture_output=True, text=True, env=env, check=False
        )
        assert done.stdout.splitlines()[-1:] == [offered], (done.stdout, done.stderr)


@pytest.mark.parametrize("name", ["long.csv", "long.jsonl", "long.parquet"])
def test_a_long_table_is_read_piece_by_piece(name: str, tmp_path: Path) -> None:
    """The memory that reading takes is that of some pieces, whatever the length of the file."""
    import tracemalloc

    from onnxhub.cli._reading import read_lines

    text = "Quite easy and a good deal longer than that. " * 20
    file = tmp_path / name
    if name.endswith(".parquet"):
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.table({"review": [text] * 20_000}), file, row_group_size=1000)
    else:
        line = f"{text}\n" if name.endswith(".csv") else json.dumps({"review": text}) + "\n"
        file.write_text("review\n" * name.endswith(".csv") + line * 20_000)
    tracemalloc.start()
    count = sum(len(lines.texts) for lines in read_lines(None, [str(file)], "review"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 8_000_000


def test_words_with_a_colon_of_ones_own() -> None:
    """They are left as bash has cut them: a text, or what an option follows."""
    from onnxhub.cli._completion import complete_for_bash

    environment = {
        "_ONNXHUB_COMPLETE": "complete_bash",
        "COMP_WORDS": "onnxhub\nclassify\nnote\n:\n--mod",
        "COMP_CWORD": "4",
    }
    with complete_for_bash(environment):
        assert environment["COMP_WORDS"].split("\n")[-1] == "--mod"
        assert environment["COMP_CWORD"] == "4"
