"""A reader of safetensors files that needs numpy only: a length, a JSON header, raw bytes.

It is as strict as the format: the tensors lie side by side in the file, none is missing, and no byte belongs to two.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_safetensors"]

TYPES: Final = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "BF16": "<u2"}
LARGEST_HEADER: Final = 10 * 2**20
"""Bytes; headers of the largest models have a few hundred thousand."""
MOST_DIMENSIONS: Final = 32
_METADATA: Final = "__metadata__"


def read_safetensors(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """Return all tensors of a file, as float32.

    Raises:
        IntegrityError: the file is damaged, or has another type of number.
    """
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(LARGEST_HEADER, len(data) - 8):
        raise IntegrityError(str(path), "not a safetensors file, or cut")
    try:
        header = json.loads(data[8 : 8 + size], object_pairs_hook=_require_unique)
        return _read_tensors(header, memoryview(data)[8 + size :])
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise IntegrityError(str(path), f"not a safetensors file that can be read: {error!r}") from error


def _require_unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these keys and values.

    Raises:
        ValueError: A key is there twice; JSON itself would take the last value.
    """
    entries: dict[str, Any] = {}
    for key, value in pairs:
        if key in entries:
            raise ValueError(f"{key[:80]!r} is there twice")
        entries[key] = value
    return entries


def _read_tensors(header: Mapping[str, Any], body: memoryview) -> dict[str, NDArray[np.float32]]:
    """Return the tensors in the order of the header.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: the header is wrong, or not that of this body.
    """
    extents = {name: _check_extent(name, entry) for name, entry in header.items() if name != _METADATA}
    reached = 0
    for name, (start, stop) in sorted(extents.items(), key=lambda item: item[1]):
        if start != reached:
            raise ValueError(f"{name[:80]!r} begins at byte {start} where {reached} bytes are taken")
        reached = stop
    if reached != len(body):
        raise ValueError(f"its tensors are {reached} bytes, and it has {len(body)}")
    return {
        name: _read_tensor(body[start:stop], header[name]["dtype"], header[name]["shape"])
        for name, (start, stop) in extents.items()
    }


def _check_extent(name: str, entry: Mapping[str, Any]) -> tuple[int, int]:
    """Return the first byte of a tensor and the byte behind its last.

    Raises:
        ValueError, TypeError, KeyError: They are not as many as its shape needs.
    """
    start, stop = entry["data_offsets"]
    shape, dtype = entry["shape"], entry["dtype"]
    if dtype not in TYPES:
        raise ValueError(f"{name[:80]!r} is of {dtype[:80]!r}; what can be read is {', '.join(TYPES)}")
    if not isinstance(shape, list) or len(shape) > MOST_DIMENSIONS:
        raise TypeError(f"the shape of {name[:80]!r} is no list of up to {MOST_DIMENSIONS} sizes")
    if not all(type(number) is int and 0 <= number < 2**63 for number in (start, stop, *shape)):
        raise ValueError(f"an offset or a size of {name[:80]!r} is no number of bytes")
    if math.prod(shape) * np.dtype(TYPES[dtype]).itemsize != stop - start:
        raise ValueError(f"{name[:80]!r} has {stop - start} bytes, which are not those of its shape")
    return start, stop


def _read_tensor(data: memoryview, dtype: str, shape: list[int]) -> NDArray[np.float32]:
    values = np.frombuffer(data, TYPES[dtype])
    if dtype == "BF16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return values.reshape(shape).astype(np.float32)
