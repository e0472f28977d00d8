"""image-feature-extraction: which vector is taken of which graph, and what a graph does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("PIL", reason="images are read by Pillow")

import onnxhub
from onnxhub.errors import InvalidOptionError, NonFiniteOutputError, TaskMismatchError
from onnxhub.testing import CannedBackend
from tests.images import make_images, make_views_model

if TYPE_CHECKING:
    from pathlib import Path

PLACES = np.arange(12, dtype=np.float32).reshape(4, 3)
FEATURE_MAP = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
IMAGE = np.zeros((5, 5, 3), np.uint8)


def load(outputs: Any) -> onnxhub.ImageFeatureExtractionModel:
    """A canned model that gives these outputs for each image."""
    files = {"preprocessor_config.json": {"image_processor_type": "ViTImageProcessor", "size": 4}}
    row = {"pixel_values": np.zeros((3, 4, 4), np.float32)}
    backend = CannedBackend(outputs, input_names=("pixel_values",), row=row, files=files)
    return backend.load("image-feature-extraction")


@pytest.mark.parametrize(
    ("outputs", "pooling", "expected"),
    [
        ({"last_hidden_state": PLACES, "pooler_output": [7, 8, 9]}, None, [7, 8, 9]),
        ({"last_hidden_state": PLACES, "pooler_output": [7, 8, 9]}, "pooler", [7, 8, 9]),
        ({"last_hidden_state": PLACES, "pooler_output": [7, 8, 9]}, "cls", [0, 1, 2]),
        ({"last_hidden_state": PLACES}, None, [0, 1, 2]),
        ({"last_hidden_state": PLACES}, "mean", [4.5, 5.5, 6.5]),
        ({"image_embeds": [1, 2], "last_hidden_state": PLACES}, None, [1, 2]),
        ({"last_hidden_state": FEATURE_MAP}, None, [1.5, 5.5, 9.5]),
        ({"last_hidden_state": FEATURE_MAP, "pooler_output": [[[7]], [[8]], [[9]]]}, None, [7, 8, 9]),
        ({"last_hidden_state": FEATURE_MAP, "pooler_output": [7, 8, 9]}, "mean", [1.5, 5.5, 9.5]),
        ({"pooler_output": [7, 8, 9]}, None, [7, 8, 9]),
    ],
)
def test_pooling(outputs: dict[str, Any], pooling: Any, expected: list[float]) -> None:
    """The vector of the whole image, of its first place, or the mean of all."""
    model = load(outputs)
    assert model(IMAGE, pooling=pooling).tolist() == expected
    assert model([IMAGE, IMAGE], pooling=pooling).tolist() == [expected] * 2
    assert np.linalg.norm(model(IMAGE, pooling=pooling, normalize=True)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("outputs", "pooling", "message"),
    [
        ({"last_hidden_state": PLACES}, "pooler", "this graph gives last_hidden_state"),
        ({"last_hidden_state": FEATURE_MAP}, "cls", "gives last_hidden_state, a map of places"),
        ({"pooler_output": [7, 8]}, "mean", "this graph gives pooler_output"),
        ({"pooler_output": [7, 8]}, "max", "None, 'pooler', 'cls', 'mean'"),
    ],
)
def test_what_a_graph_does_not_have(outputs: dict[str, Any], pooling: Any, message: str) -> None:
    """It is refused, and the message has what there is."""
    with pytest.raises(InvalidOptionError, match=message):
        load(outputs)(IMAGE, pooling=pooling)


def test_broken_models() -> None:
    """NaN, and a graph of logits, are refused."""
    with pytest.raises(NonFiniteOutputError):
        load({"pooler_output": [np.nan, 1.0]})(IMAGE)
    with pytest.raises(TaskMismatchError, match="its graph gives logits"):
        load({"logits": [1.0, 2.0]})
    with pytest.raises(InvalidOptionError, match="normalize"):
        load({"pooler_output": [1.0, 2.0]})(IMAGE, normalize="yes")  # type: ignore[arg-type]


def test_loaded_model(tmp_path: Path) -> None:
    """The model is found by its architecture; the one-liner and the pipeline are over the same vectors."""
    folder = make_views_model(tmp_path)
    model, images = onnxhub.load("auto", folder), make_images(3)
    assert isinstance(model, onnxhub.ImageFeatureExtractionModel)
    vectors = model(images)
    assert (vectors.shape, vectors.dtype, model([]).shape) == ((3, 8), np.float32, (0, 8))
    assert np.array_equal(onnxhub.embed_image(images, model=folder), vectors)
    onnxhub.unload()
    pipe: Any = onnxhub.pipeline("image-feature-extraction", folder)
    places = pipe(images[0], return_tensors=True)
    assert places.shape == (1, 16, 8)
    assert np.allclose(places.mean(axis=1)[0], vectors[0], atol=1e-5)
    assert np.allclose(pipe(images[0], pool=True)[0], vectors[0], atol=1e-5)
    assert pipe(images)[0] == pipe(images[0]) == places.tolist()
    with pytest.raises(InvalidOptionError, match="pool"):
        pipe(images[0], pool="yes")
