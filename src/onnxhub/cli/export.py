"""``onnxhub export``: a model as a folder with ONNX files, converted first where it has none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from onnxhub._loading.request import LoadRequest
from onnxhub._process.sizes import format_size
from onnxhub._workshop.export import export_model
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

__all__ = ["export"]


def export(
    model: ModelArgument,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write it.", show_default=False)
    ],
    task: TaskName = "auto",
    dtype: Dtype = "auto",
    revision: Revision = None,
    onnx_file: OnnxPaths = None,
    output_name: OutputNames = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Convert it even if it has an ONNX file, or was converted before.")
    ] = False,
    allow_pickle: AllowPickle = False,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that has other files.")] = False,
    json: Json = False,
) -> None:
    """Write a model into a folder that load takes, and optimum's ORTModelForXXX.from_pretrained.

    A model with PyTorch's weights alone is converted (by the extra `optimum` or `export`), in a process of its own.

    Example: onnxhub export builtin:sentiment --output exported

    In a pipe, a row is: fact, value; then, for each file: file, path, bytes.
    """
    outputs = output_names(output_name)
    request = LoadRequest(
        task=task,
        model_id=model,
        dtype=dtype,
        revision=revision,
        file=one_or_parts(onnx_file),
        outputs=outputs,
        allow_pickle=allow_pickle,
    )
    exported = export_model(request, output, anew=anew, force=force)
    facts = {
        "model": exported.model_id,
        "revision": exported.commit or "",
        "task": exported.task,
        "ORTModelForXXX": exported.ort_class,
        "dtype": exported.dtype,
        "choice": exported.reason,
        "folder": str(output),
    }
    Printer(json).show(
        {
            **{name.replace(" ", "_"): value for name, value in facts.items()},
            "files": [{"file": name, "size": size} for name, size in exported.files.items()],
        },
        [*facts.items(), *(("file", name, size) for name, size in exported.files.items())],
        lambda: _draw(facts, exported.files, outputs),
    )


def _draw(facts: Mapping[str, str], files: Mapping[str, int], outputs: Mapping[str, str] | None) -> Group:
    width = max(map(len, facts))
    lines = [Text.assemble((name.ljust(width + 2), "bold"), value) for name, value in facts.items() if value]
    lines += [Text(f"  {name}, {format_size(size)}" if size >= 1e5 else f"  {name}") for name, size in files.items()]
    named = f", outputs={outputs!r}" if outputs else ""
    how = Text(f"onnxhub.load({facts['task']!r}, {facts['folder']!r}{named})", "green")
    return Group(*lines, how)
