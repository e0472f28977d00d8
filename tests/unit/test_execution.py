"""Batches that run at once, while what comes next is read."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onnxhub
from onnxhub._execution import AHEAD, LARGEST_WINDOW, WINDOW_TOKENS, Lanes, run
from onnxhub.backend.threads import usable_cores
from onnxhub.testing import CannedBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxhub._protocols import Features

lanes = pytest.mark.parametrize("number", [1, 2, 5])


def row(length: int, value: int = 0) -> Features:
    """A row that can be told from others."""
    return {"input_ids": np.full(length, value), "attention_mask": np.ones(length, np.int64)}


def backend(number: int, **options: Any) -> CannedBackend:
    """Gives each row its first id, and how many tokens it has."""
    return CannedBackend(
        lambda batch: {"logits": np.stack([batch["input_ids"][:, 0], batch["attention_mask"].sum(-1)], 1)},
        lanes=Lanes(number),
        **options,
    )


@lanes
def test_jobs_give_their_values_in_order(number: int) -> None:
    """Whoever is done first."""
    assert list(Lanes(number)(partial(int, value) for value in range(50))) == list(range(50))
    assert list(Lanes(number)([])) == []


def test_one_job_runs_where_it_was_asked_for() -> None:
    """No other thread has to wake up for it."""
    assert list(Lanes(4)([threading.get_ident])) == [threading.get_ident()]
    assert threading.get_ident() not in list(Lanes(4)([threading.get_ident] * 2))


@lanes
def test_jobs_are_taken_a_few_ahead(number: int) -> None:
    """However many there are: what they hold must fit into memory."""
    taken = []

    def jobs() -> Iterator[partial[int]]:
        for value in range(100):
            taken.append(value)
            yield partial(int, value)

    for done, _ in enumerate(Lanes(number)(jobs()), 1):
        assert len(taken) <= done + AHEAD * number


@lanes
def test_as_many_jobs_run_at_once_as_there_are_lanes(number: int) -> None:
    """All lanes are in use, and no more than that, however many threads ask."""
    shared, running, most = Lanes(number), 0, []
    together, lock = threading.Barrier(number), threading.Lock()

    def job() -> None:
        nonlocal running
        with lock:
            running += 1
            most.append(running)
        together.wait(10)  # breaks unless all lanes come here
        with lock:
            running -= 1

    askers = [threading.Thread(target=lambda: list(shared([job] * number * 4))) for _ in range(3)]
    for one in askers:
        one.start()
    for one in askers:
        one.join()
    assert max(most) <= number if number > 1 else True
    assert len(most) == 3 * number * 4


@lanes
def test_an_error_stops_what_waits(number: int) -> None:
    """It is raised in its turn; jobs that have not begun never do."""
    begun = []

    def job(value: int) -> int:
        begun.append(value)
        return 1 // value

    with pytest.raises(ZeroDivisionError):
        list(Lanes(number)(partial(job, value) for value in [3, 2, 1, 0, *range(1, 100)]))
    count = len(begun)
    assert count <= 4 + AHEAD * number
    assert list(Lanes(number)([partial(job, 1)] * 2)) == [1, 1]
    assert len(begun) == count + 2


@lanes
def test_closing_the_iterator_waits_for_what_runs(number: int) -> None:
    """So that nothing goes on behind the caller's back, such as a run of a session that is closed."""
    ended, go_on = [], threading.Event()

    def job() -> None:
        go_on.wait(0.05)
        ended.append(True)

    results = Lanes(number)([job] * 50)
    next(results)
    results.close()  # type: ignore[attr-defined]
    count = len(ended)
    go_on.wait(0.2)
    assert len(ended) == count < 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_lanes_work_in_a_forked_child() -> None:
    """Which has none of the threads of its parent."""
    shared = Lanes(2)
    assert list(shared([os.getpid] * 4)) == [os.getpid()] * 4
    child = os.fork()
    if child == 0:
        os._exit(0 if list(shared([os.getpid] * 4)) == [os.getpid()] * 4 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@given(st.lists(st.integers(1, 300), max_size=700), st.integers(1, 3), st.sampled_from([1, 64, 1024]))
def test_each_row_gets_its_own_outputs(sizes: list[int], number: int, budget: int) -> None:
    """Once, whatever shared its batch."""
    found = list(run(backend(number, batch_tokens=budget), (row(size, place) for place, size in enumerate(sizes)), ()))
    assert sorted(place for place, _ in found) == list(range(len(sizes)))
    assert all(outputs["logits"].tolist() == [place, sizes[place]] for place, outputs in found)


@lanes
@pytest.mark.parametrize("length", [1, 30, 500])
def test_rows_are_read_a_window_ahead(length: int, number: int) -> None:
    """While a window runs, the next one is read, bit by bit; no row waits for more than those of its own window."""
    read = 0

    def rows() -> Iterator[Features]:
        nonlocal read
        for _ in range(8000):
            read += 1
            yield row(length)

    ahead = [read - done for done, _ in enumerate(run(backend(number), rows(), ()))]
    running = AHEAD * number * max(1024 // length, 1)
    assert max(ahead) <= min(2 * LARGEST_WINDOW, 2 * WINDOW_TOKENS // length + 2) + running


def test_an_error_of_the_rows_ends_the_run() -> None:
    """Such as that of an input that cannot be encoded."""

    def rows() -> Iterator[Features]:
        yield from [row(3)] * 1000
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        list(run(backend(2), rows(), ()))


def test_a_small_model_runs_several_batches_at_once(tiny_model: Any) -> None:
    """One thread each; and with as many threads as were asked for, one at a time."""
    small = onnxhub.load("text-classification", tiny_model())
    assert small.session.get_session_options().intra_op_num_threads == 1
    assert small.backend.lanes.number == usable_cores()
    told = onnxhub.load("text-classification", tiny_model(), threads=2)
    assert (told.session.get_session_options().intra_op_num_threads, told.backend.lanes.number) == (2, 1)
    texts = ["a great film " * (size % 9 + 1) for size in range(400)]
    assert [one.ranking for one in small(texts)] == [one.ranking for one in told(texts)]


def test_copies_share_the_lanes(tiny_model: Any) -> None:
    """Options make no more threads."""
    model = onnxhub.load("text-classification", tiny_model())
    assert model.with_options(top_k=1).backend.lanes is model.backend.lanes
