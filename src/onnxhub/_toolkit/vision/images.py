"""The first station of tasks that take one image: to a row of pixels, and an item that knows nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub._process.public import publish
from onnxhub.errors import InvalidInputError, TaskMismatchError, listing

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Features, ImageProcessor, PillowImage

    ImageInput: TypeAlias = str | os.PathLike[str] | bytes | PillowImage | NDArray[np.uint8]
    """A path, the bytes of a file, an image of Pillow, or an array (height, width, channels)."""

__all__ = ["ImageItem", "ImagePreprocessor"]

PIXELS: Final = "pixel_values"
OTHERS: Final = frozenset({"input_ids", "input_values", "input_features"})
"""Names of inputs that are texts and sound."""
CHANNELS: Final = 3


@dataclass(frozen=True, slots=True)
class ImageItem:
    """An image, of which no more is kept than that it has one row."""

    @property
    def rows(self) -> int:
        """One."""
        return 1


@dataclass(frozen=True)
class ImagePreprocessor(Preprocessor["ImageInput", ImageItem]):
    """Images to one row each."""

    processor: ImageProcessor
    name: str
    """The graph's input."""
    shape: tuple[int | str | None, ...] = ()
    """What the graph declares of it; empty: nothing."""

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's image processor and the name of its graph's input.

        Raises:
            TaskMismatchError: The graph takes something else, or it is not known how images are prepared.
        """
        names = backend.input_names
        if len(names) != 1 or names[0] in OTHERS:
            problem = f"its graph takes {listing(names)}, and an image gives {PIXELS} alone"
            raise TaskMismatchError(backend.model_id, "images", (problem,))
        (name,) = names
        declared = backend.inputs("model").get(name) if "model" in backend.sessions else None
        shape = () if declared is None else declared.shape
        if len(shape) not in (0, 4) or (shape and isinstance(shape[1], int) and shape[1] not in (CHANNELS, -1)):
            problem = f"its graph takes {name}, {declared}, and images are (batch, {CHANNELS}, height, width)"
            raise TaskMismatchError(backend.model_id, "images", (problem,))
        return cls(backend.image_processor, name, shape)

    def __call__(self, inputs: Sequence[ImageInput]) -> list[Prepared[ImageItem]]:
        """One row an image."""
        return [Prepared([self._prepare(value, index)], ImageItem()) for index, value in enumerate(inputs)]

    def as_many(self, inputs: object) -> Sequence[object] | None:
        """Take an array of numbers with four axes for many images, and any other for one."""
        if not isinstance(inputs, np.ndarray) or inputs.dtype.kind in "OUS" or not inputs.size:
            return super().as_many(inputs)
        return list(inputs) if inputs.ndim > CHANNELS else None

    def _prepare(self, value: ImageInput, index: int) -> Features:
        pixels = self.processor(value, index)
        sides = zip(pixels.shape, self.shape[1:], strict=False)
        if any(isinstance(wanted, int) and wanted not in (side, -1) for side, wanted in sides):
            wanted = f"({', '.join(map(str, self.shape[2:]))})"
            told = f"the graph takes images of {wanted}, and its image processor gives {pixels.shape[1:]}"
            msg = f"the model does not fit its own files: {told}"
            raise InvalidInputError(msg, index)
        return {self.name: pixels}


publish(globals(), "ImageItem")
