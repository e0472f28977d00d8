"""What is one input, what is many, and how much memory an input takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from onnxhub.errors import InvalidInputError

__all__ = ["as_many", "check_iterable", "is_table", "list_column", "weigh"]

BYTES_PER_CHARACTER: Final = 32
"""What a character of a text takes while it waits and is tokenised."""
BYTES_PER_INPUT: Final = 64
"""What any input takes at the least."""


def is_table(value: object) -> bool:
    """Tell whether it is one of pandas, Polars or Arrow: several columns, of which one has the texts."""
    return hasattr(value, "columns") and hasattr(value, "shape")


def list_column(value: object) -> object:
    """Return the values of a column as Python's own, usually in a list; the value itself if it is no column.

    Columns are numpy's, pandas', Arrow's and Polars', each of which has another word for it.
    """
    names = ("tolist", "to_pylist", "to_list")
    method = next((found for name in names if callable(found := getattr(value, name, None))), None)
    return value if method is None else method()


def as_many(inputs: object) -> list[object] | None:
    """Return the inputs of a list, of a column (numpy, pandas, Arrow, Polars) or of another sequence; None of one input."""
    if isinstance(inputs, list):
        return inputs
    if isinstance(inputs, str) or is_table(inputs):
        return None
    values = list_column(inputs)
    # A tuple is one input, such as a pair of texts. A column of Hugging Face's data sets is a sequence, and no more.
    if isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray | memoryview | tuple):
        return list(values)
    return None


def check_iterable(inputs: object, *methods: str) -> None:
    """Raise ``InvalidInputError`` unless inputs have one of these methods, and are no text, and no table of columns."""
    if isinstance(inputs, Mapping) or is_table(inputs):
        msg = f"expected an iterable of inputs, got {type(inputs).__name__}; pass one of its columns"
        raise InvalidInputError(msg)
    single = isinstance(inputs, str | bytes) or getattr(inputs, "shape", None) == ()
    if single or not any(hasattr(inputs, method) for method in methods):
        msg = f"expected an iterable of inputs, got {type(inputs).__name__}; one input goes to the call itself"
        raise InvalidInputError(msg)


def weigh(value: object) -> int:
    """Return the bytes that an input takes while it waits, about: of texts, bytes, arrays, images, and what holds them."""
    if isinstance(value, str):
        return BYTES_PER_INPUT + len(value) * BYTES_PER_CHARACTER
    if isinstance(value, bytes | bytearray):
        return BYTES_PER_INPUT + len(value)
    if isinstance(value, Mapping):
        return BYTES_PER_INPUT + sum(map(weigh, value.values()))
    if isinstance(value, list | tuple):
        return BYTES_PER_INPUT + sum(map(weigh, value))
    size = getattr(value, "nbytes", None)
    return BYTES_PER_INPUT + (size if isinstance(size, int) else _weigh_image(value))


def _weigh_image(value: object) -> int:
    """Return the bytes of an image of Pillow, whose size is its width and height; 0 of anything else."""
    size: Any = getattr(value, "size", None)
    bands: Any = getattr(value, "getbands", None)
    if bands is None or not isinstance(size, tuple):
        return 0
    width, height = size
    return int(width) * int(height) * len(bands())
