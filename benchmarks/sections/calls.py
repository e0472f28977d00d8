"""One text at a time on a loaded model: a short one, and how the time depends on the length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import profiles
from benchmarks.bench import DISTILBERT, NAMES, TINY, Topic
from benchmarks.measure import in_turn, output_medians, seconds_of, side_by_side, workers
from benchmarks.plots import Axis, Lines
from benchmarks.report import Table, Target, explained
from benchmarks.texts import SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.bench import Bench

PROGRAMS = ("by_onnxhub", "by_hand", "by_optimum")
WARM = {**NAMES, "by_floor": "the floor: the bare session's run alone"}
LENGTHS = (8, 16, 32, 64, 128, 256, 512)
CALLS = {TINY: 300, DISTILBERT: 12}
"""How many of a length are timed in a round."""


def warm(bench: Bench) -> Iterator[Table]:
    """One short text."""
    for model, calls, rounds, limit in ((TINY, 3000, 9, 0.85), (DISTILBERT, 60, 7, 1.05)):
        commands = {name: _warm(bench, name, model, calls) for name in WARM}
        results = output_medians(side_by_side(commands, bench.rounds(rounds)))
        yield _warm_table(bench, model, results, limit)


def _warm(bench: Bench, program: str, model: str, calls: int) -> list[str]:
    return bench.program("warm.py", program, bench.model(model), SHORT, calls)


def _warm_table(bench: Bench, model: str, results: Mapping[str, float], limit: float) -> Table:
    hand, mine, optimum = (results[name] for name in ("by_hand", "by_onnxhub", "by_optimum"))
    rows = [
        (WARM[name], f"{seconds * 1e3:.3f} ms", f"{seconds / hand:.2f}", f"{seconds / optimum:.2f}")
        for name, seconds in results.items()
    ]
    targets = [Target(f"one text, {model}, against by hand", mine / hand, limit)]
    if model == TINY:
        targets.append(Target(f"one text, {model}, against optimum", mine / optimum, 0.65))
    command = _warm(bench, "by_onnxhub", model, 2000 if model == TINY else 60)
    columns = ("program", "median call", "against by hand", "against optimum")
    return explained(model, columns, rows, targets, lambda: profiles.of_calls(command))


def lengths(bench: Bench) -> Iterator[Table]:
    """One text of each length."""
    for model in (TINY, DISTILBERT):
        commands = {name: bench.program("latency.py", name, bench.model(model)) for name in PROGRAMS}
        seconds: dict[str, dict[int, float]] = {name: {} for name in PROGRAMS}
        with workers(commands) as running:
            for tokens in LENGTHS:
                question = {"tokens": tokens, "calls": bench.rounds(CALLS[model])}
                for name, median in seconds_of(in_turn(running, question, bench.rounds(5))).items():
                    seconds[name][tokens] = median
        yield _lengths_table(model, seconds)


def _lengths_table(model: str, seconds: Mapping[str, Mapping[int, float]]) -> Table:
    names = {name: NAMES[name].replace("`", "") for name in PROGRAMS}
    rows = [
        (
            f"{tokens}",
            *(f"{seconds[name][tokens] * 1e3:.2f} ms" for name in PROGRAMS),
            f"{seconds['by_onnxhub'][tokens] / seconds['by_hand'][tokens]:.2f}",
        )
        for tokens in LENGTHS
    ]
    series = {
        names[name]: [(float(tokens), value * 1e3) for tokens, value in seconds[name].items()] for name in PROGRAMS
    }
    plot = Lines(
        f"latency-{model}",
        f"One text at a time, {model}",
        Axis("tokens of the text", log=True),
        Axis("milliseconds a call", log=True),
        series,
    )
    return Table(model, ("tokens", *names.values(), "onnxhub against by hand"), rows, plots=[plot])


TOPICS = {
    "warm": Topic(
        "One short text on a loaded model",
        "The median call of each process, and the median of the processes; in the full install. The floor is no program that\n"
        "one could use: it runs the graph on a text that was tokenised before.",
        (TINY, DISTILBERT),
        warm,
    ),
    "lengths": Topic(
        "One text of any length",
        "The median call on a text of so many tokens, on a loaded model; in the full install.",
        (TINY, DISTILBERT),
        lengths,
    ),
}
