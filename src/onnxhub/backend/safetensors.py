"""A reader of safetensors files that needs numpy only: a length, a JSON header, raw bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_safetensors"]

TYPES = {"F32": "<f4", "F16": "<f2", "F64": "<f8"}
LARGEST_HEADER = 100 * 2**20


def read_safetensors(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """All tensors of a file, as float32.

    Raises:
        IntegrityError: the file is damaged, or has another type of number.
    """
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(LARGEST_HEADER, len(data) - 8):
        raise IntegrityError(str(path), "not a safetensors file, or cut")
    try:
        header = json.loads(data[8 : 8 + size])
        return {
            name: _tensor(data[8 + size :], entry["dtype"], entry["shape"], *entry["data_offsets"])
            for name, entry in header.items() if name != "__metadata__"
        }  # fmt: skip
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise IntegrityError(str(path), f"not a safetensors file that can be read: {error!r}") from error


def _tensor(data: bytes, dtype: str, shape: list[int], start: int, stop: int) -> NDArray[np.float32]:
    if dtype == "BF16":  # the upper half of a float32
        halves = np.frombuffer(data[start:stop], "<u2").astype(np.uint32) << 16
        return halves.view(np.float32).reshape(shape)
    return np.frombuffer(data[start:stop], TYPES[dtype]).reshape(shape).astype(np.float32)
