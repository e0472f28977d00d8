"""``classify_zero_shot``: a cached ``load`` and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from onnxhub._api.loaded_models import load_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._api.loaded_models import ModelId, Provider
    from onnxhub._contracts.protocols import Column, ListOf
    from onnxhub.tasks.text_classification import Classification

__all__ = ["classify_zero_shot"]


@overload
def classify_zero_shot(
    text: str,
    labels: Sequence[str] | Column,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    template: str = ...,
    multi_label: bool = ...,
    top_k: int | None = ...,
) -> Classification: ...
@overload
def classify_zero_shot(
    text: ListOf[str] | Column,
    labels: Sequence[str] | Column,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    template: str = ...,
    multi_label: bool = ...,
    top_k: int | None = ...,
) -> list[Classification]: ...
def classify_zero_shot(
    text: object,
    labels: Sequence[str] | Column,
    *,
    model: ModelId = None,
    provider: Provider = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
    template: str = "This example is {}.",
    multi_label: bool = False,
    top_k: int | None = None,
) -> object:
    """Classify a text, or a list of texts, by labels of one's own.

    Args:
        text: What to classify.
        labels: What to choose from.
        model: Hub id or local folder; None: a model of textual entailment for English.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        template: The sentence that is tested, with ``{}`` for the label.
        multi_label: Several labels may be true, or none.
        top_k: Length of the result's ``ranking``; None: all labels.

    Returns:
        A ``Classification``; for a list, a list of them.

    Examples:
        >>> onnxhub.classify_zero_shot("Who won the match?", ["sport", "law"], model="models/nli").label
        'sport'
    """
    loaded = load_once("zero-shot-classification", model, provider, dtype, revision)
    return loaded.with_options(labels=labels, template=template, multi_label=multi_label, top_k=top_k)(text)
