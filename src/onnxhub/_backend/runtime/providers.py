"""Execution providers: their names, and what is missing when one cannot run."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from importlib import import_module
from itertools import takewhile
from typing import TYPE_CHECKING

from onnxhub.errors import InvalidOptionError, MissingDependencyError, ProviderUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType
    from typing import TypeAlias

    ProviderOptions: TypeAlias = Mapping[str, str | int | bool]

__all__ = [
    "FULL_NAMES",
    "Provider",
    "choose_candidates",
    "describe_need",
    "import_onnxruntime",
    "refuse_provider",
    "shorten_name",
]

logger = logging.getLogger("onnxhub")

FULL_NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "dnnl": "DnnlExecutionProvider",
    "qnn": "QNNExecutionProvider",
    "webgpu": "WebGpuExecutionProvider",
    "xnnpack": "XnnpackExecutionProvider",
}
TELEMETRY = "ORT_DISABLE_TELEMETRY"
"""ONNX Runtime, from 1.29 on, reports each session to its makers, unless this is set when it is imported."""
ALIASES = {"dml": "directml", "gpu": "cuda", "trt": "tensorrt", "metal": "coreml"}

_GPU = "needs the CUDA build: pip uninstall onnxruntime, then pip install 'onnxhub[gpu]'"
INSTALL = {
    "cuda": f"it {_GPU}",
    "tensorrt": f"it {_GPU}, and the TensorRT libraries: pip install tensorrt",
    "openvino": "it needs another build: pip uninstall onnxruntime, then pip install onnxruntime-openvino",
    "directml": "it needs another build, on Windows: pip uninstall onnxruntime, then pip install onnxruntime-directml",
    "qnn": "it needs another build: pip uninstall onnxruntime, then pip install onnxruntime-qnn",
    "coreml": "it is in the onnxruntime of macOS only",
    "rocm": "it needs a build of ONNX Runtime for ROCm",
    "migraphx": "it needs a build of ONNX Runtime for MIGraphX",
}
SERVICE = "AzureExecutionProvider"
"""A provider in every onnxruntime that calls models on servers, and runs none itself."""
AUTO = ("cuda", "rocm", "migraphx", "coreml", "directml", "cpu")
"""Providers that ``"auto"`` tries; TensorRT builds an engine for minutes first, and is left out."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider with its options."""

    name: str
    """The short name."""
    options: ProviderOptions

    @property
    def full_name(self) -> str:
        """ONNX Runtime's name."""
        return FULL_NAMES.get(self.name, self.name)

    @property
    def is_gpu(self) -> bool:
        """Whether fp16 is its natural precision."""
        return self.name in {"cuda", "tensorrt", "rocm", "migraphx", "directml"}


def choose_candidates(provider: str | Sequence[str], options: ProviderOptions | None) -> list[Provider]:
    """Return the providers to try, in order; only a sequence or ``"auto"`` has more than one.

    Raises:
        InvalidOptionError: a name is not known; the message has the nearest.
        ProviderUnavailableError: a single name, and the installed ONNX Runtime does not have it.
    """
    if isinstance(provider, str | bytes):
        names: Sequence[str] = AUTO if provider == "auto" else (provider,)
    else:
        names = tuple(provider)
    if not names:
        raise InvalidOptionError("provider", provider, "a name, or at least one of them")
    wanted = [_parse(name, options or {}) for name in names]
    available = import_onnxruntime().get_available_providers()
    usable = [entry for entry in wanted if entry.full_name in available]
    if usable and provider != "auto":
        for entry in takewhile(lambda entry: entry not in usable, wanted):
            logger.warning("provider %r cannot run here: %s; trying the next", entry.name, describe_need(entry.name))
    if not usable:
        refuse_provider(wanted[0], available)
    return usable


def refuse_provider(provider: Provider, available: Sequence[str], reason: str = "") -> None:
    """Raise ``ProviderUnavailableError``, saying what is missing."""
    names = tuple(shorten_name(name) for name in available if name != SERVICE)
    raise ProviderUnavailableError(provider.name, names, reason or describe_need(provider.name))


def describe_need(name: str) -> str:
    """Describe how to get a provider that the installed ONNX Runtime does not have."""
    return INSTALL.get(name, "the installed ONNX Runtime was built without it")


def shorten_name(full_name: str) -> str:
    """Return ``"cpu"`` for ``"CPUExecutionProvider"``."""
    return next((short for short, full in FULL_NAMES.items() if full == full_name), full_name)


def import_onnxruntime() -> ModuleType:
    """Return the onnxruntime package, whose telemetry is off unless the environment turned it on.

    Raises:
        MissingDependencyError: none is installed; the runtimes are extras, since two of them get in each other's way.
    """
    # Telemetry is off, unless the variable is 0: a forked child would also wait for its thread.
    os.environ.setdefault(TELEMETRY, "1")
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        install = "pip install 'onnxhub[cpu]', or 'onnxhub[gpu]' for CUDA"
        raise MissingDependencyError.of(error, "onnxruntime", "running a model", install) from error


def _parse(name: str, options: ProviderOptions) -> Provider:
    """Read a name such as ``"cuda:1"`` or ``"CUDAExecutionProvider"``."""
    known = (*FULL_NAMES, *ALIASES, "auto")
    if not isinstance(name, str):
        raise InvalidOptionError("provider", name, "a provider's name, as a str")
    short, colon, device = name.partition(":")
    short = ALIASES.get(short.lower(), short.lower())
    short = next((key for key, full in FULL_NAMES.items() if full.lower() == short), short)
    if short == "auto":
        raise InvalidOptionError("provider", name, "'auto' by itself, neither in a sequence nor with a device")
    if short not in FULL_NAMES:
        raise InvalidOptionError("provider", name, "one of " + ", ".join(FULL_NAMES), known)
    if not colon:
        return Provider(short, options)
    if short in {"cpu", "coreml"}:
        raise InvalidOptionError("provider", name, f"{short!r} alone, which has no devices to number")
    if not device.isdecimal():
        raise InvalidOptionError("provider", name, "a device as a number, such as 'cuda:1'")
    return Provider(short, {"device_id": int(device), **options})
