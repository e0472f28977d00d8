"""One line from an input to a result: a cached ``load`` and a call, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from onnxhub._api import load
from onnxhub._cache import OnceCache
from onnxhub._loading import absolute

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._model import Model
    from onnxhub._protocols import Column, ListOf
    from onnxhub.tasks.question_answering import Answer, QuestionContext
    from onnxhub.tasks.text_classification import Classification, LongText, TextOrPair
    from onnxhub.tasks.token_classification import Aggregation, Entity

    ModelId: TypeAlias = str | os.PathLike[str] | None
    Provider: TypeAlias = str | Sequence[str]
    Vectors: TypeAlias = NDArray[np.float32]

__all__ = ["answer", "classify", "embed", "similarity", "tag", "unload"]

_models: OnceCache[Model[Any, Any, Any]] = OnceCache(size=8)


def unload() -> None:
    """Let go of the models that the one-liners keep loaded (the eight used last).

    A folder that has been written anew, for one, is read again only after this.
    """
    _models.clear()


@overload
def classify(
    text: TextOrPair,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    top_k: int | None = ...,
    long_text: LongText = ...,
) -> Classification: ...
@overload
def classify(
    text: ListOf[TextOrPair] | Column,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    top_k: int | None = ...,
    long_text: LongText = ...,
) -> list[Classification]: ...
def classify(
    text: object,
    *,
    model: ModelId = None,
    provider: Provider = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
    top_k: int | None = None,
    long_text: LongText = "truncate",
) -> object:
    """Classify a text, a pair of texts (a tuple), or a list of either.

    Args:
        text: What to classify.
        model: Hub id or local folder; None: a sentiment classifier for English.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        top_k: Length of the result's ``ranking``; None: all labels.
        long_text: ``"truncate"``, ``"window"`` or ``"error"``.

    Returns:
        A ``Classification``; for a list, a list of them.

    Examples:
        >>> onnxhub.classify("Quite easy!", model="models/sentiment").label
        'POSITIVE'
    """
    loaded = _load("text-classification", model, provider, dtype, revision)
    return loaded.with_options(top_k=top_k, long_text=long_text)(text)


@overload
def answer(
    question: str,
    context: str,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    top_k: int = ...,
    max_answer_tokens: int = ...,
    allow_no_answer: bool = ...,
) -> Answer: ...
@overload
def answer(
    question: ListOf[QuestionContext] | Column,
    context: None = ...,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    top_k: int = ...,
    max_answer_tokens: int = ...,
    allow_no_answer: bool = ...,
) -> list[Answer]: ...
def answer(
    question: object,
    context: str | None = None,
    *,
    model: ModelId = None,
    provider: Provider = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
    top_k: int = 1,
    max_answer_tokens: int = 15,
    allow_no_answer: bool = False,
) -> object:
    """Answer a question with a span of a context of any length, or a list of ``(question, context)`` tuples.

    Args:
        question: The question; or the list.
        context: The text that has the answer.
        model: Hub id or local folder; None: a question answerer for English.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        top_k: Answers in all, the best and its ``alternatives``.
        max_answer_tokens: Longest answer.
        allow_no_answer: Let "no answer" compete.

    Returns:
        An ``Answer``; for a list, a list of them.

    Examples:
        >>> onnxhub.answer("Who wrote it?", "Ada wrote it in London.", model="models/qa").answer
        'Ada'
    """
    loaded = _load("question-answering", model, provider, dtype, revision)
    loaded = loaded.with_options(top_k=top_k, max_answer_tokens=max_answer_tokens, allow_no_answer=allow_no_answer)
    return loaded(question) if context is None else loaded((question, context))


@overload
def tag(
    text: str,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    aggregation: Aggregation = ...,
) -> list[Entity]: ...
@overload
def tag(
    text: ListOf[str] | Column,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    aggregation: Aggregation = ...,
) -> list[list[Entity]]: ...
def tag(
    text: object,
    *,
    model: ModelId = None,
    provider: Provider = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
    aggregation: Aggregation = "simple",
) -> object:
    """Find the entities of a text of any length, or of each text of a list.

    Args:
        text: A text, or a list of texts.
        model: Hub id or local folder; None: a multilingual recogniser of people, places and organisations.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        aggregation: ``"none"``, ``"simple"``, ``"first"``, ``"average"`` or ``"max"``.

    Returns:
        A list of ``Entity``; for a list, a list of lists.

    Examples:
        >>> [entity.text for entity in onnxhub.tag("Ada lived in London.", model="models/ner")]
        ['Ada', 'London']
    """
    return _load("token-classification", model, provider, dtype, revision).with_options(aggregation=aggregation)(text)


def embed(
    text: str | ListOf[str] | Column,
    *,
    model: ModelId = None,
    provider: Provider = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
    prompt_name: str | None = None,
    truncate_dim: int | None = None,
) -> Vectors:
    """Embed a text or a list of texts, pooled and normalised as the model says.

    Args:
        text: A text, or a list of texts.
        model: Hub id or local folder; None: all-MiniLM-L6-v2.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        prompt_name: One of the model's named prompts, such as ``"query"``; None: the model's default.
        truncate_dim: Keep only the first dimensions.

    Returns:
        float32: ``(dim,)`` for a text, ``(n, dim)`` for a list.

    Examples:
        >>> onnxhub.embed(["a cat", "a dog"], model="models/embedder").shape
        (2, 384)
    """
    loaded = _load("feature-extraction", model, provider, dtype, revision)
    vectors: Vectors = loaded.with_options(prompt_name=prompt_name or ..., truncate_dim=truncate_dim)(text)
    return vectors


def similarity(
    first: str | ListOf[str] | Column,
    second: str | ListOf[str] | Column,
    *,
    model: ModelId = None,
    provider: Provider = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
) -> Vectors:
    """Cosine similarity of texts, in ``[-1, 1]``.

    Args:
        first: A text, or a list of n texts.
        second: A text, or a list of m texts.
        model: Hub id or local folder; None: all-MiniLM-L6-v2.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.

    Returns:
        float32: ``()`` for two texts, ``(m,)`` for a text and a list, ``(n, m)`` for two lists.

    Examples:
        >>> near, far = onnxhub.similarity("a cat", ["a kitten", "tax law"], model="models/embedder")
        >>> bool(near > far)
        True
    """
    cosines: Vectors = _load("feature-extraction", model, provider, dtype, revision).similarity(first, second)
    return cosines


def _load(task: str, model: ModelId, provider: Provider, dtype: str, revision: str | None) -> Any:
    """The cached model; of any task, so its type is each one-liner's own business."""
    # A folder by its full path: the same name means another model in another working directory.
    name = absolute(model)
    # By its text, for `load` to say what is wrong with an argument that cannot be a key.
    key = repr((task, name, provider, dtype, revision))
    return _models.get(key, lambda: load(task, model, provider, dtype=dtype, revision=revision))
