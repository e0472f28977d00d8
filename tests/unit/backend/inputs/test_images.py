"""Images of all kinds are opened as RGB; what is no image, or would lose what it shows, is an error about the input."""

from __future__ import annotations

import struct
import warnings
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("PIL", reason="images are read by Pillow")

from PIL import Image

from onnxhub._backend.inputs.images import MOST_PIXELS, open_image
from onnxhub.errors import InvalidInputError, MissingDependencyError
from onnxhub.testing import CannedBackend
from tests.pictures import draw, make_pictures, save

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = draw(9, 7)


def header(width: int, height: int) -> bytes:
    """A PNG that promises a size, and has no pixels."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return save(PICTURE, "PNG")[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + save(PICTURE, "PNG")[33:]


def test_kinds_of_inputs(tmp_path: Path) -> None:
    """A path, a text with a path, bytes of three types, an image and an array are the same image."""
    data = save(PICTURE, "PNG")
    path = tmp_path / "ä picture.png"
    path.write_bytes(data)
    for value in (path, str(path), data, bytearray(data), memoryview(data), PICTURE, np.asarray(PICTURE)):
        assert np.array_equal(open_image(value, None), PICTURE)


def test_arrays() -> None:
    """Arrays may have one, three or four channels last, or none, and any strides."""
    pixels = np.asarray(PICTURE)
    grey = np.repeat(pixels[:, :, :1], 3, axis=2)
    assert np.array_equal(open_image(pixels[:, :, 0], None), grey)
    assert np.array_equal(open_image(pixels[:, :, :1], None), grey)
    assert np.array_equal(open_image(np.dstack([pixels, pixels[:, :, 0]]), None), pixels)
    assert np.array_equal(open_image(pixels[::-1, ::-2], None), pixels[::-1, ::-2])


BAD: list[tuple[Any, str]] = [
    (None, "expected a path, bytes, a PIL image or an array"),
    (7, "expected a path, bytes, a PIL image or an array"),
    ((PICTURE, PICTURE), "several images go in a list"),
    ("no/such/file.png", "is no file"),
    ("", "is a folder"),
    ("a\x00b", "is no file"),
    (".", "is a folder"),
    ("https://example.com/a.png", "no address is fetched"),
    ("data:image/png;base64,AAAA", "no address is fetched"),
    (b"", "the image cannot be read: it is no image, or of a format"),
    (b"just a text", "the image cannot be read: it is no image, or of a format"),
    (save(PICTURE, "JPEG")[:300], "cannot be read"),
    (save(draw(99, 99), "PNG")[:900], "cannot be read"),
    (save(PICTURE, "GIF")[:40], "cannot be read"),
    (save(PICTURE, "PNG")[:33] + b"\x00" * 99, "cannot be read"),
    (header(50_000, 50_000), "cannot be read: Decompression"),
    (header(10_000, 10_000), "10,000 by 10,000 pixels, and"),
    (save(PICTURE, "EPS"), "a drawing in EPS, which another program would have to draw"),
    (np.zeros((4, 4, 3), np.float32), "of uint8, .*float32; levels from 0 to 1"),
    (np.full((4, 4, 3), np.nan), "of uint8, .*float64"),
    (np.zeros((4, 4, 3), np.uint16), "of uint8, .*uint16"),
    (np.zeros((4, 4), bool), "of uint8, .*bool"),
    (np.zeros((3, 8, 9), np.uint8), r"puts channels last"),
    (np.zeros((8, 9, 2), np.uint8), "has axes"),
    (np.zeros((0, 9, 3), np.uint8), "has axes"),
    (np.zeros(9, np.uint8), "has axes"),
    (np.zeros((1, 8, 9, 3), np.uint8), "has axes"),
    (Image.new("RGB", (0, 5)), "has no pixels: 0 by 5"),
    (Image.new("I;16", (5, 5)), r"more than 8 bits a pixel \(mode I;16\)"),
    (Image.new("I", (5, 5)), "more than 8 bits"),
    (Image.new("F", (5, 5)), "more than 8 bits"),
    (save(Image.new("I;16", (5, 5)), "PNG"), "more than 8 bits"),
]


@pytest.mark.parametrize(("value", "message"), BAD, ids=range(len(BAD)))
@pytest.mark.filterwarnings("ignore:Image size")
def test_bad_inputs(value: Any, message: str) -> None:
    """Each is refused with its index, and a reason that names it."""
    with pytest.raises(InvalidInputError, match=message) as caught:
        open_image(value, 3)
    assert caught.value.index == 3


def test_damaged_files_are_named(tmp_path: Path) -> None:
    """A file that cannot be read is named, since it is one of many."""
    (tmp_path / "photo.jpg").write_bytes(save(PICTURE, "JPEG")[:300])
    with pytest.raises(InvalidInputError, match=r"photo\.jpg cannot be read: OSError: .*[Tt]runcated"):
        open_image(tmp_path / "photo.jpg", None)
    (tmp_path / "photo.jpg").write_text("text", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"photo\.jpg cannot be read: it is no image"):
        open_image(tmp_path / "photo.jpg", None)


def test_pixel_limit_is_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is the one that Pillow warns at, before anything is decoded; who sets it gets what was asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InvalidInputError, match=r"10,000 by 10,000 pixels, and PIL\.Image\.MAX_"):
            open_image(header(10_000, 10_000), None)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert open_image(save(PICTURE, "PNG"), None).size == PICTURE.size


def test_images_of_the_caller_stay() -> None:
    """An image that is passed is not turned, converted or closed."""
    exif = Image.Exif()
    exif[0x0112] = 6
    from io import BytesIO

    image = Image.open(BytesIO(save(PICTURE, "JPEG", exif=exif)))
    assert open_image(image, None).size == (7, 9)
    assert (image.size, image.getexif()[0x0112]) == ((9, 7), 6)
    palette = PICTURE.convert("P")
    palette.info["transparency"] = bytes(256)
    assert open_image(palette, None).mode == "RGB"
    assert palette.mode == "P"
    assert "transparency" in palette.info


def test_all_pictures() -> None:
    """Every mode and format comes out as RGB, without a warning."""
    for name, value in make_pictures().items():
        assert open_image(value, None).mode == "RGB", name


def test_sizes_that_no_model_wants() -> None:
    """A line of pixels that would become gigabytes is refused, and so is what would have no pixels left."""
    files = {"preprocessor_config.json": {"image_processor_type": "CLIPImageProcessor"}}
    line = Image.new("L", (1, 20_000))
    with pytest.raises(
        InvalidInputError, match=f"1 by 20000 pixels would become 224 by 4480000, and .*{MOST_PIXELS:,}"
    ):
        CannedBackend({}, files=files).image_processor(line, 0)
    files = {"preprocessor_config.json": {"image_processor_type": "GLPNImageProcessor"}}
    with pytest.raises(InvalidInputError, match="9 by 7 pixels would become 0 by 0"):
        CannedBackend({}, files=files).image_processor(PICTURE, 0)


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Pillow, the error says what to install, as soon as a model for images is loaded."""
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    files = {"preprocessor_config.json": {"image_processor_type": "ViTImageProcessor"}}
    with pytest.raises(MissingDependencyError, match=r"onnxhub\[vision\]"):
        _ = CannedBackend({}, files=files).image_processor
