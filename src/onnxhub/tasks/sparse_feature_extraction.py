"""sparse-feature-extraction: a text as weights of words, for search with an inverted index (SPLADE)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, ClassVar, Literal, Self, Unpack, cast, overload

import numpy as np

from onnxhub._calls.model import Model
from onnxhub._contracts.checks import as_text, positive
from onnxhub._contracts.evaluation import COSINE, Decision, Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import Item, Postprocessor, of_shape
from onnxhub._contracts.preprocessor import Prepared
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub._strings.results import write_result
from onnxhub._toolkit.numeric import require_finite, top_indices
from onnxhub._toolkit.sentence_transformers.prompts import InputType, PromptPreprocessor, choose_prompt
from onnxhub._toolkit.sentence_transformers.settings import read_settings
from onnxhub._toolkit.text.prefixes import encode_prefix
from onnxhub._toolkit.text.requirements import require_vocabulary
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.truncation import warn_cut
from onnxhub._toolkit.text.windows import truncate
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Column, ListOf, Outputs, Tokens

__all__ = [
    "SparseEmbedding",
    "SparseEmbeddingItem",
    "SparseEmbeddingPostprocessor",
    "SparseFeatureExtractionModel",
]

NAME = "sparse-feature-extraction"
Strategy = Literal["max", "sum"]
STRATEGIES: tuple[Strategy, ...] = ("max", "sum")
Activation = Literal["relu", "log1p_relu"]
ACTIVATIONS: tuple[Activation, ...] = ("relu", "log1p_relu")


@dataclass(frozen=True, slots=True)
class SparseEmbedding:
    """The dimensions of a vector that are not zero, and their weights.

    Examples:
        >>> SparseEmbedding(indices=(2, 7), values=(0.5, 1.5)).dot(SparseEmbedding(indices=(7,), values=(2.0,)))
        3.0
    """

    indices: tuple[int, ...]
    """Token ids, ascending."""
    values: tuple[float, ...]
    """The weight of each, above 0."""

    def __repr__(self) -> str:
        return write_result(self)

    def _repr_html_(self) -> str:
        from onnxhub._strings.html_parts import draw_scores

        weights = sorted(zip(self.values, self.indices, strict=True), reverse=True)
        heading = f"{len(weights):,} weights, the largest first, by token id"
        return draw_scores([(str(index), value, "") for value, index in weights], heading=heading)

    def dot(self, other: SparseEmbedding) -> float:
        """Return the product with another embedding: how alike the two texts are."""
        weights = dict(zip(other.indices, other.values, strict=True))
        return sum(
            value * weights[index] for index, value in zip(self.indices, self.values, strict=True) if index in weights
        )

    def to_dict(self) -> dict[str, object]:
        """Field name -> value, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SparseEmbeddingItem:
    """How many tokens of a row are of the text."""

    length: int
    """The rest of the row is padding."""

    @property
    def rows(self) -> int:
        """Always one."""
        return 1


