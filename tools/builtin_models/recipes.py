"""What each model is made of, and how it is trained; found by trying on ``dev/``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One model."""

    name: str
    task: str
    """onnxhub's name of it."""
    architecture: str
    """transformers' class."""
    labels: tuple[str, ...]
    """Label of each logit; none for question answering, whose two are the start and the end."""
    layers: int
    """The lowest of MiniLM's six."""
    pieces: int
    """Rows of the embedding table."""
    capitals: int | None
    """None: uncased; else how many of the most frequent pieces get a twin in capitals besides the capitalised one."""
    least: int = 3
    """Pieces that the data has so often stay in the vocabulary, however rare they are in English."""
    examples: int
    steps: int
    batch: int = 32
    learning_rate: float = 1.5e-4
    head_rate: float = 10.0
    """How much faster the head and the case vectors learn."""
    frozen_layers: int = 0
    warmup: float = 0.06
    """Share of the steps."""
    float_share: float = 0.5
    """Share of the steps before weights are rounded to four bits in every pass."""
    dropout: float = 0.1
    smoothing: float = 0.0
    """Of the labels."""
    lower_share: float = 0.0
    """Of texts, read without their capitals."""
    blank_share: float = 0.0
    """Of pieces, read as unknown."""
    coarse_share: float = 0.0
    """Of texts, cut into smaller pieces than usual."""
    typo_share: float = 0.0
    """Of texts, with two neighbouring letters swapped."""
    evaluations: int = 6
    """Of the rounded model, evenly over the steps; the best one on ``dev/`` is kept."""
    seed: int = 20240501


_SENTIMENT: Final = Recipe(
    name="sentiment",
    task="text-classification",
    architecture="BertForSequenceClassification",
    labels=("NEGATIVE", "POSITIVE"),
    layers=6,
    pieces=9000,
    capitals=None,
    examples=40_000,
    steps=1300,
    learning_rate=1.3e-4,
    float_share=0.65,
    blank_share=0.03,
    coarse_share=0.1,
    smoothing=0.05,
    evaluations=2,
    typo_share=0.03,
)
_NER: Final = Recipe(
    name="ner",
    task="token-classification",
    architecture="BertForTokenClassification",
    labels=("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"),
    layers=5,
    pieces=12_000,
    capitals=4000,
    examples=60_000,
    steps=2000,
    blank_share=0.03,
    coarse_share=0.3,
)
_QA: Final = Recipe(
    name="qa",
    task="question-answering",
    architecture="BertForQuestionAnswering",
    labels=(),
    layers=6,
    pieces=9000,
    capitals=None,
    examples=32_000,
    steps=2000,
    batch=16,
    frozen_layers=2,
    float_share=0.8,
    dropout=0.0,
    blank_share=0.02,
    coarse_share=0.05,
    evaluations=4,
)

RECIPES: Final = {recipe.name: recipe for recipe in (_SENTIMENT, _NER, _QA)}
