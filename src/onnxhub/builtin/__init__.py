"""The bundled models: small, made by this project's own scripts, and answering with no network.

Each is a folder like a repository of the Hub, with a card (``README.md``) that says how it was made and what it scores;
``load`` takes it by its name with the prefix: ``"builtin:sentiment"``.
"""

from __future__ import annotations

from pathlib import Path

from onnxhub.errors import ModelNotFoundError, nearest

__all__ = ["PREFIX", "folder", "names"]

PREFIX = "builtin:"


def names() -> tuple[str, ...]:
    """Return the ids of the bundled models, such as ``"builtin:sentiment"``."""
    home = Path(__file__).parent
    return tuple(sorted(f"{PREFIX}{path.parent.name}" for path in home.glob("*/config.json")))


def folder(model_id: str) -> Path:
    """Return the folder with the files of a bundled model.

    Raises:
        ModelNotFoundError: there is none of that name.
    """
    known = names()
    if model_id not in known:
        there = f"the bundled models are: {', '.join(known)}"
        raise ModelNotFoundError(model_id, f"no such bundled model{nearest(model_id, known)}; {there}")
    return Path(__file__).parent / model_id.removeprefix(PREFIX)
