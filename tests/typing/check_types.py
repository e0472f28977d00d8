"""Static types follow the input: checked by mypy and pyright, never run."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any, Protocol, assert_type

import numpy as np
from numpy.typing import NDArray

import onnxhub
from onnxhub import (
    Answer,
    Choice,
    Classification,
    Entity,
    Failure,
    FeatureExtractionModel,
    FillMaskModel,
    ImageClassificationModel,
    ImageFeatureExtractionModel,
    MaskFill,
    MultipleChoiceModel,
    QuestionAnsweringModel,
    Ranked,
    SparseEmbedding,
    SparseFeatureExtractionModel,
    Task,
    TextClassificationModel,
    TextRankingModel,
    TokenClassificationModel,
    ZeroShotClassificationModel,
)
from onnxhub.testing import CannedBackend

texts: list[str] = ["a", "b"]
pairs: list[tuple[str, str]] = [("a", "b")]
queries: list[tuple[str, list[str]]] = [("a", ["b", "c"])]
column: NDArray[np.str_] = np.array(texts)


class ChunkedColumn(Protocol):
    """As Arrow's: its word for a list is another than numpy's."""

    def __len__(self) -> int: ...
    def to_pylist(self) -> list[str]: ...


class FrameColumn(Protocol):
    """As Polars': another again."""

    def __len__(self) -> int: ...
    def to_list(self) -> list[str]: ...


def columns(arrow: ChunkedColumn, polars: FrameColumn) -> None:
    model = onnxhub.load("text-classification")
    assert_type(model(column), list[Classification])
    assert_type(model(arrow), list[Classification])
    assert_type(model.attempt(polars), list[Classification | Failure])
    assert_type(onnxhub.classify(polars), list[Classification])
    assert_type(onnxhub.rerank("a", arrow), list[Ranked])
    assert_type(onnxhub.classify_zero_shot("a", polars), Classification)
    assert_type(onnxhub.embed(arrow), NDArray[np.float32])


def loading(task: Task[TextClassificationModel], name: str) -> None:
    assert_type(onnxhub.load("text-classification"), TextClassificationModel)
    assert_type(onnxhub.load("sentiment-analysis", "org/name", "cuda", dtype="q8"), TextClassificationModel)
    assert_type(onnxhub.load("question-answering"), QuestionAnsweringModel)
    assert_type(onnxhub.load("ner"), TokenClassificationModel)
    assert_type(onnxhub.load("embeddings", provider=["cuda", "cpu"]), FeatureExtractionModel)
    assert_type(onnxhub.load("zero-shot-classification"), ZeroShotClassificationModel)
    assert_type(onnxhub.load("zero-shot"), ZeroShotClassificationModel)
    assert_type(onnxhub.load("fill-mask"), FillMaskModel)
    assert_type(onnxhub.load("masked-lm"), FillMaskModel)
    assert_type(onnxhub.load("text-ranking"), TextRankingModel)
    assert_type(onnxhub.load("rerank", "org/name"), TextRankingModel)
    assert_type(onnxhub.load("multiple-choice", "org/name"), MultipleChoiceModel)
    assert_type(onnxhub.load("sparse-feature-extraction", "org/name"), SparseFeatureExtractionModel)
    assert_type(onnxhub.load("splade", "org/name"), SparseFeatureExtractionModel)
    assert_type(onnxhub.load(task), TextClassificationModel)
    assert_type(onnxhub.load("auto"), onnxhub.Model[Any, Any, Any])
    assert_type(onnxhub.load(name), Any)  # the calls of other packages' tasks have options of their own
    assert_type(onnxhub.load("moderation")("a", threshold=0.9), Any)


def image_classification(model: ImageClassificationModel, array: NDArray[np.uint8]) -> None:
    assert_type(onnxhub.load("image-classification", "org/name"), ImageClassificationModel)
    assert_type(model("cat.jpg"), Classification)
    assert_type(model(b"", top_k=1), Classification)
    assert_type(model(array), Classification)
    assert_type(model(["a.jpg", array]), list[Classification])
    assert_type(onnxhub.classify_image("cat.jpg"), Classification)
    assert_type(onnxhub.classify_image(texts, model="org/name", top_k=2), list[Classification])


