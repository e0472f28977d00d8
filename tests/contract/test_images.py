"""What holds for every task on images: on real sessions over tiny models, of precisions and layouts as models have them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("PIL", reason="images are read by Pillow")

import onnxhub
from onnxhub.errors import ClosedModelError, InvalidInputError
from onnxhub.testing import check_task
from tests.images import make_colours_model, make_views_model
from tests.pictures import draw, make_pictures, save

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Case:
    """What a task is called with."""

    task: str
    make: Callable[[Path], Path]
    """Writes a model of it."""
    options: dict[str, Any]
    """Other options than the default ones."""
    always: dict[str, Any] = field(default_factory=dict)
    """Options without which it cannot be called."""

    def load(self, folder: Path, **options: Any) -> Any:
        """Load a model, with the options that it cannot do without."""
        return onnxhub.load(self.task, self.make(folder), **options).with_options(**self.always)


CASES = [
    Case("image-classification", make_colours_model, {"top_k": 1}),
    Case("image-feature-extraction", make_views_model, {"pooling": "cls", "normalize": True}),
]
every_task = pytest.mark.parametrize("case", CASES, ids=lambda case: case.task)
PICTURES = [draw(40, 30), draw(31, 7, 3).transpose(0), draw(9, 60, 5).point(lambda level: 255 - level)]


def test_table() -> None:
    """A new task on images is not forgotten here."""
    built_in = {
        task.name
        for task in onnxhub.list_tasks()
        if task.model.__module__.partition(".")[0] == "onnxhub" and not task.raw and task.modality == "image"
    }
    assert {case.task for case in CASES} == built_in


@every_task
def test_contract(case: Case, tmp_path: Path) -> None:
    """Lists, columns, streams, asyncio, threads, pickles and failures are as for every task."""
    model = case.load(tmp_path)
    check_task(case.task, model=model, inputs=PICTURES, bad_input=b"no image", options=case.options)


@every_task
def test_all_pictures_alone_and_together(case: Case, tmp_path: Path) -> None:
    """Every mode, format and size has a result, which does not depend on those beside it."""
    model, pictures = case.load(tmp_path), list(make_pictures().values())
    together = model(pictures)
    for picture, result in list(zip(pictures, together, strict=True))[::7]:
        assert np.allclose(flatten(model(picture)), flatten(result), atol=1e-5)


def flatten(result: Any) -> Any:
    """The scores of a result in the order of their labels; an array as it is."""
    if isinstance(result, np.ndarray):
        return result
    return [entry.score for entry in sorted(result.ranking, key=lambda entry: entry.label)]


@every_task
def test_streams_are_read_ahead_a_little(case: Case, tmp_path: Path) -> None:
    """An endless stream of large files gives its first result, and no more than a few are held."""
    model, data = case.load(tmp_path), save(draw(640, 480), "BMP")
    read: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(1)
            yield data

    results = model.stream(endless())
    first = next(results)
    results.close()
    assert np.allclose(flatten(first), flatten(model(data)), atol=1e-5)
    assert len(read) <= 64


@every_task
def test_closed_models(case: Case, tmp_path: Path) -> None:
    """A model that was closed says so."""
    with case.load(tmp_path) as model:
        model(PICTURES[0])
    with pytest.raises(ClosedModelError):
        model(PICTURES[0])


@every_task
def test_one_array_is_no_stream(case: Case, tmp_path: Path) -> None:
    """An image where many are wanted is refused, before its rows are taken for images."""
    model = case.load(tmp_path)
    with pytest.raises(InvalidInputError, match="one input goes to the call itself"):
        next(model.stream(np.asarray(PICTURES[0])))
    with pytest.raises(InvalidInputError, match="attempt takes a list"):
        model.attempt(np.asarray(PICTURES[0]))


@every_task
def test_asyncio(case: Case, tmp_path: Path) -> None:
    """A failing image in asyncio is an error about it."""
    model = case.load(tmp_path)
    with pytest.raises(InvalidInputError, match="item 1"):
        asyncio.run(model.acall([PICTURES[0], b"text"]))
