"""``choose``: a cached ``load`` and a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from onnxhub._api.loaded_models import load_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._api.loaded_models import ModelId, Provider
    from onnxhub._contracts.protocols import Column, ListOf
    from onnxhub.tasks.multiple_choice import Choice, PromptChoices

__all__ = ["choose"]


@overload
def choose(
    prompt: str,
    choices: Sequence[str] | Column,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    top_k: int | None = ...,
) -> Choice: ...
@overload
def choose(
    prompt: ListOf[PromptChoices] | Column,
    choices: None = ...,
    *,
    model: ModelId = ...,
    provider: Provider = ...,
    dtype: str = ...,
    revision: str | None = ...,
    top_k: int | None = ...,
) -> list[Choice]: ...
def choose(
    prompt: object,
    choices: Sequence[str] | Column | None = None,
    *,
    model: ModelId = None,
    provider: Provider = "cpu",
    dtype: str = "auto",
    revision: str | None = None,
    top_k: int | None = None,
) -> object:
    """Choose the continuation that fits a text best.

    Args:
        prompt: The text; or a list of ``(prompt, choices)`` tuples.
        choices: At least two.
        model: Hub id or local folder; there is no default one.
        provider: As for ``load``.
        dtype: As for ``load``.
        revision: As for ``load``.
        top_k: Length of the result's ``ranking``; None: all choices.

    Returns:
        A ``Choice``; for a list, a list of them.

    Examples:
        >>> onnxhub.choose("a cat eats", ["tax law", "a fish"], model="models/chooser").choice
        'a fish'
    """
    loaded = load_once("multiple-choice", model, provider, dtype, revision).with_options(top_k=top_k)
    return loaded(prompt) if choices is None else loaded(prompt, choices)
