"""``onnxhub compile``: make what the first load would make, ahead of time, as for the image of a container."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import onnxhub
from onnxhub._backend.kept.assets import assets_dir
from onnxhub._process.sizes import sized
from onnxhub.cli._options import (
    AllowPickle,
    Dtype,
    Json,
    ModelArgument,
    OnnxPaths,
    OutputNames,
    Revision,
    TaskName,
    one_or_parts,
    output_names,
)
from onnxhub.cli._printing import Printer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnxhub._backend.engine import OnnxBackend

__all__ = ["compile"]


def compile(  # noqa: A001  # the command's name
    model: ModelArgument,
    *,
    task: TaskName = "auto",
    dtype: Dtype = "auto",
    revision: Revision = None,
    onnx_file: OnnxPaths = None,
    output_name: OutputNames = None,
    allow_pickle: AllowPickle = False,
    json: Json = False,
) -> None:
    """Fetch a model and compile its graph, so that every load on this machine starts fast, the first one too.

    A compiled graph is for the processor and the ONNX Runtime that made it; elsewhere load makes another.

    Example: onnxhub compile builtin:sentiment

    In a pipe, a row is: file, bytes of the compiled graph, its folder.
    """
    with onnxhub.load(
        task,
        model,
        dtype=dtype,
        revision=revision,
        file=one_or_parts(onnx_file),
        outputs=output_names(output_name),
        compiled=True,
        allow_pickle=allow_pickle,
    ) as loaded:
        backend = cast("OnnxBackend", loaded.backend)
        folders = {choice.file: backend.parts[part].path.parent for part, choice in backend.choices.items()}
    kept = assets_dir("compiled")
    if any(folder.parent != kept for folder in folders.values()):
        msg = f"no graph was kept: {kept} cannot be written; HF_HOME or HF_ASSETS_CACHE may name a folder that can be"
        raise PermissionError(msg)
    printer = Printer(json)
    printer.show_table(
        [
            {"file": file, **_size(folder, drawn=printer.for_a_person), "folder": str(folder)}
            for file, folder in folders.items()
        ]
    )


def _size(folder: Path, *, drawn: bool) -> Mapping[str, object]:
    size = sum(path.stat().st_size for path in folder.iterdir())
    return {"size": sized(size)} if drawn else {"bytes": size}
