"""Images of any kind to red, green and blue of 8 bits, and to what a graph takes: all that Pillow is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from onnxhub._process.signals import is_from_handler
from onnxhub._strings.plain_text import plain, shorten
from onnxhub._toolkit.vision.pixels import crop_center, look_up
from onnxhub._toolkit.vision.settings import read_image_settings
from onnxhub.errors import InvalidInputError, MissingDependencyError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import ModelFiles
    from onnxhub._toolkit.vision.settings import ImageSettings

__all__ = ["PixelReader", "load_image_processor", "open_image"]

MOST_PIXELS: Final = 2**27
"""Pixels that an image may have once it is resized; three bytes each."""
DEEP: Final = ("I", "F")
"""First letters of Pillow's modes of more than 8 bits; to 8 bits it cuts them off, which makes most images white."""
DRAWN: Final = frozenset({"EPS", "WMF"})
"""Formats that are programs or drawings, for which Pillow starts Ghostscript or asks Windows."""
LONGEST_PATH: Final = 300
"""Characters of a path that are told."""
SOURCES: Final = "a path, bytes, a PIL image or an array (height, width, channels) of uint8"


@dataclass(frozen=True, eq=False)
class PixelReader:
    """Images to what a graph takes, as the model's image processor of transformers makes it; shared by any threads."""

    settings: ImageSettings

    def __call__(self, image: object, index: int | None) -> NDArray[np.float32]:
        """Return the numbers of an image, shape ``(3, height, width)``.

        Raises:
            InvalidInputError: It cannot be read, or not be resized; with the index.
        """
        settings = self.settings
        opened = open_image(image, index)
        if settings.resize is not None:
            height, width = settings.resize((opened.height, opened.width))
            if not 0 < height * width <= MOST_PIXELS:
                size = f"{opened.width} by {opened.height} pixels would become {width} by {height}"
                msg = f"the image has no size that suits {settings.name}: {size}, and it may have 1 to {MOST_PIXELS:,}"
                raise InvalidInputError(msg, index)
            opened = opened.resize((width, height), settings.resample)
        pixels = np.asarray(opened)
        if settings.crop is not None:
            pixels = crop_center(pixels, settings.crop)
        return look_up(pixels, settings.table, is_reversed=settings.is_reversed)


def load_image_processor(files: ModelFiles) -> PixelReader:
    """Return what makes pixels of images for a model.

    Raises:
        TaskMismatchError: The model does not say how, or in a way that is not known.
        MissingDependencyError: Pillow is not installed.
    """
    settings = read_image_settings(files)
    _import_pillow()
    return PixelReader(settings)


def open_image(value: object, index: int | None) -> Any:
    """Return an image of Pillow in mode RGB, upright by its EXIF; of several frames the first.

    What is transparent is dropped, and shows the colour that lies behind, as transformers has it. No address is fetched.

    Args:
        value: A path; the bytes of a file; an image of Pillow; or an array of uint8, ``(height, width)`` or
            ``(height, width, channels)``.
        index: Its position in the call.

    Raises:
        InvalidInputError: It is no image, is damaged, has more pixels than Pillow's limit or more than 8 bits.
    """
    pillow = _import_pillow()
    if isinstance(value, np.ndarray):
        return _decode(lambda: pillow.fromarray(_check_array(value, index)).convert("RGB"), index)
    if isinstance(value, pillow.Image):
        return _decode(lambda: _to_rgb(value, index), index)
    if isinstance(value, bytes | bytearray | memoryview):
        return _decode(lambda: _read(pillow, BytesIO(value), index), index)
    if isinstance(value, str | os.PathLike):
        path = _check_path(value, index)
        return _decode(lambda: _read(pillow, path, index), index, plain(str(path), LONGEST_PATH))
    hint = "; several images go in a list" if isinstance(value, list | tuple) else ""
    msg = f"expected {SOURCES}, got {type(value).__name__}: {shorten(value)}{hint}"
    raise InvalidInputError(msg, index)


