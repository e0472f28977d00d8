"""What is one input, what is many, and how much memory an input takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from numbers import Number
from pathlib import PurePath
from typing import Any, Final, TypeVar

import numpy as np

from onnxhub.errors import InvalidInputError

__all__ = [
    "as_many",
    "check_iterable",
    "holds_columns",
    "is_column",
    "is_missing",
    "is_table",
    "iterate",
    "require_many",
    "weigh",
]

ValueT = TypeVar("ValueT")

BYTES_PER_CHARACTER: Final = 32
"""What a character of a text takes while it waits and is tokenised."""
BYTES_PER_INPUT: Final = 64
"""What any input takes at the least."""
SLICE: Final = 2048
"""Values of a column that are made Python's own at once, where they are streamed."""
ONE_TEXT: Final = (str, bytes, bytearray, memoryview)
"""Sequences that are one input, of which the first is asked for with each call."""
MISSING_TYPES: Final = frozenset({"NAType", "NaTType", "MaskedConstant"})
"""Classes of pandas' and numpy's values that stand for none, by their names: pandas need not be installed."""


def is_table(value: object) -> bool:
    """Tell whether it is one of pandas, Polars, Arrow or a data set: several columns, of which one has the texts."""
    # Looked up in the class, since a lazy frame of Polars would warn if it were asked itself.
    kind = type(value)
    return hasattr(kind, "shape") and (hasattr(kind, "columns") or hasattr(kind, "column_names"))


def holds_columns(value: object) -> bool:
    """Tell whether it is a table that gives its columns, or their names, where others give rows."""
    return is_table(value) and hasattr(type(value), "columns")


def is_column(value: object) -> bool:
    """Tell whether it is an array or a column of a table, which knows how to become a list."""
    return not is_table(value) and _find_method(value) is not None


def is_missing(value: object) -> bool:
    """Tell whether it stands for no value: None, NaN, pandas' NA and NaT, a masked value of numpy, a null of Arrow."""
    if value is None or type(value).__name__ in MISSING_TYPES:
        return True
    if callable(read := getattr(value, "as_py", None)):
        return read() is None
    # Only NaN, and numpy's NaT, differ from themselves.
    return isinstance(value, Number | np.generic) and bool(np.any(value != value))  # noqa: PLR0124


def as_many(inputs: object, *, tuples: bool = False) -> list[object] | None:
    """Return the values of a list, of a column (numpy, pandas, Arrow, Polars) or of another sequence; None of anything else.

    It alone decides what is many: inputs of a call, and texts of an option or of an input.

    Args:
        inputs: What a call, an option or a part of an input was given.
        tuples: Whether a tuple is many, as of labels. As an input, it is one, such as a pair of texts.
    """
    if isinstance(inputs, list):
        return inputs
    if isinstance(inputs, ONE_TEXT) or is_table(inputs):
        return None
    if isinstance(inputs, tuple):
        return list(inputs) if tuples else None
    to_list = _find_method(inputs)
    values = inputs if to_list is None else to_list()
    # A column of Hugging Face's data sets is a sequence, and no more. An array without axes gives its only value.
    return list(values) if isinstance(values, Sequence) and not isinstance(values, (*ONE_TEXT, tuple)) else None


def _find_method(value: object) -> Callable[[], object] | None:
    """Return the method that makes a list of a column: of numpy and pandas, of Arrow, or of Polars."""
    names = ("tolist", "to_pylist", "to_list")
    return next((found for name in names if callable(found := getattr(value, name, None))), None)


def iterate(source: Iterable[ValueT]) -> Iterator[ValueT]:
    """Return the inputs of a stream, one by one; those of Arrow as Python's own, for it gives scalars that are no texts."""
    column: Any = source
    if not hasattr(column, "to_pylist"):
        return iter(source)
    if not hasattr(column, "slice"):
        return iter(column.to_pylist())
    # A part at a time: a stream's memory is bounded, and the values of the whole column would be copied.
    starts = range(0, len(column), SLICE)
    return chain.from_iterable(column.slice(start, SLICE).to_pylist() for start in starts)


def check_iterable(inputs: object, *methods: str) -> None:
    """Raise ``InvalidInputError`` unless inputs have one of these methods, and are no text, and no table of columns."""
    kind = type(inputs).__name__
    if isinstance(inputs, Mapping) or holds_columns(inputs):
        msg = f"expected an iterable of inputs, got {kind}; pass one of its columns, or, with a key, its rows"
        raise InvalidInputError(msg)
    if isinstance(inputs, PurePath):
        msg = f"expected an iterable of inputs, got {kind}; open the file, which gives its lines"
        raise InvalidInputError(msg)
    single = isinstance(inputs, str | bytes) or getattr(inputs, "shape", None) == ()
    if single or not any(hasattr(inputs, method) for method in methods):
        msg = f"expected an iterable of inputs, got {kind}; one input goes to the call itself"
        raise InvalidInputError(msg)


def require_many(inputs: object, many: Sequence[object] | None) -> Sequence[object]:
    """Return the many inputs that ``attempt`` was given.

    Raises:
        InvalidInputError: they are none, but one input, an iterable that is no list, or a table.
    """
    if many is not None:
        return many
    hint = "one input goes to the call itself"
    if isinstance(inputs, Mapping) or is_table(inputs):
        hint = "pass one of its columns"
    elif isinstance(inputs, Iterator | AbstractSet):
        hint = f"attempt_stream() takes any iterable; {hint}"
    msg = f"attempt takes a list of inputs, got {type(inputs).__name__}; {hint}"
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
