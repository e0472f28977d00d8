"""Compile the graphs of a model ahead of its first load."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from onnxhub._backend.kept.assets import assets_dir
from onnxhub._backend.runtime.compiled import COMPILED

if TYPE_CHECKING:
    from pathlib import Path

    from onnxhub._backend.engine import OnnxBackend
    from onnxhub._loading.request import LoadRequest

__all__ = ["CompiledGraph", "compile_model"]


@dataclass(frozen=True, slots=True)
class CompiledGraph:
    """A compiled graph that is kept."""

    file: str
    """The ONNX file that it was made of, by its path in the model."""
    folder: Path
    size: int
    """Bytes of the folder."""


def compile_model(request: LoadRequest) -> list[CompiledGraph]:
    """Load the model of a request, and return its compiled graphs, which are made if need be.

    Raises:
        PermissionError: The cache cannot be written, so that nothing was kept.
        OnnxHubError: ``load`` refuses the model.
    """
    with replace(request, compiled=True).load() as model:
        backend = cast("OnnxBackend", model.backend)
        folders = {choice.file: backend.roles[role].path.parent for role, choice in backend.choices.items()}
    kept = assets_dir(COMPILED)
    if any(folder.parent != kept for folder in folders.values()):
        msg = f"no graph was kept: {kept} cannot be written; HF_HOME or HF_ASSETS_CACHE may name a folder that can be"
        raise PermissionError(msg)
    return [
        CompiledGraph(file, folder, sum(path.stat().st_size for path in folder.iterdir()))
        for file, folder in folders.items()
    ]
