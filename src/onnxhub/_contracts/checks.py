"""Checks of inputs and options: each returns the value in the form that tasks use, or refuses it by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral

from onnxhub._contracts.inputs import is_table, list_column
from onnxhub._strings.plain_text import shorten
from onnxhub.errors import InvalidInputError, InvalidOptionError

__all__ = ["as_text", "as_text_and_list", "option_text", "option_texts", "positive"]


def as_text(value: object, index: int | None, what: str = "text") -> str:
    """Return the value if it is a text that can be tokenised.

    Raises:
        InvalidInputError: it is not a ``str``, or it has lone surrogates (half of a UTF-16 pair).
    """
    if not isinstance(value, str):
        hint = "; decode it first, bytes.decode('utf-8')" if isinstance(value, bytes) else ""
        if is_table(value):
            hint = "; pass one of its columns"
        elif isinstance(value, Iterable) and not isinstance(value, bytes):
            # A part of a structured input is one text: several inputs are a list of whole ones.
            whole = what.startswith("text")
            hint = (
                "; several inputs go in a list, or through stream()"
                if whole
                else "; several inputs are a list of tuples"
            )
        msg = f"expected a str as {what}, got {type(value).__name__}: {shorten(value)}{hint}"
        raise InvalidInputError(msg, index)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            msg = (
                f"the {what} has a lone surrogate {value[error.start]!r} at character {error.start}, which is no "
                f"Unicode text; clean it with text.encode('utf-8', 'replace').decode()"
            )
            raise InvalidInputError(msg, index) from error
    return value


def as_text_and_list(
    value: object, index: int | None, first: str, others: str, least: int
) -> tuple[str, tuple[str, ...]]:
    """Return a text and the others that belong to it, such as a query and its documents.

    Args:
        value: The input; should be a tuple of the two.
        index: Its position in the call.
        first: Name of the text, for errors.
        others: Name of each of the others, for errors.
        least: How many others there must be.

    Raises:
        InvalidInputError: it is something else, or there are too few others.
    """
    if not isinstance(value, tuple) or len(value) != 2:
        got = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
        msg = f"expected a tuple ({first}, {others}s), got {got}"
        raise InvalidInputError(msg, index)
    texts = list_column(value[1])
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        msg = f"the {others}s are a list of texts, not a {type(texts).__name__}"
        raise InvalidInputError(msg, index)
    if len(texts) < least:
        msg = f"there must be at least {least} {others}{'s' * (least > 1)}, got {len(texts) or 'none'}"
        raise InvalidInputError(msg, index)
    checked = [as_text(text, index, f"{others} {place}") for place, text in enumerate(texts)]
    return as_text(value[0], index, first), tuple(checked)


def option_text(option: str, value: object, expected: str) -> str:
    """Return the value of an option if it is a text that can be tokenised.

    Raises:
        InvalidOptionError: it is none; says what was expected.
    """
    return _option_part(option, value, expected, value, option)


def option_texts(option: str, value: object, expected: str, each: str) -> list[str]:
    """Return the texts of an option: a list, another sequence, or a column of numpy, pandas, Arrow or Polars.

    Args:
        option: Its name.
        value: The value; should be texts, or a column of them.
        expected: The values that the option may have, for errors.
        each: Name of a text, for errors.

    Raises:
        InvalidOptionError: it is something else, or one of them is no text that can be tokenised.
    """
    texts = list_column(value)
    if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
        raise InvalidOptionError(option, texts, f"{expected}, not a {type(texts).__name__}")
    return [_option_part(option, texts, expected, text, f"{each} {place}") for place, text in enumerate(texts)]


def _option_part(option: str, value: object, expected: str, part: object, what: str) -> str:
    if not isinstance(part, str):
        raise InvalidOptionError(option, value, f"{expected}; {what} is {shorten(part)}")
    try:
        return as_text(part, None, what)
    except InvalidInputError as error:
        raise InvalidOptionError(option, value, f"{expected}; {error}") from error


def positive(option: str, value: int | None, *, optional: bool = False) -> None:
    """Raise ``InvalidOptionError`` unless the value is a whole number of at least 1 (or None, where optional)."""
    if (value is None and optional) or (isinstance(value, Integral) and not isinstance(value, bool) and value >= 1):
        return
    raise InvalidOptionError(option, value, "a whole number of at least 1" + (", or None for all" if optional else ""))
