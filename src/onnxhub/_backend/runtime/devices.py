"""GPUs: loads their libraries before a session needs them, and keeps inputs and outputs of a run on the device."""

from __future__ import annotations

import logging
import sys
from contextlib import redirect_stdout
from io import StringIO
from threading import get_ident
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxhub._backend.runtime.providers import import_onnxruntime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from onnxruntime import InferenceSession

    from onnxhub._contracts.protocols import Features

    Device: TypeAlias = tuple[str, int]

__all__ = ["find_device", "preload", "run_on_device"]

logger = logging.getLogger("onnxhub")

MEMORY = {"cuda": "cuda", "tensorrt": "cuda"}
"""Provider -> the memory that it computes in, by ONNX Runtime's name; all others choose it themselves."""


def preload(provider: str) -> None:
    """Load the libraries of CUDA and cuDNN that pip installed, where ONNX Runtime would not look for them."""
    if provider in MEMORY and hasattr(import_onnxruntime(), "preload_dlls"):
        # It prints what it cannot load; building the session shows whether that matters.
        with redirect_stdout(_ThreadOutput()) as said:
            import_onnxruntime().preload_dlls()
        if said.getvalue():
            logger.info("preloading the libraries of %s: %s", provider, said.getvalue().strip())


class _ThreadOutput(StringIO):
    """Captures the output of this thread; the output of other threads passes through."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = get_ident()
        self._usual = sys.stdout

    def write(self, text: str) -> int:
        """Keep the text, or pass it on."""
        return super().write(text) if get_ident() == self._thread else self._usual.write(text)


def find_device(provider: str, options: Mapping[str, Any]) -> Device | None:
    """Return the memory of a provider and the number of its device; None if ONNX Runtime chooses."""
    memory = MEMORY.get(provider)
    return None if memory is None else (memory, int(options.get("device_id", 0)))


def run_on_device(
    device: Device, session: InferenceSession, outputs: Sequence[str], feeds: Features, options: Any
) -> list[Any]:
    """Run a batch whose inputs are copied to the device once before, and its outputs back once after."""
    value = import_onnxruntime().OrtValue
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_ortvalue_input(name, value.ortvalue_from_numpy(np.ascontiguousarray(array), *device))
    for name in outputs:
        binding.bind_output(name, *device)
    session.run_with_iobinding(binding, options)
    found: list[Any] = binding.copy_outputs_to_cpu()
    return found
