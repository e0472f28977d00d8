"""transformers' ``ImageClassificationPipeline``: ``[{"label": ..., "score": ...}, ...]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

import numpy as np

from onnxhub._contracts.checks import positive
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._toolkit.activations import activate
from onnxhub._toolkit.label_names import labels_of
from onnxhub._toolkit.numeric import require_finite
from onnxhub._toolkit.vision.images import ImageItem, ImagePreprocessor
from onnxhub.compat._pipeline import CallOptions, Pipeline
from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxhub._contracts.preprocessor import Preprocessor
    from onnxhub._contracts.protocols import Backend, Outputs
    from onnxhub._toolkit.activations import Activation
    from onnxhub.compat._pipeline import Json

__all__ = ["ImageClassificationOptions", "ImageClassificationPipeline"]

ACTIVATIONS = ("sigmoid", "softmax", "none")


class ImageClassificationOptions(CallOptions, total=False):
    """The options, of the constructor and of the call."""

    top_k: int | None
    function_to_apply: str | None
    timeout: float | None


@dataclass(frozen=True)
class ImageLabelPostprocessor(Postprocessor[ImageItem, "Json"]):
    """Logits ``(1, labels)`` to a list of dicts."""

    labels: Sequence[str]
    activation: Activation
    top_k: int = 5

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take labels from ``config.json``, and of its problem type only whether several labels are right."""
        labels = labels_of(backend, inverted=False)
        several = backend.config.get("problem_type") == "multi_label_classification" or len(labels) == 1
        return cls(labels, "sigmoid" if several else "softmax")

    def decode(self, rows: Outputs, item: ImageItem) -> Json:
        """Return the best labels."""
        del item
        scores = require_finite(activate(rows["logits"][0], self.activation))
        order = np.argsort(-scores, kind="stable").tolist()
        return [{"label": self.labels[index], "score": float(scores[index])} for index in order[: self.top_k]]


class ImageClassificationPipeline(Pipeline):
    """``transformers.ImageClassificationPipeline`` over an onnxhub Model."""

    options: ClassVar[frozenset[str]] = frozenset(ImageClassificationOptions.__annotations__)
    preprocessor: ClassVar[type[Preprocessor[Any, Any]]] = ImagePreprocessor
    postprocessor: ClassVar[type[Postprocessor[Any, Any]]] = ImageLabelPostprocessor

    def __call__(self, inputs: Json, **options: Unpack[ImageClassificationOptions]) -> Json:
        """Classify an image, or each of a list or generator.

        Args:
            inputs: A path or an image of Pillow, or several; bytes and arrays, too. Addresses and texts in base64, which
                transformers fetches and decodes, are refused.
            **options: ``top_k``: labels to give, 5 unless it is given. ``function_to_apply``: ``"sigmoid"``, ``"softmax"``
                or ``"none"`` in place of the model's own. ``timeout``: does nothing, since nothing is fetched.

        Returns:
            A list of dicts; for a list, a list of these.

        Examples:
            >>> onnxhub.pipeline("image-classification", "models/colours")("red.png")[0]["label"]
            'red'
        """
        return self._run(inputs, options)

    def _fields(self, options: Mapping[str, Any]) -> dict[str, object]:
        top_k, name = options.get("top_k"), options.get("function_to_apply")
        positive("top_k", top_k, optional=True)
        found: dict[str, object] = {} if top_k is None else {"top_k": top_k}
        if name is None:
            return found
        if not isinstance(name, str) or name.lower() not in ACTIVATIONS:
            raise InvalidOptionError("function_to_apply", name, "'sigmoid', 'softmax' or 'none'", ACTIVATIONS)
        return {**found, "activation": name.lower()}
