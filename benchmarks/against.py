"""Two sources of onnxhub held against each other: a revision and the checkout, in turn, in new processes.

Each round runs both, and begins with the one that was second before, so that what slows the machine down hits them alike. A
ratio is that of the medians; beside it stands the middle half of the rounds' own ratios, which says how far to believe it.
All figures are such that less is better.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.bench import APART, DISTILBERT, TINY
from benchmarks.measure import Worker, run, wait_for_calm
from benchmarks.report import grid
from benchmarks.sections import throughput
from benchmarks.sections.start import time_import
from benchmarks.sources import CHECKOUT, find_source
from benchmarks.texts import SHORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.bench import Bench
    from benchmarks.measure import Run
    from benchmarks.sources import Source

LEAST_PASSES = 6
"""Of a worker: even in a quick look, since one pass says little."""
PROGRAMS = {"by_onnxhub": "`load` and a call", "by_one_liner": "`classify`"}
COLUMNS = ("what", "n", "{}", "{}", "ratio", "middle half of the ratios")
UNITS: Mapping[str, Callable[[float], str]] = {
    "ms": lambda seconds: f"{seconds * 1e3:,.3g} ms" if seconds < 1 else f"{seconds:,.2f} s",
    "MiB": lambda size: f"{size:,.1f} MiB",
    "times": lambda times: f"{times:.2f}",
}


@dataclass(frozen=True)
class Figure:
    """What was measured of both sources, a value for each round."""

    what: str
    unit: str
    then: Sequence[float]
    now: Sequence[float]

    @property
    def ratio(self) -> float:
        """The checkout's median in times of the other source's."""
        return statistics.median(self.now) / statistics.median(self.then)

    @property
    def middle(self) -> tuple[float, float]:
        """The quartiles of the ratios of the rounds."""
        ratios = [now / then for then, now in zip(self.then, self.now, strict=True)]
        first, _, third = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
        return first, third

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        then, now = (UNITS[self.unit](statistics.median(values)) for values in (self.then, self.now))
        first, third = self.middle
        return self.what, f"{len(self.now)}", then, now, f"{self.ratio:.3f}", f"{first:.3f} to {third:.3f}"


def compare(bench: Bench, asked: str, names: Sequence[str]) -> Iterator[str]:
    """Measure sections of a revision, or of a folder's source, and of the checkout; yield each as Markdown.

    Raises:
        RuntimeError: there is no such revision, a program failed, or the two sources do not give the same scores.
    """
    other = find_source(asked)
    for source in (other, CHECKOUT):
        for python in (bench.light, bench.full):
            _require_source(source, python)
    columns = [column.format(name) for column, name in zip(COLUMNS, _spread(other.name, CHECKOUT.name), strict=True)]
    for name in names:
        figures = SECTIONS[name](bench, (other, CHECKOUT))
        yield f"## {name}\n\n{grid(columns, [figure.cells for figure in figures])}"


def _spread(then: str, now: str) -> tuple[str, ...]:
    return "", "", then, now, "", ""


def _require_source(source: Source, python: str) -> None:
    """Raise ``RuntimeError`` unless an interpreter imports onnxhub from a source: an installed one would be measured."""
    found = run([python, "-c", "import onnxhub; print(onnxhub.__file__)"], source).output
    if not found.startswith(str(source.path)):
        raise RuntimeError(f"{python} imports onnxhub from {found}, not from {source.path}")


def alternate(bench: Bench, command: Sequence[str], sources: Sequence[Source], rounds: int) -> list[list[Run]]:
    """Return the runs of a command with each source; an unrecorded round first fills the caches of each."""
    runs: list[list[Run]] = [[] for _ in sources]
    for number in range(rounds + 1):
        _wait(bench)
        for place in _order(len(sources), number):
            result = run(command, sources[place])
            if number:
                runs[place].append(result)
    return runs


def _order(places: int, number: int) -> list[int]:
    """Return the order of a round: each begins one place later, so that none is always first, or behind the same one."""
    return [(number + place) % places for place in range(places)]


def _wait(bench: Bench) -> None:
    wait_for_calm(2.0 if bench.quick else 30.0)


def cold(bench: Bench, sources: Sequence[Source]) -> Iterator[Figure]:
    """Measure a new process to its first answer: time, processor's time and memory, in both installs."""
    for install in ("light", "full"):
        for program, said in PROGRAMS.items():
            command = bench.program(f"{program}.py", bench.model(DISTILBERT), SHORT, python=bench.installs[install])
            then, now = alternate(bench, command, sources, bench.rounds(12))
            what = f"{said}, {install} install"
            yield Figure(what, "ms", [took.seconds for took in then], [took.seconds for took in now])
            yield Figure(f"{what}, CPU", "ms", [took.cpu for took in then], [took.cpu for took in now])
            yield Figure(f"{what}, memory", "MiB", [took.peak for took in then], [took.peak for took in now])


