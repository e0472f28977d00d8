"""What the text tasks share: checking inputs, and tokens to rows of graph inputs."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from onnxhub._contracts.inputs import is_table, list_column
from onnxhub._contracts.protocols import width
from onnxhub._process.public import publish
from onnxhub._strings.plain_text import PlainWarning, shorten
from onnxhub._toolkit.text.positions import first_position
from onnxhub._toolkit.text.windows import truncate_one
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Features, Tokenizer, Tokens

__all__ = [
    "TruncationWarning",
    "as_text",
    "as_text_and_list",
    "encode_prefix",
    "graph_rows",
    "option_text",
    "option_texts",
    "paired_row",
    "positive",
    "require_inputs",
    "require_offsets",
    "require_vocabulary",
    "trim",
    "warn_cut",
]


class TruncationWarning(PlainWarning):
    """A text was longer than the model takes, and a part of it was not read."""


FILLED = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
"""Graph inputs that can be made from tokens."""

LONGEST_TOKEN = 64
"""Characters; see ``encode_prefix``."""


def as_text(value: object, index: int | None, what: str = "text") -> str:
    """The value if it is a text that can be tokenised.

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


def option_text(option: str, value: object, expected: str) -> str:
    """The value of an option if it is a text that can be tokenised.

    Raises:
        InvalidOptionError: it is none; says what was expected.
    """
    return _option_part(option, value, expected, value, option)


def option_texts(option: str, value: object, expected: str, each: str) -> list[str]:
    """The texts of an option: of a list or another sequence, or of a column of numpy, pandas, Arrow or Polars.

    Args:
        option: Its name.
        value: What should be texts; also a column.
        expected: What the option may be, for the errors.
        each: What one of them is called.

    Raises:
        InvalidOptionError: it is something else, or one of them is no text that can be tokenised.
    """
    texts = list_column(value)
    if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
        raise InvalidOptionError(option, texts, f"{expected}, not a {type(texts).__name__}")
    return [_option_part(option, texts, expected, one, f"{each} {place}") for place, one in enumerate(texts)]


def _option_part(option: str, value: object, expected: str, part: object, what: str) -> str:
    if not isinstance(part, str):
        raise InvalidOptionError(option, value, f"{expected}; {what} is {shorten(part)}")
    try:
        return as_text(part, None, what)
    except InvalidInputError as error:
        raise InvalidOptionError(option, value, f"{expected}; {error}") from error


