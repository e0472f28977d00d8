"""``answer``: a cached ``load`` and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from onnxhub._api.loaded_models import load_once

if TYPE_CHECKING:
    from onnxhub._api.loaded_models import ModelId, Provider
    from onnxhub._contracts.protocols import Column, ListOf
    from onnxhub.tasks.question_answering import Answer, QuestionContext

__all__ = ["answer"]


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
    loaded = load_once("question-answering", model, provider, dtype, revision)
    loaded = loaded.with_options(top_k=top_k, max_answer_tokens=max_answer_tokens, allow_no_answer=allow_no_answer)
    return loaded(question) if context is None else loaded((question, context))