def _import_pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError.of(error, "PIL", "reading images", "pip install 'onnxhub[vision]'") from error
    return Image


def _decode(read: Callable[[], Any], index: int | None, name: str = "the image") -> Any:
    """Return what Pillow makes of an image; whatever it raises of a damaged one is an error about the input."""
    from PIL import UnidentifiedImageError

    try:
        return read()
    except UnidentifiedImageError as error:
        msg = f"{name} cannot be read: it is no image, or of a format that Pillow does not know"
        raise InvalidInputError(msg, index) from error
    except InvalidInputError:
        raise
    except Exception as error:
        if is_from_handler(error):
            raise
        msg = f"{name} cannot be read: {type(error).__name__}: {one_line(error)}"
        raise InvalidInputError(msg, index) from error


def _read(pillow: ModuleType, source: Path | BytesIO, index: int | None) -> Any:
    with pillow.open(source) as image:
        if image.format in DRAWN:
            msg = (
                f"the image is a drawing in {image.format}, which another program would have to draw; convert it first"
            )
            raise InvalidInputError(msg, index)
        most = pillow.MAX_IMAGE_PIXELS
        if most is not None and image.width * image.height > most:
            size = f"{image.width:,} by {image.height:,} pixels, and PIL.Image.MAX_IMAGE_PIXELS allows {most:,}"
            msg = f"the image has {size}"
            raise InvalidInputError(msg, index)
        return _to_rgb(image, index)


def _to_rgb(image: Any, index: int | None) -> Any:
    """Return it upright and in mode RGB."""
    from PIL import ImageOps

    if image.width == 0 or image.height == 0:
        msg = f"the image has no pixels: {image.width} by {image.height}"
        raise InvalidInputError(msg, index)
    if image.mode.startswith(DEEP):
        msg = (
            f"the image has more than 8 bits a pixel (mode {image.mode}), and Pillow would cut them off; scale it to 8 "
            f"bits first, as np.uint8(np.asarray(image) / 257) does for 16"
        )
        raise InvalidInputError(msg, index)
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "P" and isinstance(upright.info.get("transparency"), bytes):
        upright = upright.convert("RGBA")  # the same colours, and no warning of Pillow's
    return upright.convert("RGB")


def _check_path(value: str | os.PathLike[str], index: int | None) -> Path:
    name = os.fspath(value)
    if isinstance(name, str) and name.startswith(("http://", "https://", "data:")):
        msg = f"no address is fetched: download {plain(name, LONGEST_PATH)} first, and pass its bytes or its path"
        raise InvalidInputError(msg, index)
    path = Path(os.fsdecode(name))
    if not path.is_file():
        problem = "is a folder; pass a list of its files" if path.is_dir() else "is no file"
        msg = f"{plain(str(path), LONGEST_PATH)} {problem}"
        raise InvalidInputError(msg, index)
    return path


def _check_array(array: NDArray[Any], index: int | None) -> NDArray[np.uint8]:
    """Return an array that Pillow takes: of two axes, or of three of which the last are 3 or 4 channels."""
    shape = array.shape
    if array.dtype != np.uint8:
        scale = "; levels from 0 to 1 become so by np.uint8(np.round(array * 255))" if array.dtype.kind == "f" else ""
        msg = f"an array of an image is of uint8, from 0 to 255, and this one is {array.dtype}{scale}"
        raise InvalidInputError(msg, index)
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)) or 0 in shape:
        hint = "; array.transpose(1, 2, 0) puts channels last" if array.ndim == 3 and shape[0] in (1, 3, 4) else ""
        msg = f"an array of an image has axes (height, width, 1, 3 or 4 channels) or (height, width), not {shape}{hint}"
        raise InvalidInputError(msg, index)
    return np.ascontiguousarray(array[:, :, 0] if array.ndim == 3 and shape[2] == 1 else array)
