"""``classify``: a cached ``load`` and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from onnxhub._api.loaded_models import load_once

if TYPE_CHECKING:
    from onnxhub._api.loaded_models import ModelId, Provider
    from onnxhub._contracts.protocols import Column, ListOf
    from onnxhub.tasks.text_classification import Classification, LongText, TextOrPair

__all__ = ["classify"]


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
    loaded = load_once("text-classification", model, provider, dtype, revision)
    return loaded.with_options(top_k=top_k, long_text=long_text)(text)
