"""Cutting tokenised text that is longer than a model takes: pure index arithmetic over ``Tokens.sequences``.

A row is an array of positions in the whole tokenisation. Special tokens and the short text of a pair are in every
row. The cuts are those of tokenizers' own truncation, without switching it on: a tokenizer that is shared by threads
must not be reconfigured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["depth", "room", "truncate", "truncate_one", "windows"]


def windows(
    sequences: NDArray[np.int8], long: int, max_length: int | None, overlap: int, side: str = "right"
) -> list[NDArray[np.intp]]:
    """Cut the text ``long`` into overlapping rows of at most ``max_length`` tokens.

    Args:
        sequences: Which text each token is of, -1 for special tokens; shape ``(n,)``.
        long: The text that is cut, 0 or 1; all other tokens are in every row.
        max_length: Tokens of a row; None does not cut.
        overlap: Tokens that neighbouring rows share; less than the room that a row has for the text.
        side: ``"right"`` starts with the beginning of the text, ``"left"`` with its end.

    Returns:
        Positions of each row, ascending. No row at all if not even one token of the text fits.
    """
    size = len(sequences)
    if max_length is None or size <= max_length:
        return [np.arange(size)]
    body = np.flatnonzero(sequences == long)
    width = room(sequences, long, max_length)
    if width <= overlap:
        return []
    before, after = np.arange(body[0]), np.arange(body[-1] + 1, size)
    starts = range(0, len(body) - overlap, width - overlap)
    cuts = [(start, min(start + width, len(body))) for start in starts]
    if side == "left":
        cuts = [(len(body) - stop, len(body) - start) for start, stop in cuts]
    return [np.concatenate([before, body[start:stop], after]) for start, stop in cuts]


def room(sequences: NDArray[np.int8], long: int, max_length: int) -> int:
    """Count the tokens of the text ``long`` that fit into a row beside all others; negative if not even those fit."""
    return max_length - int(np.count_nonzero(sequences != long))


def depth(window: NDArray[np.intp], first: int, last: int) -> NDArray[np.intp]:
    """Count how far each token of a window is from the nearer edge where the text was cut.

    Args:
        window: Positions of the text's tokens in this window, ascending and without gaps.
        first: Position of the text's first token: the window that has it was not cut on the left.
        last: Position of its last token.
    """
    index = np.arange(len(window))
    far = np.full(len(window), len(window))
    left = far if window[0] == first else index
    right = far if window[-1] == last else index[::-1]
    nearer: NDArray[np.intp] = np.minimum(left, right)
    return nearer


def truncate(sequences: NDArray[np.int8], max_length: int | None, side: str = "right") -> NDArray[np.intp]:
    """Return the positions of the tokens that are kept; the longer text of a pair loses tokens first.

    This is the strategy ``longest_first`` of tokenizers; with ``side="left"`` each text loses its beginning.
    """
    size = len(sequences)
    if max_length is None or size <= max_length:
        return np.arange(size)
    first, second = (np.flatnonzero(sequences == text) for text in (0, 1))
    room = max(max_length - (size - len(first) - len(second)), 0)
    keep_first, keep_second = _longest_first(len(first), len(second), room)
    if side == "left":
        dropped = np.concatenate([first[: len(first) - keep_first], second[: len(second) - keep_second]])
    else:
        dropped = np.concatenate([first[keep_first:], second[keep_second:]])
    return np.delete(np.arange(size), dropped)


def truncate_one(sequences: NDArray[np.int8], text: int, max_length: int, side: str = "right") -> NDArray[np.intp]:
    """Return the positions of the tokens that are kept if only ``text`` (0 or 1) may lose some; none if not enough.

    These are the strategies ``only_first`` and ``only_second`` of tokenizers.
    """
    size, width = len(sequences), room(sequences, text, max_length)
    own = np.flatnonzero(sequences == text)
    if size <= max_length:
        return np.arange(size)
    if width <= 0:
        return np.arange(0)
    return np.delete(np.arange(size), own[width:] if side == "right" else own[: len(own) - width])


def _longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """Count the tokens of each text that are kept: the longer is cut to the shorter, then both to half the room."""
    short, long = sorted((first, second))
    long = max(short, room - short)
    if short + long > room:
        short, long = room // 2, room - room // 2
    return (short, long) if first <= second else (long, short)
