"""Memory: of several processes, of a process over many calls, of a long stream, and of one long document."""

from __future__ import annotations

import json
import re
import statistics
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.bench import BY_HAND, DISTILBERT, OPTIMUM, TINY, Topic
from benchmarks.measure import MIB, Worker, run, side_by_side
from benchmarks.plots import Axis, Lines
from benchmarks.report import Table, Target, explained
from benchmarks.texts import SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.bench import Bench

SEVERAL = (1, 2, 4, 8)
RESIDENT = {"by_onnxhub": "onnxhub", "by_hand": BY_HAND, "by_optimum": OPTIMUM}
CALLS = 10_000
STREAMS = (10_000, 1_000_000)
WORDS = 20_000
ANSWERER, TAGGER = "tiny-answerer", "tiny-tagger"


def processes(bench: Bench) -> Iterator[Table]:
    """Several processes with the same model, all of which have answered."""
    commands = {name: bench.program("resident.py", name, bench.model(DISTILBERT), SHORT) for name in RESIDENT}
    run([*bench.program("by_onnxhub.py", bench.model(DISTILBERT), SHORT)])  # fills onnxhub's cache
    sums = {name: _summed(command) for name, command in commands.items()}
    rows = [
        (
            RESIDENT[name],
            *(f"{sums[name][number]:.0f} MiB" for number in SEVERAL),
            f"{sums[name][4] / sums['by_hand'][4]:.2f}",
        )
        for name in RESIDENT
    ]
    target = Target("memory of four processes, against by hand", sums["by_onnxhub"][4] / sums["by_hand"][4], 0.35)
    series = {
        name.replace("`", ""): [(float(number), sums[program][number]) for number in SEVERAL]
        for program, name in RESIDENT.items()
    }
    plot = Lines(
        "processes",
        "Memory of several processes, DistilBERT-sized model",
        Axis("processes"),
        Axis("MiB, shared pages counted once"),
        series,
    )
    columns = ("program", *(f"{number} process{'es' if number > 1 else ''}" for number in SEVERAL), "ratio of four")
    yield explained(DISTILBERT, columns, rows, [target], lambda: _largest_mappings(commands["by_onnxhub"]), [plot])


def _summed(command: Sequence[str]) -> dict[int, float]:
    """MiB of so many processes together."""
    sums: dict[int, float] = {}
    with ExitStack() as running:
        started: list[Worker] = []
        for number in SEVERAL:
            started += [running.enter_context(Worker(command)) for _ in range(number - len(started))]
            for worker in started:
                worker.ask(None)
            sums[number] = sum(_proportional(worker.pid) for worker in started)
    return sums


def _proportional(pid: int) -> float:
    """Return the memory of a process in MiB; what it shares with others counts for its share."""
    return int(re.search(r"^Pss:\s+(\d+) kB", _read(pid, "smaps_rollup"), re.MULTILINE)[1]) / 1024


def _largest_mappings(command: Sequence[str]) -> str:
    """Measure what a single process holds, file by file."""
    sizes: dict[str, int] = {}
    with Worker(command) as worker:
        name = ""
        for line in _read(worker.pid, "smaps").splitlines():
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                name = Path(line.split(maxsplit=5)[5]).name if len(line.split(maxsplit=5)) > 5 else "(anonymous)"
            elif line.startswith("Pss:"):
                sizes[name] = sizes.get(name, 0) + int(line.split()[1])
    largest = sorted(sizes.items(), key=lambda entry: -entry[1])[:12]
    return "\n".join(f"{size / 1024:8.1f} MiB  {name}" for name, size in largest)


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")


def memory(bench: Bench) -> Iterator[Table]:
    """Measure the memory of a process over many calls, and over a long stream."""
    yield _many_calls(bench)
    yield _streams(bench)


