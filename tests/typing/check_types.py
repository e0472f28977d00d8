"""Static types follow the input: checked by mypy and pyright, never run."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import onnxhub
from onnxhub import (
    Answer,
    Classification,
    Entity,
    FeatureExtractionModel,
    Model,
    QuestionAnsweringModel,
    Task,
    TextClassificationModel,
    TokenClassificationModel,
)
from onnxhub.testing import CannedBackend

texts: list[str] = ["a", "b"]
pairs: list[tuple[str, str]] = [("a", "b")]
column: NDArray[np.str_] = np.array(texts)


def loading(task: Task[TextClassificationModel], name: str) -> None:
    assert_type(onnxhub.load("text-classification"), TextClassificationModel)
    assert_type(onnxhub.load("sentiment-analysis", "org/name", "cuda", dtype="q8"), TextClassificationModel)
    assert_type(onnxhub.load("question-answering"), QuestionAnsweringModel)
    assert_type(onnxhub.load("ner"), TokenClassificationModel)
    assert_type(onnxhub.load("embeddings", provider=["cuda", "cpu"]), FeatureExtractionModel)
    assert_type(onnxhub.load(task), TextClassificationModel)
    assert_type(onnxhub.load(name), Model[Any, Any, Any])


def text_classification(model: TextClassificationModel) -> None:
    assert_type(model("a"), Classification)
    assert_type(model(("a", "its pair"), top_k=1), Classification)
    assert_type(model(["a", "b"]), list[Classification])
    assert_type(model(texts), list[Classification])
    assert_type(model(pairs, top_k=None), list[Classification])
    assert_type(model(column), list[Classification])
    assert_type(model.with_options(top_k=3, long_text="window"), TextClassificationModel)
    assert_type(model.stream(iter(texts)), Iterator[Classification])
    assert_type(model.outputs(texts), Mapping[str, NDArray[np.float32]])
    assert_type(asyncio.run(model.acall("a")), Classification)
    assert_type(asyncio.run(model.acall(texts)), list[Classification])


def question_answering(model: QuestionAnsweringModel) -> None:
    assert_type(model("who?", "context"), Answer)
    assert_type(model(("who?", "context")), Answer)
    assert_type(model(pairs, top_k=2), list[Answer])


def token_classification(model: TokenClassificationModel) -> None:
    assert_type(model("a"), list[Entity])
    assert_type(model(texts, aggregation="first"), list[list[Entity]])


def feature_extraction(model: FeatureExtractionModel) -> None:
    assert_type(model("a"), NDArray[np.float32])
    assert_type(model(texts, normalize=True), NDArray[np.float32])
    assert_type(model.similarity("a", texts), NDArray[np.float32])


def one_liners() -> None:
    assert_type(onnxhub.classify("a"), Classification)
    assert_type(onnxhub.classify(texts, top_k=1), list[Classification])
    assert_type(onnxhub.answer("who?", "context"), Answer)
    assert_type(onnxhub.answer(pairs), list[Answer])
    assert_type(onnxhub.tag("a"), list[Entity])
    assert_type(onnxhub.tag(texts), list[list[Entity]])
    assert_type(onnxhub.embed(texts), NDArray[np.float32])
    assert_type(onnxhub.similarity("a", "b"), NDArray[np.float32])


def canned(backend: CannedBackend, task: Task[TextClassificationModel], name: str) -> None:
    own = onnxhub.ClassificationPostprocessor
    assert_type(backend.load("sentiment-analysis", postprocessor=own), TextClassificationModel)
    assert_type(backend.load("question-answering"), QuestionAnsweringModel)
    assert_type(backend.load("ner"), TokenClassificationModel)
    assert_type(backend.load("embeddings"), FeatureExtractionModel)
    assert_type(backend.load(task), TextClassificationModel)
    assert_type(backend.load(name), Model[Any, Any, Any])


def postprocessors() -> None:
    logits = np.zeros((2, 2), np.float32)
    assert_type(onnxhub.ClassificationPostprocessor(labels=("a", "b"))(logits), list[Classification])
