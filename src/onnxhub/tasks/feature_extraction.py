"""feature-extraction: one vector for a text, pooled as its model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, overload

import numpy as np

from onnxhub._encoder import Encoded, Encoder
from onnxhub._model import Model
from onnxhub._numeric import finite, l2_normalize
from onnxhub._postprocessor import Postprocessor, misfit, numbers, of_shape
from onnxhub._protocols import width
from onnxhub._registry import Task, register
from onnxhub._sentence_transformers import POOLINGS, Dense, Pooling, dense_layer, modules, pooling_modes
from onnxhub._text import as_text, encode_prefix, graph_rows, positive, require_inputs, warn_cut
from onnxhub._trial import COSINE, Judgement, Trial
from onnxhub._windows import truncate
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    from types import EllipsisType
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._protocols import Backend, Column, ListOf, Outputs, Tokenizer, Tokens

__all__ = ["EmbeddingItem", "EmbeddingPostprocessor", "FeatureExtractionModel"]

if TYPE_CHECKING:
    Vectors: TypeAlias = NDArray[np.float32]

NAME = "feature-extraction"
SENTENCE = "sentence_embedding"
"""The output of graphs that pool by themselves."""
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
class EmbeddingEncoder(Encoder[str, EmbeddingItem]):
    """Texts, behind a prompt if there is one, to one row each."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    lower_case: bool = False
    prompts: Mapping[str, str] | None = None
    """The model's named prompts."""
    prompt_name: str | None = None
    """The one that is put before each text."""
    skip_prompt: bool = False

    def __post_init__(self) -> None:
        known = tuple(self.prompts or ())
        if self.prompt_name is not None and self.prompt_name not in known:
            names = ", ".join(map(repr, known)) or "None, for the model has no prompts"
            raise InvalidOptionError("prompt_name", self.prompt_name, names, known)

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Takes case and prompts from sentence-transformers' files, where the repository has them."""
        prompts = backend.json("config_sentence_transformers.json") or {}
        named = prompts.get("prompts")
        default = prompts.get("default_prompt_name")
        if default is not None and not (isinstance(named, Mapping) and default in named):
            problem = f"its default prompt {default!r} is none of its prompts"
            raise TaskMismatchError(backend.model_id, NAME, (problem,))
        return cls(
            backend.tokenizer,
            require_inputs(backend, NAME),
            lower_case=(backend.json("sentence_bert_config.json") or {}).get("do_lower_case") is True,
            prompts={str(name): str(text) for name, text in named.items()} if isinstance(named, Mapping) else None,
            prompt_name=default if isinstance(default, str) else None,
            skip_prompt=SENTENCE not in backend.output_shapes
            and any(config.get("include_prompt") is False for _, config in modules(backend, "Pooling")),
        )

    def __call__(self, inputs: Sequence[str]) -> list[Encoded[EmbeddingItem]]:
        """One item an input."""
        prompt = "" if self.prompt_name is None else (self.prompts or {})[self.prompt_name]
        texts = [prompt + as_text(value, index) for index, value in enumerate(inputs)]
        if self.lower_case:
            prompt, texts = prompt.lower(), [text.lower() for text in texts]
        skip = self._prompt_tokens(prompt) if self.skip_prompt and prompt else 0
        tokens = encode_prefix(self.tokenizer, texts, self.tokenizer.max_length)
        return [self._encoded(one, skip, index) for index, one in enumerate(tokens)]

    def _encoded(self, tokens: Tokens, skip: int, index: int) -> Encoded[EmbeddingItem]:
        kept = np.arange(len(tokens))
        if self.tokenizer.max_length is not None and len(kept) > self.tokenizer.max_length:
            warn_cut(self.tokenizer.max_length, "; embed its parts to keep all of it")
            kept = truncate(tokens.sequences, self.tokenizer.max_length, self.tokenizer.truncation_side)
        if not len(kept):
            msg = "the text has no tokens; this model's tokenizer adds none to an empty text"
            raise InvalidInputError(msg, index)
        return Encoded(graph_rows(tokens, [kept], self.inputs), EmbeddingItem(len(kept), min(skip, len(kept) - 1)))

    def _prompt_tokens(self, prompt: str) -> int:
        # As sentence-transformers counts: with the special tokens before the prompt, without those after it.
        return int(np.flatnonzero(self.tokenizer.encode([prompt])[0].sequences == 0)[-1]) + 1