def imports(bench: Bench, sources: Sequence[Source]) -> Iterator[Figure]:
    """Measure ``import onnxhub`` in a new process, numpy included."""
    for install in ("light", "full"):
        command = [bench.installs[install], "-c", time_import("onnxhub")]
        then, now = alternate(bench, command, sources, bench.rounds(40))
        yield Figure(f"`import onnxhub`, {install} install", "ms", _printed(then), _printed(now))


def warm(bench: Bench, sources: Sequence[Source]) -> Iterator[Figure]:
    """Measure the median call with one short text, of each process."""
    for model, calls in ((TINY, 3000), (DISTILBERT, 60)):
        for program, said in PROGRAMS.items():
            command = bench.program("warm.py", program, bench.model(model), SHORT, calls)
            then, now = alternate(bench, command, sources, bench.rounds(12))
            yield Figure(f"{said}, {model}", "ms", _printed(then), _printed(now))


def _printed(runs: Sequence[Run]) -> list[float]:
    return [float(took.output) for took in runs]


def compare_throughput(bench: Bench, sources: Sequence[Source]) -> Iterator[Figure]:
    """Measure texts of real lengths in one list, also in times of the ceiling: the bare session on the same tokens."""
    for contest in throughput.CLASSIFIERS:
        number = bench.some(contest.texts)
        budget = throughput.find_best_setting(bench, contest, "by_ceiling", number)
        mine = throughput.command_of(bench, contest, "by_onnxhub", None)
        ceiling = throughput.command_of(bench, contest, "by_ceiling", budget)
        commands = [*((mine, source) for source in sources), (ceiling, CHECKOUT)]
        answers = _ask_in_turn(bench, commands, number, max(bench.rounds(3 * contest.rounds), LEAST_PASSES))
        what = f"{number:,} texts, {contest.model}"
        for key, said in (("seconds", what), ("cpu", f"{what}, CPU")):
            then, now, bare = ([answer[key] for answer in some] for some in answers)
            yield Figure(said, "ms", then, now)
            over = [[took / least for took, least in zip(some, bare, strict=True)] for some in (then, now)]
            yield Figure(f"{said}, in times of the ceiling ({budget} tokens a batch)", "times", *over)


def _ask_in_turn(
    bench: Bench, commands: Sequence[tuple[Sequence[str], Source]], question: int, rounds: int
) -> list[list[Mapping[str, Any]]]:
    """Return the answers of each worker, round after round; an unrecorded round shows that scores are the same."""
    answers: list[list[Mapping[str, Any]]] = [[] for _ in commands]
    with ExitStack() as running:
        workers = [running.enter_context(Worker(command, source)) for command, source in commands]
        _require_same([worker.ask(question) for worker in workers])
        for number in range(rounds):
            _wait(bench)
            for place in _order(len(workers), number):
                answers[place].append(workers[place].ask(question))
    return answers


def _require_same(answers: Sequence[Mapping[str, Any]]) -> None:
    first, *others = [answer["scores"] for answer in answers if answer["scores"]]
    for scores in others:
        apart = max(abs(mine - theirs) for mine, theirs in zip(first, scores, strict=True))
        if apart > APART:
            raise RuntimeError(f"the two sources give scores that are {apart} apart")


SECTIONS: Mapping[str, Callable[[Bench, Sequence[Source]], Iterator[Figure]]] = {
    "cold": cold,
    "imports": imports,
    "warm": warm,
    "throughput": compare_throughput,
}
