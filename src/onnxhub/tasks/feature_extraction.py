"""feature-extraction: one vector for a text, pooled as its model says."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, Unpack, overload

import numpy as np

from onnxhub._calls.model import Model
from onnxhub._contracts.checks import as_text, positive
from onnxhub._contracts.evaluation import COSINE, Decision, Evaluation
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.postprocessor import Item, Postprocessor, misfit, numbers, of_shape
from onnxhub._contracts.preprocessor import Prepared
from onnxhub._contracts.protocols import width
from onnxhub._contracts.task import ANY_NAME, Task
from onnxhub._process.public import publish
from onnxhub._toolkit.numeric import l2_normalize, require_finite
from onnxhub._toolkit.sentence_transformers.layers import POOLINGS, SIMILARITIES, Dense, Layer, Pooling, width_after
from onnxhub._toolkit.sentence_transformers.prompts import PromptPreprocessor
from onnxhub._toolkit.sentence_transformers.settings import SENTENCE, find_vector_output, read_settings
from onnxhub._toolkit.sentence_transformers.weights import read_layers
from onnxhub._toolkit.text.prefixes import encode_prefix
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.truncation import warn_cut
from onnxhub._toolkit.text.windows import truncate
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Column, ListOf, Outputs, Tokens

__all__ = ["EmbeddingItem", "EmbeddingPostprocessor", "FeatureExtractionModel"]

if TYPE_CHECKING:
    Vectors: TypeAlias = NDArray[np.float32]

_logger = logging.getLogger("onnxhub")

NAME = "feature-extraction"
FLAT = 2
"""Axes of an output with one vector for each row."""
TOKENS = ("last_hidden_state", "token_embeddings", "logits")
"""Outputs of shape ``(batch, tokens, dim)``; the last is what a bare array is called."""


@dataclass(frozen=True, slots=True)
class EmbeddingItem:
    """Which tokens of a row are pooled."""

    length: int
    """Tokens of the text; the rest of the row is padding."""
    skip: int = 0
    """Tokens of the prompt, where the model leaves them out of the mean."""

    @property
    def rows(self) -> int:
        """Always one."""
        return 1


@dataclass(frozen=True)
class EmbeddingPreprocessor(PromptPreprocessor[str, EmbeddingItem]):
    """Texts, behind a prompt if there is one, to one row each."""

    skip_prompt: bool = False
    """Leave the prompt's tokens out of the pooling."""
    prompt_pooled: bool = False
    """The graph pools the tokens of a prompt too, though the model's files leave them out: it can be given none."""
    similarity_fn_name: str = "cosine"
    """How vectors are compared; one of ``SIMILARITIES``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prompt_pooled and self.prompt:
            expected = "None, for the graph pools a prompt with the text, and the model was trained to leave it out"
            raise InvalidOptionError("prompt_name", self.prompt_name, expected)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take case, prompts and similarity from sentence-transformers' files, where the repository has them.

        Raises:
            TaskMismatchError: they say something that is not known; or the graph pools a prompt that they leave out.
        """
        settings = read_settings(backend, NAME)
        pooled = find_vector_output(backend.output_shapes) is not None
        left_out = settings.pooling is not None and not settings.pooling.include_prompt
        model = settings.model
        if pooled and left_out and model.default_prompt_name and (model.prompts or {})[model.default_prompt_name]:
            problem = "its graph pools its default prompt with the text, and its files say to leave it out"
            raise TaskMismatchError(backend.model_id, NAME, (problem,))
        return cls._with_settings(
            backend,
            NAME,
            settings,
            skip_prompt=left_out and not pooled,
            prompt_pooled=left_out and pooled,
            similarity_fn_name=model.similarity_fn_name,
        )

    def __call__(self, inputs: Sequence[str]) -> list[Prepared[EmbeddingItem]]:
        """One item an input."""
        prompt = self.prompt
        texts = [prompt + self.apply_case(as_text(value, index)) for index, value in enumerate(inputs)]
        skip = self._prompt_tokens(prompt) if self.skip_prompt and prompt else 0
        tokens = encode_prefix(self.tokenizer, texts, self.tokenizer.max_length)
        return [self._prepare(encoding, skip, index) for index, encoding in enumerate(tokens)]

    def _prepare(self, tokens: Tokens, skip: int, index: int) -> Prepared[EmbeddingItem]:
        kept = np.arange(len(tokens))
        if self.tokenizer.max_length is not None and len(kept) > self.tokenizer.max_length:
            warn_cut(self.tokenizer.max_length, "; embed its parts to keep all of it")
            kept = truncate(tokens.sequences, self.tokenizer.max_length, self.tokenizer.truncation_side)
        if not len(kept):
            msg = "the text has no tokens; this model's tokenizer adds none to an empty text"
            raise InvalidInputError(msg, index)
        return Prepared(graph_rows(tokens, [kept], self.inputs), EmbeddingItem(len(kept), min(skip, len(kept) - 1)))

    def _prompt_tokens(self, prompt: str) -> int:
        # As sentence-transformers counts: with the special tokens before the prompt, without those after it.
        return int(np.flatnonzero(self.tokenizer.encode([prompt])[0].sequences == 0)[-1]) + 1


