"""The models of the documentation's examples, as `copy_examples` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import onnxhub
from onnxhub.errors import InvalidInputError
from onnxhub.testing import copy_examples
from tests.workplace import EXAMPLES, MODELS, make_example

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = {
    "sentiment": ("Quite easy!", "Rather hard."),
    "qa": (("Who wrote it?", "It was written by Ada in London."), ("Where?", "Ada lived in London.")),
    "nli": ("Who won the match?", "tax law"),
    "reranker": (("a cat", ["tax law", "a kitten"]), ("a dog", ["a cat", "law"])),
    "chooser": (("a cat eats", ["tax law", "a fish"]), ("a dog", ["a cat", "law"])),
    "masked": ("a [MASK] is no dog", "a cat eats a [MASK]"),
}


def test_they_are_those_of_the_pages(tmp_path: Path) -> None:
    """The examples of the pages run with models that the tests make: these give the same."""
    assert copy_examples(tmp_path / "copied") == tuple(sorted(EXAMPLES))
    for name in EXAMPLES:
        made = make_example(tmp_path / "made" / name, name)
        results = []
        for folder in (made, tmp_path / "copied" / name):
            model = onnxhub.load(MODELS[name][0], folder)
            if name == "nli":
                model = model.with_options(labels=["sport", "law"])
            results.append([model(value) for value in INPUTS[name]])
        assert repr(results[0]) == repr(results[1]), name


def test_they_may_be_written_again_and_leave_others_alone(tmp_path: Path) -> None:
    """What the folder has under other names stays."""
    (tmp_path / "mine").mkdir()
    assert copy_examples(tmp_path) == copy_examples(tmp_path)
    assert (tmp_path / "mine").is_dir()


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    """It is said, and nothing is lost."""
    file = tmp_path / "models"
    file.write_text("mine")
    with pytest.raises(InvalidInputError, match="the examples cannot be written"):
        copy_examples(file)
    assert file.read_text() == "mine"
