"""``onnxhub export``: a model as a folder with ONNX files, converted first where it has none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

import onnxhub
from onnxhub import __version__
from onnxhub._backend.export_folder import check_folder, write_folder
from onnxhub._backend.files.layout import with_files_beside
from onnxhub._backend.graphs.signature import read_graph
from onnxhub._backend.making.export import Conversion
from onnxhub._backend.plan import prepare
from onnxhub._backend.repository.repository import open_repository
from onnxhub._contracts.registry import get_task
from onnxhub._loading.forecast import check_files
from onnxhub._loading.resolve import check_convertible, task_of_files, task_of_graph
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
    from typing import Any

    from onnxhub._backend.repository.repository import Repository
    from onnxhub._contracts.registry import Task

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
    check_folder(output, force=force)
    file, outputs = one_or_parts(onnx_file), output_names(output_name)
    repository = with_files_beside(open_repository(model, revision=revision), dtype=dtype, file=file)
    known = _find_task(repository, task, dtype, file, outputs)
    check_convertible(repository, known)
    ort_class = known.ort_class_of(repository.json("config.json") or {})
    conversion = Conversion(export=True if anew else "auto", anew=anew, allow_pickle=allow_pickle)
    ready = prepare(repository, ort_class, dtype=dtype, file=file, gpu=False, conversion=conversion)
    first = next(iter(ready.choices.values()))
    check_files(known, ready.repository, read_graph(ready.repository.path(first.file)), outputs)
    facts = {
        "model": repository.model_id,
        "revision": repository.commit or "",
        "task": known.name,
        "ORTModelForXXX": ort_class,
        "dtype": first.dtype,
        "choice": first.reason,
        "folder": str(output),
    }
    made_of = {name: value for name, value in facts.items() if name != "folder"} | {"onnxhub": __version__}
    files = write_folder(ready, output, made_of, force=force)
    Printer(json).show(
        {**{name.replace(" ", "_"): value for name, value in facts.items()},
         "files": [{"file": name, "size": size} for name, size in files.items()]},
        [*facts.items(), *(("file", name, size) for name, size in files.items())],
        lambda: _drawn(facts, files, outputs),
    )  # fmt: skip


def _find_task(
    repository: Repository,
    name: str,
    dtype: str,
    file: str | Mapping[str, str] | None,
    outputs: Mapping[str, str] | None,
) -> Task[Any]:
    if name != "auto":
        return get_task(name)
    found = task_of_files(repository) or task_of_graph(repository, dtype=dtype, file=file, outputs=outputs)
    if found is None:  # what the file leaves open, ONNX Runtime infers
        with onnxhub.load(name, repository.model_id, dtype=dtype, file=file, outputs=outputs) as loaded:
            return get_task(loaded.info.task)
    return get_task(found.task)


def _drawn(facts: Mapping[str, str], files: Mapping[str, int], outputs: Mapping[str, str] | None) -> Group:
    width = max(map(len, facts))
    lines = [Text.assemble((name.ljust(width + 2), "bold"), value) for name, value in facts.items() if value]
    lines += [Text(f"  {name}, {sized(size)}" if size >= 1e5 else f"  {name}") for name, size in files.items()]
    named = f", outputs={outputs!r}" if outputs else ""
    how = Text(f"onnxhub.load({facts['task']!r}, {facts['folder']!r}{named})", "green")
    return Group(*lines, how)
