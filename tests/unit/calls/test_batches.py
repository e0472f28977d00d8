"""Lengths in, batches out; rows in, arrays out."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from onnxhub._calls.batches import STARTS, collate, plan, stack

lengths = st.lists(st.integers(1, 600), max_size=80)
budgets = st.integers(1, 2000)


def cost(batches: list[list[int]], budget: int) -> float:
    """Padded tokens, and a share of the budget for each start."""
    return sum(len(batch) * max(batch) + budget / STARTS for batch in batches)


@given(lengths, budgets)
def test_every_row_is_planned_once(sizes: list[int], budget: int) -> None:
    """The groups are a partition of the indices, and none is empty."""
    batches = plan(sizes, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(sizes)))
    assert all(batches)


@given(lengths, budgets)
def test_the_budget_is_kept(sizes: list[int], budget: int) -> None:
    """Rows times the longest of them fit, unless a row is alone."""
    for batch in plan(sizes, budget):
        assert len(batch) == 1 or len(batch) * max(sizes[index] for index in batch) <= budget


@given(lengths, budgets)
def test_longest_rows_come_first(sizes: list[int], budget: int) -> None:
    """Lengths fall from batch to batch and within each, and rows of one length keep their order."""
    order = [index for batch in plan(sizes, budget) for index in batch]
    assert [sizes[index] for index in order] == sorted(sizes, reverse=True)
    assert order == sorted(order, key=lambda index: (-sizes[index], index))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=9), st.integers(1, 200))
def test_no_other_cuts_are_cheaper(sizes: list[int], budget: int) -> None:
    """Of all ways to cut the sorted rows within the budget, none costs less in padded tokens and starts."""
    falling = sorted(sizes, reverse=True)
    between = range(1, len(falling))
    others = (
        [falling[start:stop] for start, stop in pairwise([0, *inner, len(falling)])]
        for number in range(len(falling))
        for inner in combinations(between, number)
    )
    allowed = (one for one in others if all(len(batch) == 1 or len(batch) * batch[0] <= budget for batch in one))
    planned = [[sizes[index] for index in batch] for batch in plan(sizes, budget)]
    assert cost(planned, budget) <= min(cost(one, budget) for one in allowed) * (1 + 1e-9)


@given(lengths, st.integers(600, 5000))
def test_padding_is_bounded(sizes: list[int], budget: int) -> None:
    """A batch has less padding than a second one would cost to start, wherever it were cut in two."""
    for batch in plan(sizes, budget):
        rows = [sizes[index] for index in batch]
        for cut in range(1, len(rows)):
            assert (len(rows) - cut) * (rows[0] - rows[cut]) <= budget / STARTS * (1 + 1e-9)


@given(lengths, budgets, st.data())
def test_rows_of_different_kinds_do_not_meet(sizes: list[int], budget: int, data: st.DataObject) -> None:
    """And each kind is planned as if it were alone."""
    kinds = [data.draw(st.integers(0, 2)) for _ in sizes]
    batches = plan(sizes, budget, kinds)
    for kind in set(kinds):
        mine = [index for index, one in enumerate(kinds) if one == kind]
        alone = [[mine[place] for place in batch] for batch in plan([sizes[index] for index in mine], budget)]
        assert [batch for batch in batches if kinds[batch[0]] == kind] == alone
    assert sorted(index for batch in batches for index in batch) == list(range(len(sizes)))


def test_the_last_batch_is_not_a_leftover() -> None:
    """Rows of much different lengths are cut where they differ, not where the budget happens to be full."""
    assert plan([100, 100, 100, 10, 10, 10], budget=500) == [[0, 1, 2], [3, 4, 5]]


def test_a_budget_of_one_keeps_every_row_alone() -> None:
    """Which is what dynamically quantised models are run with."""
    assert plan([1, 1, 5], budget=1) == [[2], [0], [1]]


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=7), min_size=1, max_size=6), st.integers(0, 9))
def test_stack_fills_short_rows(rows: list[list[int]], fill: int) -> None:
    """Each row is at the front of its line, the rest is the filling, and the type is kept."""
    stacked = stack([np.array(row, np.int32) for row in rows], fill)
    width = max(map(len, rows))
    assert stacked.dtype == np.int32
    assert stacked.tolist() == [row + [fill] * (width - len(row)) for row in rows]


def test_stack_of_matrices() -> None:
    """Every axis is filled up, and arrays of one shape are just stacked."""
    first, second = np.ones((2, 3), np.float32), np.ones((1, 4), np.float32)
    stacked = stack([first, second])
    assert stacked.shape == (2, 2, 4)
    assert (stacked.sum(), stacked[0, :, 3].sum(), stacked[1, 1].sum()) == (10, 0, 0)
    np.testing.assert_array_equal(stack([first, first]), np.ones((2, 2, 3)))
    assert stack([np.array(1.5, np.float32), np.array(2, np.float32)]).tolist() == [1.5, 2]


def test_collate_pads_each_input_with_its_own_value() -> None:
    """Ids get the padding id, masks get 0, on the right; a row alone is not padded."""
    rows = [{"input_ids": np.array([5, 6, 7]), "attention_mask": np.ones(3, np.int64)},
            {"input_ids": np.array([8]), "attention_mask": np.ones(1, np.int64)}]  # fmt: skip
    together = {name: values.tolist() for name, values in collate(rows, {"input_ids": 9}).items()}
    assert together == {"input_ids": [[5, 6, 7], [8, 9, 9]], "attention_mask": [[1, 1, 1], [1, 0, 0]]}
    alone = {name: values.tolist() for name, values in collate(rows[1:], {"input_ids": 9}).items()}
    assert alone == {"input_ids": [[8]], "attention_mask": [[1]]}
