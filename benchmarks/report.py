"""What was measured, as values that can be kept, and as a page of the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.plots import Bars, Lines

IMAGES = "images/benchmarks"
INTRODUCTION = """\
# Benchmarks

onnxhub beside a script written by hand with tokenizers and ONNX Runtime, and beside optimum's pipelines, those of
transformers with torch, sentence-transformers and fastembed: the same model files, the same texts, one machine.
Programs are run in turn, round after round, each in a process of its own, and the tables show medians. Ratios travel to
other machines better than times do.
"""
METHOD = """\
## How it is measured

This page is written by `make bench`, which runs `python -m benchmarks`; `make bench ONLY=warm,growth` measures two of
the sections again. Of the installs, the full one has optimum, transformers and torch, the light one numpy, tokenizers,
huggingface_hub and onnxruntime alone. The models have random weights, which cost as much as trained ones: `distilbert`
is of the size of DistilBERT (6 layers, 768 wide, 66 million parameters, 255 MiB in fp32), `minilm` of that of MiniLM
(6 layers, 384 wide), and `tiny` has 2 layers and is 128 wide, so that what is measured is the code around the model.
`minilm-embedder` is all-MiniLM-L6-v2 itself. All have the vocabulary of bert-base-uncased. ONNX Runtime's options are
its defaults in all programs but onnxhub's.
"""
HEADLINES = (
    (
        "first answer, full install, against by hand",
        "A new process gives its first answer in {:.2f} of the time of a script by hand",
    ),
    (
        "first answer, full install, optimum's time in times of onnxhub's",
        "A new process gives its first answer {:.0f} times as fast as with optimum",
    ),
    (
        "distilbert-classifier, 256 texts, against optimum's `pipeline`, `batch_size=32`",
        "256 texts of real lengths are classified {:.1f} times as fast as by optimum's batches of 32",
    ),
    (
        "minilm-embedder, 512 texts, against fastembed, `batch_size=256`",
        "512 texts become vectors {:.1f} times as fast as by fastembed's default",
    ),
    (
        "minilm-embedder, 512 texts, against fastembed, `batch_size=1`",
        "512 texts become vectors {:.1f} times as fast as by fastembed's best batch size",
    ),
    ("memory of four processes, against by hand", "Four processes have {:.2f} of the memory of four scripts by hand"),
    ("import onnxhub, light install, against numpy", "`import onnxhub` costs {:.2f} of `import numpy`"),
)
"""The name of a target, and its ratio in words, for who reads no further."""


@dataclass(frozen=True)
class Target:
    """A ratio that should be no larger than its limit, or no smaller."""

    name: str
    ratio: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether it is met, to two digits."""
        ratio, limit = round(self.ratio, 2), round(self.limit, 2)
        return ratio >= limit if self.at_least else ratio <= limit

    @property
    def said(self) -> str:
        """The limit in words."""
        return f"at {'least' if self.at_least else 'most'} {self.limit:.2f}"


@dataclass(frozen=True)
class Table:
    """Rows of one comparison, its targets, and why one is missed."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    targets: Sequence[Target] = ()
    why: str = ""
    """A profile, if a target is missed."""
    plots: Sequence[Lines | Bars] = ()


@dataclass(frozen=True)
class Section:
    """The tables of one section, and where they were measured."""

    title: str
    text: str
    machine: Sequence[str]
    tables: Sequence[Table]


def explained(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    targets: Sequence[Target],
    why: Callable[[], str],
    plots: Sequence[Lines | Bars] = (),
) -> Table:
    """Return a table that has its profile if a target is missed."""
    missed = any(not target.met for target in targets)
    return Table(title, columns, rows, targets, why() if missed else "", plots)


def render(sections: Mapping[str, Section], missing: Sequence[str] = ()) -> str:
    """Return the page, as Markdown: sections measured elsewhere or later say so, and missing ones are named."""
    machines = [tuple(section.machine) for section in sections.values()]
    usual = max(machines, key=machines.count)
    parts = [INTRODUCTION, _headlines(sections), METHOD, _lines(usual)]
    for section in sections.values():
        parts.append(f"## {section.title}\n\n{section.text}\n")
        if tuple(section.machine) != usual:
            parts.append(f"Measured apart from the others:\n\n{_lines(section.machine)}")
        parts += [part for table in section.tables for part in _table(table)]
    if missing:
        parts.append("## Not measured\n\n" + "\n".join(f"- {title}" for title in missing) + "\n")
    parts.append(_targets(sections))
    return "\n".join(parts)


def drawings(sections: Mapping[str, Section]) -> dict[str, str]:
    """Return the plots of the page, as SVG by the names of their files."""
    plots = [plot for section in sections.values() for table in section.tables for plot in table.plots]
    return {f"{plot.name}.svg": plot.svg() for plot in plots}


def _lines(machine: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in machine) + "\n"


def _headlines(sections: Mapping[str, Section]) -> str:
    """Return the ratios that most people look for, in words; those that were measured."""
    ratios = {
        target.name: target.ratio
        for section in sections.values()
        for table in section.tables
        for target in table.targets
    }
    said = [words.format(ratios[name]) for name, words in HEADLINES if name in ratios]
    if not said:
        return ""
    listed = "\n".join(f"- {words}" for words in said)
    return f"## In short\n\n{listed}\n\nWhat was aimed at, and what falls short, is [at the end](#targets).\n"


def _targets(sections: Mapping[str, Section]) -> str:
    targets = [target for section in sections.values() for table in section.tables for target in table.targets]
    rows = [
        (target.name, f"{target.ratio:.2f}", target.said, "met" if target.met else "**falls short**")
        for target in targets
    ]
    return "## Targets\n\n" + grid(("what", "ratio", "target", ""), rows)


def _table(table: Table) -> Iterator[str]:
    yield f"### {table.title[0].upper()}{table.title[1:]}\n"
    if table.rows:
        yield grid(table.columns, table.rows)
    for plot in table.plots:
        yield f"![{plot.title}]({IMAGES}/{plot.name}.svg)\n"
    for target in table.targets:
        if not target.met:
            yield f"Falls short: {target.name}, {target.ratio:.2f} instead of {target.said}.\n"
    if table.why:
        yield f"```text\n{table.why}\n```\n"


def grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; all columns but the first are numbers."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
