"""Options of transformers' ``pipeline`` constructor as those of ``onnxhub.load``, or refused with advice."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from onnxhub._backend.runtime.providers import choose_candidates
from onnxhub._contracts.options import REPLACED
from onnxhub._loading.request import LoadRequest
from onnxhub.compat._pipeline import PASSED_ON
from onnxhub.errors import InvalidOptionError
from onnxhub.tasks.custom import suggest_pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxhub._contracts.registry import Task

__all__ = [
    "check_repositories",
    "drop_neutral",
    "explain_task",
    "infer_task",
    "read_dtype",
    "read_model_kwargs",
    "read_provider",
]

DTYPES: Final = {"float32": "fp32", "float16": "fp16"}
"""torch's names."""
NEUTRAL: Final[Mapping[str, tuple[tuple[object, ...], str]]] = {
    "binary_output": ((None, False), "False: results are Python's own types"),
    "config": ((None,), "None: the configuration is that of the model's repository"),
    "device_map": (
        (None,),
        "None: device= or provider= say where it runs, all of it on one device (provider='auto': on the best)",
    ),
    "feature_extractor": ((None,), "None: nothing here reads sound"),
    "framework": ((None, "pt"), "'pt' or None: ONNX Runtime runs it, and there is no framework"),
    "image_processor": ((None,), "None: images are prepared as the model's repository says"),
    "pipeline_class": ((None,), "None: the classes of onnxhub.compat"),
    "processor": ((None,), "None: the tokenizer is that of the model's repository"),
    "trust_remote_code": ((None, False), "False: code of a repository is never run"),
    "use_auth_token": ((None,), "None: token= takes it"),
    "use_fast": ((None, True), "True: tokenizers are those of the tokenizers library wherever there is one"),
}
"""Options of transformers' constructor -> the values that ask for nothing here, and what is said of others."""


DTYPE_NAMES: Final = frozenset({"dtype", "torch_dtype"})
UNUSED: Final = frozenset({"low_cpu_mem_usage", "use_safetensors"})
"""Keys of ``model_kwargs`` that are about weights of PyTorch, and change no result."""


def drop_neutral(options: Mapping[str, object]) -> dict[str, object]:
    """Return the options without those of transformers' constructor that ask for nothing.

    Raises:
        InvalidOptionError: one of them asks for something.
    """
    rest = dict(options)
    for name in NEUTRAL.keys() & options.keys():
        allowed, expected = NEUTRAL[name]
        value = rest.pop(name)
        if not any(type(value) is type(neutral) and value == neutral for neutral in allowed):
            raise InvalidOptionError(name, value, expected)
    return rest


