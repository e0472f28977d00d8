"""The answers of a Hub, bounded while they come: in bytes, in time, and in what it asks us to wait for.

huggingface_hub reads an answer to its end, however long it is, and waits between attempts for as long as the answer
says. A mirror that sends a byte a second, or for ever, would hold a program that loads a model. The HTTP library calls
a hook for each answer before it is read; the hook that is installed here looks at those of our own requests alone.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from onnxhub.errors import OfflineError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MOST_JSON", "AnswerLimits", "bounded_answers"]

MOST_JSON: Final = 2**26
"""Bytes of a listing; that of 100,000 files has a quarter of it."""
_MOST_SECONDS: Final = 60
"""How long the Hub may ask to wait before the next attempt."""
_LEAST_RATE: Final = 100
"""Bytes in a second, on average over a period, below which an answer is given up."""
_PERIOD: Final = 3
"""The length of a period, in times of ``HF_HUB_DOWNLOAD_TIMEOUT`` (10 seconds unless it is set)."""
_PIECE: Final = 2**16


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """What an answer may be."""

    model_id: str
    what: str
    """What is asked for, to name it in the error."""
    most: int | None
    """Bytes of the body; None: no bound."""

    def refuse(self, reason: str) -> OfflineError:
        """Return the error for an answer that is not read to its end."""
        return OfflineError(self.model_id, f"{self.what} could not be fetched: {reason}", "try again later")


_limits: ContextVar[AnswerLimits | None] = ContextVar("onnxhub_answer_limits", default=None)


@contextmanager
def bounded_answers(limits: AnswerLimits) -> Iterator[Any]:
    """Hold the answers to the requests of this thread to the limits; gives huggingface_hub's session.

    Raises:
        OfflineError: within the block, where an answer breaks them.
    """
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]  # it is in no __all__

    session: Any = get_session()
    hooks = session.event_hooks if hasattr(session, "event_hooks") else session.hooks
    if _look_at not in hooks.setdefault("response", []):
        hooks["response"].append(_look_at)
    before = _limits.set(limits)
    try:
        yield session
    finally:
        _limits.reset(before)


def _look_at(response: Any, *_arguments: object, **_options: object) -> None:
    """Bound an answer before its body is read; the hook of httpx, and of requests."""
    limits = _limits.get()
    if limits is None:
        return
    _refuse_long_wait(response, limits)
    body = _Body(limits, _period())
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


def _refuse_long_wait(response: Any, limits: AnswerLimits) -> None:
    wait = str(response.headers.get("Retry-After", ""))
    if response.status_code in {429, 503} and wait.isdecimal() and int(wait[:9]) > _MOST_SECONDS:
        raise limits.refuse(f"HTTP {response.status_code}, and the Hub asks to wait for {int(wait[:9]):,} seconds")


def _period() -> float:
    from huggingface_hub import constants

    return _PERIOD * float(constants.HF_HUB_DOWNLOAD_TIMEOUT)


class _Body:
    """How much of a body has come, and how fast."""

    def __init__(self, limits: AnswerLimits, period: float) -> None:
        self.limits = limits
        self.period = period
        self.total = 0
        self.since = monotonic()
        self.before = 0

    def pass_on(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the bytes on as they come.

        Raises:
            OfflineError: they are too many, or come too slowly.
        """
        for piece in pieces:
            self._count(len(piece))
            yield piece

    def _count(self, size: int) -> None:
        self.total += size
        if self.limits.most is not None and self.total > self.limits.most:
            raise self.limits.refuse(f"the answer has more than {self.limits.most:,} bytes")
        now = monotonic()
        if now - self.since >= self.period:
            if self.total - self.before < _LEAST_RATE * (now - self.since):
                raise self.limits.refuse(f"fewer than {_LEAST_RATE} bytes a second came in {self.period:g} seconds")
            self.since, self.before = now, self.total
