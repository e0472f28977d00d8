"""Convert a model to ONNX with optimum, for a class of ``optimum.onnxruntime``.

Asked: ``source`` and ``output``, folders; ``ort_class``; ``pickle``, whether weights may be pickles; ``code``, whether the
repository says that its model is code of its own. The output gets the ONNX files, and ``facts.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from onnxhub._backend.making.programs import begin, refuse, refuse_foreign
from onnxhub._backend.making.programs.configuration import read_configuration
from onnxhub._backend.making.programs.untrained import check_graph, mark_missing
from onnxhub.errors import listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WITH_PAST: Final = "-with-past"
DTYPE: Final = "fp32"


def main() -> None:
    """Run the request of the parent."""
    asked = begin()
    source, output = Path(asked["source"]), Path(asked["output"])
    from optimum.exporters.onnx import main_export

    config = read_configuration(source, code=asked["code"])
    task, generates = _choose_task(asked["ort_class"], config)
    missing = _load_with_care(pickle=asked["pickle"])
    main_export(
        str(source),
        output,
        task=task,
        dtype=DTYPE,
        do_validation=False,
        library_name="transformers",
        framework="pt",
        local_files_only=True,
        trust_remote_code=False,
        # It merges two decoders into one, and weights that are tied; other models have neither.
        no_post_process=not generates,
    )
    _drop_unmerged_decoders(output)
    opsets = [check_graph(path, missing, config) for path in sorted(output.glob("*.onnx"))]
    facts = {"task": task, "opset": max(opsets), "dtype": DTYPE, "attention": "eager"}
    (output / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def _choose_task(ort_class: str, config: Any) -> tuple[str, bool]:
    """Return optimum's name for the task of the class, and whether the class generates."""
    import optimum.onnxruntime
    import transformers
    from optimum.exporters.tasks import TasksManager

    kind = getattr(optimum.onnxruntime, ort_class)
    model_class = kind.auto_model_class
    if ort_class == "ORTModelForCustomTasks":  # any graph will do: the one of the class that was saved
        saved = next(iter(config.architectures or ()), None)
        model_class = getattr(transformers, saved, None) if isinstance(saved, str) else None
        model_class = model_class or kind.auto_model_class
    task: str = TasksManager._infer_task_from_model_or_model_class(model_class=model_class)  # noqa: SLF001  # so does optimum
    supported = _list_supported_tasks(config.model_type, task)
    generates = issubclass(kind, transformers.GenerationMixin)
    if generates and task + WITH_PAST in supported:
        return task + WITH_PAST, True
    if task not in supported:
        refuse(
            f"optimum converts models of type {config.model_type!r} for {listing(sorted(supported))}, but not for {task}"
        )
    return task, generates


def _list_supported_tasks(model_type: str, task: str) -> Iterable[str]:
    """Return the tasks for which optimum converts models of this type."""
    import optimum.exporters.onnx.model_configs  # noqa: F401  # which tells the manager
    from optimum.exporters.tasks import TasksManager

    try:
        found: Mapping[str, Any] = TasksManager.get_supported_tasks_for_model_type(
            model_type, "onnx", library_name="transformers"
        )
    except KeyError:
        able = sorted(TasksManager.get_supported_model_type_for_task(task, "onnx"))
        refuse(f"optimum cannot convert models of type {model_type!r}; for {task}, it converts {listing(able, 100)}")
    return found


def _load_with_care(*, pickle: bool) -> set[str]:
    """Make transformers load models with eager attention, and without code or untrained numbers.

    The set that is returned gets the names of all missing weights when a model is loaded.
    """
    from transformers import PreTrainedModel

    original: Any = PreTrainedModel.from_pretrained.__func__
    missing: set[str] = set()

    def from_pretrained(cls: type[Any], *arguments: Any, **options: Any) -> Any:
        options |= {"attn_implementation": "eager", "use_safetensors": not pickle, "output_loading_info": True}
        try:
            model, info = original(cls, *arguments, **options)
        except OSError as error:  # which optimum takes for TensorFlow's weights
            refuse_foreign(error)
            refuse(f"its weights cannot be read: {_describe_first_cause(error)}")
        missing.update(mark_missing(model, info["missing_keys"]))
        return model

    PreTrainedModel.from_pretrained = classmethod(from_pretrained)  # type: ignore[method-assign]
    return missing


def _describe_first_cause(error: BaseException) -> str:
    """Describe the first error of a chain in one sentence."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {str(error).partition('. ')[0]}"


def _drop_unmerged_decoders(output: Path) -> None:
    """Delete the two decoders that a merged one replaces."""
    if (output / "decoder_model_merged.onnx").exists():
        for name in ("decoder_model.onnx", "decoder_with_past_model.onnx"):
            for path in output.glob(f"{name}*"):
                path.unlink()


if __name__ == "__main__":
    main()
