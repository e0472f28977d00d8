"""What the handler of a signal raises is nobody's failure: it reaches whoever set the handler."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import onnxhub
from onnxhub._backend.inputs import tokenizer
from onnxhub._process.signals import is_from_handler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no timers of signals"),
    pytest.mark.skipif(
        threading.current_thread() is not threading.main_thread(), reason="signals come to the main thread"
    ),
]


class TimeLimitError(Exception):
    """What the handlers of these tests raise."""


def stop(*_: object) -> None:
    """Raise it, as a function does."""
    raise TimeLimitError


class Limit:
    """Raises it, as a method and as an object that is called."""

    def stop(self, *_: object) -> None:
        """Raise it."""
        raise TimeLimitError

    __call__ = stop


@pytest.fixture(params=[stop, Limit().stop, Limit()], ids=["function", "method", "object"])
def handled(request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """A handler of each kind, for SIGALRM."""
    before = signal.signal(signal.SIGALRM, request.param)
    yield request.param
    signal.signal(signal.SIGALRM, before)


def ring(*_: object) -> None:
    """Send the signal, and wait until it has come."""
    signal.raise_signal(signal.SIGALRM)
    time.sleep(0.01)


@pytest.mark.usefixtures("handled")
def test_what_a_handler_raises_is_told_from_what_fails() -> None:
    """By the frames that it came through, however deep; the same error raised by hand is a failure like any other."""
    with pytest.raises(TimeLimitError) as raised:
        ring()
    assert is_from_handler(raised.value)
    with pytest.raises(TimeLimitError) as raised:
        raise TimeLimitError
    assert not is_from_handler(raised.value)


@pytest.mark.usefixtures("handled")
def test_a_time_limit_while_a_tokenizer_is_read_is_no_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is whole, and the next load takes it."""
    monkeypatch.setattr(tokenizer, "check_description", ring)
    with pytest.raises(TimeLimitError):
        onnxhub.load("text-classification", "builtin:sentiment", compiled=False)
    monkeypatch.undo()
    assert Path(onnxhub.builtin.folder("builtin:sentiment"), "tokenizer.json").is_file()
    assert onnxhub.load("text-classification", "builtin:sentiment", compiled=False)("Quite easy!").label == "POSITIVE"


@pytest.mark.usefixtures("handled")
def test_a_time_limit_in_a_key_is_no_failure_of_its_row() -> None:
    """It ends the stream."""
    with onnxhub.load("text-classification", "builtin:sentiment", compiled=False) as model:
        stream = model.attempt_stream(["a"], key=ring)  # type: ignore[arg-type,func-returns-value]
        with pytest.raises(TimeLimitError):
            next(stream)
