"""Convert a model to ONNX with the exporter of transformers 5, with the names of inputs and outputs that optimum gives.

Asked: what ``export`` is asked. The output gets ``model.onnx``, its weights beside it where they are large, and ``facts.json``.
"""

from __future__ import annotations

import inspect
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from onnxhub._backend.making.programs import begin, refuse, refuse_foreign
from onnxhub._backend.making.programs.comparison import compare_with_model
from onnxhub._backend.making.programs.configuration import read_configuration
from onnxhub._backend.making.programs.untrained import check_graph, mark_missing
from onnxhub.errors import listing

if TYPE_CHECKING:
    from collections.abc import Sequence

CLASSES: Final = {
    "ORTModelForSequenceClassification": ("AutoModelForSequenceClassification", ("logits",)),
    "ORTModelForTokenClassification": ("AutoModelForTokenClassification", ("logits",)),
    "ORTModelForQuestionAnswering": ("AutoModelForQuestionAnswering", ("start_logits", "end_logits")),
    "ORTModelForMultipleChoice": ("AutoModelForMultipleChoice", ("logits",)),
    "ORTModelForMaskedLM": ("AutoModelForMaskedLM", ("logits",)),
    "ORTModelForFeatureExtraction": ("AutoModel", ("last_hidden_state",)),
}
"""Class of optimum -> transformers' class, and the outputs that the graph keeps."""
LARGEST: Final = 2**30
"""Bytes of weights that are in the file itself."""
ROWS: Final = 2
TOKENS: Final = 11
"""The sizes of the sample that the model is traced with; all other axes have a fixed size."""
CHOICES: Final = 3


