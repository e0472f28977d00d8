"""image-feature-extraction: one vector for an image, to compare images by."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self, Unpack, overload

import numpy as np

from onnxhub._calls.model import Model
from onnxhub._contracts.evaluation import COSINE, Decision, Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import Item, Postprocessor, stack_vectors
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._toolkit.numeric import l2_normalize, require_finite
from onnxhub._toolkit.vision.images import ImageItem, ImagePreprocessor
from onnxhub.errors import InvalidOptionError, listing

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Column, ListOf, Outputs
    from onnxhub._toolkit.vision.images import ImageInput

    Vectors: TypeAlias = NDArray[np.float32]

__all__ = ["ImageEmbeddingPostprocessor", "ImageFeatureExtractionModel"]

ImagePooling = Literal["pooler", "cls", "mean"]

NAME: Final = "image-feature-extraction"
POOLED: Final = ("image_embeds", "pooler_output")
"""Outputs that are one vector for an image, the one to be taken first."""
PLACES: Final = "last_hidden_state"
"""The vectors of all places: ``(tokens, dim)`` of a transformer, ``(dim, height, width)`` of a convolutional network."""
POOLINGS: Final = ("pooler", "cls", "mean")
FEATURE_MAP: Final = 3
"""Axes of an image's vectors in a convolutional network."""


@dataclass(frozen=True)
class ImageEmbeddingPostprocessor(Postprocessor[ImageItem, "Vectors"]):
    """Vectors of an image's places, or of the whole image, to one vector, ``(dim,)``."""

    item: ClassVar[type[Item] | None] = ImageItem

    pooling: ImagePooling | None = None
    """None: the vector that the graph has for the whole image, else that of the first place."""
    normalize: bool = False
    """Make the vector's length 1."""
    dim: int = 0
    """Dimensions of the vector; only for the shape of no result at all."""

    def __post_init__(self) -> None:
        if self.pooling is not None and self.pooling not in POOLINGS:
            raise InvalidOptionError("pooling", self.pooling, f"None, {', '.join(map(repr, POOLINGS))}", POOLINGS)
        if not isinstance(self.normalize, bool):
            raise InvalidOptionError("normalize", self.normalize, "True or False")

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the number of dimensions from the graph."""
        shapes = backend.output_shapes
        sizes = [shapes[name][1] for name in POOLED if len(shapes.get(name, ())) > 1]
        places = shapes.get(PLACES, ())
        sizes += [places[1 if len(places) > FEATURE_MAP else -1]] if places else []
        return cls(dim=next((size for size in sizes if size), 0))

    def decode(self, rows: Outputs, item: ImageItem) -> Vectors:
        """Pool, and normalise if that is asked for."""
        del item
        vector = require_finite(self._pool({name: values[0] for name, values in rows.items()}), "embeddings")
        # A copy, since a view would hold the outputs of the whole batch for as long as it is kept.
        return l2_normalize(vector) if self.normalize else vector.copy()

    def _pool(self, outputs: Outputs) -> Vectors:
        whole = next((outputs[name] for name in POOLED if name in outputs), None)
        if whole is not None and self.pooling in (None, "pooler"):
            return whole.reshape(-1)
        places = outputs.get(PLACES)
        is_map = places is not None and places.ndim == FEATURE_MAP
        if places is None or self.pooling == "pooler" or (is_map and self.pooling == "cls"):
            expected = f"another value: this graph gives {listing(outputs)}"
            raise InvalidOptionError("pooling", self.pooling, f"{expected}, a map of places" if is_map else expected)
        if is_map:
            return np.asarray(places.mean(axis=(1, 2)), np.float32)
        return np.asarray(places.mean(axis=0) if self.pooling == "mean" else places[0], np.float32)


class ImageFeatureExtractionOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    pooling: ImagePooling | EllipsisType | None
    normalize: bool | EllipsisType


class ImageFeatureExtractionModel(Model["ImageInput", "Vectors", "Vectors"]):
    """An embedder of images: ``model("cat.jpg")`` gives shape ``(dim,)``, ``model(["a.png", "b.png"])`` gives ``(2, dim)``."""

    @overload
    def __call__(self, inputs: ImageInput, **options: Unpack[ImageFeatureExtractionOptions]) -> Vectors: ...
    @overload
    def __call__(
        self, inputs: ListOf[ImageInput] | Column, **options: Unpack[ImageFeatureExtractionOptions]
    ) -> Vectors: ...
    def __call__(self, inputs: object, **options: Unpack[ImageFeatureExtractionOptions]) -> object:
        """Embed an image, or a list of them.

        Args:
            inputs: A path, the bytes of a file, an image of Pillow or an array of uint8, ``(height, width, channels)``;
                an array of four axes is many images.
            pooling: ``"pooler"``, the vector that the graph has for the whole image; ``"cls"``, that of the first place;
                ``"mean"``, the mean of all places. Default None: the first of these that the graph has.
            normalize: Make the vectors' length 1; default False.

        Returns:
            float32: ``(dim,)`` for an image, ``(n, dim)`` for a list, ``(0, dim)`` for an empty list.

        Raises:
            InvalidInputError: an input is no image, or a damaged one; with its index.
            InvalidOptionError: the graph has nothing to be pooled in this way.
            NonFiniteOutputError: the model gave NaN; with the input's index.
        """
        return self.call_with(inputs, options)

    def with_options(self, **options: Unpack[ImageFeatureExtractionOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is."""
        return self.copy_with(options)

    def _gather(self, results: list[Vectors]) -> Vectors:
        if not results:
            return np.empty((0, getattr(self.postprocessor, "dim", 0)), np.float32)
        return stack_vectors(results, self.postprocessor)


TASK = Task(
    name=NAME,
    aliases=("image-embeddings",),
    summary="one vector for an image, to compare images by",
    modality="image",
    inputs=("image",),
    options=ImageFeatureExtractionOptions,
    result=Annotated[np.ndarray[Any, np.dtype[np.float32]], "float32 array (dim,)"],
    model=ImageFeatureExtractionModel,
    preprocessor=ImagePreprocessor,
    postprocessor=ImageEmbeddingPostprocessor,
    outputs=(
        {"image_embeds": 2},
        {"last_hidden_state": 3, "pooler_output": 2},
        {"last_hidden_state": 4, "pooler_output": 4},
        {"last_hidden_state": 4, "pooler_output": 2},
        {"last_hidden_state": 3},
        {"last_hidden_state": 4},
        {"pooler_output": 2},
    ),
    ort_class="ORTModelForFeatureExtraction",
    architectures=(
        *("ViTModel", "ViTMSNModel", "DeiTModel", "BeitModel", "SwinModel", "Swinv2Model", "Dinov2Model"),
        *("ConvNextModel", "ConvNextV2Model", "ResNetModel", "RegNetModel", "EfficientNetModel", "LevitModel"),
        *("MobileNetV1Model", "MobileNetV2Model", "MobileViTModel", "PvtModel", "SegformerModel"),
        *("CLIPVisionModel", "CLIPVisionModelWithProjection", "SiglipVisionModel"),
    ),
    default_model="Xenova/dinov2-small",
    one_liners=("onnxhub.embed_image",),
    commands=("onnxhub.cli.embed_image:embed_image",),
    evaluation=Evaluation(measure=COSINE, decision=Decision),
)


publish(globals(), "ImageEmbeddingPostprocessor", "ImageFeatureExtractionModel")
