"""From tokens to rows of graph inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxhub._toolkit.text.truncation import warn_cut
from onnxhub._toolkit.text.windows import truncate_one
from onnxhub.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Features, Tokenizer, Tokens


__all__ = ["graph_rows", "pair_row"]


def graph_rows(tokens: Tokens, cuts: Sequence[NDArray[np.intp]], names: Sequence[str]) -> list[Features]:
    """Build the graph's inputs for the tokens at each cut's positions.

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


def pair_row(
    tokenizer: Tokenizer, tokens: Tokens, names: Sequence[str], second: str, beside: str, index: int
) -> Features:
    """Build the graph's inputs for a pair whose first text alone may be cut, with a ``TruncationWarning``.

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
