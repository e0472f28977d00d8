"""``onnxhub export``: a model as a folder with ONNX files, converted first where it has none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from onnxhub import __version__
from onnxhub._loading import check_unopened, infer
from onnxhub._registry import get_task, list_tasks
from onnxhub._units import sized
from onnxhub.backend.exporting import Conversion
from onnxhub.backend.folder import check_folder, write_folder
from onnxhub.backend.graph import read_graph
from onnxhub.backend.hub import open_repository
from onnxhub.backend.preparation import prepare, read_config
from onnxhub.cli._options import AllowPickle, Debug, Dtype, Json, ModelArgument, OnnxPath, Revision, TaskName
from onnxhub.cli._printing import Printer
from onnxhub.errors import UnclearTaskError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from onnxhub._registry import Task
    from onnxhub.backend.hub import Repository

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
    onnx_file: OnnxPath = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Convert it even if it has an ONNX file, or was converted before.")
    ] = False,
    allow_pickle: AllowPickle = False,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that has other files.")] = False,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001  # for the program around the commands
) -> None:
    """Write a model into a folder that load takes, and optimum's ORTModelForXXX.from_pretrained.

    A model with PyTorch's weights alone is converted (by the extra `optimum` or `export`), in a process of its own.

    Example: onnxhub export builtin:sentiment --output exported

    In a pipe, a row is: fact, value; then, for each file: file, path, bytes.
    """
    check_folder(output, force=force)
    repository = open_repository(model, revision=revision)
    known = _task(repository, task)
    ort_class = known.ort_class_of(read_config(repository, known))
    conversion = Conversion(export=True if anew else "auto", anew=anew, allow_pickle=allow_pickle)
    ready = prepare(repository, ort_class, dtype=dtype, file=onnx_file, gpu=False, conversion=conversion)
    for choice in ready.choices.values():
        check_unopened(known, ready.repository, read_graph(ready.repository.path(choice.file)))
    first = next(iter(ready.choices.values()))
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
        lambda: _drawn(facts, files),
    )  # fmt: skip


def _task(repository: Repository, name: str) -> Task[Any]:
    if name != "auto":
        return get_task(name)
    inferred = infer(repository)
    if inferred is None:
        looked_at = ("config.json", "modules.json", "the card's pipeline_tag")
        raise UnclearTaskError(repository.model_id, looked_at, tuple(one.name for one in list_tasks()))
    return get_task(inferred.task)


def _drawn(facts: Mapping[str, str], files: Mapping[str, int]) -> Group:
    width = max(map(len, facts))
    lines = [Text.assemble((name.ljust(width + 2), "bold"), value) for name, value in facts.items() if value]
    lines += [Text(f"  {name}, {sized(size)}" if size >= 1e5 else f"  {name}") for name, size in files.items()]
    how = Text(f"onnxhub.load({facts['task']!r}, {facts['folder']!r})", "green")
    return Group(*lines, how)
