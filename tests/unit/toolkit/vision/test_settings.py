"""preprocessor_config.json: each key is known, or refused by its name; sizes that no picture of the oracle has."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from onnxhub._toolkit.vision.pixels import crop_center, look_up, tabulate
from onnxhub._toolkit.vision.settings import ImageSettings, read_image_settings
from onnxhub._toolkit.vision.sizes import divide, fit, keep_between, shorten_to
from onnxhub.errors import TaskMismatchError
from onnxhub.testing import CannedBackend


def read(kind: str | None = "ViT", *, model_type: str | None = None, **settings: Any) -> ImageSettings:
    """What a file with these keys means."""
    named = {} if kind is None else {"image_processor_type": f"{kind}ImageProcessor"}
    config = {} if model_type is None else {"model_type": model_type}
    return read_image_settings(
        CannedBackend({}, config=config, files={"preprocessor_config.json": {**named, **settings}})
    )


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("ViT", {"do_center_crop": True}, "ViTImageProcessor has do_center_crop True, which is not known"),
    ("ViT", {"do_pad": True}, "has do_pad True, which is not known"),
    ("ViT", {"do_sharpen": False}, "has do_sharpen False, which is not known"),
    ("ViT", {"data_format": "channels_last"}, "has data_format 'channels_last', which is not known"),
    ("ViT", {"size": {"shortest_edge": 224}}, "which is no height and width"),
    ("ViT", {"size": "224"}, "which is no height and width"),
    ("ViT", {"size": [224]}, "which is no height and width"),
    ("ViT", {"size": 0}, "a side has 1 to 16,384 pixels"),
    ("ViT", {"size": True}, "a side has 1 to 16,384 pixels"),
    ("ViT", {"size": {"height": 10**9, "width": 1}}, "a side has 1 to 16,384 pixels"),
    ("ViT", {"resample": 9}, "a whole number from 0 to 5"),
    ("ViT", {"do_resize": "yes"}, "it is true or false"),
    ("ViT", {"rescale_factor": 0}, "a number from 1e-06 to 1e+06"),
    ("ViT", {"image_mean": [0.5]}, "there are 3 channels"),
    ("ViT", {"image_mean": [0.5, 0.5, "0.5"]}, "there are 3 channels"),
    ("ViT", {"image_std": [0.5, 0.5, 0]}, "cannot be divided"),
    ("ViT", {"image_std": 1e-320}, "cannot be divided"),
    ("ViT", {"image_mean": 10**40}, "there are 3 channels"),
    ("ViT", {"rescale_factor": 10**40}, "a number from 1e-06 to 1e+06"),
    ("ViT", {"image_std": [0.5, 0.5, float("inf")]}, "there are 3 channels"),
    ("CLIP", {"crop_size": {"shortest_edge": 4}}, "crop_size {'shortest_edge': 4}, which is no height and width"),
    ("CLIP", {"size": {"shortest_edge": 224, "longest_edge": 300}}, "which is no height and width"),
    ("ConvNext", {"size": {"height": 224, "width": 224}}, "which is no shortest_edge"),
    ("ConvNext", {"size": 224, "crop_pct": -1}, "a number from 1e-06 to 1e+06"),
    ("Detr", {"size": {"shortest_edge": 800}}, "which is no height and width"),
    ("Detr", {"pad_size": {"height": 9, "width": 9}}, "has pad_size {'height': 9, 'width': 9}, which is not known"),
    ("RTDetr", {"size": 640}, "which is no shortest_edge and longest_edge"),
    ("DPT", {"do_pad": True, "size_divisor": 14}, "has do_pad True"),
    ("GLPN", {"size_divisor": 0}, "a whole number from 1"),
    ("MobileViT", {"do_normalize": True}, "has do_normalize True"),
]


@pytest.mark.parametrize(("kind", "settings", "message"), REFUSED)
def test_refused(kind: str, settings: dict[str, Any], message: str) -> None:
    """What is not known, or makes no sense, is refused with its key, its value and the class."""
    with pytest.raises(TaskMismatchError, match=re.escape(message)):
        read(kind, **settings)


@pytest.mark.parametrize("name", ["Donut", "Qwen2VL", "", "ViTImageProcessor2"])
def test_unknown_processors(name: str) -> None:
    """A class that is not known is refused, and the message has those that are."""
    with pytest.raises(TaskMismatchError, match=r"its image processor is .*; known are Beit.*Yolos"):
        read(None, image_processor_type=name and f"{name}ImageProcessor")


@pytest.mark.parametrize("value", [3, ["ViTImageProcessor"], {"a": 1}])
def test_class_that_is_no_text(value: object) -> None:
    """A name of a class that is no text is one that is not known."""
    with pytest.raises(TaskMismatchError, match="its image processor is"):
        read(None, image_processor_type=value)


def test_without_file() -> None:
    """A model without the file is refused; of one of timm's, the message says so."""
    with pytest.raises(TaskMismatchError, match=r"it has no preprocessor_config\.json"):
        read_image_settings(CannedBackend({}))
    with pytest.raises(TaskMismatchError, match="timm's rules"):
        read_image_settings(CannedBackend({}, config={"pretrained_cfg": {}}))


