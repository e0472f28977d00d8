"""One line for each core task: a model that stays loaded, and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar, Unpack, overload

from onnxhub._api.arguments import check_one_liner, explain_arguments
from onnxhub._api.loaded_models import load_once
from onnxhub._calls.own_postprocessor import check_postprocessor, extra_names
from onnxhub._contracts.options import check_names, option_names
from onnxhub._contracts.registry import get_task
from onnxhub._process.public import publish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._api.loaded_models import ModelId, Provider
    from onnxhub._calls.own_postprocessor import PostprocessorOf
    from onnxhub._contracts.protocols import Column, ListOf
    from onnxhub._toolkit.vision.images import ImageInput
    from onnxhub.tasks.feature_extraction import FeatureExtractionOptions, Vectors
    from onnxhub.tasks.fill_mask import FillMaskOptions, MaskFill
    from onnxhub.tasks.image_classification import ImageClassificationOptions
    from onnxhub.tasks.image_feature_extraction import ImageFeatureExtractionOptions
    from onnxhub.tasks.multiple_choice import Choice, MultipleChoiceOptions, PromptChoices
    from onnxhub.tasks.question_answering import Answer, QuestionAnsweringOptions, QuestionContext
    from onnxhub.tasks.results import Classification
    from onnxhub.tasks.sparse_feature_extraction import SparseEmbedding, SparseFeatureExtractionOptions
    from onnxhub.tasks.text_classification import TextClassificationOptions, TextOrPair
    from onnxhub.tasks.text_ranking import QueryDocuments, Ranked, TextRankingOptions
    from onnxhub.tasks.token_classification import Entity, TokenClassificationOptions
    from onnxhub.tasks.zero_shot_classification import TemplateOptions

__all__ = [
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
]


ResultT = TypeVar("ResultT")


class LoadedAs(TypedDict, Generic[ResultT], total=False):
    """How a model is loaded, beside its name: as for ``load``."""

    provider: Provider
    dtype: str
    revision: str | None
    postprocessor: PostprocessorOf[ResultT] | None


if TYPE_CHECKING:

    class ClassifyOptions(LoadedAs[Classification], TextClassificationOptions, total=False):
        """What ``classify`` takes."""

    class ClassifyImageOptions(LoadedAs[Classification], ImageClassificationOptions, total=False):
        """What ``classify_image`` takes."""

    class EmbedImageOptions(LoadedAs[NDArray[np.float32]], ImageFeatureExtractionOptions, total=False):
        """What ``embed_image`` takes."""

    class AnswerOptions(LoadedAs[Answer], QuestionAnsweringOptions, total=False):
        """What ``answer`` takes."""

    class TagOptions(LoadedAs[list[Entity]], TokenClassificationOptions, total=False):
        """What ``tag`` takes."""

    class EmbedOptions(LoadedAs[NDArray[np.float32]], FeatureExtractionOptions, total=False):
        """What ``embed`` takes."""

    class ClassifyZeroShotOptions(LoadedAs[Classification], TemplateOptions, total=False):
        """What ``classify_zero_shot`` takes."""

    class FillMaskingOptions(LoadedAs[list[list[MaskFill]]], FillMaskOptions, total=False):
        """What ``fill_mask`` takes."""

    class RerankOptions(LoadedAs[list[Ranked]], TextRankingOptions, total=False):
        """What ``rerank`` takes."""

    class ChooseOptions(LoadedAs[Choice], MultipleChoiceOptions, total=False):
        """What ``choose`` takes."""

    class EmbedSparseOptions(LoadedAs[SparseEmbedding], SparseFeatureExtractionOptions, total=False):
        """What ``embed_sparse`` takes."""


@overload
def classify(text: TextOrPair, *, model: ModelId = ..., **options: Unpack[ClassifyOptions]) -> Classification: ...
@overload
def classify(
    text: ListOf[TextOrPair] | Column, *, model: ModelId = ..., **options: Unpack[ClassifyOptions]
) -> list[Classification]: ...
@explain_arguments
def classify(text: object, *, model: ModelId = None, **options: Unpack[ClassifyOptions]) -> object:
    """Classify a text, a pair of texts (a tuple), or a list of either.

    Args:
        text: What to classify.
        model: Hub id or local folder; None: a sentiment classifier for English.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        top_k: Length of the result's ``ranking``; default None, all labels.
        long_text: ``"truncate"`` (default), ``"window"`` or ``"error"``.

    Returns:
        A ``Classification``; for a list, a list of them.

    Examples:
        >>> onnxhub.classify("Quite easy!", model="models/sentiment").label
        'POSITIVE'
    """
    return _load("text-classification", model, options)(text)


@overload
def classify_image(  # type: ignore[overload-overlap]  # an array is one image, but for one of four axes
    image: ImageInput, *, model: ModelId = ..., **options: Unpack[ClassifyImageOptions]
) -> Classification: ...
@overload
def classify_image(
    image: ListOf[ImageInput] | Column, *, model: ModelId = ..., **options: Unpack[ClassifyImageOptions]
) -> list[Classification]: ...
@explain_arguments
def classify_image(image: object, *, model: ModelId = None, **options: Unpack[ClassifyImageOptions]) -> object:
    """Classify an image, or a list of them.

    Args:
        image: A path, the bytes of a file, an image of Pillow, or an array of uint8, ``(height, width, channels)``.
        model: Hub id or local folder; None: a ViT for the 1,000 classes of ImageNet.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        top_k: Length of the result's ``ranking``; default None, all labels.

    Returns:
        A ``Classification``; for a list, a list of them.

    Examples:
        >>> onnxhub.classify_image("red.png", model="models/colours").label
        'red'
    """
    return _load("image-classification", model, options)(image)


@overload
def answer(question: str, context: str, *, model: ModelId = ..., **options: Unpack[AnswerOptions]) -> Answer: ...
@overload
def answer(
    question: ListOf[QuestionContext] | Column,
    context: None = ...,
    *,
    model: ModelId = ...,
    **options: Unpack[AnswerOptions],
) -> list[Answer]: ...
@explain_arguments
def answer(
    question: object, context: str | None = None, *, model: ModelId = None, **options: Unpack[AnswerOptions]
) -> object:
    """Answer a question with a span of a context of any length, or a list of ``(question, context)`` tuples.

    Args:
        question: The question; or the list.
        context: The text that has the answer.
        model: Hub id or local folder; None: a question answerer for English.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        top_k: Answers in all, the best and its ``alternatives``; default 1.
        max_answer_tokens: Longest answer; default 15.
        allow_no_answer: Let "no answer" compete; default False.
        max_length: Tokens of a window of a long context; default 384, or what the model takes.
        overlap: Tokens that neighbouring windows share; default 128.

    Returns:
        An ``Answer``; for a list, a list of them.

    Examples:
        >>> onnxhub.answer("Who wrote it?", "Ada wrote it in London.", model="models/qa").answer
        'Ada'
    """
    loaded = _load("question-answering", model, options)
    return loaded(question) if context is None else loaded((question, context))


@overload
def tag(text: str, *, model: ModelId = ..., **options: Unpack[TagOptions]) -> list[Entity]: ...
@overload
def tag(text: ListOf[str] | Column, *, model: ModelId = ..., **options: Unpack[TagOptions]) -> list[list[Entity]]: ...
@explain_arguments
def tag(text: object, *, model: ModelId = None, **options: Unpack[TagOptions]) -> object:
    """Find the entities of a text of any length, or of each text of a list.

    Args:
        text: A text, or a list of texts.
        model: Hub id or local folder; None: a multilingual recogniser of people, places and organisations.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        aggregation: ``"none"``, ``"simple"`` (default), ``"first"``, ``"average"`` or ``"max"``.
        ignore_labels: Labels to leave out, and types; default ``("O",)``.
        max_length: Tokens of a window of a long text; default None, as many as the model takes.
        overlap: Tokens that neighbouring windows share; default 128.

    Returns:
        A list of ``Entity``; for a list, a list of lists.

    Examples:
        >>> [entity.text for entity in onnxhub.tag("Ada lived in London.", model="models/ner")]
        ['Ada', 'London']
    """
    return _load("token-classification", model, options)(text)


@explain_arguments
def embed(text: str | ListOf[str] | Column, *, model: ModelId = None, **options: Unpack[EmbedOptions]) -> Vectors:
    """Embed a text or a list of texts, pooled and normalised as the model says.

    Args:
        text: A text, or a list of texts.
        model: Hub id or local folder; None: all-MiniLM-L6-v2.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        prompt_name: One of the model's named prompts, such as ``"query"``; None: the model's default.
        input_type: ``"query"`` or ``"document"``, for models that treat the sides of a search differently; default neither.
        truncate_dim: Keep only the first dimensions; None: those that the model keeps.
        pooling: Instead of what the model says, such as ``"mean"`` or ``"cls"``.
        normalize: Make the vectors' length 1, or not; default: as the model says.

    Returns:
        float32: ``(dim,)`` for a text, ``(n, dim)`` for a list.

    Examples:
        >>> onnxhub.embed(["a cat", "a dog"], model="models/embedder").shape
        (2, 384)
    """
    vectors: Vectors = _load("feature-extraction", model, options, "prompt_name", "truncate_dim")(text)
    return vectors


@explain_arguments
def similarity(
    first: str | ListOf[str] | Column,
    second: str | ListOf[str] | Column,
    *,
    model: ModelId = None,
    **options: Unpack[LoadedAs[NDArray[np.float32]]],
) -> Vectors:
    """How alike texts are: the cosine of their vectors, or the measure that the model names.

    Args:
        first: A text, or a list of n texts; or what the model gave for them, ``(dim,)`` or ``(n, dim)``.
        second: The same, of m texts.
        model: Hub id or local folder; None: all-MiniLM-L6-v2.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.

    Returns:
        float32: ``()`` for two texts, ``(m,)`` for a text and a list, ``(n, m)`` for two lists. The cosine is in
        ``[-1, 1]``; distances, which few models name, are negative.

    Examples:
        >>> near, far = onnxhub.similarity("a cat", ["a kitten", "tax law"], model="models/embedder")
        >>> bool(near > far)
        True
    """
    check_names(options, option_names(LoadedAs), "an option of similarity")
    embedder = _load("feature-extraction", model, options)
    found: Vectors = embedder.similarity(first, second)
    return found


@overload
def classify_zero_shot(
    text: str, labels: Sequence[str] | Column, *, model: ModelId = ..., **options: Unpack[ClassifyZeroShotOptions]
) -> Classification: ...
@overload
def classify_zero_shot(
    text: ListOf[str] | Column,
    labels: Sequence[str] | Column,
    *,
    model: ModelId = ...,
    **options: Unpack[ClassifyZeroShotOptions],
) -> list[Classification]: ...
@explain_arguments
def classify_zero_shot(
    text: object, labels: Sequence[str] | Column, *, model: ModelId = None, **options: Unpack[ClassifyZeroShotOptions]
) -> object:
    """Classify a text, or a list of texts, by labels of one's own.

    Args:
        text: What to classify.
        labels: What to choose from.
        model: Hub id or local folder; None: a model of textual entailment for English.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        template: The sentence that is tested, with ``{}`` for the label; default ``"This example is {}."``.
        multi_label: Several labels may be true, or none; default False.
        top_k: Length of the result's ``ranking``; default None, all labels.

    Returns:
        A ``Classification``; for a list, a list of them.

    Examples:
        >>> onnxhub.classify_zero_shot("Who won the match?", ["sport", "law"], model="models/nli").label
        'sport'
    """
    return _load("zero-shot-classification", model, {**options, "labels": labels})(text)


@overload
def fill_mask(text: str, *, model: ModelId = ..., **options: Unpack[FillMaskingOptions]) -> list[list[MaskFill]]: ...
@overload
def fill_mask(
    text: ListOf[str] | Column, *, model: ModelId = ..., **options: Unpack[FillMaskingOptions]
) -> list[list[list[MaskFill]]]: ...
@explain_arguments
def fill_mask(text: object, *, model: ModelId = None, **options: Unpack[FillMaskingOptions]) -> object:
    """Find the tokens that fit the masks of a text, or of each text of a list.

    Args:
        text: A text with ``[MASK]``, or what else the model calls it, in it.
        model: Hub id or local folder; None: DistilBERT.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        top_k: Tokens for each mask; default 5.
        targets: The only words that compete; default None, the whole vocabulary.

    Returns:
        For each mask a list of ``MaskFill``, best first; for a list of texts, a list of these.

    Examples:
        >>> ((best, second),) = onnxhub.fill_mask("a [MASK] is no dog", model="models/masked", top_k=2)
        >>> best.score >= second.score
        True
    """
    return _load("fill-mask", model, options)(text)


@overload
def rerank(
    query: str, documents: Sequence[str] | Column, *, model: ModelId = ..., **options: Unpack[RerankOptions]
) -> list[Ranked]: ...
@overload
def rerank(
    query: ListOf[QueryDocuments] | Column,
    documents: None = ...,
    *,
    model: ModelId = ...,
    **options: Unpack[RerankOptions],
) -> list[list[Ranked]]: ...
@explain_arguments
def rerank(
    query: object,
    documents: Sequence[str] | Column | None = None,
    *,
    model: ModelId = None,
    **options: Unpack[RerankOptions],
) -> object:
    """Put documents in order by how well they answer a query, best first.

    Args:
        query: The query; or a list of ``(query, documents)`` tuples.
        documents: The documents.
        model: Hub id or local folder; None: a cross-encoder for English.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        prompt_name: One of the model's named prompts, for the query; None: the model's default.
        top_k: Only the best; default None, all.

    Returns:
        A list of ``Ranked``; for a list, a list of lists.

    Examples:
        >>> [entry.index for entry in onnxhub.rerank("a cat", ["tax law", "a kitten"], model="models/reranker")]
        [1, 0]
    """
    ranker = _load("text-ranking", model, options, "prompt_name")
    return ranker(query) if documents is None else ranker(query, documents)


@overload
def choose(
    prompt: str, choices: Sequence[str] | Column, *, model: ModelId = ..., **options: Unpack[ChooseOptions]
) -> Choice: ...
@overload
def choose(
    prompt: ListOf[PromptChoices] | Column,
    choices: None = ...,
    *,
    model: ModelId = ...,
    **options: Unpack[ChooseOptions],
) -> list[Choice]: ...
@explain_arguments
def choose(
    prompt: object,
    choices: Sequence[str] | Column | None = None,
    *,
    model: ModelId = None,
    **options: Unpack[ChooseOptions],
) -> object:
    """Choose the continuation that fits a text best.

    Args:
        prompt: The text; or a list of ``(prompt, choices)`` tuples.
        choices: At least two.
        model: Hub id or local folder; there is no default one.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        top_k: Length of the result's ``ranking``; default None, all choices.

    Returns:
        A ``Choice``; for a list, a list of them.

    Examples:
        >>> onnxhub.choose("a cat eats", ["tax law", "a fish"], model="models/chooser").choice
        'a fish'
    """
    chooser = _load("multiple-choice", model, options)
    return chooser(prompt) if choices is None else chooser(prompt, choices)


@explain_arguments
def embed_image(
    image: ImageInput | ListOf[ImageInput] | Column, *, model: ModelId = None, **options: Unpack[EmbedImageOptions]
) -> Vectors:
    """Embed an image or a list of images.

    Args:
        image: A path, the bytes of a file, an image of Pillow, or an array of uint8, ``(height, width, channels)``.
        model: Hub id or local folder; None: DINOv2's small one.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        pooling: ``"pooler"``, ``"cls"`` or ``"mean"``; None: as the graph has it.
        normalize: Make the vectors' length 1; default False.

    Returns:
        float32: ``(dim,)`` for an image, ``(n, dim)`` for a list.

    Examples:
        >>> onnxhub.embed_image(["red.png", "photo.jpg"], model="models/views").shape
        (2, 8)
    """
    return _load("image-feature-extraction", model, options)(image)  # type: ignore[no-any-return]


@overload
def embed_sparse(text: str, *, model: ModelId, **options: Unpack[EmbedSparseOptions]) -> SparseEmbedding: ...
@overload
def embed_sparse(
    text: ListOf[str] | Column, *, model: ModelId, **options: Unpack[EmbedSparseOptions]
) -> list[SparseEmbedding]: ...
@explain_arguments
def embed_sparse(text: object, *, model: ModelId = None, **options: Unpack[EmbedSparseOptions]) -> object:
    """Turn a text, or each text of a list, into weights of words (SPLADE).

    Args:
        text: A text, or a list of texts.
        model: Hub id or local folder; there is no default one.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        prompt_name: One of the model's named prompts, such as ``"query"``; None: the model's default.
        input_type: ``"query"`` or ``"document"``, for models that treat the sides of a search differently; default neither.
        top_k: Only the heaviest words; None: as many as the model keeps, which for most is all that are not zero.

    Returns:
        A ``SparseEmbedding``; for a list, a list of them.

    Examples:
        >>> len(onnxhub.embed_sparse("a cat", model="models/masked", top_k=3).indices)
        3
    """
    return _load("sparse-feature-extraction", model, options, "prompt_name", "top_k")(text)


def _load(task: str, model_id: ModelId, given: Mapping[str, Any], *left_to_the_model: str) -> Any:
    """Return the cached model with these options, of which those named last are the model's own where they are None.

    Raises:
        UnknownOptionError: The task has no such option; said before anything is loaded.
    """
    options = dict(given)
    row, postprocessor = get_task(task), options.pop("postprocessor", None)
    provider, dtype, revision = (
        options.pop("provider", "cpu"),
        options.pop("dtype", "auto"),
        options.pop("revision", None),
    )
    for name in left_to_the_model:
        if options.get(name, ...) is None:
            del options[name]
    check_postprocessor(row, postprocessor)
    check_one_liner(options, option_names(row.options) | extra_names(row, postprocessor), task)
    model = load_once(task, model_id, provider, dtype, revision)
    return (model if postprocessor is None else model.with_postprocessor(postprocessor)).with_options(**options)


publish(globals(), *__all__)