def image_feature_extraction(model: ImageFeatureExtractionModel) -> None:
    assert_type(onnxhub.load("image-embeddings", "org/name"), ImageFeatureExtractionModel)
    assert_type(model("cat.jpg", pooling="cls", normalize=True), NDArray[np.float32])
    assert_type(onnxhub.embed_image(texts), NDArray[np.float32])


class Margin(onnxhub.Postprocessor[onnxhub.ClassificationItem, float]):
    def decode(self, rows: Mapping[str, NDArray[np.float32]], item: onnxhub.ClassificationItem) -> float:
        return float(rows["logits"][: item.rows].max())


def own_postprocessors() -> None:
    labels = onnxhub.load("text-classification").info.labels
    sigmoid = onnxhub.ClassificationPostprocessor(labels, activation="sigmoid")
    assert_type(onnxhub.load("text-classification", postprocessor=sigmoid), TextClassificationModel)
    assert_type(onnxhub.load("ner", postprocessor=onnxhub.TokenClassificationPostprocessor), TokenClassificationModel)
    assert_type(onnxhub.load("embeddings", postprocessor=onnxhub.EmbeddingPostprocessor), FeatureExtractionModel)
    assert_type(onnxhub.load("text-classification", postprocessor=Margin), Any)  # whose results are numbers
    assert_type(onnxhub.load("text-classification", postprocessor=Margin()), Any)


def text_classification(model: TextClassificationModel) -> None:
    assert_type(model("a"), Classification)
    assert_type(model(("a", "its pair"), top_k=1), Classification)
    assert_type(model(["a", "b"]), list[Classification])
    assert_type(model(texts), list[Classification])
    assert_type(model(pairs, top_k=None), list[Classification])
    assert_type(model(column), list[Classification])
    assert_type(model.with_options(top_k=3, long_text="window"), TextClassificationModel)
    assert_type(model.stream(iter(texts)), Generator[Classification, None, None])
    assert_type(model.astream(texts, progress=True), AsyncGenerator[Classification, None])
    assert_type(model.attempt(pairs), list[Classification | Failure])
    assert_type(model.attempt(column), list[Classification | Failure])
    assert_type(model.attempt_stream(iter(texts)), Generator[Classification | Failure, None, None])
    assert_type(model.outputs(texts), Mapping[str, NDArray[np.float32]])
    assert_type(asyncio.run(model.acall("a")), Classification)
    assert_type(asyncio.run(model.acall(texts)), list[Classification])


def question_answering(model: QuestionAnsweringModel) -> None:
    assert_type(model("who?", "context"), Answer)
    assert_type(model(("who?", "context")), Answer)
    assert_type(model(pairs, top_k=2), list[Answer])
    assert_type(model(question="who?", context="context"), Answer)
    assert_type(asyncio.run(model.acall("who?", "context")), Answer)
    assert_type(asyncio.run(model.acall(question="who?", context="context", top_k=2)), Answer)
    assert_type(asyncio.run(model.acall(pairs, top_k=2)), list[Answer])