def test_class_by_model_type() -> None:
    """A file without a class is of the class of the type of model; of none, if that is not known."""
    assert read(None, model_type="swin").name == "ViTImageProcessor"
    assert read(None, model_type="resnet").name == "ConvNextImageProcessor"
    with pytest.raises(TaskMismatchError, match="none, for a model of type 'bert'"):
        read(None, model_type="bert")


def test_processor_config() -> None:
    """Transformers 5 has the settings of images inside those of the whole processor."""
    nested = {
        "image_processor": {"image_processor_type": "SiglipImageProcessorFast", "size": {"height": 8, "width": 6}}
    }
    settings = read_image_settings(CannedBackend({}, files={"processor_config.json": nested}))
    assert settings.resize is not None
    assert (settings.name, settings.resize((1, 1))) == ("SiglipImageProcessor", (8, 6))
    with pytest.raises(TaskMismatchError, match="it has no preprocessor_config"):
        read_image_settings(CannedBackend({}, files={"processor_config.json": {"processor_class": "A"}}))


def test_keys_without_effect() -> None:
    """Keys without a value, of steps that are switched off, and of what is no pixel are let through."""
    plain = read()
    settings = read(
        do_center_crop=False,
        crop_size={"height": 1, "width": 1},
        pad_size=None,
        do_sharpen=None,
        do_pad=False,
        data_format="channels_first",
        do_convert_rgb=True,
        processor_class="X",
    )
    assert settings.crop is None
    assert np.array_equal(settings.table, plain.table)


def test_sizes() -> None:
    """Sizes are rounded as each rule rounds them."""
    assert shorten_to((480, 640), edge=224) == (224, 298)
    assert shorten_to((640, 480), edge=224) == (298, 224)
    assert keep_between((480, 640), shortest=800, longest=1333) == (800, 1066)
    assert keep_between((100, 1000), shortest=800, longest=1333) == (133, 1333)
    assert keep_between((640, 800), shortest=640, longest=1333) == (640, 800)
    assert keep_between((480, 640), shortest=800, longest=1333, multiple=16) == (800, 1056)
    assert fit((480, 640), to=(384, 384), keep_ratio=False, multiple=1) == (384, 384)
    assert fit((480, 640), to=(518, 518), keep_ratio=True, multiple=14) == (518, 686)
    assert divide((479, 641), multiple=32) == (448, 640)


def test_crop_center() -> None:
    """An odd rest is cut off at the right; an odd border is wider at the left; and the border is black."""
    pixels = np.arange(1, 6, dtype=np.uint8).reshape(1, 5, 1)
    assert crop_center(pixels, (1, 2)).ravel().tolist() == [2, 3]
    assert crop_center(pixels, (1, 8)).ravel().tolist() == [0, 0, 1, 2, 3, 4, 5, 0]
    assert crop_center(pixels, (3, 1)).ravel().tolist() == [0, 3, 0]


def test_levels() -> None:
    """Levels are scaled, shifted and normalised for each channel, and channels can be swapped."""
    table = tabulate(1 / 255, normalizations=(((0.0, 0.5, 1.0), (1.0, 0.5, 0.25)),))
    pixels = np.array([[[255, 255, 0]]], np.uint8)
    assert look_up(pixels, table).ravel().tolist() == [1.0, 1.0, -4.0]
    assert look_up(pixels, table, is_reversed=True).ravel().tolist() == [-4.0, 1.0, 1.0]
    assert tabulate(None)[:, 255].tolist() == [255.0] * 3
    assert tabulate(1 / 127.5, offset=-1)[:, [0, 255]].tolist() == [[-1.0, 1.0]] * 3
