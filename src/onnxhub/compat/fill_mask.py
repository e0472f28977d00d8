"""transformers' ``FillMaskPipeline``: ``[{"score": ..., "token": ..., "token_str": ..., "sequence": ...}]``."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, Unpack

import numpy as np

from onnxhub._contracts.checks import as_text, option_texts
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._contracts.preprocessor import Prepared
from onnxhub._toolkit.numeric import require_finite, softmax, top_indices
from onnxhub._toolkit.text.rows import graph_rows
from onnxhub.compat._pipeline import (
    CallOptions,
    Pipeline,
    TokenizerKwargs,
    TruncatingPreprocessor,
    read_tokenizer_kwargs,
)
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from onnxhub._contracts.preprocessor import Preprocessor
    from onnxhub._contracts.protocols import Backend, Outputs, Tokens
    from onnxhub.compat._pipeline import Json

__all__ = ["FillMaskOptions", "FillMaskPipeline"]

logger: Final = logging.getLogger("onnxhub")

CLEANED = (
    *((f" {mark}", mark) for mark in ".?!,"),
    (" ' ", "'"),
    *((f" {ending}", ending) for ending in ("n't", "'m", "'s", "'ve", "'re")),
)
"""Replacements that a tokenizer with ``clean_up_tokenization_spaces`` makes in its text, in this order."""


class FillMaskOptions(CallOptions, total=False):
    """The options, of the constructor and of the call."""

    top_k: int | None
    targets: str | Sequence[str] | None
    tokenizer_kwargs: TokenizerKwargs | None


@dataclass(frozen=True, slots=True, eq=False)
class MaskedItem:
    """The tokens of a text, and which of them are masks."""

    ids: NDArray[np.int64]
    masks: NDArray[np.intp]
    """Positions; at least one."""

    @property
    def rows(self) -> int:
        """Always one."""
        return 1


@dataclass(frozen=True)
class MaskedPreprocessor(TruncatingPreprocessor[MaskedItem]):
    """Texts with masks to one row each."""

    def __call__(self, inputs: Sequence[str]) -> list[Prepared[MaskedItem]]:
        """Return an item for each input."""
        texts = [as_text(value, index) for index, value in enumerate(inputs)]
        return [self._prepare(tokens, index) for index, tokens in enumerate(self.tokenizer.encode(texts))]

    def _prepare(self, tokens: Tokens, index: int) -> Prepared[MaskedItem]:
        positions = self.cut(tokens)
        ids = tokens.ids[positions]
        # Wherever they are: a mask token that the tokenizer adds by itself would be filled too.
        masks = np.flatnonzero(ids == self.tokenizer.mask_token_id)
        if not len(masks):
            mask = "".join(self.tokenizer.tokens([self.tokenizer.mask_token_id or 0]))
            msg = f"the text has no mask; this model's is written {mask}"
            raise InvalidInputError(msg, index)
        return Prepared(graph_rows(tokens, [positions], self.inputs), MaskedItem(ids, masks))


@dataclass(frozen=True)
class MaskedPostprocessor(Postprocessor[MaskedItem, "Json"]):
    """Logits ``(1, tokens, vocabulary)`` to a list of dicts, or to a list of such lists."""

    text: Callable[[Sequence[int], bool], str]
    """Ids to text, with or without special tokens."""
    padding: int | None
    top_k: int = 5
    targets: tuple[int, ...] | None = None
    """Ids of the only tokens that compete."""

    @classmethod
    def for_model(cls, backend: Backend) -> Self:
        """Take the decoder of the model's tokenizer."""
        tokenizer = backend.tokenizer
        cleaned = bool((backend.json("tokenizer_config.json") or {}).get("clean_up_tokenization_spaces"))

        def text(ids: Sequence[int], skip_special: bool) -> str:  # as transformers' decode
            made = tokenizer.decode(ids, skip_special=skip_special)
            for spaced, joined in CLEANED if cleaned else ():
                made = made.replace(spaced, joined)
            return made

        return cls(text, tokenizer.pad_token_id)

    def decode(self, rows: Outputs, item: MaskedItem) -> Json:
        """Return the best tokens of each mask, each mask by itself."""
        found = [self._rank(rows["logits"][0, position], item, position) for position in item.masks.tolist()]
        return found[0] if len(found) == 1 else found

    def _rank(self, logits: NDArray[np.float32], item: MaskedItem, position: int) -> list[dict[str, object]]:
        if self.targets is not None and max(self.targets) >= len(logits):
            problem = f"the targets have the ids {self.targets}, but the model has logits for {len(logits)} tokens"
            raise TaskMismatchError("the model", "fill-mask", (problem,))
        scores = require_finite(softmax(logits))
        among = np.arange(len(scores)) if self.targets is None else np.array(self.targets)
        top_k = self.top_k if self.targets is None else min(self.top_k, len(among))
        if top_k > len(among):
            raise InvalidOptionError("top_k", top_k, f"at most {len(among)}, the size of the vocabulary")
        chosen = among[top_indices(scores[among], top_k)].tolist() if top_k else []
        return [self._describe(index, float(scores[index]), item, position) for index in chosen]

    def _describe(self, token: int, score: float, item: MaskedItem, position: int) -> dict[str, object]:
        ids = item.ids.copy()
        ids[position] = token
        if self.padding is not None:
            ids = ids[ids != self.padding]
        # Special tokens stay where there are several masks: the other masks are such.
        sequence = self.text(ids.tolist(), len(item.masks) == 1)
        return {"score": score, "token": token, "token_str": self.text([token], False), "sequence": sequence}


