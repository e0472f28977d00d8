"""token-classification from literal logits, against aggregations written out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxhub import (
    Entity,
    TokenClassificationItem,
    TokenClassificationPostprocessor,
)
from onnxhub.errors import InvalidOptionError, NonFiniteOutputError, TaskMismatchError
from tests.tasks.words import CONTEXT, words_of

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def by_hand(logits: np.ndarray, item: TokenClassificationItem, aggregation: str) -> list[tuple[str, int, int, float]]:
    """Token by token, in Python: probabilities, words, tags, entities."""
    exponentials = np.exp(logits.astype(np.float64))
    scores = (exponentials / exponentials.sum(axis=-1, keepdims=True)).tolist()
    tokens = [index for index in range(len(item.offsets)) if item.words[index] != -1]
    units = [[token] for token in tokens]
    if aggregation not in {"none", "simple"}:
        units = [list(run) for _, run in itertools.groupby(tokens, key=lambda token: item.words[token])]
    rows = []
    for unit in units:
        if aggregation == "average":
            row = [sum(scores[token][label] for token in unit) / len(unit) for label in range(len(LABELS))]
        elif aggregation == "max":
            row = max((scores[token] for token in unit), key=max)
        else:
            row = scores[unit[0]]
        rows.append((LABELS[row.index(max(row))], max(row), item.offsets[unit[0], 0], item.offsets[unit[-1], 1]))
    found: list[list] = []
    for position, (label, score, start, end) in enumerate(rows):
        kind = label if aggregation == "none" else label.rpartition("-")[2]
        goes_on = aggregation != "none" and position and found[-1][0] == kind and not label.startswith("B-")
        if goes_on:
            found[-1][2] = end
            found[-1][3].append(score)
        else:
            found.append([kind, start, end, [score]])
    return [
        (kind, int(start), int(end), sum(scores) / len(scores)) for kind, start, end, scores in found if kind != "O"
    ]


def token_item(text: str, *windows: np.ndarray) -> TokenClassificationItem:
    """[CLS] text [SEP] in tokens of at most three characters."""
    offsets, words = words_of(text)
    offsets = np.concatenate([[(0, 0)], offsets, [(0, 0)]]).astype(np.int32)
    return TokenClassificationItem(text, offsets, np.concatenate([[-1], words, [-1]]).astype(np.int32), windows)


@pytest.mark.parametrize("aggregation", ["none", "simple", "first", "average", "max"])
@pytest.mark.parametrize("seed", range(12))
def test_every_aggregation_is_what_it_says(aggregation: str, seed: int) -> None:
    """Types, spans and scores as when one does it by hand."""
    random = np.random.default_rng(seed)
    item = token_item(CONTEXT)
    logits = random.normal(0, 2, (1, len(item.offsets), 5)).astype(np.float32)
    postprocessor = TokenClassificationPostprocessor(LABELS, aggregation=aggregation)
    (found,) = postprocessor(np.pad(logits, ((0, 0), (0, 4), (0, 0)), constant_values=np.nan), [item])
    expected = by_hand(logits[0], item, aggregation)
    assert [(one.label, one.start, one.end) for one in found] == [one[:3] for one in expected]
    np.testing.assert_allclose([one.score for one in found], [one[3] for one in expected], rtol=1e-5)
    assert expected
    assert all(one.text == CONTEXT[one.start : one.end] for one in found)


@pytest.mark.parametrize("seed", range(8))
def test_a_token_counts_where_it_is_farthest_from_a_cut(seed: int) -> None:
    """Several windows give what one row of the chosen logits gives."""
    random = np.random.default_rng(seed)
    size = len(token_item(CONTEXT).offsets)
    width, step = int(random.integers(6, 14)), int(random.integers(2, 6))
    cuts, start = [], 1
    while True:
        stop = min(start + width, size - 1)
        cuts.append(np.array([0, *range(start, stop), size - 1]))
        if stop == size - 1:
            break
        start += step
    rows = random.normal(0, 2, (len(cuts), width + 2, 5)).astype(np.float32)
    chosen = np.zeros((1, size, 5), np.float32)
    for token in range(1, size - 1):
        deepest = -1
        for row, cut in zip(rows, cuts, strict=True):
            column = cut.tolist().index(token) if token in cut else None
            if column is None:
                continue
            left = size if cut[1] == 1 else column - 1
            right = size if cut[-2] == size - 2 else len(cut) - 2 - column
            if min(left, right) > deepest:
                deepest = min(left, right)
                chosen[0, token] = row[column]
    postprocessor = TokenClassificationPostprocessor(LABELS)
    assert postprocessor(rows, [token_item(CONTEXT, *cuts)]) == postprocessor(chosen, [token_item(CONTEXT)])


@given(st.text(st.characters(codec="utf-8") | st.just("\u0301"), max_size=30), st.data())
def test_an_entity_is_a_slice_of_the_text(text: str, data: st.DataObject) -> None:
    """Of any text and any ascending tokens: its characters, not empty, without space at the ends."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    offsets = np.array(list(itertools.pairwise(cuts)), np.int32).reshape(-1, 2)
    logits = np.random.default_rng(len(text)).normal(0, 3, (1, len(offsets), 5))
    for aggregation in ("none", "simple", "max"):
        item = TokenClassificationItem(text, offsets)
        (found,) = TokenClassificationPostprocessor(LABELS, aggregation=aggregation)(logits, [item])
        for one in found:
            assert one.text == text[one.start : one.end] == one.text.strip()
            assert one.text
        assert all(one.end <= other.start for one, other in itertools.pairwise(found))


