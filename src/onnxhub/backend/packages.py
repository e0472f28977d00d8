"""Versions of installed packages, without importing them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["versions_of"]


def versions_of(*packages: str) -> Mapping[str, str] | None:
    """Package -> version; None unless all of them are installed."""
    try:
        return {package: version(package) for package in packages}
    except PackageNotFoundError:
        return None