class FillMaskPipeline(Pipeline):
    """``transformers.FillMaskPipeline`` over an onnxhub Model."""

    options: ClassVar[frozenset[str]] = frozenset(FillMaskOptions.__annotations__)
    preprocessor: ClassVar[type[Preprocessor[Any, Any]]] = MaskedPreprocessor
    postprocessor: ClassVar[type[Postprocessor[Any, Any]]] = MaskedPostprocessor

    def __call__(self, inputs: Json, **options: Unpack[FillMaskOptions]) -> Json:
        """Find the tokens that fit the masks of a text, or of each text of a list or generator.

        Args:
            inputs: A text, or several.
            **options: ``top_k``: tokens for each mask, default 5. ``targets``: a word or several, the only ones that
                compete; of a word that is no token of the vocabulary, its first token. ``tokenizer_kwargs``:
                ``truncation``, ``max_length``, ``padding``.

        Returns:
            A list of dicts for a text with one mask, a list of such lists for one with several; for a list a list of
            these, unless it has one text only: that gives what the text itself gives, as in transformers.

        Examples:
            >>> onnxhub.pipeline("fill-mask", "models/masked")("a [MASK] is no dog", targets="cat")[0]["sequence"]
            'a cat is no dog'
        """
        result = self._run(inputs, options)
        return result[0] if isinstance(inputs, list) and len(inputs) == 1 else result

    def _fields(self, options: Mapping[str, Any]) -> dict[str, object]:
        fields = read_tokenizer_kwargs("tokenizer_kwargs", options.get("tokenizer_kwargs"))
        if options.get("targets") is not None:
            fields["targets"] = self._read_targets(options["targets"])
        top_k = options.get("top_k")
        if top_k is not None:
            if not isinstance(top_k, int) or top_k < 0:
                raise InvalidOptionError("top_k", top_k, "a whole number, or None for 5")
            fields["top_k"] = top_k
        return fields

    def _read_targets(self, given: object) -> tuple[int, ...]:
        """Return ids in the order of a set, each once; that order decides between equal scores."""
        words = option_texts(
            "targets", [given] if isinstance(given, str) else given, "a word, or a list of words", "word"
        )
        found = [index for word in words if (index := self._find_target(word)) is not None]
        if not found:
            raise InvalidOptionError("targets", given, "at least one word that has a token")
        return tuple(set(found))

    def _find_target(self, word: str) -> int | None:
        """Return the token of a word, else the first token that it begins with."""
        tokenizer = self.model.backend.tokenizer
        whole = tokenizer.ids([word])[0]
        if whole is not None:
            return whole
        tokens = tokenizer.encode([word])[0]
        ids = tokens.ids[tokens.sequences == 0].tolist()
        if not ids:
            logger.warning("the target %r is not in the vocabulary, and is left out", word)
            return None
        index: int = ids[-1 if tokenizer.truncation_side == "left" else 0]
        logger.warning("the target %r is not in the vocabulary; %r is taken for it", word, *tokenizer.tokens([index]))
        return index