def _many_calls(bench: Bench) -> Table:
    calls = bench.some(CALLS)
    command = bench.program("many_calls.py", bench.model(TINY), calls, python=bench.light)
    seen = json.loads(run(command).output)
    early, late = next(size for number, size in seen if number >= calls // 10), seen[-1][1]
    rows = [(f"{calls // 10:,}", f"{early:.1f} MiB", "1.00"), (f"{calls:,}", f"{late:.1f} MiB", f"{late / early:.2f}")]
    target = Target(f"resident memory after {calls:,} calls, against {calls // 10:,}", late / early, 1.10)
    plot = Lines(
        "many-calls",
        "Resident memory over calls of random lengths, tiny model",
        Axis("calls"),
        Axis("MiB"),
        {"onnxhub": [tuple(point) for point in seen]},
    )
    title = f"{calls:,} calls of 1 to 32 texts of 3 to 512 tokens, {TINY}"
    why = "The curve shows where it grows."
    return explained(title, ("calls", "resident memory", "ratio"), rows, [target], lambda: why, [plot])


def _streams(bench: Bench) -> Table:
    few, many = (bench.some(number) for number in STREAMS)
    runs = {
        number: run(bench.program("stream.py", bench.model(TINY), number, python=bench.light)) for number in (few, many)
    }
    rows = [
        (f"{number:,}", f"{entry.peak:.1f} MiB", f"{entry.peak / runs[few].peak:.2f}", f"{float(entry.output):,.0f}")
        for number, entry in runs.items()
    ]
    target = Target(f"peak of a stream of {many:,} texts, against {few:,}", runs[many].peak / runs[few].peak, 1.2)
    return explained(
        f"streams of short texts, {TINY}",
        ("texts", "peak memory", "ratio", "texts a second"),
        rows,
        [target],
        lambda: "The process grows with the number of texts.",
    )


def documents(bench: Bench) -> Iterator[Table]:
    """Measure the memory that a document of many windows takes."""
    for task, model in (("question-answering", ANSWERER), ("token-classification", TAGGER)):
        commands = {
            what: bench.program("document.py", what, task, bench.model(model), WORDS, python=bench.light)
            for what in ("call", "encoding", "batch", "batches")
        }
        runs = side_by_side(commands, bench.rounds(7))
        outputs = {what: [json.loads(answer.output) for answer in some] for what, some in runs.items()}
        yield _document_table(task, outputs)


def _document_table(task: str, outputs: Mapping[str, list[dict[str, Any]]]) -> Table:
    seconds, grown = (
        {what: statistics.median(each[key] for each in some) for what, some in outputs.items()}
        for key in ("seconds", "grown")
    )
    call = outputs["call"][0]
    windows, (batch, length), lanes = call["windows"], call["batch"], call["lanes"]
    titles = {
        "call": f"the call ({windows} windows)",
        "encoding": "tokenising the document, alone",
        "batch": f"one batch ({batch} x {length} tokens), alone",
        "batches": "all batches, alone",
    }
    rows = [(title, f"{seconds[key]:.3f} s", f"{grown[key] / MIB:.1f} MiB") for key, title in titles.items()]
    ratio = grown["call"] / (grown["encoding"] + grown["batch"])
    target = Target(f"memory of {WORDS:,} words, {task}, against the encoded text and one batch", ratio, 1.0)
    all_lanes = grown["call"] / (grown["encoding"] + lanes * grown["batch"])
    why = f"{lanes} batches run at once. Against the encoded text and {lanes} batches, the ratio is {all_lanes:.2f}."
    return explained(f"{task}, {WORDS:,} words", ("what", "time", "memory"), rows, [target], lambda: why)


TOPICS = {
    "processes": Topic(
        "Memory of several processes",
        """\
The same DistilBERT-sized model in several processes, each of which has answered; what they share counts once, split
between them (the sum of their proportional set sizes). In the full install.""",
        (DISTILBERT,),
        processes,
    ),
    "memory": Topic(
        "Memory over time",
        "A process must not grow with what it has done: neither with calls of ever different shapes, nor with a stream.",
        (TINY,),
        memory,
    ),
    "documents": Topic(
        "A long document in one call",
        """\
How long it takes, and how far the process grows at its highest. The parts are measured in processes of their own:
tokenising the document into arrays, and one batch through the same session. The call should need no more memory than
these two together; but small models, as these are, run a batch on each core at once.""",
        (ANSWERER, TAGGER),
        documents,
    ),
}
