"""Pictures of odd sizes, modes and formats, made by Pillow: what image processors are compared on."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

SIZES = (
    *(
        (1, 1),
        (2, 2),
        (3, 3),
        (1, 7),
        (7, 1),
        (2, 5),
        (5, 4),
        (13, 8),
        (17, 31),
        (31, 17),
        (32, 32),
        (33, 47),
        (64, 64),
    ),
    *((96, 61), (100, 100), (127, 255), (224, 224), (223, 225), (256, 256), (257, 250), (300, 200), (200, 300)),
    *((333, 97), (384, 384), (385, 400), (480, 640), (640, 480), (500, 375), (500, 20), (20, 400), (255, 255)),
)
"""Width and height."""
MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr", "HSV", "LAB", "RGBX", "PA")
FORMATS = (
    ("RGB", "JPEG"),
    ("L", "JPEG"),
    ("CMYK", "JPEG"),
    ("RGB", "PNG"),
    ("RGBA", "PNG"),
    ("LA", "PNG"),
    ("P", "PNG"),
    ("1", "PNG"),
    ("RGB", "BMP"),
    ("RGB", "TIFF"),
    ("CMYK", "TIFF"),
    ("RGB", "WEBP"),
    ("RGBA", "WEBP"),
    ("P", "GIF"),
)


def draw(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with slopes, edges and noise, so that a filter, a shift and a swap of channels all show."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    slopes = [columns * 255 / max(width - 1, 1), rows * 255 / max(height - 1, 1), (rows + 2 * columns) % 256]
    pixels = np.stack(slopes, -1) + random.integers(-20, 21, (height, width, 3))
    pixels[height // 3 : height // 2, width // 4 : width // 2] = random.integers(0, 256, 3)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a file."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def convert(image: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode; what has an alpha channel has a slope in it."""
    converted = image.convert("RGBA" if mode == "PA" else mode)
    if "A" in converted.getbands() and mode != "LAB":
        slope = Image.linear_gradient("L").resize(image.size)
        converted.putalpha(slope)
    return image.convert("P").convert("PA") if mode == "PA" else converted


def make_pictures() -> dict[str, Image.Image | bytes]:
    """All of them, by what is odd about them; images of Pillow, and files."""
    found: dict[str, Image.Image | bytes] = {f"{w}x{h}": draw(w, h, w * h) for w, h in SIZES}
    found |= {f"mode {mode}": convert(draw(75, 50), mode) for mode in MODES}
    found |= {f"{kind} {mode}": save(convert(draw(90, 70), mode), kind) for mode, kind in FORMATS}
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        found[f"EXIF {turn}"] = save(draw(80, 60), "JPEG", exif=exif)
    frames = [draw(40, 30, seed) for seed in range(3)]
    found["animated"] = save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    palette = draw(60, 40).convert("P")
    found["transparent palette"] = save(palette, "PNG", transparency=bytes(range(256)))
    found["transparent colour"] = save(palette, "PNG", transparency=3)
    return found
