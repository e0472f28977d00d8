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

import numpy as np  # noqa: F401  # the whole cost of the import, paid where one looks for it

if TYPE_CHECKING:
    from onnxhub import builtin, errors, testing
    from onnxhub._api import load
    from onnxhub._encoder import Encoded, Encoder
    from onnxhub._model import Model, ModelInfo
    from onnxhub._numeric import sigmoid, softmax
    from onnxhub._one_liners import answer, classify, embed, similarity, tag, unload
    from onnxhub._postprocessor import Postprocessor
    from onnxhub._protocols import Backend, Tokenizer, Tokens
    from onnxhub._registry import Task, list_tasks, register
    from onnxhub._text import TruncationWarning
    from onnxhub.compat import pipeline
    from onnxhub.tasks.feature_extraction import EmbeddingItem, EmbeddingPostprocessor, FeatureExtractionModel
    from onnxhub.tasks.question_answering import (
        Answer,
        QuestionAnsweringItem,
        QuestionAnsweringModel,
        QuestionAnsweringPostprocessor,
    )
    from onnxhub.tasks.text_classification import (
        Classification,
        ClassificationItem,
        ClassificationPostprocessor,
        LabelScore,
        TextClassificationModel,
    )
    from onnxhub.tasks.token_classification import (
        Entity,
        TokenClassificationItem,
        TokenClassificationModel,
        TokenClassificationPostprocessor,
    )

__version__ = "0.1.0"

_HOMES = {
    "onnxhub._api": ("load",),
    "onnxhub._encoder": ("Encoded", "Encoder"),
    "onnxhub._model": ("Model", "ModelInfo"),
    "onnxhub._numeric": ("sigmoid", "softmax"),
    "onnxhub._one_liners": ("answer", "classify", "embed", "similarity", "tag", "unload"),
    "onnxhub._postprocessor": ("Postprocessor",),
    "onnxhub._protocols": ("Backend", "Tokenizer", "Tokens"),
    "onnxhub._registry": ("Task", "list_tasks", "register"),
    "onnxhub._text": ("TruncationWarning",),
    "onnxhub.compat": ("pipeline",),
    "onnxhub.tasks.feature_extraction": ("EmbeddingItem", "EmbeddingPostprocessor", "FeatureExtractionModel"),
    "onnxhub.tasks.question_answering": (
        "Answer", "QuestionAnsweringItem", "QuestionAnsweringModel", "QuestionAnsweringPostprocessor",
    ),
    "onnxhub.tasks.text_classification": (
        "Classification", "ClassificationItem", "ClassificationPostprocessor", "LabelScore", "TextClassificationModel",
    ),
    "onnxhub.tasks.token_classification": (
        "Entity", "TokenClassificationItem", "TokenClassificationModel", "TokenClassificationPostprocessor",
    ),
}  # fmt: skip
_MODULES = ("builtin", "errors", "testing")
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Answer",
    "Backend",
    "Classification",
    "ClassificationItem",
    "ClassificationPostprocessor",
    "EmbeddingItem",
    "EmbeddingPostprocessor",
    "Encoded",
    "Encoder",
    "Entity",
    "FeatureExtractionModel",
    "LabelScore",
    "Model",
    "ModelInfo",
    "Postprocessor",
    "QuestionAnsweringItem",
    "QuestionAnsweringModel",
    "QuestionAnsweringPostprocessor",
    "Task",
    "TextClassificationModel",
    "TokenClassificationItem",
    "TokenClassificationModel",
    "TokenClassificationPostprocessor",
    "Tokenizer",
    "Tokens",
    "TruncationWarning",
    "answer",
    "builtin",
    "classify",
    "embed",
    "errors",
    "list_tasks",
    "load",
    "pipeline",
    "register",
    "sigmoid",
    "similarity",
    "softmax",
    "tag",
    "testing",
    "unload",
]


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
