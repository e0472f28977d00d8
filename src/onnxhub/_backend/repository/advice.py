"""Advice for a path that is a file or nothing, and for a model that the Hub would have to give."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from onnxhub import builtin

__all__ = ["advise_of_file", "advise_of_name", "advise_offline", "name_place"]

_WEIGHTS: Final = (".safetensors", ".bin", ".pt", ".pth", ".h5", ".msgpack", ".gguf")
_ARCHIVES: Final = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z")


def advise_of_file(path: Path) -> str:
    """Say what to pass instead of a file, by the kind of file that it is."""
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return f"a file, not a folder; pass its folder, and file={path.name!r}"
    if suffix in _ARCHIVES:
        return "an archive, not a folder; unpack it, and pass the folder with its config.json"
    if suffix in _WEIGHTS:
        return f"a file of weights, not a folder; pass its folder, {str(path.parent)!r}, with its config.json"
    return f"a file, not a folder; pass the folder of a model, such as {str(path.parent)!r}"


def advise_of_name(model_id: str) -> str:
    """Say that an id of the Hub is no folder either, and which bundled model it may have meant; goes on with a reason."""
    meant = builtin.PREFIX + model_id.lower().removeprefix(builtin.PREFIX.replace(":", "/"))
    bundled = f"; the bundled model is {meant!r}" if meant in builtin.names() else ""
    return f", and there is no folder {model_id}{name_place(model_id) or ' here'}{bundled}"


def name_place(path: str) -> str:
    """Name the folder in which a path was looked for; empty if the path says it, or the folder was deleted."""
    try:
        return "" if Path(os.path.expanduser(path)).is_absolute() else f" in {Path.cwd()}"
    except OSError:
        return ""


def advise_offline(model_id: str) -> str:
    """Say how a model gets onto a machine that cannot ask the Hub, and what runs without it."""
    return (
        f"fetch it beforehand with `hf download {model_id}`, or from a mirror that HF_ENDPOINT names, or load a folder or "
        "a model of onnxhub.builtin.names(), which need no network"
    )
