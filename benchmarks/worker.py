"""A program that stays: it loads once, then answers each line of standard input, so that rounds do not load again."""

from __future__ import annotations

import gc
import json
import sys
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MARK = "answer: "
"""What a line begins with that is meant for the one who asks: libraries print, too."""
T = TypeVar("T")


def serve(answer: Callable[[Any], Mapping[str, object]]) -> None:
    """Answer questions, JSON values with a line each, until there are no more; the first answer says "ready"."""
    _say({"ready": True})
    for line in sys.stdin:
        _say(answer(json.loads(line)))


def serve_passes(run: Callable[[Sequence[str]], Sequence[float]], texts: Callable[[int], Sequence[str]]) -> None:
    """Answer each number of texts with the seconds that they take, given all at once, those of the processor, and scores."""
    made: dict[int, Sequence[str]] = {}

    def answer(number: int) -> Mapping[str, object]:
        if number not in made:
            made[number] = texts(number)
        took, (cpu, scores) = timed(lambda: _measure_cpu(lambda: run(made[number])))
        return {"seconds": took, "cpu": cpu, "scores": list(scores)}

    serve(answer)


def timed(step: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what came of it; garbage of what was before is collected before."""
    gc.collect()
    start = perf_counter()
    found = step()
    return perf_counter() - start, found


def _measure_cpu(step: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds of the processor, of all threads of this process together, and what came of the step."""
    before = process_time()
    found = step()
    return process_time() - before, found


def seconds(step: Callable[[], object]) -> float:
    """Seconds of a short step; collecting garbage before each would empty the processor's caches."""
    start = perf_counter()
    step()
    return perf_counter() - start


def _say(answer: Mapping[str, object]) -> None:
    sys.stdout.write(f"{MARK}{json.dumps(answer)}\n")
    sys.stdout.flush()