@dataclass(frozen=True)
class SparseEmbeddingPreprocessor(PromptPreprocessor[str, SparseEmbeddingItem]):
    """Texts, behind a prompt if there is one, to one row each."""

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the model's tokenizer and its graph's input names, and case and prompts from its files.

        Raises:
            TaskMismatchError: the graph does not give logits for the vocabulary, or sentence-transformers' files say
                something that is not known.
        """
        require_vocabulary(backend, NAME)
        return cls._with_settings(backend, NAME, read_settings(backend, NAME))

    def __call__(self, inputs: Sequence[str]) -> list[Prepared[SparseEmbeddingItem]]:
        """One item an input."""
        prompt = self.prompt
        texts = [prompt + self.apply_case(as_text(value, index)) for index, value in enumerate(inputs)]
        tokens = encode_prefix(self.tokenizer, texts, self.tokenizer.max_length)
        return [self._prepare(encoding, index) for index, encoding in enumerate(tokens)]

    def _prepare(self, tokens: Tokens, index: int) -> Prepared[SparseEmbeddingItem]:
        limit = self.tokenizer.max_length
        if limit is not None and len(tokens) > limit:
            warn_cut(limit, "; embed its parts to keep all of it")
        kept = truncate(tokens.sequences, limit, self.tokenizer.truncation_side)
        if not len(kept):
            msg = "the text has no tokens; this model's tokenizer adds none to an empty text"
            raise InvalidInputError(msg, index)
        return Prepared(graph_rows(tokens, [kept], self.inputs), SparseEmbeddingItem(len(kept)))


@dataclass(frozen=True)
class SparseEmbeddingPostprocessor(Postprocessor[SparseEmbeddingItem, SparseEmbedding]):
    """Logits ``(batch, tokens, vocabulary)`` to the weights of the vocabulary's words.

    To subclass, override ``weights``: it gets the logits of one text's tokens, ``(tokens, vocabulary)``, and returns
    ``(vocabulary,)``.
    """

    outputs: ClassVar[tuple[str, ...]] = ("logits",)
    item: ClassVar[type[Item] | None] = SparseEmbeddingItem

    top_k: int | None = None
    """Only the heaviest; None keeps all that are not zero."""
    strategy: Strategy = "max"
    """What a word's weight is of those that it has at the tokens: the largest, or their sum."""
    activation: Activation = "relu"
    """What a token's logit becomes: log(1 + relu(logit)), or, with ``"log1p_relu"``, the logarithm of 1 + this."""

    def __post_init__(self) -> None:
        positive("top_k", self.top_k, optional=True)
        if self.strategy not in STRATEGIES:
            raise InvalidOptionError("strategy", self.strategy, " or ".join(map(repr, STRATEGIES)), STRATEGIES)
        if self.activation not in ACTIVATIONS:
            raise InvalidOptionError("activation", self.activation, " or ".join(map(repr, ACTIVATIONS)), ACTIVATIONS)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take strategy and activation from ``1_SpladePooling``, and how many weights are kept.

        Raises:
            TaskMismatchError: sentence-transformers' files say something that is not known.
        """
        settings = read_settings(backend, NAME)
        splade = settings.splade
        return cls(
            settings.model.max_active_dims, cast("Strategy", splade.strategy), cast("Activation", splade.activation)
        )

    def weights(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute the weight of each word; the hook. Shape: ``(tokens, vocabulary) -> (vocabulary,)``.

        SPLADE, Formal et al., 2021, https://arxiv.org/abs/2109.10086: the largest log(1 + relu(logit)). Before, it was
        their sum; and models of 2025 for the inverted index take the logarithm twice, https://arxiv.org/abs/2504.14839.
        """
        if self.strategy == "sum":
            total: NDArray[np.float32] = self._activate(logits).sum(axis=0)
            return total
        # Each logarithm grows with its argument, so that the largest logit can be taken first.
        return self._activate(logits.max(axis=0))

    def _activate(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        once: NDArray[np.float32] = np.log1p(np.maximum(logits, 0.0))
        return np.log1p(once) if self.activation == "log1p_relu" else once

    def decode(self, rows: Outputs, item: SparseEmbeddingItem) -> SparseEmbedding:
        """Return the weights that are not zero, by ascending index."""
        logits = rows["logits"][0]
        if logits.ndim != 2 or len(logits) < item.length:
            problem = f"{item.length} tokens for logits of shape {rows['logits'].shape}"
            raise TaskMismatchError("the model", NAME, (problem,))
        made = self.weights(logits[: item.length])
        weights = require_finite(of_shape(made, logits.shape[1:], f"{type(self).__name__}.weights"), "weights")
        heaviest = np.array(top_indices(weights, self.top_k), np.intp)
        kept = np.sort(heaviest[weights[heaviest] > 0])
        return SparseEmbedding(tuple(kept.tolist()), tuple(weights[kept].tolist()))


class SparseFeatureExtractionOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    prompt_name: str | EllipsisType | None
    input_type: InputType | EllipsisType | None
    top_k: int | EllipsisType | None


class SparseFeatureExtractionModel(Model[str, SparseEmbedding, "list[SparseEmbedding]"]):
    """A sparse embedder: ``model("text")`` gives the words that a text is about, with weights."""

    @overload
    def __call__(self, inputs: str, **options: Unpack[SparseFeatureExtractionOptions]) -> SparseEmbedding: ...
    @overload
    def __call__(
        self, inputs: ListOf[str] | Column, **options: Unpack[SparseFeatureExtractionOptions]
    ) -> list[SparseEmbedding]: ...
    def __call__(self, inputs: object, **options: Unpack[SparseFeatureExtractionOptions]) -> object:
        """Embed a text or a list of texts.

        Args:
            inputs: A text, or a list of texts; one that is longer than the model takes is cut, with a
                ``TruncationWarning``.
            prompt_name: One of the model's named prompts, such as ``"query"``; None: no prompt. The default is the
                model's own.
            input_type: ``"query"`` or ``"document"``: the side of a search that the texts are on, for models that treat
                them differently; takes the model's prompt for that side, unless ``prompt_name`` is given too. Default
                None, neither.
            top_k: Only the heaviest words; None: all that are not zero. The default is the model's own, which most
                do not have.

        Raises:
            InvalidInputError: an input is no text; with its index.
            NonFiniteOutputError: the model gave NaN; with the input's index.
        """
        return self.call_with(inputs, options)

    def copy_with(self, options: Mapping[str, object]) -> Self:
        """Return this model with other values of some options; see ``Model.copy_with``."""
        return super().copy_with(choose_prompt(self.preprocessor, options))

    def with_options(self, **options: Unpack[SparseFeatureExtractionOptions]) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is."""
        return self.copy_with(options)

    def words(self, embedding: SparseEmbedding) -> dict[str, float]:
        """Return the tokens of an embedding with their weights, the heaviest first: what the model takes the text to be about."""
        order = sorted(zip(embedding.values, embedding.indices, strict=True), key=lambda pair: -pair[0])
        names = self.backend.tokenizer.tokens([index for _, index in order])
        return dict(zip(names, (value for value, _ in order), strict=True))


def _decide(result: SparseEmbedding) -> Decision:
    return Decision(dict(zip(result.indices, result.values, strict=True)))


TASK = Task(
    name=NAME,
    aliases=("sparse-embeddings", "splade"),
    summary="weights of words, to search with an inverted index",
    options=SparseFeatureExtractionOptions,
    result=SparseEmbedding,
    model=SparseFeatureExtractionModel,
    preprocessor=SparseEmbeddingPreprocessor,
    postprocessor=SparseEmbeddingPostprocessor,
    outputs=({"logits": 3},),
    ort_class="ORTModelForMaskedLM",
    one_liners=("onnxhub.embed_sparse",),
    commands=("onnxhub.cli.embed_sparse:embed_sparse",),
    evaluation=Evaluation(measure=COSINE, decision=_decide),
)


publish(
    globals(), "SparseEmbedding", "SparseEmbeddingItem", "SparseEmbeddingPostprocessor", "SparseFeatureExtractionModel"
)
