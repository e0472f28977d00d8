"""Which of a model's two sessions runs a batch: that with all threads if it runs alone, else that with one."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from onnxhub._backend.runtime.pair import SessionPair
from onnxhub.errors import ClosedModelError, IntegrityError

if TYPE_CHECKING:
    from onnxhub._backend.runtime.session import Session


@dataclass
class Held:
    """Stands for a session: its runs wait for a gate, and are told apart by its threads."""

    threads: int = 4
    gate: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)
    built: list[int] = field(default_factory=list)
    closed: bool = False

    def run(self, features: Any, outputs: Any) -> Any:
        """Its threads, when the gate is open."""
        del features, outputs
        self.started.set()
        assert self.gate.wait(30)
        return self.threads

    def clone(self, *, threads: int) -> Held:
        """Another one, whose gate is open."""
        if self.closed:
            raise ClosedModelError
        self.built.append(threads)
        return opened(Held(threads))

    def close(self) -> None:
        """Be closed."""
        self.closed = True


def opened(session: Held) -> Held:
    """The session, whose runs do not wait."""
    session.gate.set()
    return session


def pair_of(first: Held, after: int = 0) -> SessionPair:
    """A pair that begins with this session."""
    return SessionPair(cast("Session", first), after=after)


def run(pair: SessionPair, *, concurrent: bool = False) -> Any:
    """The threads of the session that runs a batch."""
    return pair.run({}, (), concurrent=concurrent)


def test_a_batch_alone_has_all_threads() -> None:
    """However many there were before, and nothing is built for them."""
    first = opened(Held())
    assert {run(pair := pair_of(first)) for _ in range(5)} == {4}
    assert [run(pair) for _ in range(20)] == [4] * 20
    assert first.built == []


@pytest.mark.parametrize("after", [0, 8])
def test_batches_at_once_have_one_thread_each(after: int) -> None:
    """From some number on; the second session is built once, and a batch alone afterwards has all threads again."""
    pair = pair_of(first := opened(Held()), after)
    assert [run(pair, concurrent=True) for _ in range(after + 3)] == [4] * after + [1] * 3
    assert first.built == [1]
    assert run(pair) == 4


def test_two_callers_at_once_have_one_thread_each() -> None:
    """As the batches of a list do: a call that finds another one running does not take all cores as well."""
    pair = pair_of(first := Held())
    other = threading.Thread(target=run, args=(pair,))
    other.start()
    assert first.started.wait(30)
    assert run(pair) == 1
    first.gate.set()
    other.join()
    assert run(pair) == 4


def test_a_batch_that_fails_runs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is alone."""
    pair = pair_of(first := opened(Held()))
    monkeypatch.setattr(first, "run", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        run(pair)
    monkeypatch.undo()
    assert run(pair) == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_runs_none_of_its_parents_batches() -> None:
    """A batch in the child is alone, though the parent was at work when it forked."""
    pair = pair_of(first := Held())
    other = threading.Thread(target=run, args=(pair,))
    other.start()
    assert first.started.wait(30)
    child = os.fork()
    if child == 0:
        first.gate = threading.Event()
        os._exit(run(pair) if first.gate.set() is None else 99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
    first.gate.set()
    other.join()


def test_closing_closes_the_second_session_and_builds_no_other() -> None:
    """The first one is its owner's to close."""
    pair = pair_of(first := opened(Held()))
    second = cast("Held", pair.choose_second())
    pair.close()
    assert (first.closed, second.closed) == (False, True)
    late = pair_of(gone := opened(Held(closed=True)))
    late.close()
    with pytest.raises(ClosedModelError):
        run(late, concurrent=True)
    assert gone.built == []


def test_where_no_second_session_can_be_built_the_first_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With all threads for each batch; it is tried once, and the log says why."""
    pair = pair_of(first := opened(Held()))

    def clone(*, threads: int) -> Held:
        first.built.append(threads)
        raise IntegrityError("model.onnx", "it has changed")

    monkeypatch.setattr(first, "clone", clone)
    assert [run(pair, concurrent=True) for _ in range(3)] == [4] * 3
    assert first.built == [1]
    assert "batches go on with all threads each: model.onnx" in caplog.text
