"""Batches that run at once, while what comes next is read."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onnxhub
from onnxhub._backend.runtime.pair import SessionPair
from onnxhub._backend.runtime.scheduling import PATIENCE
from onnxhub._backend.runtime.threads import count_usable_cores
from onnxhub._calls.lanes import AHEAD, Lanes, Underway
from onnxhub._calls.run import LARGEST_WINDOW, WINDOW_BYTES, OnePass
from onnxhub._contracts.batching import BYTES_PER_TOKEN, Batching, count_tokens
from onnxhub._contracts.preprocessor import Prepared, Preprocessor
from onnxhub.errors import ClosedModelError
from onnxhub.testing import CannedBackend
from tests import tiny
from tests.runtime import compiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import Backend, Features, Outputs

lanes = pytest.mark.parametrize("number", [1, 2, 5])
WINDOW_TOKENS = WINDOW_BYTES // BYTES_PER_TOKEN


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


def run_jobs(lanes: Lanes, jobs: Iterable[Callable[[bool], Any]]) -> Iterator[Any]:
    """Start jobs as long as there is room, and give what they give."""
    underway: Underway[Any] = Underway(lanes)
    try:
        for work in jobs:
            underway.start(work)
            if underway.is_full:
                yield underway.finish()
        while len(underway):
            yield underway.finish()
    finally:
        underway.stop()


class Rows(Preprocessor[Any, Any]):
    """Takes rows as they are."""

    @classmethod
    def for_model(cls, backend: Backend) -> Rows:
        """Needs nothing."""
        del backend
        return cls()

    def __call__(self, inputs: Sequence[Any]) -> list[Prepared[Any]]:
        """One row an input."""
        return [Prepared([value], None, dict) for value in inputs]

    def batching(self, backend: Backend) -> Batching:
        """As tokens."""
        return Batching(backend.batch_tokens, count_tokens, lambda _: 0)


def run(backend: CannedBackend, rows: Iterable[Features], names: tuple[str, ...]) -> Iterator[tuple[int, Any]]:
    """Give each row's number and outputs, in the order in which they are done."""
    runner = OnePass(backend, Rows(), None, names)  # type: ignore[arg-type]  # no postprocessor is called
    prepared = (
        Prepared([row], None, lambda outputs: {name: values[0] for name, values in outputs.items()}) for row in rows
    )
    return runner(prepared, None)


def job(work: Callable[..., Any], *values: Any) -> Callable[[bool], Any]:
    """A job that does not care whether others run beside it."""
    return lambda _beside: work(*values)


def threads_of(session: Any) -> int:
    """Within an operator."""
    return int(session.inference_session.get_session_options().intra_op_num_threads)


@lanes
def test_jobs_give_their_values_in_order(number: int) -> None:
    """Whoever is done first."""
    assert list(run_jobs(Lanes(number), (job(int, value) for value in range(50)))) == list(range(50))
    assert list(run_jobs(Lanes(number), [])) == []


@dataclass(frozen=True, eq=False)
class Noting(CannedBackend):
    """Notes where batches run, and whether others run beside them."""

    notes: list[tuple[bool, bool]] = field(default_factory=list)

    def run(self, features: Features, outputs: Sequence[str], *, beside: bool = False) -> Outputs:
        """As canned."""
        self.notes.append((beside, threading.current_thread() is threading.main_thread()))
        return super().run(features, outputs, beside=beside)


@lanes
def test_one_batch_runs_where_it_was_asked_for(number: int) -> None:
    """No other thread has to wake up for it; of several, each knows whether others run at the same time."""
    noting = Noting({"logits": [0.0]}, lanes=Lanes(number), batch_tokens=10)
    assert len(list(run(noting, [row(5)] * 2, ("logits",)))) == 2
    assert noting.notes == [(False, True)]
    noting.notes.clear()
    assert len(list(run(noting, [row(5)] * 6, ("logits",)))) == 6
    assert noting.notes == [(number > 1, False)] * 3


