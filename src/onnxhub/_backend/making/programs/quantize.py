"""Make a variant of an ONNX file with ONNX Runtime's own tools: int8, uint8, q8 or fp16.

Asked: ``source``, the full-precision file, with its external data beside it; ``output``, the file to write; ``dtype``;
``large``, whether the weights belong in a file of their own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from onnxhub._backend.making.programs import begin, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNSIGNED: Final = frozenset({"Conv", "GroupQueryAttention", "MultiHeadAttention"})
"""Operators for which transformers.js takes unsigned weights in its q8 files."""
MOST: Final = 2**31 - 1
"""Bytes of a protobuf; shapes of larger models cannot be inferred in memory."""


def main() -> None:
    """Run the request of the parent."""
    asked = begin()
    source, output = Path(asked["source"]), Path(asked["output"])
    tempfile.tempdir = str(output.parent)  # nothing is left elsewhere, whenever this ends
    try:
        if asked["dtype"] == "fp16":
            _halve(source, output, large=asked["large"])
        else:
            _quantize(source, output, asked["dtype"], large=asked["large"])
    except OSError as error:  # no room on the disk, and the like: no fault of the model
        refuse(str(error))
    _check(output)


def _quantize(source: Path, output: Path, kind: str, *, large: bool) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = _fold_constants(source)
    before = _count(model)
    unsigned = kind == "uint8" or (kind == "q8" and any(node.op_type in UNSIGNED for node in _walk_nodes(model.graph)))
    # A scale for each column of a weight: nearly as small as one for all, and much nearer to the original. Signed weights
    # use 7 of their bits: with all 8, sums overflow on processors without VNNI, and answers would not be the same on all.
    quantize_dynamic(
        model,
        str(output),
        per_channel=True,
        reduce_range=not unsigned,
        weight_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        use_external_data_format=large,
        extra_options={"EnableSubgraph": True, "MatMulConstBOnly": True},
    )
    if _count(_load_graph(output)) == before:
        refuse("there is nothing in it to quantise: no product with fixed weights, no table of vectors")


def _halve(source: Path, output: Path, *, large: bool) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = _fold_constants(source)
    if sum(1 for _ in _walk_graphs(model.graph)) > 1:
        refuse("it has branches, as a merged decoder has, which ONNX Runtime's converter to fp16 does not follow")
    before = _count(model)
    converted = convert_float_to_float16(model, keep_io_types=True, disable_shape_infer=model.ByteSize() > MOST)
    if _count(converted) == before:
        refuse("there is nothing in it of float32")
    onnx.save(
        converted, output, save_as_external_data=large, all_tensors_to_one_file=True, location=f"{output.name}_data"
    )


def _fold_constants(source: Path) -> Any:
    """Return the model with its constants folded: the tools do not see a weight that the graph transposes first.

    ONNX Runtime reads external data where it is; onnx itself refuses to follow the links of the Hub's cache.
    """
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as work:
        path = Path(work, "folded.onnx")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", f"{path.name}_data")
        # No Gemm is made, which would not be quantised.
        _require_loadable(source, options, "ONNX Runtime cannot load it, or cannot write it anew", ["MatMulAddFusion"])
        return onnx.load(path)


def _load_graph(path: Path) -> Any:
    import onnx

    return onnx.load(path, load_external_data=False)


def _count(model: Any) -> dict[int, int]:
    """Count the weights of each type; names and operators change for other reasons as well."""
    counts: dict[int, int] = {}
    for graph in _walk_graphs(model.graph):
        for tensor in graph.initializer:
            counts[tensor.data_type] = counts.get(tensor.data_type, 0) + 1
    return counts


def _walk_graphs(graph: Any) -> Iterator[Any]:
    """Yield the graph and those within it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _walk_graphs(inner)


def _walk_nodes(graph: Any) -> Iterator[Any]:
    for inner in _walk_graphs(graph):
        yield from inner.node


def _check(output: Path) -> None:
    """End the program if ONNX Runtime does not load the file that its tools made."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    _require_loadable(output, options, "what ONNX Runtime's tools make of it cannot be loaded")


def _require_loadable(path: Path, options: Any, failed: str, without: Sequence[str] = ()) -> None:
    import onnxruntime

    try:
        onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"], disabled_optimizers=[*without])
    except Exception as error:  # noqa: BLE001  # its exceptions have no base class
        refuse(f"{failed}: {error}")


if __name__ == "__main__":
    main()
