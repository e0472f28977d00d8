"""The options of a call by their names: those of a task, and those that other libraries have for the same."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from types import EllipsisType  # noqa: TC003  # read at run time
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypedDict, TypeVar

from onnxhub.errors import UnknownOptionError, listing, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = [
    "REPLACED",
    "CallOptions",
    "check_names",
    "field_names",
    "option_names",
    "own_option_names",
    "replace_fields",
]

PartT = TypeVar("PartT")
ResultT_co = TypeVar("ResultT_co", covariant=True)
OptionsP = ParamSpec("OptionsP")

RENAMED: Final[Mapping[str, str]] = {
    "aggregation_strategy": "aggregation",
    "cache_folder": "cache_dir",
    "candidate_labels": "labels",
    "hypothesis_template": "template",
    "model": "model_id",
    "normalize_embeddings": "normalize",
    "show_progress_bar": "progress",
    "torch_dtype": "dtype",
    "use_auth_token": "token",
}
"""Names that transformers and sentence-transformers have -> those of the same here."""
REPLACED: Final[Mapping[str, str]] = {
    "attn_implementation": "how attention is computed is part of the graph",
    "batch_size": "batches are made by length; load(..., batch_tokens=...) bounds them",
    "cache_folder": "load(..., cache_dir=...) takes it",
    "config": "it is the model's own config.json",
    "convert_to_numpy": "arrays are numpy's",
    "convert_to_tensor": "arrays are numpy's",
    "device": "load(..., provider='cuda') names what runs the model",
    "device_map": "load(..., provider='cuda') names what runs the model",
    "feature_extractor": "what prepares inputs is the model's own",
    "framework": "ONNX Runtime runs the model",
    "function_to_apply": "a postprocessor of one's own says so: load(..., postprocessor=...)",
    "image_processor": "what prepares inputs is the model's own",
    "load_in_4bit": "load(..., dtype='q4') chooses among the files",
    "load_in_8bit": "load(..., dtype='int8') chooses among the files",
    "low_cpu_mem_usage": "there is nothing to set",
    "max_length": "a text is cut at model.info.max_length tokens, or as long_text says where the task has it",
    "model_kwargs": "load takes each by its own name: cache_dir, local_files_only, dtype, ...",
    "num_workers": "texts are tokenised while batches run; there is nothing to set",
    "padding": "rows are padded as their batch needs it; there is nothing to set",
    "processor": "what prepares inputs is the model's own",
    "quantization_config": "load(..., dtype='q8') chooses among the files",
    "return_all_scores": "top_k=None gives all of them, and it is the default",
    "return_tensors": "arrays are numpy's",
    "tokenizer": "it is the model's own; another's files go into the model's folder",
    "torch_dtype": "load(..., dtype='fp16') chooses among the files",
    "truncation": "a text that is too long is cut, with a warning, or as long_text says where the task has it",
    "trust_remote_code": "code of a repository is never run",
    "use_auth_token": "load(..., token=...) takes it",
    "use_fast": "tokenizers are always the fast ones",
}
"""Names that they have -> what there is in their place, where that is no option of the same kind."""


class TakesOptions(Protocol[OptionsP]):
    """What a task's ``with_options`` takes: so the same options are typed wherever a model is called."""

    def with_options(self, *args: OptionsP.args, **options: OptionsP.kwargs) -> Any: ...


class Called(Protocol[OptionsP, ResultT_co]):
    """What a task's first way to call a model takes, such as a question and a context by their names."""

    def __call__(self, *args: OptionsP.args, **options: OptionsP.kwargs) -> ResultT_co: ...


class CallOptions(TypedDict, total=False):
    """What the options of a task derive from: each may be left out, and ``...`` leaves it as it is.

    They are read at run time, too: by commands, and where an option is unknown.
    """

    progress: bool | EllipsisType
    """Show a bar while a list or a stream is worked on, in a notebook or on stderr, if that is a terminal: inputs,
    tokens a second, and the time that is left where the number of inputs is known. Default False."""


def option_names(options: type[Any] | None) -> frozenset[str]:
    """Return the keys of a ``TypedDict`` of options."""
    return frozenset() if options is None else frozenset(options.__required_keys__ | options.__optional_keys__)


def own_option_names(options: type[Any] | None) -> frozenset[str]:
    """Return the options that a task has beside those of every call."""
    return option_names(options) - option_names(CallOptions)


def field_names(part: object) -> frozenset[str]:
    """Return the names of the fields of a dataclass or its instance; none of anything else."""
    return frozenset(entry.name for entry in fields(part)) if is_dataclass(part) else frozenset()


def replace_fields(part: PartT, values: dict[str, object]) -> PartT:
    """Return the dataclass with the values that are fields of it, which are taken out; itself if none is another."""
    mine = {name: values.pop(name) for name in field_names(part) & values.keys()}
    if all(getattr(part, name) is value for name, value in mine.items()):
        return part
    return replace(part, **mine)  # type: ignore[type-var]


def check_names(given: Mapping[str, object], known: Collection[str], kind: str) -> None:
    """Raise ``UnknownOptionError`` for the first name that is unknown, with those that there are and what was meant.

    Args:
        given: Name -> value.
        known: The names that there are.
        kind: What they name, for the message: ``"an option of TextClassificationModel"``.
    """
    for name, value in given.items():
        if name not in known:
            listed = f": {listing(sorted(known))}" if known else ", which has none"
            raise UnknownOptionError(name, value, f"{kind}{listed}{_explain(name, known)}")


def _explain(name: str, known: Collection[str]) -> str:
    if (renamed := RENAMED.get(name)) in known:
        return f" (it is called {renamed} here)"
    if (instead := REPLACED.get(name)) is not None:
        return f" ({instead})"
    return nearest(name, sorted(known))