def test_an_item_of_words_built_by_hand() -> None:
    """A text and offsets are all that logits from elsewhere need."""
    item = TokenClassificationItem("Ada in Rome", np.array([[0, 3], [4, 6], [7, 11]], np.int32))
    logits = np.full((1, 3, 5), -9.0)
    logits[0, [0, 1, 2], [1, 0, 3]] = 9
    (found,) = TokenClassificationPostprocessor(LABELS)(logits, [item])
    assert found == [Entity("PER", pytest.approx(1), "Ada", 0, 3), Entity("LOC", pytest.approx(1), "Rome", 7, 11)]


@pytest.mark.parametrize(
    ("ignored", "labels"), [(("O",), ["PER", "LOC"]), (("O", "LOC"), ["PER"]), ((), ["PER", "O", "LOC"])]
)
def test_labels_to_leave_out(ignored: tuple[str, ...], labels: list[str]) -> None:
    """Types are left out by their name, and `O` can be kept."""
    item = TokenClassificationItem("Ada in Rome", np.array([[0, 3], [4, 6], [7, 11]], np.int32))
    logits = np.eye(5)[np.newaxis, [1, 0, 3]] * 9
    (found,) = TokenClassificationPostprocessor(LABELS, ignore_labels=ignored)(logits, [item])
    assert [one.label for one in found] == labels


@pytest.mark.parametrize("aggregation", ["none", "simple", "first", "average", "max"])
def test_an_entity_keeps_its_last_accent(aggregation: str) -> None:
    """The marks behind it that no token has are of its last letter; one that begins the next entity is of that."""
    text = "Jose\u0301\u0323 e\u0301"
    logits = np.eye(5)[np.newaxis, [1, 3, 1]] * 9
    item = TokenClassificationItem(text, [[0, 4], [7, 8], [8, 9]])
    found = TokenClassificationPostprocessor(LABELS, aggregation=aggregation)(logits, [item])[0]
    assert [(one.text, one.start, one.end) for one in found] == [
        ("Jose\u0301\u0323", 0, 6), ("e", 7, 8), ("\u0301", 8, 9),
    ]  # fmt: skip
    logits = np.eye(5)[np.newaxis, [1, 3, 0]] * 9
    found = TokenClassificationPostprocessor(LABELS, aggregation=aggregation)(logits, [item])[0]
    assert [one.text for one in found] == ["Jose\u0301\u0323", "e\u0301"]


def test_a_comma_is_no_part_of_the_word_before_it() -> None:
    """Tokenizers that split at spaces alone would give the word's label to it."""
    item = TokenClassificationItem(
        "Ada, Bo", np.array([[0, 3], [3, 4], [5, 7]], np.int32), np.array([0, 0, 1], np.int32)
    )
    logits = np.eye(5)[np.newaxis, [1, 0, 1]] * 9
    for aggregation in ("first", "average", "max"):
        (found,) = TokenClassificationPostprocessor(LABELS, aggregation=aggregation)(logits, [item])
        assert [one.text for one in found] == ["Ada", "Bo"]


def test_a_text_without_tokens_has_no_entities() -> None:
    """Special tokens alone are an empty list."""
    item = TokenClassificationItem("", np.zeros((2, 2), np.int32), np.array([-1, -1], np.int32))
    assert TokenClassificationPostprocessor(LABELS)(np.zeros((1, 2, 5)), [item]) == [[]]


@pytest.mark.parametrize(
    ("logits", "error", "message"),
    [
        (np.zeros((1, 3, 4)), TaskMismatchError, "5 labels .* for logits of shape"),
        (np.zeros((1, 5)), TaskMismatchError, "for logits of shape"),
        (np.full((1, 3, 5), np.nan), NonFiniteOutputError, "item 0"),
        (np.where(np.eye(3, 5) > 0, np.inf, 0)[np.newaxis], NonFiniteOutputError, "item 0"),
        (np.array([[[0.0] * 5, [-np.inf] * 5, [0.0] * 5]]), NonFiniteOutputError, "item 0"),
    ],
)
def test_token_logits_that_cannot_be(logits: np.ndarray, error: type[Exception], message: str) -> None:
    """Another number of labels, another rank, and what is not finite."""
    item = TokenClassificationItem("Ada in Rome", np.array([[0, 3], [4, 6], [7, 11]], np.int32))
    with pytest.raises(error, match=message):
        TokenClassificationPostprocessor(LABELS)(logits, [item])


def test_an_unknown_aggregation_gets_the_nearest() -> None:
    """The message has all of them, and the one that was meant."""
    with pytest.raises(
        InvalidOptionError, match=r"aggregation='avrage': expected one of 'none', .*did you mean 'average'"
    ):
        TokenClassificationPostprocessor(LABELS, aggregation="avrage")  # type: ignore[arg-type]


@pytest.mark.parametrize("ignored", ["O", None, 3])
def test_labels_to_leave_out_are_a_collection(ignored: object) -> None:
    """One text would be taken for its letters; None and numbers have nothing in them."""
    with pytest.raises(InvalidOptionError, match=f"ignore_labels={ignored!r}: expected a tuple of labels"):
        TokenClassificationPostprocessor(LABELS, ignore_labels=ignored)  # type: ignore[arg-type]
