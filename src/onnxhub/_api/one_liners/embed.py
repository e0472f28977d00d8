"""``embed`` and ``similarity``: a cached ``load`` and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxhub._api.loaded_models import load_once

if TYPE_CHECKING:
    from onnxhub._api.loaded_models import ModelId, Provider
    from onnxhub._contracts.protocols import Column, ListOf
    from onnxhub.tasks.feature_extraction import Vectors

__all__ = ["embed", "similarity"]


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
        truncate_dim: Keep only the first dimensions; None: those that the model keeps.

    Returns:
        float32: ``(dim,)`` for a text, ``(n, dim)`` for a list.

    Examples:
        >>> onnxhub.embed(["a cat", "a dog"], model="models/embedder").shape
        (2, 384)
    """
    loaded = load_once("feature-extraction", model, provider, dtype, revision)
    cut = ... if truncate_dim is None else truncate_dim
    vectors: Vectors = loaded.with_options(prompt_name=prompt_name or ..., truncate_dim=cut)(text)
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
    """How alike texts are: the cosine of their vectors, or the measure that the model names.

    Args:
        first: A text, or a list of n texts.
        second: A text, or a list of m texts.
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
    found: Vectors = load_once("feature-extraction", model, provider, dtype, revision).similarity(first, second)
    return found
