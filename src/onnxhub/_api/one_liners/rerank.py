"""``rerank``: a cached ``load`` and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from onnxhub._api.loaded_models import load_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._api.loaded_models import ModelId, Provider
    from onnxhub._contracts.protocols import Column, ListOf
    from onnxhub.tasks.text_ranking import QueryDocuments, Ranked

__all__ = ["rerank"]


@overload
def rerank(
    query: str,
    documents: Sequence[str] | Column,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    prompt_name: str | None = ...,
    top_k: int | None = ...,
) -> list[Ranked]: ...
@overload
def rerank(
    query: ListOf[QueryDocuments] | Column,
    documents: None = ...,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    prompt_name: str | None = ...,
    top_k: int | None = ...,
) -> list[list[Ranked]]: ...
def rerank(
    query: object,
    documents: Sequence[str] | Column | None = None,
    *,
    model: ModelId = None,
    provider: Provider = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
    prompt_name: str | None = None,
    top_k: int | None = None,
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
        top_k: Only the best; None: all.

    Returns:
        A list of ``Ranked``; for a list, a list of lists.

    Examples:
        >>> [one.index for one in onnxhub.rerank("a cat", ["tax law", "a kitten"], model="models/reranker")]
        [1, 0]
    """
    loaded = load_once("text-ranking", model, provider, dtype, revision)
    ranker = loaded.with_options(prompt_name=prompt_name or ..., top_k=top_k)
    return ranker(query) if documents is None else ranker(query, documents)
