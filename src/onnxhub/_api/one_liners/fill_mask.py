"""``fill_mask``: a cached ``load`` and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from onnxhub._api.loaded_models import load_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._api.loaded_models import ModelId, Provider
    from onnxhub._contracts.protocols import Column, ListOf
    from onnxhub.tasks.fill_mask import MaskFill

__all__ = ["fill_mask"]


@overload
def fill_mask(
    text: str,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    top_k: int = ...,
    targets: Sequence[str] | Column | None = ...,
) -> list[list[MaskFill]]: ...
@overload
def fill_mask(
    text: ListOf[str] | Column,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    top_k: int = ...,
    targets: Sequence[str] | Column | None = ...,
) -> list[list[list[MaskFill]]]: ...
def fill_mask(
    text: object,
    *,
    model: ModelId = None,
    provider: Provider = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
    top_k: int = 5,
    targets: Sequence[str] | Column | None = None,
) -> object:
    """Find the tokens that fit the masks of a text, or of each text of a list.

    Args:
        text: A text with ``[MASK]``, or what else the model calls it, in it.
        model: Hub id or local folder; None: DistilBERT.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        top_k: Tokens for each mask.
        targets: The only words that compete; None: the whole vocabulary.

    Returns:
        For each mask a list of ``MaskFill``, best first; for a list of texts, a list of these.

    Examples:
        >>> ((best, second),) = onnxhub.fill_mask("a [MASK] is no dog", model="models/masked", top_k=2)
        >>> best.score >= second.score
        True
    """
    return load_once("fill-mask", model, provider, dtype, revision).with_options(top_k=top_k, targets=targets)(text)
