"""onnxhub: run any ONNX model of the Hugging Face Hub, or of a local folder, in one line, with typed results.

    >>> import onnxhub
    >>> onnxhub.classify("Using ONNX models with Hugging Face is quite easy!")  # doctest: +SKIP
    Classification(label='POSITIVE', score=0.9998)

``load`` gives a model for any task; ``classify``, ``answer``, ``tag``, ``embed`` and ``similarity`` are one line each.
Names are imported when they are first used: ``import onnxhub`` itself costs little more than ``import numpy``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np  # noqa: F401  # most of the cost of the import, paid where one looks for it

from onnxhub._process import forking as _forking  # noqa: F401  # so that a fork waits while another thread imports the rest

__version__ = "0.1.0"

# faces: begin names (make faces)
if TYPE_CHECKING:
    from onnxhub import builtin, errors, testing
    from onnxhub._api.highlights import Highlight, highlight
    from onnxhub._api.load import load
    from onnxhub._api.loaded_models import unload
    from onnxhub._api.one_liners import (
        answer,
        choose,
        classify,
        classify_image,
        classify_zero_shot,
        embed,
        embed_image,
        embed_sparse,
        fill_mask,
        rerank,
        similarity,
        tag,
    )
    from onnxhub._calls.failures import Failure
    from onnxhub._calls.model import Model
    from onnxhub._contracts.batching import Batching
    from onnxhub._contracts.evaluation import Decision, Evaluation
    from onnxhub._contracts.info import ModelInfo
    from onnxhub._contracts.postprocessor import Postprocessor
    from onnxhub._contracts.preprocessor import Prepared, Preprocessor
    from onnxhub._contracts.protocols import Backend, Tokenizer, Tokens
    from onnxhub._contracts.registry import list_tasks, register
    from onnxhub._contracts.task import Task
    from onnxhub._toolkit.numeric import sigmoid, softmax
    from onnxhub._toolkit.sentence_transformers.embeddings import EmbeddingItem, EmbeddingPostprocessor
    from onnxhub._toolkit.text.truncation import TruncationWarning
    from onnxhub._toolkit.vision.images import ImageItem
    from onnxhub.compat import pipeline
    from onnxhub.tasks.custom import ArraysItem, ArraysModel, ArraysPostprocessor
    from onnxhub.tasks.feature_extraction import FeatureExtractionModel
    from onnxhub.tasks.fill_mask import FillMaskItem, FillMaskModel, FillMaskPostprocessor, MaskFill
    from onnxhub.tasks.image_classification import ImageClassificationModel, ImageClassificationPostprocessor
    from onnxhub.tasks.image_feature_extraction import ImageEmbeddingPostprocessor, ImageFeatureExtractionModel
    from onnxhub.tasks.multiple_choice import (
        Choice,
        ChoiceScore,
        MultipleChoiceItem,
        MultipleChoiceModel,
        MultipleChoicePostprocessor,
    )
    from onnxhub.tasks.question_answering import (
        Answer,
        QuestionAnsweringItem,
        QuestionAnsweringModel,
        QuestionAnsweringPostprocessor,
    )
    from onnxhub.tasks.results import Classification, LabelScore
    from onnxhub.tasks.sparse_feature_extraction import (
        SparseEmbedding,
        SparseEmbeddingItem,
        SparseEmbeddingPostprocessor,
        SparseFeatureExtractionModel,
    )
    from onnxhub.tasks.text_classification import (
        ClassificationItem,
        ClassificationPostprocessor,
        TextClassificationModel,
    )
    from onnxhub.tasks.text_ranking import Ranked, TextRankingItem, TextRankingModel, TextRankingPostprocessor
    from onnxhub.tasks.token_classification import (
        Entity,
        TokenClassificationItem,
        TokenClassificationModel,
        TokenClassificationPostprocessor,
    )
    from onnxhub.tasks.zero_shot_classification import ZeroShotClassificationModel, ZeroShotItem, ZeroShotPostprocessor

_HOMES = {
    "onnxhub._api.highlights": ("Highlight", "highlight"),
    "onnxhub._api.load": ("load",),
    "onnxhub._api.loaded_models": ("unload",),
    "onnxhub._api.one_liners": (
        "answer",
        "choose",
        "classify",
        "classify_image",
        "classify_zero_shot",
        "embed",
        "embed_image",
        "embed_sparse",
        "fill_mask",
        "rerank",
        "similarity",
        "tag",
    ),
    "onnxhub._calls.failures": ("Failure",),
    "onnxhub._calls.model": ("Model",),
    "onnxhub._contracts.batching": ("Batching",),
    "onnxhub._contracts.evaluation": ("Decision", "Evaluation"),
    "onnxhub._contracts.info": ("ModelInfo",),
    "onnxhub._contracts.postprocessor": ("Postprocessor",),
    "onnxhub._contracts.preprocessor": ("Prepared", "Preprocessor"),
    "onnxhub._contracts.protocols": ("Backend", "Tokenizer", "Tokens"),
    "onnxhub._contracts.registry": ("list_tasks", "register"),
    "onnxhub._contracts.task": ("Task",),
    "onnxhub._toolkit.numeric": ("sigmoid", "softmax"),
    "onnxhub._toolkit.sentence_transformers.embeddings": ("EmbeddingItem", "EmbeddingPostprocessor"),
    "onnxhub._toolkit.text.truncation": ("TruncationWarning",),
    "onnxhub._toolkit.vision.images": ("ImageItem",),
    "onnxhub.compat": ("pipeline",),
    "onnxhub.tasks.custom": ("ArraysItem", "ArraysModel", "ArraysPostprocessor"),
    "onnxhub.tasks.feature_extraction": ("FeatureExtractionModel",),
    "onnxhub.tasks.fill_mask": ("FillMaskItem", "FillMaskModel", "FillMaskPostprocessor", "MaskFill"),
    "onnxhub.tasks.image_classification": ("ImageClassificationModel", "ImageClassificationPostprocessor"),
    "onnxhub.tasks.image_feature_extraction": ("ImageEmbeddingPostprocessor", "ImageFeatureExtractionModel"),
    "onnxhub.tasks.multiple_choice": (
        "Choice",
        "ChoiceScore",
        "MultipleChoiceItem",
        "MultipleChoiceModel",
        "MultipleChoicePostprocessor",
    ),
    "onnxhub.tasks.question_answering": (
        "Answer",
        "QuestionAnsweringItem",
        "QuestionAnsweringModel",
        "QuestionAnsweringPostprocessor",
    ),
    "onnxhub.tasks.results": ("Classification", "LabelScore"),
    "onnxhub.tasks.sparse_feature_extraction": (
        "SparseEmbedding",
        "SparseEmbeddingItem",
        "SparseEmbeddingPostprocessor",
        "SparseFeatureExtractionModel",
    ),
    "onnxhub.tasks.text_classification": (
        "ClassificationItem",
        "ClassificationPostprocessor",
        "TextClassificationModel",
    ),
    "onnxhub.tasks.text_ranking": ("Ranked", "TextRankingItem", "TextRankingModel", "TextRankingPostprocessor"),
    "onnxhub.tasks.token_classification": (
        "Entity",
        "TokenClassificationItem",
        "TokenClassificationModel",
        "TokenClassificationPostprocessor",
    ),
    "onnxhub.tasks.zero_shot_classification": ("ZeroShotClassificationModel", "ZeroShotItem", "ZeroShotPostprocessor"),
}

__all__ = [
    "Answer",
    "ArraysItem",
    "ArraysModel",
    "ArraysPostprocessor",
    "Backend",
    "Batching",
    "Choice",
    "ChoiceScore",
    "Classification",
    "ClassificationItem",
    "ClassificationPostprocessor",
    "Decision",
    "EmbeddingItem",
    "EmbeddingPostprocessor",
    "Entity",
    "Evaluation",
    "Failure",
    "FeatureExtractionModel",
    "FillMaskItem",
    "FillMaskModel",
    "FillMaskPostprocessor",
    "Highlight",
    "ImageClassificationModel",
    "ImageClassificationPostprocessor",
    "ImageEmbeddingPostprocessor",
    "ImageFeatureExtractionModel",
    "ImageItem",
    "LabelScore",
    "MaskFill",
    "Model",
    "ModelInfo",
    "MultipleChoiceItem",
    "MultipleChoiceModel",
    "MultipleChoicePostprocessor",
    "Postprocessor",
    "Prepared",
    "Preprocessor",
    "QuestionAnsweringItem",
    "QuestionAnsweringModel",
    "QuestionAnsweringPostprocessor",
    "Ranked",
    "SparseEmbedding",
    "SparseEmbeddingItem",
    "SparseEmbeddingPostprocessor",
    "SparseFeatureExtractionModel",
    "Task",
    "TextClassificationModel",
    "TextRankingItem",
    "TextRankingModel",
    "TextRankingPostprocessor",
    "TokenClassificationItem",
    "TokenClassificationModel",
    "TokenClassificationPostprocessor",
    "Tokenizer",
    "Tokens",
    "TruncationWarning",
    "ZeroShotClassificationModel",
    "ZeroShotItem",
    "ZeroShotPostprocessor",
    "answer",
    "builtin",
    "choose",
    "classify",
    "classify_image",
    "classify_zero_shot",
    "embed",
    "embed_image",
    "embed_sparse",
    "errors",
    "fill_mask",
    "highlight",
    "list_tasks",
    "load",
    "pipeline",
    "register",
    "rerank",
    "sigmoid",
    "similarity",
    "softmax",
    "tag",
    "testing",
    "unload",
]
# faces: end names
_MODULES = ("builtin", "errors", "testing")
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"onnxhub.{name}")
    if name not in _HOME:
        msg = f"module 'onnxhub' has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
