"""A text, and the tokens and words that tests cut it into."""

from __future__ import annotations

import numpy as np

CONTEXT = "Ada Lovelace of London programmed the analytical engine a hundred years before anybody else did"


def words_of(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of tokens of at most three characters, and the word that each is of."""
    offsets, words, start = [], [], 0
    for number, word in enumerate(text.split(" ")):
        pieces = range(start, start + len(word), 3)
        offsets += [(piece, min(piece + 3, start + len(word))) for piece in pieces]
        words += [number] * len(pieces)
        start += len(word) + 1
    return np.array(offsets, np.int32), np.array(words, np.int32)
