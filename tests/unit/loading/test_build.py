"""What is checked of a task's parts and of a graph when a model is built."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import onnxhub
from onnxhub.errors import InvalidOptionError, TaskMismatchError
from onnxhub.testing import CannedBackend
from tests.images import NUMBERS, LabelPostprocessor, NumbersPreprocessor, make_numbers_model

if TYPE_CHECKING:
    from pathlib import Path


class NonePreprocessor(NumbersPreprocessor):
    """Forgets to return the instance."""

    @classmethod
    def for_model(cls, backend: onnxhub.Backend) -> Any:
        """Nothing."""
        del backend


class NonePostprocessor(LabelPostprocessor):
    """Forgets to return the instance."""

    @classmethod
    def for_model(cls, backend: onnxhub.Backend) -> Any:
        """Nothing."""
        del backend


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"preprocessor": NonePreprocessor},
            "preprocessor='NonePreprocessor': expected a class whose for_model gives an",
        ),
        ({"postprocessor": NonePostprocessor}, "postprocessor='NonePostprocessor': .* gives an instance; it gave None"),
    ],
)
def test_a_part_that_for_model_does_not_give_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    """When the model is loaded, by the name of the class, and not at the first call."""
    with pytest.raises(InvalidOptionError, match=message):
        onnxhub.load(replace(NUMBERS, **changes), make_numbers_model(tmp_path))


def test_a_postprocessor_that_for_model_does_not_give_is_refused(tmp_path: Path) -> None:
    """One that is passed to load, too."""
    with pytest.raises(InvalidOptionError, match=r"postprocessor='NonePostprocessor': .* it gave None"):
        onnxhub.load(NUMBERS, make_numbers_model(tmp_path), postprocessor=NonePostprocessor)


@pytest.mark.parametrize(("name", "has_hint"), [("score", False), ("value", True)])
def test_outputs_are_suggested_where_another_name_could_help(name: str, has_hint: bool) -> None:
    """No name mends the number of axes of the output that the task asks for."""
    row = {"x": np.zeros(4, np.float32)}
    canned = CannedBackend(lambda batch: {name: batch["x"][:, None]}, input_names=("x",), row=row)
    with pytest.raises(TaskMismatchError, match=f"its graph gives {name} of 3 axes, not score of 2 axes") as caught:
        canned.load(replace(NUMBERS, outputs=({"score": 2},)))
    assert ("tells which is which" in str(caught.value)) is has_hint
