"""The options of a call by their names: those of a task, and those that other libraries have for the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import EllipsisType  # noqa: TC003  # read at run time
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypedDict, TypeVar

from onnxhub.errors import UnknownOptionError, listing, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["ELSEWHERE", "CallOptions", "check_options", "explain_name", "option_names", "own_option_names"]

OptionsT = TypeVar("OptionsT", bound=Mapping[str, object])
ResultT_co = TypeVar("ResultT_co", covariant=True)
OptionsP = ParamSpec("OptionsP")

ELSEWHERE: Final[Mapping[str, str]] = {
    "aggregation_strategy": "it is called aggregation here",
    "batch_size": "batches are made by length; load(..., batch_tokens=...) bounds them",
    "candidate_labels": "they are called labels here",
    "convert_to_numpy": "arrays are numpy's",
    "convert_to_tensor": "arrays are numpy's",
    "device": "load(..., provider='cuda') names what runs the model",
    "device_map": "load(..., provider='cuda') names what runs the model",
    "framework": "ONNX Runtime runs the model",
    "function_to_apply": "a postprocessor of one's own says so: load(..., postprocessor=...)",
    "hypothesis_template": "it is called template here",
    "max_length": "a text is cut at model.info.max_length tokens, or as long_text says where the task has it",
    "model": "it is called model_id here",
    "normalize_embeddings": "it is called normalize here",
    "num_workers": "texts are tokenised while batches run; there is nothing to set",
    "padding": "rows are padded as their batch needs it; there is nothing to set",
    "return_all_scores": "top_k=None gives all of them, and it is the default",
    "return_tensors": "arrays are numpy's",
    "show_progress_bar": "it is called progress here",
    "torch_dtype": "load(..., dtype='fp16') chooses among the files",
    "truncation": "a text that is too long is cut, with a warning, or as long_text says where the task has it",
    "use_fast": "tokenizers are always the fast ones",
}
"""Names that transformers and sentence-transformers have -> what there is in their place."""


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
    """Show a bar on stderr while a list or a stream is worked on, if that is a terminal or a notebook: inputs, tokens a
    second, and the time that is left where the number of inputs is known. Default False."""


def option_names(options: type[Any] | None) -> frozenset[str]:
    """Return the keys of a ``TypedDict`` of options."""
    return frozenset() if options is None else frozenset(options.__required_keys__ | options.__optional_keys__)


def own_option_names(options: type[Any] | None) -> frozenset[str]:
    """Return the options that a task has beside those of every call."""
    return option_names(options) - option_names(CallOptions)


def check_options(given: OptionsT, known: Collection[str], owner: str) -> OptionsT:
    """Return the options that were given, if all are known.

    Args:
        given: Name -> value.
        known: The names that there are.
        owner: What has them, for the message.

    Raises:
        UnknownOptionError: One is unknown.
    """
    for name, value in given.items():
        if name not in known:
            raise UnknownOptionError(name, value, f"an option of {owner}{explain_name(name, known)}")
    return given


def explain_name(name: str, known: Iterable[str]) -> str:
    """Return what a message says after "an option of ...": the names there are, and what was meant by another."""
    names = sorted(known)
    listed = f": {listing(names)}" if names else ", which has none"
    instead = ELSEWHERE.get(name)
    return listed + (f" ({instead})" if instead else nearest(name, names))