@dataclass(frozen=True)
class EmbeddingPostprocessor(Postprocessor[EmbeddingItem, "Vectors"]):
    """Token vectors ``(batch, tokens, dim)`` to one vector a text, ``(dim,)``.

    To subclass, override ``pool``: it gets the vectors of one text's tokens, without padding, ``(tokens, dim)``, and
    returns ``(dim,)``.
    """

    item: ClassVar[type[Item] | None] = EmbeddingItem

    pooling: Pooling | tuple[Pooling, ...] | None = "mean"
    """How token vectors become one, in sentence-transformers' terms; several are put one after another. None: the
    graph pools by itself, and its ``sentence_embedding`` is taken; with another value, its token vectors are pooled, and
    its dense layers do not apply."""
    normalize: bool = False
    """Make the vector's length 1."""
    truncate_dim: int | None = None
    """Keep only the first dimensions, for models trained that way (Matryoshka); before ``normalize``."""
    layers: tuple[Layer, ...] = ()
    """What follows the pooling, in order, but a last step to the length 1, which is ``normalize``."""
    dim: int = 0
    """Dimensions of the model's token vectors; only for the shape of no result at all."""
    output: str | None = None
    """The graph's output that is taken before all others, such as an only one under a name of its own."""
    graph_normalizes: bool = False
    """The vectors that the graph gives have the length 1 already, and it is not known how long they were."""

    def __post_init__(self) -> None:
        positive("truncate_dim", self.truncate_dim, optional=True)
        known = ", ".join(map(repr, POOLINGS))
        given = self.modes if isinstance(self.pooling, str | tuple | None) else (self.pooling,)
        if self.pooling == () or not all(isinstance(mode, str) and mode in POOLINGS for mode in given):
            raise InvalidOptionError("pooling", self.pooling, f"one of {known}, or several in a tuple", tuple(POOLINGS))
        if self.pooling is None and self.graph_normalizes and not self.normalize:
            expected = "True, for the graph itself makes the length 1, as modules.json says"
            raise InvalidOptionError("normalize", self.normalize, expected)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take sentence-transformers' modules, where the repository has them; else the mean, not normalised.

        Raises:
            TaskMismatchError: they do something that is not known, or their weights are missing or do not fit.
        """
        settings = read_settings(backend, NAME)
        shapes, dim, cut = backend.output_shapes, _dimensions(backend), settings.model.truncate_dim
        normalizes, vectors = settings.normalizes, find_vector_output(shapes)
        if vectors is not None:
            # Such a graph has the modules in it, also those that are not known here. Under a name of its own, it may
            # be without the last of them, and a second normalisation changes nothing.
            own = normalizes and vectors == SENTENCE
            return cls(None, normalizes, cut, dim=dim, output=vectors, graph_normalizes=own)
        if settings.pooling is None or not settings.pooling.stated:
            _logger.info("%s does not say how it pools: the mean of its token vectors is taken", backend.model_id)
        output = None if any(name in shapes for name in TOKENS) else next(iter(shapes), None)
        modes = settings.pooling.modes if settings.pooling else ("mean",)
        layers = read_layers(backend, NAME, settings, dim * len(modes))
        return cls(modes, normalizes, cut, layers, dim=dim, output=output)

    @property
    def modes(self) -> tuple[Pooling, ...]:
        """``pooling`` as a tuple."""
        return (self.pooling,) if isinstance(self.pooling, str) else self.pooling or ()

    def pool(self, tokens: Vectors) -> Vectors:
        """One vector for the vectors of a text's tokens; the hook. Shape: ``(tokens, dim) -> (dim,)``."""
        return self._by_modes(tokens, 0)

    def _by_modes(self, tokens: Vectors, skipped: int) -> Vectors:
        return np.concatenate([POOLINGS[mode](tokens, skipped) for mode in self.modes])

    def _pool(self, tokens: Vectors, skipped: int) -> Vectors:
        # The hook is told of no prompt: only the base's own weights depend on how many tokens were before these.
        own = type(self).pool is EmbeddingPostprocessor.pool
        made = self._by_modes(tokens, skipped) if own else self.pool(tokens)
        hook = f"{type(self).__name__}.pool"
        first = next((layer for layer in self.layers if isinstance(layer, Dense)), None)
        if first is not None:
            return of_shape(made, first.weight.shape[1:], hook)
        vector = numbers(made, hook)
        if vector.ndim != 1:
            raise misfit(hook, f"give one vector, (dim,); it gave {vector.shape}")
        return vector

    def decode(self, rows: Outputs, item: EmbeddingItem) -> Vectors:
        """Pool the tokens that are neither padding nor a prompt to be skipped."""
        known = (self.output, SENTENCE) if self.pooling is None else (*TOKENS, self.output)
        output = next((name for name in known if name in rows), None)
        if output is None or (self.pooling is not None and rows[output].ndim == FLAT):
            expected = f"another value, for the graph gives only {', '.join(rows)} (None takes {SENTENCE})"
            raise InvalidOptionError("pooling", self.pooling, expected)
        vector = rows[output][0]
        if self.pooling is not None:
            vector = self._pool(vector[item.skip : item.length], item.skip)
            for layer in self.layers:
                vector = layer(vector)
        elif self.graph_normalizes and self.truncate_dim is None:
            return require_finite(vector, "embeddings").copy()
        vector = require_finite(vector[: self.truncate_dim], "embeddings")
        # A copy, since a view would hold the outputs of the whole batch for as long as it is kept.
        return l2_normalize(vector) if self.normalize else vector.copy()

    def none(self) -> Vectors:
        """No vectors, shape ``(0, dim)``."""
        size = width_after(self.layers, self.dim * max(len(self.modes), 1))
        return np.empty((0, min(size, self.truncate_dim or size)), np.float32)


