"""The built-in tasks by name, as entry points are: which module has the row, and nothing is imported to know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUILT_IN"]

# faces: begin names (make faces)
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "feature_extraction": ("feature-extraction", "embeddings", "sentence-similarity"),
    "fill_mask": ("fill-mask", "masked-lm"),
    "image_classification": ("image-classification",),
    "image_feature_extraction": ("image-feature-extraction", "image-embeddings"),
    "multiple_choice": ("multiple-choice",),
    "question_answering": ("question-answering",),
    "sparse_feature_extraction": ("sparse-feature-extraction", "sparse-embeddings", "splade"),
    "text_classification": ("text-classification", "sentiment-analysis", "sequence-classification"),
    "text_ranking": ("text-ranking", "rerank", "reranking"),
    "token_classification": ("token-classification", "ner"),
    "zero_shot_classification": ("zero-shot-classification", "zero-shot"),
    "custom": (
        "custom",
        "text-generation",
        "causal-lm",
        "text2text-generation",
        "seq2seq-lm",
        "summarization",
        "translation",
        "automatic-speech-recognition",
        "asr",
        "speech2seq-lm",
        "audio-ctc",
        "audio-classification",
        "audio-frame-classification",
        "audio-xvector",
        "image-segmentation",
        "semantic-segmentation",
        "image-to-image",
        "image-to-text",
        "vision2seq-lm",
        "zero-shot-image-classification",
    ),
}
# faces: end names
"""Module -> the names and aliases of its tasks: to look one up imports no other."""

BUILT_IN: Final[Mapping[str, str]] = {name: module for module, names in _NAMES.items() for name in names}
"""Name or alias of a task -> its module in ``onnxhub.tasks``, whose ``TASK`` (or ``TASKS``, of several) it is."""
