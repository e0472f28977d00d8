"""Graph outputs of bfloat16, which numpy does not have: read as float32, which holds each of their values."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from onnxhub._backend.runtime.providers import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession, OrtValue

    from onnxhub._contracts.protocols import Features

__all__ = ["BFLOAT16", "run_widened"]

BFLOAT16: Final = "tensor(bfloat16)"


def run_widened(
    session: InferenceSession, outputs: list[str], feeds: Features, options: object
) -> Sequence[NDArray[Any]]:
    """What ``session.run`` would give, if it did not fail on bfloat16."""
    make = onnxruntime().OrtValue.ortvalue_from_numpy
    given = {name: make(np.ascontiguousarray(values)) for name, values in feeds.items()}
    found = session.run_with_ort_values(outputs, given, options)
    return [_widened(value) if value.data_type() == BFLOAT16 else value.numpy() for value in found]


def _widened(value: OrtValue) -> NDArray[np.float32]:
    """A bfloat16 is the upper half of the float32 with the same value."""
    halves = np.empty(value.shape(), np.uint16)
    ctypes.memmove(halves.ctypes.data, value.data_ptr(), halves.nbytes)
    wide = halves.astype(np.uint32) << 16
    return wide.view(np.float32)