class FeatureExtractionOptions(CallOptions, total=False):
    """The options of a call; ``...`` leaves one as it is."""

    prompt_name: str | EllipsisType | None
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
            return self._stack(results)
        known = self.postprocessor
        return known.none() if isinstance(known, EmbeddingPostprocessor) else np.empty((0, 0), np.float32)

    def _stack(self, vectors: list[Vectors]) -> Vectors:
        try:
            return np.stack(vectors)
        except ValueError as error:
            sizes = ", ".join(map(str, sorted({np.shape(vector) for vector in vectors})))
            expected = f"give vectors of one length; it gave {sizes}"
            raise misfit(type(self.postprocessor).__name__, expected) from error


def _dimensions(backend: Backend) -> int:
    shapes = backend.output_shapes
    sizes = [width(backend, name) for name in (SENTENCE, *TOKENS, *(shapes if len(shapes) == 1 else ()))]
    declared = [backend.config.get(key) for key in ("hidden_size", "dim", "d_model", "n_embd")]
    return next((size for size in (*sizes, *declared) if isinstance(size, int)), 0)


TASK = Task(
    name=NAME,
    aliases=("embeddings", "sentence-similarity"),
    summary="one vector for a text, to compare texts by",
    options=FeatureExtractionOptions,
    result=Annotated[np.ndarray[Any, np.dtype[np.float32]], "float32 array (dim,)"],
    model=FeatureExtractionModel,
    preprocessor=EmbeddingPreprocessor,
    postprocessor=EmbeddingPostprocessor,
    outputs=(
        {SENTENCE: 2, "token_embeddings": 3},
        {SENTENCE: 2},
        {"last_hidden_state": 3},
        {"token_embeddings": 3},
        {ANY_NAME: 2},
        {ANY_NAME: 3},
    ),
    ort_class="ORTModelForFeatureExtraction",
    architectures=("Model",),
    default_model="Xenova/all-MiniLM-L6-v2",
    bundled_model="builtin:embed",
    one_liners=("onnxhub.embed", "onnxhub.similarity"),
    commands=("onnxhub.cli.embed:embed", "onnxhub.cli.similarity:similarity"),
    evaluation=Evaluation(measure=COSINE, decision=Decision),
)


publish(globals(), "EmbeddingItem", "EmbeddingPostprocessor", "FeatureExtractionModel")
