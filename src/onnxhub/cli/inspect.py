"""``onnxhub inspect``: what a model is for, what it holds, and what ``load`` would take; no weights are fetched."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from onnxhub._loading.request import LoadRequest
from onnxhub._process.sizes import format_size
from onnxhub._workshop.inspect import inspect_model
from onnxhub.cli._options import (
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
from onnxhub.cli._printing import Printer, join_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnxhub._backend.graphs.signature import Graph
    from onnxhub._workshop.inspect import Inspection, OnnxFile

__all__ = ["inspect"]


def inspect(
    model: ModelArgument,
    *,
    task: TaskName = "auto",
    dtype: Dtype = "auto",
    revision: Revision = None,
    onnx_file: OnnxPaths = None,
    output_name: OutputNames = None,
    json: Json = False,
) -> None:
    """Say what a model is for and how that is known, what files it has, and which of them load would take.

    Nothing but small files is fetched; of files that are here already, it says what their graphs take and give. The exit
    code is 1 where load would fail, as far as that can be told.

    Example: onnxhub inspect builtin:sentiment

    In a pipe, a row is: fact, value; then, for each ONNX file: file, path, dtype, bytes, chosen or not; then, for each
    chosen file that is here: graph, path, fact, value.
    """
    request = LoadRequest(
        task=task,
        model_id=model,
        dtype=dtype,
        revision=revision,
        file=one_or_parts(onnx_file),
        outputs=output_names(output_name),
    )
    found = inspect_model(request)
    facts = {
        "model": found.model_id,
        "revision": found.revision or "",
        "task": found.task.name if found.task else "",
        "known from": found.task_reason,
        "architecture": found.architecture,
        "ORTModelForXXX": found.ort_class,
        "labels": found.labels,
        "longest input": "" if found.max_length is None else f"{found.max_length} tokens",
        "choice": found.choice,
        "compiled": found.compiled,
    }
    Printer(json).show(
        {
            **{name.replace(" ", "_"): value for name, value in facts.items()},
            "longest_input": found.max_length,
            "files": [asdict(file) for file in found.files],
            "graphs": {file: asdict(graph) for file, graph in found.graphs.items()},
            "error": "" if found.error is None else str(found.error),
        },
        [
            *((name, join_values(value)) for name, value in facts.items()),
            *map(_make_row, found.files),
            *_list_rows(found.graphs),
        ],
        lambda: _draw(facts, found),
    )
    if found.error is not None:
        raise found.error


def _make_row(file: OnnxFile) -> tuple[object, ...]:
    return "file", file.file, file.dtype, "" if file.size is None else file.size, "chosen" if file.chosen else ""


def _list_rows(graphs: Mapping[str, Graph]) -> Iterator[tuple[object, ...]]:
    for file, graph in graphs.items():
        yield from (("graph", file, name, value) for name, value in _list_facts(graph))


def _list_facts(graph: Graph) -> list[tuple[str, str]]:
    """Return a graph's facts, each as one text."""
    return [
        *(("input", str(port)) for port in graph.inputs),
        *(("output", str(port)) for port in graph.outputs),
        ("opset", ", ".join(f"{domain} {version}" for domain, version in graph.opsets.items())),
        ("made by", graph.producer),
        ("quantisation", graph.quantization),
        ("weights", ", ".join(f"{kind} {format_size(size)}" for kind, size in graph.weights.items())),
    ]


def _draw(facts: Mapping[str, object], found: Inspection) -> Group:
    width = max(map(len, facts))
    lines = [
        Text.assemble((name.ljust(width + 2), "bold"), join_values(value)) for name, value in facts.items() if value
    ]
    for file in found.files:
        size = "" if file.size is None else f", {format_size(file.size)}"
        mark = "→ " if file.chosen else "  "
        lines.append(Text(f"{mark}{file.file} ({file.dtype}{size})", "green" if file.chosen else ""))
        lines += [Text(f"    {name:<14}{value}") for name, value in _find_graph(file, found) if value]
    return Group(*lines)


def _find_graph(file: OnnxFile, found: Inspection) -> list[tuple[str, str]]:
    graph = found.graphs.get(file.file)
    return [] if graph is None else _list_facts(graph)