def as_text_and_list(
    value: object, index: int | None, first: str, others: str, least: int
) -> tuple[str, tuple[str, ...]]:
    """A text with others that belong to it, such as a query with its documents.

    Args:
        value: What should be a tuple of the two.
        index: Its position in the call.
        first: What the text is called.
        others: What one of the others is called.
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
    named = [as_text(one, index, f"{others} {place}") for place, one in enumerate(texts)]
    return as_text(value[0], index, first), tuple(named)


def graph_rows(tokens: Tokens, cuts: Sequence[NDArray[np.intp]], names: Sequence[str]) -> list[Features]:
    """The graph's inputs for the tokens at each cut's positions.

    Args:
        tokens: The whole tokenisation; n tokens.
        cuts: Ascending positions, one array for each row.
        names: The graph's inputs.

    Returns:
        A row for each cut, of arrays of shape ``(len(cut),)``.
    """
    ids = tokens.ids
    types = tokens.type_ids if "token_type_ids" in names else ids
    rows: list[Features] = []
    for cut in cuts:
        size, whole = len(cut), len(cut) == len(ids)
        row: dict[str, NDArray[np.generic]] = {}
        for name in names:
            if name == "attention_mask":
                row[name] = np.ones(size, np.int64)
            elif name == "position_ids":
                row[name] = np.arange(size)
            else:
                values = ids if name == "input_ids" else types
                row[name] = values if whole else values[cut]
        rows.append(row)
    return rows


def paired_row(
    tokenizer: Tokenizer, tokens: Tokens, names: Sequence[str], second: str, beside: str, index: int
) -> Features:
    """The graph's inputs for a pair whose first text alone may be cut, with a ``TruncationWarning``.

    Args:
        tokenizer: How many tokens the model takes, and which end a text loses.
        tokens: The whole tokenisation of the pair.
        names: The graph's inputs.
        second: What the second text is, for the error about one that leaves no room: ``"the choice 1"``.
        beside: What the tokens are for, behind "a text was cut to the N tokens that the model takes".
        index: The input's position in the call.

    Raises:
        InvalidInputError: the second text leaves no room for the first.
    """
    limit = tokenizer.max_length
    positions = np.arange(len(tokens))
    if limit is not None and len(tokens) > limit:
        positions = truncate_one(tokens.sequences, 0, limit, tokenizer.truncation_side)
        if not len(positions):
            msg = f"{second} alone fills the {limit} tokens that the model takes"
            raise InvalidInputError(msg, index)
        warn_cut(limit, beside)
    return graph_rows(tokens, [positions], names)[0]


def encode_prefix(
    tokenizer: Tokenizer, texts: Sequence[str], max_length: int | None, pairs: Sequence[str] | None = None
) -> Sequence[Tokens]:
    """Tokenise texts, or pairs of texts, of which only the first ``max_length`` tokens will be kept.

    A text of several megabytes is cut before it is tokenised, at a space if there is one, far behind the tokens that
    count. If the part has too few tokens (words of more than 64 characters, long runs of spaces), the whole is taken;
    and so are two long texts of a pair. The tokens do not know their characters.
    """
    given = [texts] if pairs is None else [texts, pairs]
    if max_length is None or tokenizer.truncation_side == "left":
        return tokenizer.encode(*given, offsets=False)
    most = LONGEST_TOKEN * max_length
    if all(len(text) <= most for some in given for text in some):  # as nearly all are
        return tokenizer.encode(*given, offsets=False)
    prefixes = [[_prefix(text, most) for text in some] for some in given]
    encoded = list(tokenizer.encode(*prefixes, offsets=False))
    for index, tokens in enumerate(encoded):
        cut = [len(parts[index]) < len(some[index]) for some, parts in zip(given, prefixes, strict=True)]
        if any(cut) and not _enough(tokens, cut, max_length):
            encoded[index] = tokenizer.encode(*([some[index]] for some in given), offsets=False)[0]
    return encoded


def _enough(tokens: Tokens, cut: Sequence[bool], max_length: int) -> bool:
    """Whether prefixes have all the tokens that will be kept; ``cut`` tells which texts they are shorter than."""
    long = [np.count_nonzero(tokens.sequences == place) >= max_length for place in range(len(cut))]
    # Of two long texts, which is the longer decides what is kept of each.
    return list(cut) == long and sum(cut) == 1


def _prefix(text: str, size: int) -> str:
    if len(text) <= size:
        return text
    space = re.search(r"\s\S*\Z", text[:size])
    return text[: space.start()] if space else text


def warn_cut(limit: int, advice: str) -> None:
    """Say that a text was cut, at the line of the caller that gave it; Python shows the same warning once."""
    level, frame = 1, sys._getframe()  # noqa: SLF001  # skip_file_prefixes is new in Python 3.12
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "onnxhub":
        level, frame = level + 1, frame.f_back
    warnings.warn(f"a text was cut to the {limit} tokens that the model takes{advice}", TruncationWarning, level)


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without white space at its ends; tokens of some tokenizers include the space before a word."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), max(end - (len(piece) - len(piece.rstrip())), start)


def require_inputs(backend: Backend, task: str, axes: int = 2) -> tuple[str, ...]:
    """The graph's inputs, if they can all be made from tokens, ``(rows, tokens)``, or with an axis of choices between.

    Raises:
        TaskMismatchError: they cannot; names those that are left.
    """
    unknown = [name for name in backend.input_names if name not in FILLED]
    if unknown:
        problem = f"its graph wants the inputs {', '.join(unknown)}, which a text does not give"
        raise TaskMismatchError(backend.model_id, task, (problem,))
    wanted = backend.inputs("model") if "model" in backend.sessions else {}
    for name, one in wanted.items():
        if len(one.shape) not in (0, axes):  # 0: the graph does not say
            problem = f"its graph wants {name} of {len(one.shape)} axes, and this task gives {axes}"
            raise TaskMismatchError(backend.model_id, task, (problem,))
    if "position_ids" in backend.input_names and (first := first_position(backend.config)):
        problem = f"its graph wants position_ids, which begin with {first} in a {backend.config['model_type']}"
        raise TaskMismatchError(backend.model_id, task, (f"{problem}; export it without that input",))
    return backend.input_names


def require_offsets(backend: Backend, task: str) -> Tokenizer:
    """The tokenizer, if its tokens know their characters."""
    if not backend.tokenizer.has_offsets:
        problem = "its tokenizer has no fast form, so tokens cannot be traced back to characters of the text"
        raise TaskMismatchError(backend.model_id, task, (problem,))
    return backend.tokenizer


def require_vocabulary(backend: Backend, task: str) -> None:
    """Raise ``TaskMismatchError`` if the graph is known to have another number of logits than there are words."""
    size, words = width(backend), backend.config.get("vocab_size")
    if size is not None and isinstance(words, int) and size != words:
        problem = f"its graph gives {size} logits for a token, and its vocabulary has {words} words"
        raise TaskMismatchError(backend.model_id, task, (problem,))


def positive(option: str, value: int | None, *, optional: bool = False) -> None:
    """Raise ``InvalidOptionError`` unless the value is a whole number of at least 1 (or None, where optional)."""
    if (value is None and optional) or (isinstance(value, Integral) and not isinstance(value, bool) and value >= 1):
        return
    raise InvalidOptionError(option, value, "a whole number of at least 1" + (", or None for all" if optional else ""))


publish(globals(), "TruncationWarning")
