"""``embed_sparse``: a cached ``load`` and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from onnxhub._api.loaded_models import load_once

if TYPE_CHECKING:
    from onnxhub._api.loaded_models import ModelId, Provider
    from onnxhub._contracts.protocols import Column, ListOf
    from onnxhub.tasks.sparse_feature_extraction import SparseEmbedding

__all__ = ["embed_sparse"]


@overload
def embed_sparse(
    text: str,
    *,
    model: ModelId,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    prompt_name: str | None = ...,
    top_k: int | None = ...,
) -> SparseEmbedding: ...
@overload
def embed_sparse(
    text: ListOf[str] | Column,
    *,
    model: ModelId,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    prompt_name: str | None = ...,
    top_k: int | None = ...,
) -> list[SparseEmbedding]: ...
def embed_sparse(
    text: object,
    *,
    model: ModelId = None,
    provider: Provider = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
    prompt_name: str | None = None,
    top_k: int | None = None,
) -> object:
    """Turn a text, or each text of a list, into weights of words (SPLADE).

    Args:
        text: A text, or a list of texts.
        model: Hub id or local folder; there is no default one.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        prompt_name: One of the model's named prompts, such as ``"query"``; None: the model's default.
        top_k: Only the heaviest words; None: as many as the model keeps, which for most is all that are not zero.

    Returns:
        A ``SparseEmbedding``; for a list, a list of them.

    Examples:
        >>> len(onnxhub.embed_sparse("a cat", model="models/masked", top_k=3).indices)
        3
    """
    loaded = load_once("sparse-feature-extraction", model, provider, dtype, revision)
    return loaded.with_options(prompt_name=prompt_name or ..., top_k=... if top_k is None else top_k)(text)
