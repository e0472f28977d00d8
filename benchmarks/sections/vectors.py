"""Vectors of texts: the first of a new process, and those that are looked up in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import profiles
from benchmarks.bench import BY_HAND, Topic, passes
from benchmarks.measure import medians, side_by_side
from benchmarks.models import EMBEDDER, STATIC
from benchmarks.plots import Bars
from benchmarks.report import Target, explained
from benchmarks.texts import SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from benchmarks.report import Table

FIRST = {"by_hand": BY_HAND, "by_onnxhub": "onnxhub, `load`", "by_torch": "sentence-transformers"}
TABLES = {"by_onnxhub": "onnxhub", "by_model2vec": "model2vec"}
TEXTS = 20_000


def first_vector(bench: Bench) -> Iterator[Table]:
    """Measure a new process up to the vector of one text."""
    commands = {name: bench.program("first_vector.py", name, bench.model(EMBEDDER), SHORT) for name in FIRST}
    results = medians(side_by_side(commands, bench.rounds(9)))
    hand, mine, torch = (results[name] for name in FIRST)
    rows = [
        (
            FIRST[name],
            f"{entry.seconds:.2f} s",
            f"{entry.seconds / mine.seconds:.2f}",
            f"{entry.peak:.0f} MiB",
            f"{entry.peak / mine.peak:.2f}",
        )
        for name, entry in results.items()
    ]
    targets = [
        Target("first vector, against by hand", mine.seconds / hand.seconds, 0.60),
        Target("first vector, against sentence-transformers", mine.seconds / torch.seconds, 1 / 15),
        Target("memory of the first vector, against sentence-transformers", mine.peak / torch.peak, 1 / 3),
    ]
    columns = ("program", "time", "times onnxhub's", "peak memory", "times onnxhub's")
    command = commands["by_onnxhub"]
    yield explained(EMBEDDER, columns, rows, targets, lambda: profiles.of_start(command))


def static(bench: Bench) -> Iterator[Table]:
    """Texts a second of a model that is a table."""
    number = bench.some(TEXTS)
    pythons = {"by_onnxhub": bench.full, "by_model2vec": bench.fastembed}
    commands = {
        name: bench.program("static.py", name, bench.model(STATIC), python=python) for name, python in pythons.items()
    }
    seconds = passes(commands, number, bench.rounds(9))
    rates = {TABLES[name]: number / duration for name, duration in seconds.items()}
    mine = rates["onnxhub"]
    rows = [(label, f"{rate:,.0f}", f"{mine / rate:.2f}") for label, rate in rates.items()]
    ratio = mine / rates["model2vec"]
    target = Target(f"{STATIC}, {number:,} texts, against model2vec", ratio, 0.9, at_least=True)
    plot = Bars("static-embeddings", f"{number:,} texts of real lengths, {STATIC}", "texts/s", rates)
    yield explained(
        f"{number:,} texts, {STATIC}",
        ("program", "texts a second", "onnxhub's in times of it"),
        rows,
        [target],
        lambda: profiles.of_worker(commands["by_onnxhub"], number),
        [plot],
    )


TOPICS = {
    "first-vector": Topic(
        "New process to first vector",
        f"""\
From the start of Python to its end, with one short text embedded by all-MiniLM-L6-v2 of a local folder, in the full install.
The files are in the disk's cache, and what onnxhub keeps from an earlier start is there. {BY_HAND.capitalize()} is the mean of
the tokens, of length 1.""",
        (EMBEDDER,),
        first_vector,
    ),
    "static": Topic(
        "Vectors from a table",
        """\
A model without a graph: a vector of 256 numbers for each of the 30,522 tokens of bert-base-uncased, of which a text's are
averaged. The lengths of the texts are those of the section above; all are given at once, and both programs must first give
the same vectors. model2vec runs in an install of its own.""",
        (STATIC,),
        static,
    ),
}