@dataclass(frozen=True)
class EmbeddingPostprocessor(Postprocessor[EmbeddingItem, "Vectors"]):
    """Token vectors ``(batch, tokens, dim)`` to one vector a text, ``(dim,)``.

    To subclass, override ``pool``: it gets the vectors of one text's tokens, without padding, ``(tokens, dim)``, and
    returns ``(dim,)``.
    """

    item = EmbeddingItem

    pooling: Pooling | tuple[Pooling, ...] | None = "mean"
    """How token vectors become one, in sentence-transformers' terms; several are put one after another. None: the
    graph pools by itself, and its ``sentence_embedding`` is taken; with another value, its token vectors are pooled, and
    neither its dense layers nor its normalisation apply."""
    normalize: bool = False
    """Make the vector's length 1."""
    truncate_dim: int | None = None
    """Keep only the first dimensions, for models trained that way (Matryoshka); before ``normalize``."""
    dense: tuple[Dense, ...] = ()
    """Linear layers after the pooling."""
    dim: int = 0
    """Dimensions of the model's token vectors; only for the shape of no result at all."""

    def __post_init__(self) -> None:
        positive("truncate_dim", self.truncate_dim, optional=True)
        known = ", ".join(map(repr, POOLINGS))
        given = self.modes if isinstance(self.pooling, str | tuple | None) else (self.pooling,)
        if self.pooling == () or not all(isinstance(mode, str) and mode in POOLINGS for mode in given):
            raise InvalidOptionError("pooling", self.pooling, f"one of {known}, or several in a tuple", tuple(POOLINGS))

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Takes sentence-transformers' modules, where the repository has them; else the mean, not normalised."""
        if SENTENCE in backend.output_shapes:
            # Such a graph has the modules in it, also those that are not known here.
            return cls(pooling=None, dim=_dimensions(backend))
        poolings = modules(backend, "Pooling")
        return cls(
            pooling=pooling_modes(backend, poolings[0][1]) if poolings else "mean",
            normalize=bool(modules(backend, "Normalize")),
            dense=tuple(dense_layer(backend, folder, config) for folder, config in modules(backend, "Dense")),
            dim=_dimensions(backend),
        )

    @property
    def modes(self) -> tuple[Pooling, ...]:
        """``pooling`` as a tuple."""
        return (self.pooling,) if isinstance(self.pooling, str) else self.pooling or ()

    def pool(self, tokens: Vectors) -> Vectors:
        """One vector for the vectors of a text's tokens; the hook. Shape: ``(tokens, dim) -> (dim,)``."""
        return self._by_modes(tokens, 0)

    def _by_modes(self, tokens: Vectors, skipped: int) -> Vectors:
        return np.concatenate([POOLINGS[mode](tokens, skipped) for mode in self.modes])

    def _pooled(self, tokens: Vectors, skipped: int) -> Vectors:
        # The hook is told of no prompt: only the base's own weights depend on how many tokens were before these.
        own = type(self).pool is EmbeddingPostprocessor.pool
        made = self._by_modes(tokens, skipped) if own else self.pool(tokens)
        hook = f"{type(self).__name__}.pool"
        if self.dense:
            return of_shape(made, self.dense[0].weight.shape[1:], hook)
        vector = numbers(made, hook)
        if vector.ndim != 1:
            raise misfit(hook, f"give one vector, (dim,); it gave {vector.shape}")
        return vector

    def decode(self, rows: Outputs, item: EmbeddingItem) -> Vectors:
        """Pool the tokens that are neither padding nor a prompt to be skipped."""
        wanted = (SENTENCE,) if self.pooling is None else TOKENS
        output = next((name for name in wanted if name in rows), None)
        if output is None:
            expected = f"another value, for the graph gives only {', '.join(rows)} (None takes {SENTENCE})"
            raise InvalidOptionError("pooling", self.pooling, expected)
        vector = rows[output][0]
        if self.pooling is not None:
            vector = self._pooled(vector[item.skip : item.length], item.skip)
            for layer in self.dense:
                vector = layer(vector)
        vector = finite(vector[: self.truncate_dim], "embeddings")
        return l2_normalize(vector) if self.normalize else vector

    def none(self) -> Vectors:
        """No vectors, shape ``(0, dim)``."""
        size = len(self.dense[-1].weight) if self.dense else self.dim * max(len(self.modes), 1)
        return np.empty((0, min(size, self.truncate_dim or size)), np.float32)