def options_and_rows(model: TextClassificationModel, rows: list[dict[str, str]]) -> None:
    assert_type(model.stream(texts, top_k=1), Generator[Classification, None, None])
    assert_type(model.attempt(texts, top_k=1, long_text="window", progress=True), list[Classification | Failure])
    assert_type(asyncio.run(model.acall("a", top_k=1)), Classification)
    pairs_of_rows = model.stream(rows, key=lambda row: row["text"], top_k=1)
    assert_type(pairs_of_rows, Generator[tuple[dict[str, str], Classification], None, None])
    tried = model.attempt_stream(rows, key=lambda row: row["text"])
    assert_type(tried, Generator[tuple[dict[str, str], Classification | Failure], None, None])
    model.stream(texts, topk=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    model.attempt(texts, long_text="cut")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def token_classification(model: TokenClassificationModel) -> None:
    assert_type(model("a"), list[Entity])
    assert_type(model(texts, aggregation="first"), list[list[Entity]])


def feature_extraction(model: FeatureExtractionModel) -> None:
    assert_type(model("a"), NDArray[np.float32])
    assert_type(model(texts, normalize=True), NDArray[np.float32])
    assert_type(model.attempt(texts), list[NDArray[np.float32] | Failure])
    assert_type(model.similarity("a", texts), NDArray[np.float32])
    assert_type(model.preprocessor.prompts, Any)


def zero_shot_classification(model: ZeroShotClassificationModel) -> None:
    assert_type(model("a", ["b", "c"]), Classification)
    assert_type(model(texts, ("b", "c"), multi_label=True, top_k=1), list[Classification])
    assert_type(model(column, texts), list[Classification])
    assert_type(model.with_options(labels=texts, template="a {}"), ZeroShotClassificationModel)
    assert_type(model.with_options(labels=texts)("a"), Classification)
    assert_type(model.with_options(labels=texts).attempt(["a"]), list[Classification | Failure])
    assert_type(model.stream(iter(texts)), Generator[Classification, None, None])


def fill_mask(model: FillMaskModel) -> None:
    assert_type(model("a [MASK]"), list[list[MaskFill]])
    assert_type(model(texts, top_k=2, targets=["b"]), list[list[list[MaskFill]]])
    assert_type(model.mask, str)


def text_ranking(model: TextRankingModel) -> None:
    assert_type(model("a", texts), list[Ranked])
    assert_type(model(("a", texts), top_k=1), list[Ranked])
    assert_type(model(queries), list[list[Ranked]])
    assert_type(model.stream(iter(queries)), Generator[list[Ranked], None, None])


def multiple_choice(model: MultipleChoiceModel) -> None:
    assert_type(model("a", texts), Choice)
    assert_type(model(("a", ("b", "c")), top_k=1), Choice)
    assert_type(model(queries), list[Choice])


def sparse_feature_extraction(model: SparseFeatureExtractionModel) -> None:
    assert_type(model("a"), SparseEmbedding)
    assert_type(model(texts, top_k=9), list[SparseEmbedding])
    assert_type(model("a").dot(model("b")), float)
    assert_type(model.words(model("a")), dict[str, float])


def one_liners() -> None:
    assert_type(onnxhub.classify("a"), Classification)
    assert_type(onnxhub.classify(texts, top_k=1), list[Classification])
    assert_type(onnxhub.answer("who?", "context"), Answer)
    assert_type(onnxhub.answer(pairs), list[Answer])
    assert_type(onnxhub.tag("a"), list[Entity])
    assert_type(onnxhub.tag(texts), list[list[Entity]])
    assert_type(onnxhub.embed(texts), NDArray[np.float32])
    assert_type(onnxhub.similarity("a", "b"), NDArray[np.float32])
    assert_type(onnxhub.classify_zero_shot("a", texts), Classification)
    assert_type(onnxhub.classify_zero_shot(texts, ["b"], multi_label=True), list[Classification])
    assert_type(onnxhub.fill_mask("a [MASK]"), list[list[MaskFill]])
    assert_type(onnxhub.fill_mask(texts, targets=texts), list[list[list[MaskFill]]])
    assert_type(onnxhub.rerank("a", texts), list[Ranked])
    assert_type(onnxhub.rerank(queries, top_k=1), list[list[Ranked]])
    assert_type(onnxhub.choose("a", texts, model="org/name"), Choice)
    assert_type(onnxhub.choose(queries, model="org/name"), list[Choice])
    assert_type(onnxhub.embed_sparse("a", model="org/name"), SparseEmbedding)
    assert_type(onnxhub.embed_sparse(texts, model="org/name"), list[SparseEmbedding])


def canned(backend: CannedBackend, task: Task[TextClassificationModel], name: str) -> None:
    own = onnxhub.ClassificationPostprocessor
    assert_type(backend.load("sentiment-analysis", postprocessor=own), TextClassificationModel)
    assert_type(backend.load("question-answering"), QuestionAnsweringModel)
    assert_type(backend.load("ner"), TokenClassificationModel)
    assert_type(backend.load("embeddings"), FeatureExtractionModel)
    assert_type(backend.load("zero-shot"), ZeroShotClassificationModel)
    assert_type(backend.load("fill-mask"), FillMaskModel)
    assert_type(backend.load("rerank"), TextRankingModel)
    assert_type(backend.load("multiple-choice"), MultipleChoiceModel)
    assert_type(backend.load("splade"), SparseFeatureExtractionModel)
    assert_type(backend.load(task), TextClassificationModel)
    assert_type(backend.load(name), Any)
    assert_type(backend.load("sentiment-analysis", postprocessor=Margin), Any)


def postprocessors() -> None:
    logits = np.zeros((2, 2), np.float32)
    assert_type(onnxhub.ClassificationPostprocessor(labels=("a", "b"))(logits), list[Classification])
