"""``onnxhub inspect``: what a model is for, what it holds, and what ``load`` would take; before weights are fetched."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from onnxhub._loading import infer
from onnxhub._registry import get_task
from onnxhub.backend.hub import open_repository
from onnxhub.backend.inspection import look_into
from onnxhub.cli._options import Debug, Dtype, Json, Revision
from onnxhub.cli._printing import Printer, joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub.backend.inspection import OnnxFile

__all__ = ["inspect"]


def inspect(
    model: Annotated[str, typer.Argument(help="Id on the Hub, folder, or a bundled model.", show_default=False)],
    *,
    task: Annotated[
        str, typer.Option(metavar="NAME", help="What it would be loaded for; auto asks the model.")
    ] = "auto",
    dtype: Dtype = "auto",
    revision: Revision = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001  # for the program around the commands
) -> None:
    """Say what a model is for and how that is known, what files it has, and which of them load would take.

    Nothing but small files is fetched.

    Example: onnxhub inspect builtin:sentiment

    In a pipe, a row is: fact, value; then, for each ONNX file: file, path, dtype, bytes, chosen or not.
    """
    repository = open_repository(model, revision=revision)
    inferred = infer(repository) if task == "auto" else None
    known = get_task(inferred.task) if inferred else None if task == "auto" else get_task(task)
    ort_class = (known or get_task("custom")).ort_class_of(repository.json("config.json") or {})
    found = look_into(repository, ort_class, dtype=dtype)
    facts = {
        "model": found.model_id,
        "revision": found.revision or "",
        "task": known.name if known else "",
        "known from": inferred.reason if inferred else "it was named" if known else "nothing; load would ask the graph",
        "architecture": found.architecture,
        "ORTModelForXXX": ort_class,
        "labels": found.labels,
        "longest input": "" if found.max_length is None else f"{found.max_length} tokens",
        "choice": found.choice,
    }
    Printer(json).show(
        {
            **{name.replace(" ", "_"): value for name, value in facts.items()},
            "longest_input": found.max_length,
            "files": [asdict(file) for file in found.files],
        },
        [*((name, joined(value)) for name, value in facts.items()), *map(_row, found.files)],
        lambda: _drawn(facts, found.files),
    )


def _row(file: OnnxFile) -> tuple[object, ...]:
    return "file", file.file, file.dtype, "" if file.size is None else file.size, "chosen" if file.chosen else ""


def _drawn(facts: Mapping[str, object], files: tuple[OnnxFile, ...]) -> Group:
    width = max(map(len, facts))
    lines = [Text.assemble((name.ljust(width + 2), "bold"), joined(value)) for name, value in facts.items() if value]
    for file in files:
        size = "" if file.size is None else f", {file.size / 1e6:,.1f} MB"
        mark = "→ " if file.chosen else "  "
        lines.append(Text(f"{mark}{file.file} ({file.dtype}{size})", "green" if file.chosen else ""))
    return Group(*lines)
