"""From nothing to a first answer: cold start, import, and repositories with torch's weights alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import profiles
from benchmarks.bench import BY_HAND, DISTILBERT, NAMES, OPTIMUM, Topic
from benchmarks.measure import medians, output_medians, side_by_side
from benchmarks.plots import Bars
from benchmarks.report import Target, explained
from benchmarks.texts import SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.bench import Bench
    from benchmarks.measure import Run
    from benchmarks.report import Table

PYTORCH = "distilbert-pytorch"


def cold(bench: Bench) -> Iterator[Table]:
    """Measure a new process up to its first answer, in both installs."""
    for install, programs in (("light", ("by_hand", "by_onnxhub", "by_one_liner")), ("full", tuple(NAMES))):
        python = bench.installs[install]
        commands = {
            name: bench.program(f"{name}.py", bench.model(DISTILBERT), SHORT, python=python) for name in programs
        }
        results = medians(side_by_side(commands, bench.rounds(9)))
        yield _cold_table(install, results, commands["by_onnxhub"])


def _cold_table(install: str, results: Mapping[str, Run], command: list[str]) -> Table:
    hand, mine, optimum = (results.get(name) for name in ("by_hand", "by_onnxhub", "by_optimum"))
    rows = [
        (
            NAMES[name],
            f"{entry.seconds:.2f} s",
            f"{entry.seconds / hand.seconds:.2f}",
            f"{entry.peak:.0f} MiB",
            f"{entry.peak / hand.peak:.2f}",
        )
        for name, entry in results.items()
    ]
    where = f"first answer, {install} install"
    targets = [
        Target(f"{where}, against by hand", mine.seconds / hand.seconds, 0.60),
        Target(f"memory of the {where}, against by hand", mine.peak / hand.peak, 0.70),
    ]
    plots = []
    if optimum:
        targets += [
            Target(f"{where}, optimum's time in times of onnxhub's", optimum.seconds / mine.seconds, 12, at_least=True),
            Target(f"memory of the {where}, against optimum", mine.peak / optimum.peak, 0.45),
        ]
        values = {NAMES[name].replace("`", ""): entry.seconds for name, entry in results.items()}
        plots.append(Bars("cold-start", "New process to first answer, DistilBERT-sized model", "s", values))
    columns = ("program", "time", "ratio", "peak memory", "ratio")
    return explained(f"{install} install", columns, rows, targets, lambda: profiles.of_start(command), plots)


def imports(bench: Bench) -> Iterator[Table]:
    """``import onnxhub`` and ``import numpy`` in new processes."""
    for install in ("light", "full"):
        python = bench.installs[install]
        commands = {name: [python, "-c", time_import(name)] for name in ("numpy", "onnxhub")}
        runs = side_by_side(commands, bench.rounds(40))
        inside, whole = output_medians(runs), medians(runs)
        ratios = {name: seconds / inside["numpy"] for name, seconds in inside.items()}
        rows = [
            (
                f"`import {name}`",
                f"{inside[name] * 1e3:.1f} ms",
                f"{ratios[name]:.2f}",
                f"{whole[name].seconds * 1e3:.1f} ms",
            )
            for name in commands
        ]
        target = Target(f"import onnxhub, {install} install, against numpy", ratios["onnxhub"], 1.3)
        columns = ("statement", "median", "ratio", "whole process")
        yield explained(f"{install} install", columns, rows, [target], lambda python=python: profiles.of_import(python))


def time_import(name: str) -> str:
    """Return a program that prints the seconds of an import."""
    return f"from time import perf_counter as t; s = t(); import {name}; print(t() - s)"


def compiling(bench: Bench) -> Iterator[Table]:
    """One load without a compiled graph, one that makes it, and one that finds it."""
    names = {"plain": "without", "compiling": "that compiles", "compiled": "that finds the compiled graph"}
    commands = {how: bench.program("first_load.py", how, bench.model(DISTILBERT), python=bench.light) for how in names}
    runs = side_by_side(commands, bench.rounds(9))
    inside, whole = output_medians(runs), medians(runs)
    rows = [
        (f"a load {names[how]}", f"{seconds:.2f} s", f"{seconds / inside['plain']:.2f}", f"{whole[how].peak:.0f} MiB")
        for how, seconds in inside.items()
    ]
    target = Target("the load that compiles, against one without", inside["compiling"] / inside["plain"], 3.0)
    yield explained(
        DISTILBERT,
        ("program", "time of `load`", "ratio", "peak memory"),
        rows,
        [target],
        lambda: profiles.of_start(commands["compiling"]),
    )


def from_pytorch(bench: Bench) -> Iterator[Table]:
    """Measure the second load of a repository without an ONNX file, beside a load that converts each time."""
    names = {"by_onnxhub": "onnxhub, the second load", "by_optimum": "`ORTModelForXXX.from_pretrained(export=True)`"}
    commands = {name: bench.program("from_pytorch.py", name, bench.model(PYTORCH), SHORT) for name in names}
    # The unrecorded round is the one that converts, for onnxhub.
    results = medians(side_by_side(commands, bench.rounds(4)))
    mine, theirs = results["by_onnxhub"], results["by_optimum"]
    rows = [
        (names[name], f"{entry.seconds:.2f} s", f"{entry.seconds / mine.seconds:.1f}", f"{entry.peak:.0f} MiB")
        for name, entry in results.items()
    ]
    ratio = theirs.seconds / mine.seconds
    target = Target(
        "second load of a PyTorch repository, optimum's time in times of onnxhub's", ratio, 25, at_least=True
    )
    yield explained(
        PYTORCH,
        ("program", "time", "times onnxhub's", "peak memory"),
        rows,
        [target],
        lambda: profiles.of_start(commands["by_onnxhub"]),
    )


TOPICS = {
    "cold": Topic(
        "New process to first answer",
        f"""\
From the start of Python to its end, with one short text classified by the DistilBERT-sized model of a local folder. The
files are in the disk's cache, and what a program keeps from an earlier start (onnxhub: the compiled graph) is there.
Memory is the most that was resident; ratios are to {BY_HAND}, and {OPTIMUM} is only in the full install.""",
        (DISTILBERT,),
        cold,
    ),
    "compiling": Topic(
        "The load that compiles",
        """\
The time of `load` alone, in new processes, with the files in the disk's cache: without a compiled graph, with an empty
cache into which the graph is compiled, and with the graph that an earlier load compiled.""",
        (DISTILBERT,),
        compiling,
    ),
    "imports": Topic(
        "Import",
        "The time of the statement itself in a new process, and that of the whole process.",
        (),
        imports,
    ),
    "from-pytorch": Topic(
        "A repository without an ONNX file",
        """\
From the start of Python to its end, as above, but of a folder that has torch's weights alone. onnxhub converted them at
an earlier start, in a child process, and has kept the graph; optimum converts at each load.""",
        (PYTORCH,),
        from_pytorch,
    ),
}
