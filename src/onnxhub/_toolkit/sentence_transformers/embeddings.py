"""Texts to vectors as sentence-transformers makes them: prompts, pooling, and the layers behind it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np

from onnxhub._contracts.checks import as_text, positive
from onnxhub._contracts.postprocessor import Item, Postprocessor, misfit, numbers, of_shape
from onnxhub._contracts.preprocessor import Prepared
from onnxhub._contracts.protocols import width
from onnxhub._process.public import publish
from onnxhub._toolkit.numeric import l2_normalize, require_finite
from onnxhub._toolkit.sentence_transformers.layers import POOLINGS, Dense, Layer, Pooling, width_after
from onnxhub._toolkit.sentence_transformers.prompts import PromptPreprocessor
from onnxhub._toolkit.sentence_transformers.settings import SENTENCE, find_vector_output, read_settings
from onnxhub._toolkit.sentence_transformers.weights import read_layers
from onnxhub._toolkit.text.prefixes import encode_prefix
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub._toolkit.text.truncation import warn_cut
from onnxhub._toolkit.text.windows import truncate
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Outputs, Tokens

    Vectors: TypeAlias = NDArray[np.float32]

__all__ = ["NAME", "TOKENS", "VECTOR_OUTPUTS", "EmbeddingItem", "EmbeddingPostprocessor", "EmbeddingPreprocessor"]

_logger = logging.getLogger("onnxhub")

NAME: Final = "feature-extraction"
FLAT: Final = 2
"""Axes of an output with one vector for each row."""
TOKENS: Final = ("last_hidden_state", "token_embeddings", "logits")
"""Outputs of shape ``(batch, tokens, dim)``; the last is what a bare array is called."""
VECTOR_OUTPUTS: Final[tuple[Mapping[str, int], ...]] = (
    {SENTENCE: 2, "token_embeddings": 3},
    {SENTENCE: 2},
    {"last_hidden_state": 3},
    {"token_embeddings": 3},
)
"""What a graph of vectors gives under the names that are known: output -> axes; the first that fits is taken."""


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


def _dimensions(backend: Backend) -> int:
    shapes = backend.output_shapes
    sizes = [width(backend, name) for name in (SENTENCE, *TOKENS, *(shapes if len(shapes) == 1 else ()))]
    declared = [backend.config.get(key) for key in ("hidden_size", "dim", "d_model", "n_embd")]
    return next((size for size in (*sizes, *declared) if isinstance(size, int)), 0)


publish(globals(), "EmbeddingItem", "EmbeddingPostprocessor")
