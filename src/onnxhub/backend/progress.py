"""A progress bar on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["bar"]

T = TypeVar("T")


def bar(items: Iterable[T]) -> Iterable[T]:
    """The same items, counted on a bar; nothing is drawn where stderr is no terminal."""
    from tqdm.auto import tqdm

    shown: Iterable[T] = tqdm(items, unit=" inputs", disable=None)
    return shown
