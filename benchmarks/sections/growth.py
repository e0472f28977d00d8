"""How the cost grows: with the number of texts, and with the length of one."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks import profiles
from benchmarks.bench import TINY, Topic
from benchmarks.measure import wait_for_calm, workers
from benchmarks.plots import Axis, Lines
from benchmarks.report import Target, explained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.bench import Bench
    from benchmarks.report import Table

TAGGER = "tiny-tagger"
TEXTS = (256, 512, 1024, 2048, 4096, 8192)
WORDS = (200, 400, 800, 1600, 3200, 6400, 12_800)
STEP = 8
"""The target is on so many times as much."""


def growth(bench: Bench) -> Iterator[Table]:
    """Time against the number of texts, and against the words of a document."""
    yield _grown(bench, "texts", TINY, TEXTS, TEXTS[0] * STEP)
    yield _grown(bench, "words", TAGGER, WORDS, WORDS[-1])


def _grown(bench: Bench, what: str, model: str, sizes: Sequence[int], large: int) -> Table:
    command = bench.program("growth.py", what, bench.model(model))
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    with workers({what: command}) as running:
        for number in range(bench.rounds(7) + 1):
            wait_for_calm()
            for size in sizes:
                answer = running[what].ask(size)
                if number:
                    taken[size].append(answer["seconds"])
    seconds = {size: statistics.median(some) for size, some in taken.items()}
    rows = [
        (f"{size:,}", f"{value:.3f} s", f"{value / size * 1e3:.3f} ms", f"{value / seconds[sizes[0]]:.2f}")
        for size, value in seconds.items()
    ]
    small = large // STEP
    target = Target(f"time of {large:,} {what}, against {small:,}", seconds[large] / seconds[small], 8.4)
    points = {
        "onnxhub": [(float(size), duration) for size, duration in seconds.items()],
        "proportional": [(float(size), size * seconds[sizes[0]] / sizes[0]) for size in sizes],
    }
    said = {"texts": "texts in one call", "words": "words of one document"}[what]
    plot = Lines(f"growth-{what}", f"Time of a call, {model}", Axis(said, log=True), Axis("seconds", log=True), points)
    return explained(
        f"{said}, {model}",
        (what, "time", "each", "ratio"),
        rows,
        [target],
        lambda: profiles.of_worker(command, large),
        [plot],
    )


TOPICS = {
    "growth": Topic(
        "How the cost grows",
        """\
A call with ever more texts of real lengths (the same 256, again and again), and with an ever longer document, which is
read in windows; in the full install.""",
        (TINY, TAGGER),
        growth,
    ),
}
