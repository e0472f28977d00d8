"""feature-extraction: one vector for a text, pooled as its model says."""

from __future__ import annotations

from types import EllipsisType
from typing import TYPE_CHECKING, Annotated, Any, Self, Unpack, overload

import numpy as np

from onnxhub._calls.model import Model
from onnxhub._contracts.evaluation import COSINE, Decision, Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import stack_vectors
from onnxhub._contracts.task import ANY_NAME, Task
from onnxhub._process.public import publish
from onnxhub._toolkit.sentence_transformers.embeddings import (
    NAME,
    TOKENS,
    VECTOR_OUTPUTS,
    EmbeddingItem,
    EmbeddingPostprocessor,
    EmbeddingPreprocessor,
)
from onnxhub._toolkit.sentence_transformers.layers import SIMILARITIES, Pooling
from onnxhub._toolkit.sentence_transformers.prompts import InputType, choose_prompt
from onnxhub.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Column, ListOf

__all__ = ["TOKENS", "EmbeddingItem", "EmbeddingPostprocessor", "FeatureExtractionModel"]

if TYPE_CHECKING:
    Vectors: TypeAlias = NDArray[np.float32]


class FeatureExtractionOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    prompt_name: str | EllipsisType | None
    input_type: InputType | EllipsisType | None
    pooling: Pooling | tuple[Pooling, ...] | EllipsisType
    normalize: bool | EllipsisType
    truncate_dim: int | EllipsisType | None


class FeatureExtractionModel(Model[str, "Vectors", "Vectors"]):
    """An embedder: ``model("text")`` gives shape ``(dim,)``, ``model(["a", "b"])`` gives ``(2, dim)``."""

    @overload
    def __call__(self, inputs: str, **options: Unpack[FeatureExtractionOptions]) -> Vectors: ...
    @overload
    def __call__(self, inputs: ListOf[str] | Column, **options: Unpack[FeatureExtractionOptions]) -> Vectors: ...
    def __call__(self, inputs: object, **options: Unpack[FeatureExtractionOptions]) -> object:
        """Embed a text or a list of texts; a text longer than the model takes is cut, as by sentence-transformers.

        Args:
            inputs: A text, or a list of texts; an empty text is embedded too.
            prompt_name: One of the model's named prompts, such as ``"query"``; None: no prompt.
            input_type: ``"query"`` or ``"document"``: the side of a search that the texts are on, for models that treat
                them differently; takes the model's prompt for that side, unless ``prompt_name`` is given too. Default
                None, neither.
            pooling: Instead of what the model says: ``"mean"``, ``"cls"``, ``"max"``, ``"lasttoken"``,
                ``"mean_sqrt_len_tokens"``, ``"weightedmean"``, or a tuple of them.
            normalize: Make the vectors' length 1, or not; not for a graph that does it itself.
            truncate_dim: Keep only the first dimensions; None: all of them.

        Returns:
            float32: ``(dim,)`` for a text, ``(n, dim)`` for a list, ``(0, dim)`` for an empty list.

        Raises:
            InvalidInputError: an input is no text; with its index.
            NonFiniteOutputError: the model gave NaN; with the input's index.
        """
        return self.call_with(inputs, options)

    def copy_with(self, options: Mapping[str, object]) -> Self:
        """Return this model with other values of some options; see ``Model.copy_with``."""
        return super().copy_with(choose_prompt(self.preprocessor, options))

    def with_options(self, **options: Unpack[FeatureExtractionOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is."""
        return self.copy_with(options)

    def similarity(self, first: str | ListOf[str] | Column, second: str | ListOf[str] | Column) -> Vectors:
        """How alike texts are, by the measure that the model names: most name none, which is the cosine.

        Args:
            first: A text, or a list of n texts; or what the model gave for them, ``(dim,)`` or ``(n, dim)``.
            second: The same, of m texts.

        Returns:
            float32: ``()`` for two texts, ``(m,)`` for a text and a list, ``(n, m)`` for two lists. The cosine is in
            ``[-1, 1]``; other measures are the dot product, and the Euclidean and the Manhattan distance, negative.
        """
        left, right = self._as_vectors(first, "first"), self._as_vectors(second, "second")
        if left.shape[-1] != right.shape[-1]:
            sizes = f"{left.shape[-1]:,} and {right.shape[-1]:,} dimensions"
            msg = f"vectors of {sizes} cannot be compared: they are of different models, or cut by truncate_dim"
            raise InvalidInputError(msg)
        compare = SIMILARITIES[self.preprocessor.similarity_fn_name]
        found = compare(np.atleast_2d(left), np.atleast_2d(right))
        return np.asarray(found.reshape(left.shape[:-1] + right.shape[:-1]))

    def _as_vectors(self, given: object, name: str) -> Vectors:
        """Return the vectors of texts, or those that were given in their place: an array of fractions is no texts."""
        if isinstance(given, list) and given and all(isinstance(vector, np.ndarray) for vector in given):
            sizes = {np.shape(vector) for vector in given}  # as a stream gives them
            given = np.stack(given) if len(sizes) == 1 else given
        are_vectors = isinstance(given, np.ndarray) and given.dtype.kind == "f" and (given.ndim == 2 or given.size)
        if not are_vectors:
            return np.asarray(self.call_with(given, {}), np.float32)
        vectors = np.asarray(given, np.float32)
        if vectors.ndim > 2 or not np.isfinite(vectors).all():
            problem = f"has shape {vectors.shape}" if vectors.ndim > 2 else "has NaN or infinity"
            msg = f"{name} {problem}; expected texts, or finite vectors of shape (dim,) or (n, dim)"
            raise InvalidInputError(msg)
        return vectors

    def _gather(self, results: list[Vectors]) -> Vectors:
        if results:
            return stack_vectors(results, self.postprocessor)
        known = self.postprocessor
        return known.none() if isinstance(known, EmbeddingPostprocessor) else np.empty((0, 0), np.float32)


TASK = Task(
    name=NAME,
    aliases=("embeddings", "sentence-similarity"),
    summary="one vector for a text, to compare texts by",
    options=FeatureExtractionOptions,
    result=Annotated[np.ndarray[Any, np.dtype[np.float32]], "float32 array (dim,)"],
    model=FeatureExtractionModel,
    preprocessor=EmbeddingPreprocessor,
    postprocessor=EmbeddingPostprocessor,
    outputs=(*VECTOR_OUTPUTS, {ANY_NAME: 2}, {ANY_NAME: 3}),
    ort_class="ORTModelForFeatureExtraction",
    architectures=("Model",),
    default_model="Xenova/all-MiniLM-L6-v2",
    bundled_model="builtin:embed",
    one_liners=("onnxhub.embed", "onnxhub.similarity"),
    commands=("onnxhub.cli.embed:embed", "onnxhub.cli.similarity:similarity"),
    evaluation=Evaluation(measure=COSINE, decision=Decision),
)


publish(globals(), "FeatureExtractionModel")
