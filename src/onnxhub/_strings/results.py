"""The one rule by which results are written: what was asked for is visible, long values are cut, scores have four digits."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Asked", "write_result", "write_score"]

T = TypeVar("T")

MOST_CHARACTERS: Final = 200
"""Characters of a text that are written."""
MOST_VALUES: Final = 3
"""Values of a long tuple that are written; as its length is written behind them, one more is no shorter."""


class Asked(tuple[T, ...]):
    """A tuple that a call asked for by an option such as ``top_k``, and which therefore is shown; equal to any other."""

    __slots__ = ()


def write_result(result: DataclassInstance) -> str:
    """Write a result as a call of its class, for ``__repr__``.

    Fields that have their default value are left out, as are those that are declared with ``repr=False``. Of results
    within the result, those that were asked for by an option are written (see ``Asked``), of others their number.
    """
    parts = [
        part
        for field in fields(result)
        if field.repr and (value := getattr(result, field.name)) != field.default
        for part in _write_field(field.name, value, needed=field.default is MISSING)
    ]
    return f"{type(result).__name__}({', '.join(parts)})"


def write_score(value: float) -> str:
    """Write a score with four significant digits."""
    return f"{value:.4g}"


def _write_field(name: str, value: object, *, needed: bool) -> list[str]:
    """Return what is written of a field, in no part or one."""
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        if isinstance(value, Asked):
            return [f"{name}={_write_entries(value)}"]
        # A ranking is always there, and nobody asked for it; what has a default is there because of an option.
        return [] if needed else [f"{len(value)} {name if len(value) > 1 else name.removesuffix('s')}"]
    return [f"{name}={_write_value(value)}"]


def _write_value(value: object) -> str:
    if isinstance(value, float):
        return write_score(value)
    if isinstance(value, str) and len(value) > MOST_CHARACTERS:
        return f"{value[:MOST_CHARACTERS]!r}… ({len(value):,} characters)"
    if isinstance(value, tuple):
        shown = [_write_value(part) for part in (value if len(value) <= MOST_VALUES + 1 else value[:MOST_VALUES])]
        if len(shown) < len(value):
            return f"({', '.join(shown)}, … {len(value):,} in all)"
        return f"({', '.join(shown)}{',' * (len(shown) == 1)})"
    return repr(value)


def _write_entries(entries: tuple[object, ...]) -> str:
    """Write the names and scores of results: ``('POSITIVE' 0.9, 'NEGATIVE' 0.1)``."""
    shown = entries if len(entries) <= MOST_VALUES + 1 else entries[:MOST_VALUES]
    texts = [" ".join(_write_value(part) for part in _find_name_and_score(entry)) for entry in shown]
    rest = f", … {len(entries):,} in all" if len(shown) < len(entries) else ""
    return f"({', '.join(texts)}{rest})"


def _find_name_and_score(entry: object) -> list[object]:
    """Return the first text of an entry and its score."""
    values = [getattr(entry, field.name) for field in fields(entry)] if is_dataclass(entry) else [entry]
    name = next((value for value in values if isinstance(value, str)), None)
    return [name, getattr(entry, "score", None)]