def read_model_kwargs(options: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``onnxhub.load`` for ``model_kwargs``, which is removed from the options.

    A dtype in it becomes the option ``torch_dtype``.

    Raises:
        InvalidOptionError: It is no dict, or has a key that means nothing here.
    """
    given = options.pop("model_kwargs", None)
    expected = f"{{}}: {', '.join(sorted(PASSED_ON | DTYPE_NAMES))} are taken, and all else is among the options of onnxhub.load"
    if given is not None and not isinstance(given, Mapping):
        raise InvalidOptionError("model_kwargs", given, expected)
    loading = {}
    for name, value in (given or {}).items():
        if name in DTYPE_NAMES and options.get("torch_dtype") is None:
            options["torch_dtype"] = value
        elif name in PASSED_ON:
            loading[name] = value
        elif name not in UNUSED:
            reason = f" ({name}: {REPLACED[name]})" if name in REPLACED else ""
            raise InvalidOptionError("model_kwargs", given, f"{expected}{reason}")
    return loading


def read_dtype(dtype: object, options: dict[str, Any]) -> str:
    """Return the precision for ``dtype``, or for its older name ``torch_dtype``, which is removed from the options.

    Raises:
        InvalidOptionError: both are given, or no file is of such a precision.
    """
    older = options.pop("torch_dtype", None)
    if older is not None and dtype not in (None, "auto"):
        raise InvalidOptionError("torch_dtype", older, f"None beside dtype={dtype!r}: they say the same")
    given = dtype if older is None else older
    if given is None:
        return "auto"
    name = str(given).removeprefix("torch.")
    if name in DTYPES:
        return DTYPES[name]
    if not isinstance(given, str) or given.startswith("torch.") or name in {"bfloat16", "float64"}:
        expected = (
            "torch.float32, torch.float16, or the precision of an ONNX file: 'fp32', 'fp16', 'q8', 'int8', 'q4', ..."
        )
        raise InvalidOptionError("dtype" if older is None else "torch_dtype", given, expected)
    return given


def explain_task(
    asked: str, task: Task[Any], model: str | os.PathLike[str] | None, known: Sequence[str]
) -> InvalidOptionError:
    """Return the error about a task that has no pipeline here: what there is in its place.

    Args:
        asked: The name that the task was asked for by, which may be one of transformers' own, such as ``"translation"``.
        task: The task that it is here.
        model: The model that was named, if one was.
        known: The tasks that have a pipeline.
    """
    named = "org/name" if model is None else os.fspath(model)
    instead = f"onnxhub.load({asked!r}, {named!r}) gives typed results"
    if task.raw:
        instead = f"model = onnxhub.load({asked!r}, {named!r}) gives arrays"
        line = suggest_pipeline(asked, named) or suggest_pipeline(task.name, named)
        if line:
            instead = f"{instead}, and {line} the dicts (pip install 'onnxhub[optimum]'; docs/tasks/custom.md)"
    return InvalidOptionError("task", asked, f"one of {', '.join(known)}; {asked} is not one of them yet: {instead}")


def infer_task(model: str | os.PathLike[str] | None, *, token: str | bool | None, **loading: Any) -> Task[Any]:
    """Return the task that a model is for, by what ``onnxhub.load("auto", ...)`` goes by.

    Args:
        model: Hub id or local folder.
        token: A Hub token.
        loading: Arguments of ``load``.

    Raises:
        InvalidOptionError: There is no model either.
        UnclearTaskError: The model does not say what it is for.
        OnnxHubError: It cannot be had; see ``onnxhub.load``.
    """
    if model is None:
        raise InvalidOptionError(
            "task", None, "a task, or a model that tells its own: onnxhub.pipeline(model='org/name')"
        )
    _check_name("model", model)
    request = LoadRequest(model_id=model, **loading)
    providers = choose_candidates(request.provider, None)
    repository = request.open_repository(gpu=providers[0].is_gpu, token=token)
    return request.resolve(repository, None, providers).known_task


def check_repositories(task: Task[Any], model: object, tokenizer: object) -> None:
    """Raise ``InvalidOptionError`` unless both name one repository, or the tokenizer none."""
    _check_name("model", model)
    if tokenizer is None:
        return
    _check_name("tokenizer", tokenizer)
    if not _is_same(tokenizer, task.default_model if model is None else model):
        expected = "the model's own (put the other's tokenizer.json and tokenizer_config.json into the model's folder)"
        raise InvalidOptionError("tokenizer", tokenizer, expected)


def read_provider(device: object, provider: str | Sequence[str] | None) -> str | Sequence[str]:
    """Return the execution provider for transformers' ``device``."""
    if provider is not None and device is not None:
        raise InvalidOptionError("device", device, f"None beside provider={provider!r}: they say the same")
    if provider is not None:
        return provider
    if device is None or device in (-1, "cpu"):
        return "cpu"
    if isinstance(device, int) and device >= 0:
        return f"cuda:{device}"
    name = str(device)
    if name.partition(":")[0] not in {"cpu", "cuda"}:
        raise InvalidOptionError("device", device, "-1, 'cpu', a number, 'cuda' or 'cuda:1'; or use provider=")
    return "cpu" if name.startswith("cpu") else name


def _check_name(option: str, value: object) -> None:
    if value is not None and not isinstance(value, str) and not hasattr(value, "__fspath__"):
        expected = f"a Hub id or a folder, not a {type(value).__name__}; save_pretrained writes such a folder"
        raise InvalidOptionError(option, value, expected)


def _is_same(name: Any, other: Any) -> bool:
    """Return whether two names are of the same folder, or the same id."""
    if other is None:
        return False
    first, second = (os.path.expanduser(os.fspath(path)) for path in (name, other))
    return first == second or (os.path.isdir(first) and os.path.isdir(second) and Path(first).samefile(second))
