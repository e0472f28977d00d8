"""``tag``: a cached ``load`` and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from onnxhub._api.loaded_models import load_once

if TYPE_CHECKING:
    from onnxhub._api.loaded_models import ModelId, Provider
    from onnxhub._contracts.protocols import Column, ListOf
    from onnxhub.tasks.token_classification import Aggregation, Entity

__all__ = ["tag"]


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
    return load_once("token-classification", model, provider, dtype, revision).with_options(aggregation=aggregation)(
        text
    )
