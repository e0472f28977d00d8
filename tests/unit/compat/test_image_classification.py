"""pipeline("image-classification"): transformers' nesting and options, without addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("PIL", reason="images are read by Pillow")

import onnxhub
from onnxhub.errors import InvalidInputError, InvalidOptionError
from tests.images import make_colours_model, make_images

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pipe(tmp_path: Path) -> Any:
    """A pipeline over a tiny model of five labels."""
    return onnxhub.pipeline("image-classification", make_colours_model(tmp_path))


def test_nesting(pipe: Any) -> None:
    """An image gives a list of labels, a list or a generator gives lists; the size of a batch changes nothing."""
    images = make_images(3)
    alone = [pipe(image) for image in images]
    assert all([*entry] == ["label", "score"] for result in alone for entry in result)
    assert [len(result) for result in alone] == [5, 5, 5]
    assert pipe(images) == alone
    assert list(pipe((image for image in images), batch_size=2)) == alone
    assert list(pipe(iter(images))) == alone
    assert pipe(images[:1]) == alone[:1]


def test_options(pipe: Any) -> None:
    """top_k cuts the list, function_to_apply changes scores, the constructor's are defaults, timeout does nothing."""
    (image,) = make_images(1)
    assert len(pipe(image, top_k=2)) == 2
    assert pipe(image, top_k=None, timeout=3.0, num_workers=1) == pipe(image)
    assert sum(entry["score"] for entry in pipe(image)) == pytest.approx(1, abs=1e-5)
    assert sum(entry["score"] for entry in pipe(image, function_to_apply="SIGMOID")) != pytest.approx(1, abs=1e-2)
    raw = pipe(image, function_to_apply="none")
    assert [entry["label"] for entry in raw] == [entry["label"] for entry in pipe(image)]
    assert min(entry["score"] for entry in raw) < 0


@pytest.mark.parametrize("options", [{"top_k": 0}, {"top_k": "all"}, {"function_to_apply": "relu"}, {"top": 3}])
def test_bad_options(pipe: Any, options: dict[str, Any]) -> None:
    """Each is refused by its name."""
    with pytest.raises(InvalidOptionError):
        pipe(make_images(1)[0], **options)


def test_addresses(pipe: Any) -> None:
    """What transformers would fetch or decode is refused."""
    for value in ("https://example.com/cat.jpg", "data:image/png;base64,iVBORw0KGgo=", "iVBORw0KGgo="):
        with pytest.raises(InvalidInputError):
            pipe(value)
