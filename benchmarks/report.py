"""The measurements as a page of the documentation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

INTRODUCTION = """\
# Benchmarks

onnxhub beside a script written by hand with tokenizers and ONNX Runtime, and beside the pipelines of optimum and
transformers and the CrossEncoder of sentence-transformers: the same ONNX files, the same texts, one machine. Programs
are run in turn, round after round, in new processes, and the tables show medians. Ratios travel to other machines
better than times do.

This page is written by `make bench`, which runs `python -m benchmarks --full PYTHON --light PYTHON`: the first
interpreter has optimum, transformers and torch, the second has numpy, tokenizers, huggingface_hub and onnxruntime
alone. The models have random weights, which cost as much as trained ones: `distilbert` is of the size of DistilBERT
(6 layers, 768 wide, 66 million parameters, 255 MiB in fp32), `minilm` of that of MiniLM (6 layers, 384 wide), and
`tiny` has 2 layers and is 128 wide, so that what is measured is the code around the model. All have the vocabulary of
bert-base-uncased. ONNX Runtime's options are its defaults in all programs but onnxhub's.
"""
SECTIONS = {
    "cold": (
        "New process to first answer",
        """\
From the start of Python to its end, with one short text classified by the DistilBERT-sized model of a local folder. The
files are in the disk's cache. Memory is the most that was resident.""",
    ),
    "warm": (
        "One short text on a loaded model",
        "The median call of each process, and the median of the processes; in the full install.",
    ),
    "imports": (
        "Import",
        "The time of the statement itself in a new process, and that of the whole process.",
    ),
    "documents": (
        "A long document in one call",
        """\
How long it takes, and how far the process grows at its highest. The parts are measured in processes of their own:
tokenising the document into arrays, and one batch through the same session. The call should need no more memory than
these two together.""",
    ),
    "zero-shot": (
        "Labels that are named at the call",
        """\
All texts in one call, on a loaded model, in the full install; texts of 5 to 200 words, each with ten labels, so that
there are ten pairs of a text and a label for each. transformers' pipeline runs one pair after another unless it is
told a batch size; the targets are against the pipeline as one writes it, and the rows with `batch_size=10`, a text's
pairs together, show what is left of it. Before anything is compared, all programs must give the same scores.""",
    ),
    "rerank": (
        "Documents ranked for a query",
        """\
All documents in one call, on a loaded model, in the full install; documents of 5 to 200 words. sentence-transformers
sorts them by length, and runs batches of 32 over the same ONNX file. Both programs must give the same scores.""",
    ),
}


@dataclass(frozen=True)
class Target:
    """A ratio that should be no larger than its limit."""

    name: str
    ratio: float
    limit: float

    @property
    def met(self) -> bool:
        """Whether it is met, to two digits."""
        return round(self.ratio, 2) <= round(self.limit, 2)


@dataclass(frozen=True)
class Table:
    """Rows of one comparison, its targets, and how to find out why one is missed."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    targets: Sequence[Target]
    why: Callable[[], str] = field(repr=False)


@dataclass(frozen=True)
class Report:
    """All that was measured."""

    machine: Sequence[str]
    sections: Mapping[str, Sequence[Table]]


def render(report: Report) -> str:
    """The page, as Markdown."""
    parts = [INTRODUCTION, "\n".join(f"- {line}" for line in report.machine) + "\n", _targets(report)]
    for name, tables in report.sections.items():
        title, text = SECTIONS[name]
        parts.append(f"## {title}\n\n{text}\n")
        parts += [part for table in tables for part in _table(table)]
    return "\n".join(parts)


def _targets(report: Report) -> str:
    targets = [target for tables in report.sections.values() for table in tables for target in table.targets]
    rows = [
        (target.name, f"{target.ratio:.2f}", f"at most {target.limit:.2f}", "met" if target.met else "**falls short**")
        for target in targets
    ]
    return "## Targets\n\n" + _grid(("what", "ratio", "target", ""), rows)


def _table(table: Table) -> Iterator[str]:
    yield f"### {table.title[0].upper()}{table.title[1:]}\n\n{_grid(table.columns, table.rows)}"
    missed = [target for target in table.targets if not target.met]
    for target in missed:
        yield f"Falls short: {target.name}, {target.ratio:.2f} instead of {target.limit:.2f}.\n"
    if missed:
        yield f"```text\n{table.why()}\n```\n"


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
