"""The built-in tasks by name, and what other libraries' names for tasks are here; nothing is imported to know it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ABSENT", "BUILT_IN", "explain_name", "find_own_name"]

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

_OTHER_NAMES: Final[Mapping[str, str]] = {
    "audio-xvector": "speaker-embedding speaker-verification",
    "automatic-speech-recognition": "speech-recognition speech-to-text stt transcription",
    "feature-extraction": "embed embedding sentence-embedding sentence-embeddings sentence-transformers text-embedding "
    "text-embeddings text-similarity",
    "fill-mask": "mask-filling masked-language-modeling",
    "image-to-image": "image-super-resolution super-resolution",
    "image-to-text": "image-captioning ocr",
    "question-answering": "extractive-question-answering extractive-qa qa",
    "sparse-feature-extraction": "sparse-embedding sparse-encoder",
    "text-classification": "emotion-classification emotion-detection language-detection language-identification "
    "natural-language-inference nli sentiment sentiment-classification toxicity-classification toxicity-detection",
    "text-generation": "causal-language-modeling chat conversational language-modeling text-completion",
    "text-ranking": "cross-encoder rerank-documents reranker text-reranking",
    "token-classification": "named-entity-recognition part-of-speech pos-tagging",
    "zero-shot-classification": "zero-shot-text-classification",
    "zero-shot-image-classification": "clip",
}
"""Task -> names of other libraries, and of the Hub, for what is that task here; with spaces between."""
_OWN_NAMES: Final[Mapping[str, str]] = {other: own for own, names in _OTHER_NAMES.items() for other in names.split()}
_TRANSLATION: Final = re.compile(r"translation-.+-to-.+")
"""transformers' names for translations between two languages."""

_ONE_GRAPH: Final = "load('custom', ...) runs such a graph over arrays"
_SEVERAL_GRAPHS: Final = "load('custom', ...) runs such graphs over arrays, where it knows the layout of their files"
_DIFFUSION: Final = "optimum's ORTDiffusionPipeline runs such models"
_ABSENT: Final[Mapping[str, str]] = {
    _ONE_GRAPH: "decision depth-estimation graph-ml image-to-3d keypoint-detection keypoint-matching "
    "object-detection reinforcement-learning robotics tabular-classification tabular-regression text-to-3d "
    "time-series-forecasting video-classification voice-activity-detection zero-shot-audio-classification "
    "zero-shot-object-detection",
    _SEVERAL_GRAPHS: "any-to-any audio-text-to-text audio-to-audio document-question-answering image-text-to-text "
    "mask-generation table-question-answering text-to-audio text-to-speech video-text-to-text "
    "visual-document-retrieval visual-question-answering vqa",
    _DIFFUSION: "image-text-to-image image-to-video inpainting text-to-image text-to-video "
    "unconditional-image-generation",
}
ABSENT: Final[Mapping[str, str]] = {name: instead for instead, names in _ABSENT.items() for name in names.split()}
"""Task of transformers or of the Hub that has no file here -> what there is in its place."""


def find_own_name(name: object) -> str | None:
    """Return the built-in task that another library's name stands for; None if it is no such name."""
    if not isinstance(name, str):
        return None
    written = _normalise(name)
    if written in BUILT_IN:
        return written
    return "translation" if _TRANSLATION.fullmatch(written) else _OWN_NAMES.get(written)


def explain_name(name: object) -> str:
    """Return what a name that is no task stands for elsewhere, and what there is for it; empty if it is not known."""
    own = find_own_name(name)
    if own is not None:
        arrays = ", over arrays of numbers" if BUILT_IN[own] == "custom" else ""
        return f"that is {own!r} here{arrays}"
    instead = ABSENT.get(_normalise(name)) if isinstance(name, str) else None
    return "" if instead is None else f"it is not here yet: {instead}"


def _normalise(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip().lower())
