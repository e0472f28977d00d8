"""Parquet files as rows, by pyarrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from onnxhub.errors import InvalidInputError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedReader

__all__ = ["Parquet", "open_parquet"]

BATCH: Final = 1024
"""Rows that are read at once."""


@dataclass(frozen=True, slots=True)
class Parquet:
    """An open file."""

    columns: tuple[str, ...]
    kinds: Mapping[str, str]
    """Column -> the type of its values, as Arrow writes it."""
    texts: tuple[str, ...]
    """The columns of texts."""
    rows: int
    batches: Iterator[list[dict[str, Any]]]
    """The rows, some at a time, read as they are needed."""


def open_parquet(title: str, stream: BufferedReader) -> Parquet:
    """Read a file's schema; its rows are read later, a batch at a time.

    Raises:
        MissingDependencyError: pyarrow is not installed.
        InvalidInputError: the file is no Parquet file, or it is not whole.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        purpose = f"reading {title}"
        raise MissingDependencyError.of(error, "pyarrow", purpose, "pip install 'onnxhub[files]'") from error
    try:
        file = pq.ParquetFile(stream)
        schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise InvalidInputError(f"{title}: no Parquet file, or not whole: {error}") from error
    kinds = {field.name: _name_values(field.type) for field in schema}
    texts = tuple(field.name for field in schema if _is_text(pa, field.type))
    return Parquet(
        tuple(schema.names), kinds, texts, file.metadata.num_rows, _read_batches(title, file, pa.ArrowException)
    )


def _read_batches(title: str, file: Any, broken: type[Exception]) -> Iterator[list[dict[str, Any]]]:
    done = 0
    try:
        for batch in file.iter_batches(batch_size=BATCH):
            yield batch.to_pylist()
            done += len(batch)
    except (broken, OSError) as error:
        raise InvalidInputError(f"{title}: not whole: {error}") from error
    except (ValueError, OverflowError) as error:  # a date beyond the year 9999, a text that is not UTF-8
        where = f"rows {done + 1:,} to {done + BATCH:,}"
        raise InvalidInputError(f"{title}, {where}: a value cannot be read: {error}") from error


def _is_text(pa: Any, kind: Any) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))


def _name_values(kind: Any) -> str:
    return f"values of the type {kind}"
