"""onnxhub classify-image: files, folders, lists of files, and what cannot be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("PIL", reason="images are read by Pillow")

import onnxhub

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run
    from tests.workplace import Workplace

COLOURS = ("classify-image", "--model", "models/colours")


def test_rows_are_what_the_library_says(run: Run, workplace: Workplace) -> None:
    """Files and folders in their order, as rows in a pipe and as lines of JSON."""
    done = run(*COLOURS, "red.png", "photos")
    assert done.returncode == 0, done.stderr.decode()
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert [(row[0], row[2]) for row in rows] == [
        ("red", "red.png"),
        ("blue", "photos/sea.jpg"),
        ("green", "photos/wood.png"),
    ]
    done = run(*COLOURS, "red.png", "--json")
    expected = onnxhub.classify_image(workplace.folder / "red.png", model=workplace.folder / "models" / "colours")
    onnxhub.unload()
    assert json.loads(done.stdout) == {"image": "red.png", **json.loads(json.dumps(expected.to_dict()))}


def test_names_from_standard_input(run: Run) -> None:
    """One a line; --top-k gives a row for each label."""
    done = run(*COLOURS, "--top-k", "2", input=b"red.png\nphotos/sea.jpg\n")
    assert [line.split("\t")[0] for line in done.stdout.decode().splitlines()][::2] == ["red", "blue"]


def test_vectors_of_images(run: Run, workplace: Workplace, tmp_path: Path) -> None:
    """As rows, as JSON and in a file of numpy's, by the options of the task; a table's rows keep their places."""
    views = workplace.folder / "models" / "views"
    expected = onnxhub.load("image-feature-extraction", views)([str(workplace.folder / "red.png")], pooling="cls")
    command = ("embed-image", "--model", "models/views", "--pooling", "cls")
    rows = run(*command, "red.png").stdout.decode().splitlines()
    np.testing.assert_allclose([list(map(float, row.split("\t"))) for row in rows], expected, rtol=1e-4)
    [record] = [json.loads(line) for line in run(*command, "--json", "red.png").stdout.splitlines()]
    assert record["image"] == "red.png"
    np.testing.assert_allclose(record["embedding"], expected[0], rtol=1e-6)
    (tmp_path / "images.csv").write_text("id,file\n1,red.png\n2,\n")
    file = tmp_path / "vectors.npy"
    done = run(*command, "-f", str(tmp_path / "images.csv"), "--column", "file", "-o", str(file))
    assert done.returncode == 0, done.stderr.decode()
    np.testing.assert_allclose(np.load(file)[0], expected[0], rtol=1e-6)
    assert np.isnan(np.load(file)[1]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.png",), "argument 1: nowhere.png is no file"),
        (("red.png", "reviews.txt"), "argument 2: reviews.txt cannot be read: it is no image"),
        (("models",), "models: no image is in this folder"),
        (("https://example.com/a.png",), "argument 1: no address is fetched"),
    ],
)
def test_bad_inputs(run: Run, arguments: tuple[str, ...], message: str) -> None:
    """One line on stderr, after the results of what came before."""
    done = run(*COLOURS, *arguments)
    assert done.returncode == 1
    assert message in done.stderr.decode()
    assert len(done.stdout.decode().splitlines()) == len(arguments) - 1


def test_export_and_inspect(run: Run, workplace: Workplace) -> None:
    """A model of images is inspected and exported without a tokenizer, and the folder has what prepares images."""
    assert b"task\timage-classification\n" in run("inspect", "models/colours").stdout
    done = run("export", "models/colours", "-o", "exported-colours")
    assert done.returncode == 0, done.stderr.decode()
    assert (workplace.folder / "exported-colours" / "preprocessor_config.json").is_file()
    assert run("classify-image", "-m", "exported-colours", "red.png").stdout == run(*COLOURS, "red.png").stdout
