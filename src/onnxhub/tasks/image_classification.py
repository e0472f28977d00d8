"""image-classification: one label with a score, for an image."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, ClassVar, Final, Self, Unpack, overload

from onnxhub._calls.model import Model
from onnxhub._contracts.evaluation import Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._toolkit.numeric import require_finite
from onnxhub._toolkit.vision.images import ImageItem, ImagePreprocessor
from onnxhub.errors import TaskMismatchError
from onnxhub.tasks.results import Classification, LabelPostprocessor, decide, rank_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._contracts.postprocessor import Item
    from onnxhub._contracts.protocols import Column, ListOf, Outputs
    from onnxhub._toolkit.vision.images import ImageInput

__all__ = ["ImageClassificationModel", "ImageClassificationPostprocessor"]

NAME: Final = "image-classification"


@dataclass(frozen=True)
class ImageClassificationPostprocessor(LabelPostprocessor[ImageItem]):
    """Logits ``(batch, labels)`` to ``Classification`` values.

    To subclass, override ``scores``: it gets the logits of one image, ``(labels,)``, and returns as many scores. The base
    refuses NaN, ranks and names.

    Examples:
        >>> ImageClassificationPostprocessor(labels=("cat", "dog"))([[0.0, 2.0], [3.0, 0.0]])
        [Classification(label='dog', score=0.8808), Classification(label='cat', score=0.9526)]
    """

    item: ClassVar[type[Item] | None] = ImageItem
    _task: ClassVar[str] = NAME

    def default_items(self, rows: int) -> Sequence[ImageItem]:
        """One row each."""
        return [ImageItem()] * rows

    def decode(self, rows: Outputs, item: ImageItem) -> Classification:
        """Scores of the image's row, ranked."""
        del item
        logits = rows["logits"]
        if logits.ndim != 2 or logits.shape[1] != len(self.labels):
            problem = f"{len(self.labels)} labels for logits of shape {logits.shape}"
            raise TaskMismatchError("the model", NAME, (problem,))
        return rank_labels(self.labels, require_finite(self._score(logits[0])), self.top_k)


class ImageClassificationOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    top_k: int | EllipsisType | None


class ImageClassificationModel(Model["ImageInput", Classification, "list[Classification]"]):
    """A classifier of images: ``model("cat.jpg")``, ``model(image)``, ``model(["a.png", "b.png"])``."""

    @overload
    def __call__(  # type: ignore[overload-overlap]  # an array is one image, but for one of four axes
        self, inputs: ImageInput, **options: Unpack[ImageClassificationOptions]
    ) -> Classification: ...
    @overload
    def __call__(
        self, inputs: ListOf[ImageInput] | Column, **options: Unpack[ImageClassificationOptions]
    ) -> list[Classification]: ...
    def __call__(self, inputs: object, **options: Unpack[ImageClassificationOptions]) -> object:
        """Classify an image, or a list of them.

        Args:
            inputs: A path, the bytes of a file, an image of Pillow or an array of uint8, ``(height, width, channels)``;
                an array of four axes is many images.
            top_k: Length of ``ranking``; default None, all labels.

        Raises:
            InvalidInputError: an input is no image, or a damaged one; with its index.
            NonFiniteOutputError: the model gave NaN; with the input's index.
        """
        return self.call_with(inputs, options)

    def with_options(self, **options: Unpack[ImageClassificationOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is."""
        return self.copy_with(options)


TASK = Task(
    name=NAME,
    summary="one label with a score, for an image",
    modality="image",
    inputs=("image",),
    options=ImageClassificationOptions,
    result=Classification,
    model=ImageClassificationModel,
    preprocessor=ImagePreprocessor,
    postprocessor=ImageClassificationPostprocessor,
    outputs=({"logits": 2},),
    ort_class="ORTModelForImageClassification",
    architectures=("ForImageClassification",),
    default_model="Xenova/vit-base-patch16-224",
    one_liners=("onnxhub.classify_image",),
    commands=("onnxhub.cli.classify_image:classify_image",),
    evaluation=Evaluation(measure="same label", decision=decide),
)


publish(globals(), "ImageClassificationModel", "ImageClassificationPostprocessor")
