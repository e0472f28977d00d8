"""``onnxhub compile``: make what the first load would make, ahead of time, as for the image of a container."""

from __future__ import annotations

from onnxhub._loading.request import LoadRequest
from onnxhub._process.sizes import format_size
from onnxhub._workshop.compile import compile_model
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
    request = LoadRequest(
        task=task,
        model_id=model,
        dtype=dtype,
        revision=revision,
        file=one_or_parts(onnx_file),
        outputs=output_names(output_name),
        allow_pickle=allow_pickle,
    )
    graphs = compile_model(request)
    printer = Printer(json)
    printer.show_table(
        [
            {
                "file": graph.file,
                **({"size": format_size(graph.size)} if printer.for_a_person else {"bytes": graph.size}),
                "folder": str(graph.folder),
            }
            for graph in graphs
        ]
    )
