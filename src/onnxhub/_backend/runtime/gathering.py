"""Puts an ONNX file and its weights into one folder while ONNX Runtime reads them.

Before 1.32, ONNX Runtime reads weights only from the folder of the model, or of the file that the model is a link to. In
huggingface_hub's store of bytes that repositories share, each file lies in a folder of its own. So, where need be, hard
links to the real files are laid side by side, and taken away when the session is built; no byte is copied.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.inlining import inline_small_tensors
from onnxhub._backend.kept.filesystems import remove_tree
from onnxhub._backend.kept.unfinished import name_unfinished, sweep_folder
from onnxhub._backend.runtime.providers import import_onnxruntime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["gather_files"]

_log = logging.getLogger("onnxhub")

_KEY: Final = "gathered"
_FOLLOWING: Final = (1, 32)
"""The first ONNX Runtime that reads weights through links to any place of the Hub's cache."""


@contextmanager
def gather_files(model: Path, weights: Sequence[Path], *, inline_tensors: bool = False) -> Iterator[Path]:
    """Yield the model's file where ONNX Runtime finds its weights: as it is, or in a temporary folder with them.

    Args:
        model: The ONNX file.
        weights: The files of its external data.
        inline_tensors: Whether it is to be a copy that holds its small tensors itself.

    Raises:
        OSError: the files can neither be linked nor copied.
    """
    if not inline_tensors and (_read_version() >= _FOLLOWING or not _lie_apart(model, weights)):
        yield model
        return
    folder = _make_folder(model.parent)
    try:
        for path in weights if inline_tensors else (model, *weights):
            place = folder / path.relative_to(model.parent)
            place.parent.mkdir(parents=True, exist_ok=True)
            _place_file(path.resolve(), place)
        if inline_tensors:
            (folder / model.name).write_bytes(inline_small_tensors(model))
        yield folder / model.name
    finally:
        remove_tree(folder)


def _lie_apart(model: Path, weights: Sequence[Path]) -> bool:
    """Tell whether weights are where such an ONNX Runtime does not look, by its own rule."""
    if not weights:
        return False
    places = (Path(os.path.realpath(model.parent)), Path(os.path.realpath(model)).parent)
    real = [Path(os.path.realpath(path)) for path in weights]
    return not all(any(path.is_relative_to(place) for place in places) for path in real)


def _read_version() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", import_onnxruntime().__version__)[:2])


def _make_folder(beside: Path) -> Path:
    """Make an empty folder, on the file system of the files if that can be written: links do not lead to another."""
    with suppress(OSError):
        sweep_folder(beside, _KEY)
        folder = beside / name_unfinished(_KEY)
        folder.mkdir()
        return folder
    return Path(tempfile.mkdtemp(prefix="onnxhub-gathered-"))


def _place_file(path: Path, place: Path) -> None:
    try:
        os.link(path, place)
    except OSError as error:  # another file system, or another user's file
        _log.info("%s is copied, since it cannot be linked: %s", path, error)
        shutil.copyfile(path, place)
