"""transformers' ``FeatureExtractionPipeline``: the vectors of all tokens, neither pooled nor normalised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from onnxhub._contracts.checks import as_text
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._contracts.preprocessor import Prepared
from onnxhub._toolkit.numeric import require_finite
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub.compat._pipeline import (
    CallOptions,
    Pipeline,
    TokenizerKwargs,
    TruncatingPreprocessor,
    read_tokenizer_kwargs,
)
from onnxhub.errors import InvalidOptionError
from onnxhub.tasks.feature_extraction import TOKENS, EmbeddingItem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxhub._contracts.preprocessor import Preprocessor
    from onnxhub._contracts.protocols import Outputs, Tokens
    from onnxhub.compat._pipeline import Json, Truncation

__all__ = ["FeatureExtractionOptions", "FeatureExtractionPipeline"]


class FeatureExtractionOptions(CallOptions, total=False):
    """The options, of the constructor and of the call."""

    truncation: Truncation
    tokenize_kwargs: TokenizerKwargs | None
    return_tensors: bool | None


@dataclass(frozen=True)
class VectorPreprocessor(TruncatingPreprocessor[EmbeddingItem]):
    """Texts to one row each."""

    def __call__(self, inputs: Sequence[str]) -> list[Prepared[EmbeddingItem]]:
        """Return an item for each input."""
        texts = [as_text(value, index) for index, value in enumerate(inputs)]
        return [self._prepare(tokens) for tokens in self.tokenizer.encode(texts)]

    def _prepare(self, tokens: Tokens) -> Prepared[EmbeddingItem]:
        positions = self.cut(tokens)
        return Prepared(graph_rows(tokens, [positions], self.inputs), EmbeddingItem(len(positions)))


@dataclass(frozen=True)
class VectorPostprocessor(Postprocessor[EmbeddingItem, "Json"]):
    """Token vectors ``(1, tokens, dim)`` as they are, in lists."""

    return_tensors: bool = False
    """Give an array in place of the lists."""

    def decode(self, rows: Outputs, item: EmbeddingItem) -> Json:
        """Return the row without its padding, in a batch of one."""
        output = next(rows[name] for name in (*TOKENS, *rows) if name in rows)
        vectors = require_finite(output[:, : item.length] if output.ndim == 3 else output, "vectors")
        return vectors if self.return_tensors else vectors.tolist()


class FeatureExtractionPipeline(Pipeline):
    """``transformers.FeatureExtractionPipeline`` over an onnxhub Model."""

    options: ClassVar[frozenset[str]] = frozenset(FeatureExtractionOptions.__annotations__)
    preprocessor: ClassVar[type[Preprocessor[Any, Any]]] = VectorPreprocessor
    postprocessor: ClassVar[type[Postprocessor[Any, Any]]] = VectorPostprocessor

    def __call__(self, inputs: Json, **options: Unpack[FeatureExtractionOptions]) -> Json:
        """Compute the vectors of the tokens of a text, or of each text of a list or generator.

        Args:
            inputs: A text, or several.
            **options: ``truncation``: cut a long text to what the model takes. ``tokenize_kwargs``: ``truncation``,
                ``max_length``, ``padding``. ``return_tensors``: a numpy array in place of nested lists.

        Returns:
            ``[[[float, ...], ...]]`` for a text, shape ``(1, tokens, dim)``; a list of these for a list.

        Examples:
            >>> vectors = onnxhub.pipeline("feature-extraction", "models/embedder", return_tensors=True)("Ada")
            >>> vectors.shape
            (1, 3, 384)
        """
        return self._run(inputs, options)

    def _fields(self, options: Mapping[str, Any]) -> dict[str, object]:
        given = {name: value for name, value in options.items() if value is not None}
        tokenize = read_tokenizer_kwargs("tokenize_kwargs", given.pop("tokenize_kwargs", None))
        if "truncation" in tokenize and "truncation" in given:
            raise InvalidOptionError("truncation", given["truncation"], "an option, or in tokenize_kwargs, not both")
        if tokenize.get("padding") == "max_length":
            raise InvalidOptionError("padding", "max_length", "True or False, for padding has no vectors here")
        return {**tokenize, **given}
