"""What a graph gets for an image is, to the last bit, what transformers' image processors of Pillow make of it."""

from __future__ import annotations

import logging
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers.image_utils import load_image

import onnxhub
from onnxhub._toolkit.vision.processors import PROCESSORS
from onnxhub.testing import CannedBackend
from tests.oracle.peers import COUNTS, transformers
from tests.pictures import make_pictures

CASES: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in sorted(PROCESSORS)),
    ("ViT", {"size": 224, "resample": 3, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.3, 0.2, 0.1]}),
    ("ViT", {"size": {"height": 33, "width": 47}, "do_rescale": False}),
    ("ViT", {"do_normalize": False, "resample": 1}),
    ("ViT", {"do_resize": False}),
    ("ConvNext", {"size": 224, "crop_pct": 0.95, "resample": 3}),
    ("ConvNext", {"size": {"shortest_edge": 224}, "crop_pct": 0.875}),
    ("ConvNext", {"size": 223}),
    ("CLIP", {"size": 224, "crop_size": 224}),
    ("CLIP", {"size": {"shortest_edge": 50}, "crop_size": {"height": 77, "width": 30}}),
    ("CLIP", {"do_center_crop": False, "size": {"height": 40, "width": 60}}),
    ("Bit", {"size": {"shortest_edge": 256}, "crop_size": {"height": 225, "width": 224}}),
    ("Beit", {"size": 224, "do_center_crop": False, "reduce_labels": True}),
    ("Detr", {"size": 200, "max_size": 333}),
    ("Detr", {"size": {"height": 48, "width": 64}}),
    ("Yolos", {"size": {"shortest_edge": 96, "longest_edge": 160}}),
    ("DPT", {"size": 56, "keep_aspect_ratio": True, "ensure_multiple_of": 14}),
    ("DPT", {"size": {"height": 70, "width": 98}, "ensure_multiple_of": 32}),
    ("EfficientNet", {"do_center_crop": True, "rescale_offset": True, "rescale_factor": 1 / 127.5}),
    ("EfficientNet", {"include_top": False, "size": 64}),
    ("MobileViT", {"size": 288, "crop_size": 256, "do_flip_channel_order": False}),
    ("Levit", {"size": {"height": 41, "width": 40}}),
    ("GLPN", {"size_divisor": 4}),
]
LARGE = ("Detr", "ConditionalDetr", "DeformableDetr", "RTDetr", "Yolos")
"""Those whose pictures would take long by their own sizes: the long ones are left to the cases with small sizes."""


@cache
def pictures() -> dict[str, tuple[Any, Image.Image]]:
    """Each picture, and what transformers' pipeline makes of it first."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    found = make_pictures()
    opened = {n: Image.open(BytesIO(v)) if isinstance(v, bytes) else v for n, v in found.items()}
    return {name: (value, load_image(opened[name])) for name, value in found.items()}


@pytest.mark.parametrize(("name", "settings"), CASES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(CASES)])
def test_pixels(name: str, settings: dict[str, Any]) -> None:
    """Each number of each picture is transformers'; what it cannot resize is refused."""
    reference = getattr(transformers, f"{name}ImageProcessor")(**settings)
    backend = CannedBackend(
        {}, files={"preprocessor_config.json": {"image_processor_type": f"{name}ImageProcessor", **settings}}
    )
    ours = backend.image_processor
    for number, (picture, (value, opened)) in enumerate(pictures().items()):
        if name in LARGE and not settings and (number % 9 or max(opened.size) / min(opened.size) > 4):
            continue
        try:
            expected = np.asarray(
                reference(opened, input_data_format="channels_last", return_tensors="np")["pixel_values"][0]
            )
        except ValueError:
            with pytest.raises(onnxhub.errors.InvalidInputError, match="no size that suits"):
                ours(value, None)
            COUNTS["pixels: refused by both"] += 1
            continue
        found = ours(value, None)
        assert found.shape == expected.shape, picture
        assert np.array_equal(found, expected.astype(np.float32)), picture
        COUNTS["pixels: equal to the last bit"] += 1


@pytest.mark.parametrize("name", sorted(PROCESSORS))
def test_saved_forms(name: str, tmp_path: Any) -> None:
    """A file that transformers saves is read, and its numbers are those of the class without a file."""
    getattr(transformers, f"{name}ImageProcessor")().save_pretrained(tmp_path)
    import json

    saved = json.loads((tmp_path / "preprocessor_config.json").read_text(encoding="utf-8"))
    picture = make_pictures()["96x61"]
    plain = {"image_processor_type": f"{name}ImageProcessorFast"}
    numbers = [
        CannedBackend({}, files={"preprocessor_config.json": settings}).image_processor(picture, None)
        for settings in (saved, plain)
    ]
    assert np.array_equal(*numbers)


def test_model_types() -> None:
    """Where no file names a class, it is the one that transformers has for the type of model."""
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

    for name, processor in PROCESSORS.items():
        for kind in processor.model_types:
            theirs = IMAGE_PROCESSOR_MAPPING_NAMES.get(kind)
            assert theirs is None or theirs[0] == f"{name}ImageProcessor", kind
