"""fill-mask from literal logits: texts as they are written, masks, ties and targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from onnxhub import (
    FillMaskItem,
    FillMaskPostprocessor,
    MaskFill,
)
from onnxhub.errors import TaskMismatchError

VOCABULARY = ("[MASK]", "cat", " law", "##s")
HOLE = FillMaskItem("a [MASK].", positions=(1,), spans=((2, 8),))


@pytest.mark.parametrize(
    ("token", "text", "span", "expected"),
    [
        ("cat", "a [MASK].", (2, 8), ("cat", "a cat.")),
        ("##s", "cat [MASK].", (4, 10), ("##s", "cats.")),
        (" law", "a<mask>.", (1, 7), ("law", "a law.")),
        (" law", "a <mask>.", (1, 8), ("law", "a law.")),
        (" law", "a <mask>.", (2, 8), ("law", "a law.")),
        (" law", "<mask>.", (0, 6), ("law", "law.")),
        (" law", "a\n<mask>.", (2, 8), ("law", "a\nlaw.")),
        ("law", "out<mask>.", (3, 9), ("law", "outlaw.")),
    ],
)
def test_texts_are_filled_as_they_are_written(token: str, text: str, span: tuple, expected: tuple) -> None:
    """A word after a space, a continuation without; no space too many."""
    (((fill,),),) = FillMaskPostprocessor([token], top_k=1)([[[1.0]]], [FillMaskItem(text, (0,), (span,))])
    assert fill == MaskFill(expected[0], 1.0, expected[1])


def test_each_mask_by_itself() -> None:
    """Another mask of the text stays."""
    item = FillMaskItem("[MASK] [MASK]", (0, 2), ((0, 6), (7, 13)))
    logits = np.zeros((1, 3, 4))
    logits[0, 0, 1] = logits[0, 2, 0] = 9
    ((first,), (second,)) = FillMaskPostprocessor(VOCABULARY, top_k=1)(logits, [item])[0]
    assert (first.text, second.text) == ("cat [MASK]", "[MASK] [MASK]")


def test_top_k_and_ties() -> None:
    """Five at most by default; equal ones in the order of the vocabulary."""
    item = FillMaskItem("x", (0,), ((0, 1),))
    words = [f"w{index}" for index in range(9)]
    decode = FillMaskPostprocessor(words)
    assert [one.token for one in decode(np.zeros((1, 1, 9)), [item])[0][0]] == words[:5]
    assert len(replace(decode, top_k=90)(np.zeros((1, 1, 9)), [item])[0][0]) == 9


def test_targets_keep_their_probabilities() -> None:
    """Only they are ranked, but by what they have among all tokens."""
    logits = [[[0.0] * 4, [0.0, 2.0, 1.0, 0.0]]]
    decode = FillMaskPostprocessor(VOCABULARY)
    everything = {one.token: one.score for one in decode(logits, [HOLE])[0][0]}
    ((found,),) = decode(logits, [replace(HOLE, targets=(2, 1))])
    assert [(one.token, one.score) for one in found] == [("cat", everything["cat"]), ("law", everything["law"])]
    with pytest.raises(
        TaskMismatchError, match=r"more tokens than the 4 that it has logits for; the targets have the ids \(9,\)"
    ):
        decode(logits, [replace(HOLE, targets=(9,))])
