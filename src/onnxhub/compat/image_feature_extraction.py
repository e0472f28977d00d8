"""transformers' ``ImageFeatureExtractionPipeline``: the vectors of all places, or the pooled one, in lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._toolkit.numeric import require_finite
from onnxhub._toolkit.vision.images import ImageItem, ImagePreprocessor
from onnxhub.compat._pipeline import CallOptions, Pipeline
from onnxhub.errors import InvalidOptionError, listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._contracts.preprocessor import Preprocessor
    from onnxhub._contracts.protocols import Backend, Outputs
    from onnxhub.compat._pipeline import Json

__all__ = ["ImageFeatureExtractionOptions", "ImageFeatureExtractionPipeline"]


class ImageFeatureExtractionOptions(CallOptions, total=False):
    """The options, of the constructor and of the call."""

    pool: bool | None
    return_tensors: bool | None
    timeout: float | None


@dataclass(frozen=True)
class PlacePostprocessor(Postprocessor[ImageItem, "Json"]):
    """An output ``(1, ...)`` as it is, in lists."""

    pool: bool = False
    """Give ``pooler_output``."""
    return_tensors: bool = False
    """Give an array in place of the lists."""

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Need nothing."""
        del backend
        return cls()

    def decode(self, rows: Outputs, item: ImageItem) -> Json:
        """Return the output of an image, in a batch of one."""
        del item
        if self.pool and "pooler_output" not in rows:
            raise InvalidOptionError("pool", True, f"False: the graph has no pooler_output, it gives {listing(rows)}")
        first = "last_hidden_state" if "last_hidden_state" in rows else next(iter(rows))
        name = "pooler_output" if self.pool else first
        vectors = require_finite(rows[name], "vectors")
        return vectors if self.return_tensors else vectors.tolist()


class ImageFeatureExtractionPipeline(Pipeline):
    """``transformers.ImageFeatureExtractionPipeline`` over an onnxhub Model."""

    options: ClassVar[frozenset[str]] = frozenset(ImageFeatureExtractionOptions.__annotations__)
    preprocessor: ClassVar[type[Preprocessor[Any, Any]]] = ImagePreprocessor
    postprocessor: ClassVar[type[Postprocessor[Any, Any]]] = PlacePostprocessor

    def __call__(self, inputs: Json, **options: Unpack[ImageFeatureExtractionOptions]) -> Json:
        """Compute the vectors of an image, or of each of a list or generator.

        Args:
            inputs: A path or an image of Pillow, or several; bytes and arrays, too. No address is fetched.
            **options: ``pool``: the vector of the whole image, which not every graph has. ``return_tensors``: a numpy array
                in place of nested lists. ``timeout``: does nothing, since nothing is fetched.

        Returns:
            ``[[[float, ...], ...]]`` for an image; a list of these for a list.

        Examples:
            >>> onnxhub.pipeline("image-feature-extraction", "models/views", return_tensors=True)("red.png").shape
            (1, 16, 8)
        """
        return self._run(inputs, options)

    def _fields(self, options: Mapping[str, Any]) -> dict[str, object]:
        given = {name: value for name, value in options.items() if value is not None and name != "timeout"}
        for name, value in given.items():
            if not isinstance(value, bool):
                raise InvalidOptionError(name, value, "True or False")
        return given
