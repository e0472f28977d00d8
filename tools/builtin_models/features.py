"""From the examples of the generators to rows of ids with their targets, and those to batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from tools.builtin_models.vocabulary import SPECIAL, Vocabulary, coarser, tokenizer

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from tokenizers import Encoding, Tokenizer
    from torch import Tensor

    from tools.builtin_models.recipes import Recipe

__all__ = ["IGNORED", "Batch", "Row", "batches", "rows_of", "texts_of"]

IGNORED: Final = -100
"""Target of tokens that are not learned from."""
_COARSE_TOKENIZERS: Final = 8
_COARSE_LOSS: Final = 0.5
_LONGEST: Final = 384
_PAD, _UNKNOWN = SPECIAL.index("[PAD]"), SPECIAL.index("[UNK]")
_POOLED_BATCHES: Final = 50


@dataclass(frozen=True, eq=False)
class Row:
    """One example, tokenised; n tokens."""

    ids: NDArray[np.int64]
    types: NDArray[np.int64]
    target: NDArray[np.int64]
    """The label ``(1,)``; or one of each token, ``(n,)``; or the answer's first and last token, ``(2,)``."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows, padded; all ``(batch, length)``."""

    ids: Tensor
    mask: Tensor
    types: Tensor
    target: Tensor


def texts_of(name: str, examples: Sequence[tuple[Any, ...]]) -> list[str]:
    """All texts, once each."""
    return list(dict.fromkeys(text for example in examples for text in example[: 2 if name == "qa" else 1]))


def rows_of(
    examples: Sequence[tuple[Any, ...]], recipe: Recipe, vocabulary: Vocabulary, rng: random.Random
) -> list[Row]:
    """Tokenise the examples; some of them coarsely or with a typo, as the recipe says."""
    lowercase = not vocabulary.cased
    usual = tokenizer(vocabulary.ids, lowercase=lowercase)
    coarse = [
        tokenizer(coarser(vocabulary, rng, _COARSE_LOSS), lowercase=lowercase)
        for _ in range(_COARSE_TOKENIZERS if recipe.coarse_share else 0)
    ]
    targets: Callable[..., NDArray[np.int64] | None] = {"sentiment": _label, "ner": _tags, "qa": _span}[recipe.name]
    groups: dict[int, list[tuple[Any, ...]]] = {}
    for example in examples:
        chosen = rng.randrange(len(coarse)) if rng.random() < recipe.coarse_share else -1
        noisy = (*map(_typo, example[:1], [rng]), *example[1:]) if rng.random() < recipe.typo_share else example
        groups.setdefault(chosen, []).append(noisy)
    return [
        row
        for chosen, group in sorted(groups.items())
        for row in _encode(group, usual if chosen < 0 else coarse[chosen], targets, recipe)
    ]


def batches(rows: Sequence[Row], recipe: Recipe, vocabulary: Vocabulary, seed: int) -> Iterator[Batch]:
    """Batches without end; each pass is shuffled, and rows of one batch are about equally long."""
    rng = np.random.default_rng(seed)
    lower = np.array(vocabulary.rows)
    while True:
        order = rng.permutation(len(rows))
        pool = recipe.batch * _POOLED_BATCHES
        for first in range(0, len(order), pool):
            by_length = sorted(order[first : first + pool], key=lambda index: len(rows[index].ids))
            cut = [by_length[start : start + recipe.batch] for start in range(0, len(by_length), recipe.batch)]
            for index in rng.permutation(len(cut)):
                yield _batch([rows[place] for place in cut[index]], recipe, lower, rng)


def _batch(rows: Sequence[Row], recipe: Recipe, lower: NDArray[np.int64], rng: np.random.Generator) -> Batch:
    length = max(len(row.ids) for row in rows)
    shape = len(rows), length
    ids, mask, types = np.full(shape, _PAD), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    by_token = recipe.name == "ner"
    target = np.full(shape, IGNORED) if by_token else np.stack([row.target for row in rows])
    for index, row in enumerate(rows):
        size = len(row.ids)
        ids[index, :size], mask[index, :size], types[index, :size] = row.ids, 1, row.types
        if by_token:
            target[index, :size] = row.target
    uncapitalised = rng.random((len(rows), 1)) < recipe.lower_share
    ids = np.where(uncapitalised, lower[ids], ids)
    blank = (rng.random(shape) < recipe.blank_share) & (ids >= len(SPECIAL))
    ids = np.where(blank, _UNKNOWN, ids)
    return Batch(*map(torch.from_numpy, (ids, mask, types, target)))


def _encode(
    examples: Sequence[tuple[Any, ...]],
    cutter: Tokenizer,
    targets: Callable[..., NDArray[np.int64] | None],
    recipe: Recipe,
) -> Iterator[Row]:
    pairs = recipe.name == "qa"
    encodings = cutter.encode_batch([example[:2] if pairs else example[0] for example in examples])
    for encoding, example in zip(encodings, examples, strict=True):
        target = targets(encoding, example, recipe)
        if target is not None and len(encoding.ids) <= _LONGEST:
            yield Row(np.array(encoding.ids), np.array(encoding.type_ids), target)


def _label(encoding: Encoding, example: tuple[str, str], recipe: Recipe) -> NDArray[np.int64]:
    del encoding
    return np.array([recipe.labels.index(example[1])])


def _tags(encoding: Encoding, example: tuple[str, list[tuple[int, int, str]]], recipe: Recipe) -> NDArray[np.int64]:
    """B for the first piece of an entity, I for all others: onnxhub groups pieces by their own labels."""
    _, entities = example
    found = np.array([IGNORED if sequence is None else 0 for sequence in encoding.sequence_ids])
    offsets = np.array(encoding.offsets)
    for start, end, label in entities:
        inside = np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > start) & (found != IGNORED))
        found[inside] = recipe.labels.index(f"I-{label}")
        found[inside[:1]] = recipe.labels.index(f"B-{label}")
    return found


def _span(encoding: Encoding, example: tuple[str, str, int, int], recipe: Recipe) -> NDArray[np.int64] | None:
    """Return the answer's first and last token; the classification token for an answer that starts below zero."""
    del recipe
    _, _, start, end = example
    if start < 0:
        return np.array([0, 0])
    offsets = np.array(encoding.offsets)
    own = np.array([sequence == 1 for sequence in encoding.sequence_ids])
    inside = np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > start) & own)
    return np.array([inside[0], inside[-1]]) if len(inside) else None


def _typo(text: str, rng: random.Random) -> str:
    """Two neighbouring letters inside a word change places; the text stays as long as it was."""
    places = [index for index in range(1, len(text) - 2) if text[index - 1 : index + 3].isalpha()]
    if not places:
        return text
    place = rng.choice(places)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