def main() -> None:
    """Run the request of the parent."""
    asked = begin()
    source, output = Path(asked["source"]), Path(asked["output"])
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    config = read_configuration(source, code=asked["code"])
    class_name, wanted = _choose_class(asked["ort_class"], config)
    model, missing = _load(class_name, source, pickle=asked["pickle"])
    choices = class_name.endswith("ForMultipleChoice")
    program = _export(model, _make_sample(model, choices=choices, tokens=TOKENS))
    _keep(program, wanted)
    _name_axes(program, choices=choices)
    path = output / "model.onnx"
    _save(program, path)
    opset = check_graph(path, missing, config)
    compare_with_model(path, model, _make_sample(model, choices=choices, tokens=2 * TOKENS + 1, rows=ROWS + 1))
    facts = {"task": class_name, "opset": opset, "dtype": "fp32", "attention": "eager"}
    (output / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def _choose_class(ort_class: str, config: Any) -> tuple[str, Sequence[str]]:
    """Return the class of transformers that the graph is made of, and the outputs that it keeps."""
    if ort_class == "ORTModelForCustomTasks":  # any graph will do: the one of the class that was saved
        saved = next(iter(config.architectures or ()), "")
        kinds = {name.removeprefix("AutoModel"): kind for kind, (name, _) in CLASSES.items() if name != "AutoModel"}
        ort_class = next((kind for end, kind in kinds.items() if saved.endswith(end)), "ORTModelForFeatureExtraction")
    if ort_class not in CLASSES:
        able = listing([kind.removeprefix("ORTModelFor") for kind in CLASSES])
        other = f"and not for {ort_class.removeprefix('ORTModelFor')}: pip install 'onnxhub[optimum]' can do that"
        refuse(f"transformers' own exporter is asked for {able} here, {other}")
    name, wanted = CLASSES[ort_class]
    if config.is_encoder_decoder and name == "AutoModel":
        refuse(
            "it is an encoder with a decoder, which need files of their own: pip install 'onnxhub[optimum]' can make them"
        )
    return name, wanted


def _load(class_name: str, source: Path, *, pickle: bool) -> tuple[Any, set[str]]:
    """Return the model, with eager attention and without a cache, and the names of all weights that were missing."""
    import torch
    import transformers

    try:
        model, info = getattr(transformers, class_name).from_pretrained(
            source,
            dtype=torch.float32,
            attn_implementation="eager",
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=not pickle,
            output_loading_info=True,
        )
    except OSError as error:
        refuse_foreign(error)
        refuse(f"its weights cannot be read: {type(error).__name__}: {str(error).partition('. ')[0]}")
    except ValueError as error:
        refuse_foreign(error)
        if "Unrecognized configuration class" not in str(error):
            raise
        refuse(f"transformers has no {class_name} for models of type {_read_type(source)!r}")
    model.eval()
    model.config.use_cache = False  # else the graph of a decoder has its keys and values as outputs
    return model, mark_missing(model, info["missing_keys"])


def _read_type(source: Path) -> str:
    return str(json.loads((source / "config.json").read_bytes()).get("model_type"))


def _make_sample(model: Any, *, choices: bool, tokens: int, rows: int = ROWS) -> dict[str, Any]:
    """Texts of different lengths, for the inputs that a tokenizer would give this model."""
    import torch

    config = model.config.get_text_config()
    takes = inspect.signature(model.forward).parameters
    shape = (rows, CHOICES, tokens) if choices else (rows, tokens)
    padding = config.pad_token_id if config.pad_token_id is not None else 0
    usual = [number for number in range(min(config.vocab_size, 2000)) if number not in _list_special_ids(config)] or [0]
    generator = torch.Generator().manual_seed(0)
    ids = torch.tensor(usual)[torch.randint(len(usual), shape, generator=generator)]
    mask = torch.ones(shape, dtype=torch.int64)
    mask[-1, ..., tokens - 3 :] = 0
    end = getattr(config, "eos_token_id", None)
    if isinstance(end, int) and 0 <= end < config.vocab_size:  # some read what stands at the end
        ids[..., -1], ids[-1, ..., tokens - 4] = end, end
    ids = torch.where(mask.bool(), ids, padding)
    given = {"input_ids": ids}
    if "attention_mask" in takes:
        given["attention_mask"] = mask
    if "token_type_ids" in takes and (getattr(config, "type_vocab_size", 0) or 0) > 1:
        given["token_type_ids"] = torch.zeros(shape, dtype=torch.int64)
        given["token_type_ids"][..., tokens // 2 :] = 1
    return given


def _list_special_ids(config: Any) -> set[object]:
    names = ("pad_token_id", "bos_token_id", "eos_token_id", "mask_token_id")
    return {getattr(config, name, None) for name in names}


def _export(model: Any, sample: dict[str, Any]) -> Any:
    """Return the graph, of any number of texts of any length."""
    import torch
    from transformers.exporters.exporter_onnx import OnnxConfig, OnnxExporter  # pyright: ignore[reportMissingImports]

    # Parameters keep their gradients out of the trace, and nothing of the sample stays in it.
    with torch.no_grad():
        exported = OnnxExporter().export(model, sample, config=OnnxConfig(dynamic=True))
    return exported.program


def _keep(program: Any, wanted: Sequence[str]) -> None:
    """Drop all other outputs, and what only they need."""
    from onnx_ir.passes.common import RemoveUnusedNodesPass  # pyright: ignore[reportMissingImports]

    graph = program.graph
    found = {value.name: value for value in graph.outputs}
    lacking = [name for name in wanted if name not in found]
    if lacking:
        refuse(f"its graph has no output {listing(lacking)}; it has {listing([str(name) for name in found])}")
    graph.outputs[:] = [found[name] for name in wanted]
    RemoveUnusedNodesPass()(program)


def _name_axes(program: Any, *, choices: bool) -> None:
    """Name the axes that the tracer numbered; an axis that has a number is of that size alone."""
    import onnx_ir  # pyright: ignore[reportMissingImports]

    usual = ("batch_size", "num_choices", "sequence_length") if choices else ("batch_size", "sequence_length")
    names: dict[str, str] = {}
    for value in program.graph.inputs:
        if any(not isinstance(axis, onnx_ir.SymbolicDim) for axis in value.shape):
            refuse(f"its graph takes texts of one size alone: {value.name} is of {value.shape}")
        names.update((str(axis.value), name) for axis, name in zip(value.shape, usual, strict=True))
        value.shape = onnx_ir.Shape(usual)
    for value in program.graph.outputs:
        axes = [names.get(str(getattr(axis, "value", axis)), getattr(axis, "value", axis)) for axis in value.shape]
        value.shape = onnx_ir.Shape(axes)


def _save(program: Any, path: Path) -> None:
    """Write the file, with weights in one beside it where they are large."""
    import onnx_ir  # pyright: ignore[reportMissingImports]

    size = sum(
        value.const_value.nbytes for value in program.graph.initializers.values() if value.const_value is not None
    )
    onnx_ir.save(program, path, external_data=f"{path.name}_data" if size > LARGEST else None)


if __name__ == "__main__":
    main()
