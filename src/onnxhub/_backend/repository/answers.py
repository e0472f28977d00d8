"""Limits for the answers of a Hub: in bytes, in time, and in the pauses that it asks for.

huggingface_hub reads an answer to its end, however long it is, and waits between attempts for as long as the answer
says. A mirror that sends a byte a second, or for ever, would block a program that loads a model. The HTTP library calls
a hook for each answer when its headers have come; the hook that is installed here limits the bodies of our own requests.
Headers that never end cannot be limited by a hook: so a request runs in a thread, which is abandoned then.
"""

from __future__ import annotations

from concurrent.futures import Future, wait
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

from onnxhub.errors import OfflineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

__all__ = ["MOST_JSON", "Limits", "call_within"]

MOST_JSON: Final = 2**26
"""Bytes of a listing; a listing of 100,000 files has a quarter of it."""
_MOST_SECONDS: Final = 20
"""How long the Hub may ask to wait before the next attempt."""
_LEAST_RATE: Final = 100
"""Bytes in a second, on average over a period, below which an answer is given up."""
_PERIOD: Final = 3
"""The length of a period, in times of ``HF_HUB_DOWNLOAD_TIMEOUT`` (10 seconds unless it is set)."""
_LEAST_PATIENCE: Final = 30.0
"""Least time in seconds to wait for headers, since huggingface_hub itself waits between its attempts."""
_MOST_ANSWERS: Final = 50
"""Answers to one request. huggingface_hub tries some times, and follows up to 20 or 30 redirects, but any number of them to
the same host."""
_PIECE: Final = 2**16


@dataclass(slots=True)
class Limits:
    """The limits of the answers to one request."""

    model_id: str
    what: str
    """Names what is asked for in the error."""
    most: int | None
    """Bytes of a body; None: any number."""
    answered: float = field(default_factory=monotonic, init=False)
    """When something last came from the Hub."""
    answers: int = field(default=0, init=False)
    """How many have come."""
    given_up: bool = field(default=False, init=False)
    """Whether the caller has stopped waiting."""

    def refuse(self, reason: str) -> OfflineError:
        """Return the error for an answer that is given up."""
        return OfflineError(self.model_id, f"{self.what} could not be fetched: {reason}", "try again later")


_limits: ContextVar[Limits | None] = ContextVar("onnxhub_answer_limits", default=None)


def call_within(limits: Limits, call: Callable[[Any], T]) -> T:
    """Call a function with huggingface_hub's session, and apply the limits to the answers to its requests.

    Raises:
        OfflineError: an answer exceeds them.
        Exception: any error of the function.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        _limits.set(limits)
        try:
            outcome.set_result(call(_get_session()))
        except BaseException as error:  # noqa: BLE001  # the waiting thread raises it
            outcome.set_exception(error)

    Thread(target=run, name="onnxhub-request", daemon=True).start()
    patience = max(2 * _read_period(), _LEAST_PATIENCE)
    try:
        while not wait([outcome], limits.answered + patience - monotonic()).done:
            if monotonic() - limits.answered >= patience:
                raise limits.refuse(f"the headers of an answer did not end in {patience:g} seconds")
    finally:
        limits.given_up = True
    return outcome.result()


def _get_session() -> Any:
    """Return the session of this thread, with the hook."""
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]  # it is in no __all__

    session: Any = get_session()
    hooks = session.event_hooks if hasattr(session, "event_hooks") else session.hooks
    if _limit_answer not in hooks.setdefault("response", []):
        hooks["response"].append(_limit_answer)
    return session


def _limit_answer(response: Any, *_arguments: object, **_options: object) -> None:
    """Limit an answer before its body is read; the hook of httpx and of requests."""
    limits = _limits.get()
    if limits is None:
        return
    limits.answered = monotonic()
    limits.answers += 1
    if limits.answers > _MOST_ANSWERS:
        raise limits.refuse(f"the Hub sends it from one address to another, {_MOST_ANSWERS} times")
    _refuse_long_wait(response, limits)
    body = _Body(limits, _read_period())
    if hasattr(response, "iter_raw"):  # httpx
        read = response.iter_raw
        response.iter_raw = lambda chunk_size=None: body.pass_on(read(chunk_size))
    elif hasattr(response.raw, "read1"):  # requests over urllib3 2, whose `stream` waits for a whole piece
        response.raw.stream = lambda amount=_PIECE, decode_content=None: body.pass_on(
            _read_pieces(response.raw, amount, decode_content=decode_content)
        )


def _read_pieces(raw: Any, amount: int, *, decode_content: bool | None) -> Iterator[bytes]:
    """Read the body of an answer of requests, in pieces as they come."""
    while piece := raw.read1(min(amount, _PIECE), decode_content=decode_content):
        yield piece


def _refuse_long_wait(response: Any, limits: Limits) -> None:
    wait = str(response.headers.get("Retry-After", ""))
    if response.status_code in {429, 503} and wait.isdecimal() and int(wait[:9]) > _MOST_SECONDS:
        raise limits.refuse(f"HTTP {response.status_code}, and the Hub asks to wait for {int(wait[:9]):,} seconds")


def _read_period() -> float:
    from huggingface_hub import constants

    return _PERIOD * float(constants.HF_HUB_DOWNLOAD_TIMEOUT)


class _Body:
    """Counts the bytes of a body, and how fast they come."""

    def __init__(self, limits: Limits, period: float) -> None:
        self.limits = limits
        self.period = period
        self.total = 0
        self.since = monotonic()
        self.before = 0

    def pass_on(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the bytes on as they come.

        Raises:
            OfflineError: there are too many, or they come too slowly.
        """
        for piece in pieces:
            self._count(len(piece))
            yield piece

    def _count(self, size: int) -> None:
        now = self.limits.answered = monotonic()
        self.total += size
        if self.limits.given_up:
            raise self.limits.refuse("nobody waits for it any more")
        if self.limits.most is not None and self.total > self.limits.most:
            raise self.limits.refuse(f"the answer has more than {self.limits.most:,} bytes")
        if now - self.since >= self.period:
            if self.total - self.before < _LEAST_RATE * (now - self.since):
                raise self.limits.refuse(f"fewer than {_LEAST_RATE} bytes a second came in {self.period:g} seconds")
            self.since, self.before = now, self.total