@lanes
def test_jobs_are_taken_a_few_ahead(number: int) -> None:
    """However many there are: what they hold must fit into memory."""
    taken = []

    def jobs() -> Iterator[Callable[[bool], int]]:
        for value in range(100):
            taken.append(value)
            yield job(int, value)

    for done, _ in enumerate(run_jobs(Lanes(number), jobs()), 1):
        assert len(taken) <= done + AHEAD * number


@lanes
def test_as_many_jobs_run_at_once_as_there_are_lanes(number: int) -> None:
    """All lanes are in use, and no more than that, however many threads ask."""
    shared, running, most = Lanes(number), 0, []
    together, lock = threading.Barrier(number), threading.Lock()

    def counted() -> None:
        nonlocal running
        with lock:
            running += 1
            most.append(running)
        together.wait(10)  # breaks unless all lanes come here
        with lock:
            running -= 1

    askers = [threading.Thread(target=lambda: list(run_jobs(shared, [job(counted)] * number * 4))) for _ in range(3)]
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

    def inverse(value: int) -> int:
        begun.append(value)
        return 1 // value

    with pytest.raises(ZeroDivisionError):
        list(run_jobs(Lanes(number), (job(inverse, value) for value in [3, 2, 1, 0, *range(1, 100)])))
    count = len(begun)
    assert count <= 4 + AHEAD * number
    assert list(run_jobs(Lanes(number), [job(inverse, 1)] * 2)) == [1, 1]
    assert len(begun) == count + 2


@lanes
def test_closing_the_iterator_waits_for_what_runs(number: int) -> None:
    """So that nothing goes on behind the caller's back, such as a run of a session that is closed."""
    ended, go_on = [], threading.Event()

    def ending() -> None:
        go_on.wait(0.05)
        ended.append(True)

    results = run_jobs(Lanes(number), [job(ending)] * 50)
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
    mine = job(os.getpid)
    assert list(run_jobs(shared, [mine] * 4)) == [os.getpid()] * 4
    child = os.fork()
    if child == 0:
        os._exit(0 if list(run_jobs(shared, [mine] * 4)) == [os.getpid()] * 4 else 1)
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
    """One thread each, and a text alone with all; with as many threads as were asked for, one batch at a time."""
    small = onnxhub.load("text-classification", tiny_model(), batch_tokens=64)
    assert (threads_of(small.backend.session), small.backend.lanes.number) == (
        count_usable_cores(),
        count_usable_cores(),
    )
    told = onnxhub.load("text-classification", tiny_model(), threads=2, batch_tokens=64)
    assert (threads_of(told.backend.session), told.backend.lanes.number, told.backend.pair) == (2, 1, None)
    texts = ["a great film " * (size % 9 + 1) for size in range(400)]
    first = [one.ranking for one in small(texts)]  # which also builds the second session
    assert isinstance(small.backend.pair, SessionPair)
    assert threads_of(small.backend.pair.choose_second()) == 1
    assert [one.ranking for one in small(texts)] == first
    for mine, its in zip(first, told(texts), strict=True):
        assert [one.score for one in mine] == pytest.approx([one.score for one in its.ranking], abs=1e-6)


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A quantised model that counts as a large one."""
    monkeypatch.setattr("onnxhub._backend.runtime.scheduling.SMALL", 1000)
    return tiny.make_model(tmp_path, dtype="int8", seed=11)


@compiles
def test_a_large_quantised_model_runs_rows_at_once_in_a_session_of_their_own(large: Path) -> None:
    """With one thread, built once there are rows enough; a text alone keeps all cores, and no bit depends on which it was."""
    model = onnxhub.load("text-classification", large, compiled=True)
    pair = model.backend.pair
    assert isinstance(pair, SessionPair)
    assert (threads_of(model.backend.session), model.backend.lanes.number) == (
        count_usable_cores(),
        count_usable_cores(),
    )
    texts = ["a great film " * (size % 9 + 1) for size in range(PATIENCE)]
    first = model(texts)
    assert pair.choose_second().path == model.backend.session.path
    assert threads_of(pair.choose_second()) == 1
    assert [one.ranking for one in model(texts)] == [one.ranking for one in first]
    assert [model(text).ranking for text in texts] == [one.ranking for one in first]


def test_without_a_compiled_graph_a_large_quantised_model_runs_one_row_at_a_time(large: Path) -> None:
    """A second session would have weights of its own."""
    model = onnxhub.load("text-classification", large, compiled=False)
    assert (model.backend.lanes.number, model.backend.pair) == (1, None)


@compiles
@pytest.mark.parametrize("texts", [1, 5])
def test_a_closed_model_has_closed_both_sessions(texts: int, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that would be built now."""
    monkeypatch.setattr("onnxhub._backend.runtime.scheduling.PATIENCE", 2)
    model = onnxhub.load("text-classification", large, compiled=True)
    model(["a great film"] * texts)
    model.close()
    with pytest.raises(ClosedModelError):
        model(["a great film"] * 5)


