"""Checks of inputs and options: each returns the value in the form that tasks use, or refuses it by name, with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import PurePath
from typing import Final

from onnxhub._contracts.inputs import as_many, is_missing, is_table
from onnxhub._strings.plain_text import shorten
from onnxhub.errors import InvalidInputError, InvalidOptionError

__all__ = [
    "as_labels",
    "as_text",
    "as_text_and_list",
    "option_text",
    "option_texts",
    "positive",
    "refuse",
    "refuse_pair",
]


PAIR: Final = "text (or a tuple of two)"
"""What an input is called where it is a text or a pair of texts."""
PLACES: Final = ("alone", "list", "stream")
"""Where an input may stand; that of a failure has no advice."""


def as_text(value: object, index: int | None, what: str = "text") -> str:
    """Return the value if it is a text that can be tokenised.

    Raises:
        InvalidInputError: it is not a ``str``, or it has lone surrogates (half of a UTF-16 pair).
    """
    if not isinstance(value, str):
        raise _refuse_other(value, index, what)
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
        raise refuse_pair(value, index, first, f"{others}s")
    texts = as_many(value[1], tuples=True)
    if texts is None:
        raise _refuse_others(value[1], index, first, others)
    if len(texts) < least:
        msg = f"there must be at least {least} {others}{'s' * (least > 1)}, got {len(texts) or 'none'}"
        raise InvalidInputError(msg, index)
    checked = [as_text(text, index, f"{others} {place}") for place, text in enumerate(texts)]
    return as_text(value[0], index, first), tuple(checked)


def _refuse_others(value: object, index: int | None, first: str, others: str) -> InvalidInputError:
    hint = "; pass one of its columns" if is_table(value) else ""
    if isinstance(value, str):
        hint = f"; each {first} comes once, with a list of all of its {others}s"
    reason = f"the {others}s are a list of texts, not a {type(value).__name__}{hint}"
    return refuse(reason, value, index)


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
    texts = as_many(value, tuples=True)
    if texts is None:
        hint = "; pass one of its columns" if is_table(value) else ""
        raise InvalidOptionError(option, value, f"{expected}, not a {type(value).__name__}{hint}")
    return [_option_part(option, texts, expected, text, f"{each} {place}") for place, text in enumerate(texts)]


def as_labels(labels: object) -> Sequence[str]:
    """Return the labels of a model's logits: as they are, or those of a column, which may have an index of its own.

    Raises:
        InvalidOptionError: they are no texts.
    """
    if isinstance(labels, list | tuple) and all(isinstance(label, str) for label in labels):
        return labels
    return tuple(option_texts("labels", labels, "a list with the label of each logit", "label"))


def _option_part(option: str, value: object, expected: str, part: object, what: str) -> str:
    if not isinstance(part, str):
        hint = ", a missing value; leave it out, as dropna() does" if is_missing(part) and part is not value else ""
        raise InvalidOptionError(option, value, f"{expected}; {what} is {shorten(part)}{hint}")
    try:
        return as_text(part, None, what)
    except InvalidInputError as error:
        raise InvalidOptionError(option, value, f"{expected}; {error}") from error


def positive(option: str, value: int | None, *, optional: bool = False) -> None:
    """Raise ``InvalidOptionError`` unless the value is a whole number of at least 1 (or None, where optional)."""
    if (value is None and optional) or (isinstance(value, Integral) and not isinstance(value, bool) and value >= 1):
        return
    raise InvalidOptionError(option, value, "a whole number of at least 1" + (", or None for all" if optional else ""))


def _refuse_other(value: object, index: int | None, what: str) -> InvalidInputError:
    """Build the error about a value that is no text.

    Args:
        value: The input, or a part of it.
        index: Position of the input.
        what: Name of the value; that of a whole input begins with "text", that of one of several parts ends with its
            number.
    """
    reason = f"expected a str as {what}, got {type(value).__name__}: {shorten(value)}"
    if is_missing(value):
        return refuse(reason, value, index)
    if hint := _advise_anywhere(value):
        return InvalidInputError(f"{reason}; {hint}", index)
    if isinstance(value, Mapping):
        return InvalidInputError.with_advice(reason, index, **_advise_row(value, what))
    if isinstance(value, Iterable):
        return InvalidInputError.with_advice(reason, index, **_advise_several(value, what))
    return InvalidInputError(reason, index)


def refuse(reason: str, value: object, index: int | None) -> InvalidInputError:
    """Build the error about a value; one that is missing is called that, with what to do by where its input stands."""
    if not is_missing(value):
        return InvalidInputError(reason, index)
    leave_out = "; leave it out"
    several = f"{leave_out}, as dropna() does, or use"
    return InvalidInputError.with_advice(
        f"{reason}, a missing value",
        index,
        alone=leave_out,
        list=f"{several} attempt() of the model, which puts a Failure in its place",
        stream=f"{several} attempt_stream(), which puts a Failure in its place",
    )


def refuse_pair(value: object, index: int | None, first: str, second: str) -> InvalidInputError:
    """Build the error about an input that is no tuple of two, such as of a question and a context.

    Args:
        value: The input.
        index: Its position.
        first: Name of the tuple's first part.
        second: Name of its second part.
    """
    got = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
    reason = f"expected a tuple ({first}, {second}), got {got}"
    if is_missing(value):
        return refuse(reason, value, index)
    if is_table(value):
        return InvalidInputError(f"{reason}; pass one of its columns", index)
    if isinstance(value, Mapping):
        names = [name if name in value else "..." for name in (first, second)]
        texts = f"({', '.join(f'row[{name!r}]' if name != '...' else name for name in names)})"
        return InvalidInputError.with_advice(
            reason,
            index,
            alone=f"; make a tuple of its texts: {texts}",
            list=f"; make a tuple of the texts of each: {texts}",
            stream=f"; name the texts of a row: stream(rows, key=lambda row: {texts})",
        )
    several = "; several such tuples go in a list"
    nested = f"; put both in a tuple, not in a list: ({first}, {second})" if isinstance(value, list) else ""
    return InvalidInputError.with_advice(reason, index, alone=several, list=nested, stream=nested)


def _advise_anywhere(value: object) -> str:
    """Return what to do about a value, wherever it stands; an empty text if that is not known."""
    kinds = (
        (isinstance(value, bytes | bytearray), f"decode it first, {type(value).__name__}.decode('utf-8')"),
        (isinstance(value, memoryview), "decode it first, bytes(value).decode('utf-8')"),
        (isinstance(value, PurePath), "read the file first, Path.read_text(encoding='utf-8')"),
        (is_table(value), "pass one of its columns"),
        (hasattr(value, "as_py"), "a scalar of Arrow becomes a text by its as_py()"),
        (getattr(value, "shape", None) == (), "an array without axes becomes a text by its item()"),
    )
    return next((hint for fits, hint in kinds if fits), "")


def _advise_several(value: Iterable[object], what: str) -> dict[str, str]:
    """Return what to do about several values in the place of a text, by where they stand."""
    if what[-1].isdigit():
        return dict.fromkeys(PLACES, "; each of them is one text")
    if not what.startswith("text"):
        return dict.fromkeys(PLACES, "; several inputs are a list of tuples")
    nested = "; each input is one text, so that lists are not nested"
    if what == PAIR and isinstance(value, Sequence) and len(value) == 2:
        nested = "; a pair of texts is a tuple, not a list"
    return {"alone": "; several inputs go in a list, or through stream()", "list": nested, "stream": nested}


def _advise_row(row: Mapping[object, object], what: str) -> dict[str, str]:
    """Return what to do about a row in the place of a text, by where it stands."""
    name = shorten(next((key for key, value in row.items() if isinstance(value, str)), "text"))
    if not what.startswith("text"):
        return dict.fromkeys(PLACES, f"; pass its text, such as row[{name}]")
    return {
        "alone": "; pass one of its values",
        "list": f"; pass the text of each row, such as row[{name}]",
        "stream": f"; name the text of a row: stream(rows, key=lambda row: row[{name}])",
    }
