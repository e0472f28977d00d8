"""`onnxhub verify`: what it says of a variant, to programs and to people, and its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from tests import tiny
from tests.cli.terminal import on_a_terminal, plain

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

SOON = ("--seconds", "0.2")


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an fp32 file, the same in fp16, and an int8 file that has nothing to do with them."""
    folder = tmp_path_factory.mktemp("variants")
    tiny.make_model(folder, hidden=64)
    tiny.make_model(folder, hidden=64, file="model_fp16.onnx", dtype="fp16", external_data="single")
    tiny.make_model(folder, hidden=64, file="model_int8.onnx", dtype="int8", seed=1)
    return folder


def test_it_says_how_far_a_variant_agrees(run: Run, variants: Path) -> None:
    """As JSON: what both are, how far they agree, and what is gained; external data is part of the size."""
    done = run("verify", str(variants), "--dtype", "fp16", *SOON, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    record = json.loads(done.stdout)
    assert (record["task"], record["measure"], record["mean"]) == ("text-classification", "same label", 1.0)
    assert (record["reference"]["file"], record["variant"]["file"]) == ("model.onnx", "model_fp16.onnx")
    assert 0 < record["mean_difference"] <= record["largest_difference"] < 0.01
    size = sum(path.stat().st_size for path in variants.glob("model_fp16.onnx*"))
    assert record["size_ratio"] == size / (variants / "model.onnx").stat().st_size
    assert record["speed_ratio"] == record["variant"]["rate"] / record["reference"]["rate"]
    assert (record["passed"], record["worst"]) == (True, None)


def test_a_pipe_gets_facts(run: Run, variants: Path) -> None:
    """A row each: name, value."""
    rows = dict(
        row.split("\t") for row in run("verify", str(variants), "--dtype", "fp16", *SOON).stdout.decode().splitlines()
    )
    assert (rows["measure"], rows["mean"], rows["file of fp16"]) == ("same label", "1", "model_fp16.onnx")
    assert int(rows["inputs"]) > 50


@pytest.mark.alike
def test_below_its_threshold_it_fails(run: Run, variants: Path) -> None:
    """The exit code is 1, for scripts; the result is printed all the same, and nothing else."""
    asked = ("verify", str(variants), "--dtype", "int8", *SOON, "--json")
    done = run(*asked)
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr, found["passed"]) == (1, b"", False)
    assert found["least"] == 0
    assert found["worst"]
    lenient = run(*asked, "--threshold", str(found["mean"] - 0.01))
    assert (lenient.returncode, json.loads(lenient.stdout)["passed"]) == (0, True)


@pytest.mark.alike
def test_the_texts_may_be_ones_own(run: Run, variants: Path) -> None:
    """As arguments, from a file, or from standard input if it is named."""
    asked = ("verify", str(variants), "--dtype", "fp16", *SOON, "--json")
    assert json.loads(run(*asked, "Quite easy!", "a").stdout)["inputs"] == 2
    assert json.loads(run(*asked, "--file", "-", input=b"one\ntwo\nthree\n").stdout)["inputs"] == 3


@pytest.mark.alike
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dtype", "q2"), "no ONNX file for dtype='q2'; it has: model.onnx (fp32)"),
        (("--dtype", "fp16", "--against", "q2"), "no ONNX file for dtype='q2'"),
        (("--dtype", "fp16", "--file", "nowhere"), "nowhere: No such file or directory"),
    ],
)
def test_what_cannot_be_compared(arguments: tuple[str, ...], message: str, run: Run, variants: Path) -> None:
    """One line that says why, and nothing on standard output."""
    done = run("verify", str(variants), *arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert message in " ".join(done.stderr.decode().split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dtype", "fp17"), "--dtype='fp17': expected "),
        (("--dtype", "fp17"), "(did you mean 'fp16'?)"),
        (("--dtype", "fp32"), "--dtype='fp32': expected another one than --against"),
        (
            ("--dtype", "fp16", "--task", "image-classification"),
            "--task='image-classification': expected a task on texts",
        ),
    ],
)
def test_an_option_with_a_value_that_it_cannot_have(
    arguments: tuple[str, ...], message: str, run: Run, variants: Path
) -> None:
    """The same, with the exit code of wrong usage."""
    done = run("verify", str(variants), *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in " ".join(done.stderr.decode().split())


@pytest.mark.parametrize(
    "arguments", [("models/sentiment",), ("models/sentiment", "--dtype", "q8", "--threshold", "2")]
)
def test_wrong_usage(arguments: tuple[str, ...], run: Run) -> None:
    """The precision must be named; a threshold is a share."""
    done = run("verify", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize("width", [40, 80, 250])
def test_a_person_gets_a_table(width: int, variants: Path, environment: dict[str, str]) -> None:
    """And a line each for agreement, scores and gains; nothing is wider than the terminal."""
    asked = ["verify", str(variants), "--dtype", "int8", "--threshold", "0", *SOON]
    code, seen = on_a_terminal(asked, variants, environment, width)
    assert code == 0
    lines = plain(seen).splitlines()
    assert max(map(cell_len, lines)) <= width
    text = " ".join(plain(seen).split())
    assert "same label:" in text
    assert "worst: 0.0000" in text
    assert "times as fast" in text


def test_an_8_bit_file_is_not_taken_for_the_truth(run: Run, tmp_path: Path) -> None:
    """Whatever its name: the error says what it is, before anything is measured."""
    folder = tiny.make_model(tmp_path / "model", dtype="int8")
    done = run("verify", str(folder), "--dtype", "int8", *SOON)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "no ONNX file for dtype='fp32'" in done.stderr.decode()
    assert "its graph is 8-bit, dynamic (int8)" in " ".join(done.stderr.decode().split())