@compiles
def test_a_compiled_graph_that_was_cleared_away_leaves_all_to_the_first_session(
    large: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Which has it mapped; nothing is read anew, and the log says so once."""
    model = onnxhub.load("text-classification", large, compiled=True)
    expected = model("a great film").ranking
    pair = model.backend.pair
    assert isinstance(pair, SessionPair)
    pair.choose_second().path.unlink()
    found = model(["a great film"] * 3 * PATIENCE)
    assert {one.ranking for one in found} == {expected}
    assert pair.choose_second() is model.backend.session
    (record,) = caplog.records
    assert record.getMessage().startswith("batches go on with all threads each: ")


def test_copies_share_the_lanes(tiny_model: Any) -> None:
    """Options make no more threads."""
    model = onnxhub.load("text-classification", tiny_model())
    assert model.with_options(top_k=1).backend.lanes is model.backend.lanes


LATE = """
import threading, time
import onnxhub

model = onnxhub.load("text-classification", "builtin:sentiment")
main = threading.main_thread()

def late():
    main.join()
    time.sleep(0.2)  # until Python has closed all pools of threads
    print(len(model(["Quite easy!"] * 64)))

threading.Thread(target=late).start()
"""


def test_a_thread_that_outlives_the_main_one_gets_its_results() -> None:
    """Python closes pools of threads when the last line of a program has run; other threads of it may go on."""
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "64\n", "")


@dataclass(frozen=True)
class Cooled(onnxhub.ClassificationPostprocessor):
    """A hook that works in place, as hooks may."""

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Half of the logits, written over them."""
        logits /= 2.0
        return onnxhub.softmax(logits)


def test_a_row_that_fails_leaves_its_neighbours_as_they_are() -> None:
    """Each row of a batch is decoded once, so that a hook which works in place gives the same beside one that fails."""

    def spoil(features: Features) -> dict[str, NDArray[np.float32]]:
        logits = np.tile(np.array([0.0, 4.0], np.float32), (len(features["input_ids"]), 1))
        logits[(features["input_ids"] == bad).any(axis=1)] = np.nan
        return {"logits": logits}

    backend = CannedBackend(spoil, labels=("N", "P"))
    [tokens] = backend.tokenizer.encode(["bad"])
    bad = int(tokens.ids[1])
    model = backend.load("text-classification", postprocessor=Cooled)
    first, failure, last = model.attempt(["ok", "bad", "ok"])
    assert isinstance(failure, onnxhub.Failure)
    assert first == last == model("ok")


class Lazy:
    """A column that tells how much of it is read, as those of data sets could."""

    shape = (3,)

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Iterator[str]:
        for text in ("a", "b", "c"):
            self.read += 1
            yield text

    def tolist(self) -> list[str]:
        """All of it at once."""
        raise AssertionError("the whole column was copied")


def test_a_stream_copies_no_column() -> None:
    """What has a shape is read value by value, also where nothing else says what it is."""
    model = CannedBackend({"logits": [0.0, 1.0]}, labels=("N", "P")).load("text-classification")
    column = Lazy()
    assert [result.label for result in model.stream(column)] == ["P"] * 3
    assert column.read == 3
