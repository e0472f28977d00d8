"""What is one input, and what is many."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["as_many", "is_table", "list_column"]


def is_table(value: object) -> bool:
    """Whether it is one of pandas, Polars or Arrow, whichever is installed: several columns, of which one has the texts."""
    return hasattr(value, "columns") and hasattr(value, "shape")


def list_column(value: object) -> object:
    """The values of a column as Python's own, usually in a list; the value itself if it is no column.

    Columns are numpy's, pandas', Arrow's and Polars', each of which has another word for it.
    """
    names = ("tolist", "to_pylist", "to_list")
    method = next((found for name in names if callable(found := getattr(value, name, None))), None)
    return value if method is None else method()


def as_many(inputs: object) -> list[object] | None:
    """The inputs of a list, of a column (numpy, pandas, Arrow, Polars) or of another sequence; None if it is one input."""
    if isinstance(inputs, list):
        return inputs
    if isinstance(inputs, str) or is_table(inputs):
        return None
    values = list_column(inputs)
    # A tuple is one input, such as a pair of texts. A column of Hugging Face's data sets is a sequence, and no more.
    if isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray | memoryview | tuple):
        return list(values)
    return None
