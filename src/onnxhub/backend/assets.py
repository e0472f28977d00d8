"""Where the library keeps what it makes, and how small files are written: in one step, and with a seal."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from uuid import uuid4

__all__ = ["assets_dir", "expanded", "hub_home", "read_sealed", "write_atomically", "write_sealed"]


def assets_dir(kind: str) -> Path:
    """Where huggingface_hub lets other libraries keep what they make (its ``cached_assets_path``)."""
    named = os.environ.get("HF_ASSETS_CACHE") or os.environ.get("HUGGINGFACE_ASSETS_CACHE")
    return expanded(named or os.path.join(hub_home(), "assets")) / "onnxhub" / kind


def hub_home() -> str:
    """The folder of all that huggingface_hub keeps, by the environment variables that it documents."""
    return os.environ.get("HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")


def expanded(path: str) -> Path:
    """The path from the root, with its variables and its ``~`` filled in."""
    return Path(os.path.expandvars(os.path.expanduser(path))).absolute()


def write_atomically(path: Path, text: str) -> None:
    """Write the file in one step, so that nobody ever reads a part of it."""
    unfinished = path.with_name(f".{uuid4().hex}.tmp")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_sealed(path: Path, value: object) -> None:
    """Write a small JSON file whose first line is the digest of the rest, in one step."""
    text = json.dumps(value)
    write_atomically(path, f"{_seal(text)}\n{text}")


def read_sealed(path: Path) -> dict[str, object]:
    """The object that ``write_sealed`` wrote.

    Raises:
        ValueError: it is not as it was written.
        OSError: it cannot be read.
    """
    seal, _, text = path.read_bytes().decode().partition("\n")
    value = json.loads(text) if seal == _seal(text) else None
    if not isinstance(value, dict):
        msg = "it is not as it was written"
        raise ValueError(msg)  # noqa: TRY004  # what is wrong is a value: the file's
    return value


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