class FeatureExtractionModel(Model[str, "Vectors", "Vectors"]):
    """An embedder: ``model("text")`` gives shape ``(dim,)``, ``model(["a", "b"])`` gives ``(2, dim)``."""

    @overload
    def __call__(
        self,
        inputs: str,
        *,
        prompt_name: str | EllipsisType | None = ...,
        pooling: Pooling | tuple[Pooling, ...] | EllipsisType = ...,
        normalize: bool | EllipsisType = ...,
        truncate_dim: int | EllipsisType | None = ...,
    ) -> Vectors: ...
    @overload
    def __call__(
        self,
        inputs: ListOf[str] | Column,
        *,
        prompt_name: str | EllipsisType | None = ...,
        pooling: Pooling | tuple[Pooling, ...] | EllipsisType = ...,
        normalize: bool | EllipsisType = ...,
        truncate_dim: int | EllipsisType | None = ...,
    ) -> Vectors: ...
    def __call__(
        self,
        inputs: object,
        *,
        prompt_name: str | EllipsisType | None = ...,
        pooling: Pooling | tuple[Pooling, ...] | EllipsisType = ...,
        normalize: bool | EllipsisType = ...,
        truncate_dim: int | EllipsisType | None = ...,
    ) -> object:
        """Embed a text or a list of texts; a text longer than the model takes is cut, as by sentence-transformers.

        Args:
            inputs: A text, or a list of texts; an empty text is embedded too.
            prompt_name: One of the model's named prompts, such as ``"query"``; None: no prompt.
            pooling: Instead of what the model says: ``"mean"``, ``"cls"``, ``"max"``, ``"lasttoken"``,
                ``"mean_sqrt_len_tokens"``, ``"weightedmean"``, or a tuple of them.
            normalize: Make the vectors' length 1, or not.
            truncate_dim: Keep only the first dimensions.

        Returns:
            float32: ``(dim,)`` for a text, ``(n, dim)`` for a list, ``(0, dim)`` for an empty list.

        Raises:
            InvalidInputError: an input is no text; with its index.
            NonFiniteOutputError: the model gave NaN; with the input's index.
        """
        options = {"prompt_name": prompt_name, "pooling": pooling, "normalize": normalize, "truncate_dim": truncate_dim}
        return self._call(inputs, options)

    def with_options(
        self,
        *,
        prompt_name: str | EllipsisType | None = ...,
        pooling: Pooling | tuple[Pooling, ...] | EllipsisType = ...,
        normalize: bool | EllipsisType = ...,
        truncate_dim: int | EllipsisType | None = ...,
    ) -> Self:
        """Another model over the same session with these defaults; ``...`` leaves one as it is."""
        return self._with({
            "prompt_name": prompt_name, "pooling": pooling, "normalize": normalize, "truncate_dim": truncate_dim,
        })  # fmt: skip

    def similarity(self, first: str | ListOf[str] | Column, second: str | ListOf[str] | Column) -> Vectors:
        """Cosine similarity of texts, in ``[-1, 1]``.

        Returns:
            float32: ``()`` for two texts, ``(m,)`` for a text and a list, ``(n, m)`` for two lists.
        """
        left, right = (l2_normalize(np.asarray(self._call(texts, {}), np.float32)) for texts in (first, second))
        # Rounding may carry the product of a vector with itself beyond 1.
        return np.asarray((left @ right.T).clip(-1, 1), np.float32)

    def _gather(self, results: list[Vectors]) -> Vectors:
        if results:
            return self._stacked(results)
        known = self.postprocessor
        return known.none() if isinstance(known, EmbeddingPostprocessor) else np.empty((0, 0), np.float32)

    def _stacked(self, vectors: list[Vectors]) -> Vectors:
        try:
            return np.stack(vectors)
        except ValueError as error:
            sizes = ", ".join(map(str, sorted({np.shape(one) for one in vectors})))
            expected = f"give vectors of one length; it gave {sizes}"
            raise misfit(type(self.postprocessor).__name__, expected) from error


def _dimensions(backend: Backend) -> int:
    sizes = [width(backend, name) for name in (SENTENCE, *TOKENS)]
    declared = [backend.config.get(key) for key in ("hidden_size", "dim", "d_model", "n_embd")]
    return next((size for size in (*sizes, *declared) if isinstance(size, int)), 0)


TASK = register(
    Task(
        name=NAME,
        aliases=("embeddings", "sentence-similarity"),
        summary="one vector for a text, to compare texts by",
        result="float32 array (dim,)",
        model=FeatureExtractionModel,
        encoder=EmbeddingEncoder,
        postprocessor=EmbeddingPostprocessor,
        outputs=(
            {SENTENCE: 2, "token_embeddings": 3},
            {SENTENCE: 2},
            {"last_hidden_state": 3},
            {"token_embeddings": 3},
        ),
        ort_class="ORTModelForFeatureExtraction",
        default_model="Xenova/all-MiniLM-L6-v2",
        one_liners=("onnxhub.embed", "onnxhub.similarity"),
        commands=("onnxhub.cli.embed:embed", "onnxhub.cli.similarity:similarity"),
        trial=Trial(measure=COSINE, judgement=Judgement),
    )
)
