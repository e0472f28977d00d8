"""What was measured, as a page of the documentation; the sections of a page can be read again, and stay on the next one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from benchmarks.plots import Bars, Lines

IMAGES = "images/benchmarks"
INTRODUCTION = """\
# Benchmarks

onnxhub beside a script written by hand with tokenizers and ONNX Runtime, and beside optimum's pipelines, those of
transformers with torch, sentence-transformers, fastembed and model2vec: the same model files, the same texts, and one
machine for what is compared. Programs are run in turn, round after round, each in a process of its own, and the tables
show medians. Ratios travel to other machines better than times do.
"""
IN_SHORT, METHOD_TITLE, MISSING, TARGETS = "In short", "How it is measured", "Not measured", "Targets"
APART = "Measured apart from the others:\n\n"
METHOD = f"""\
## {METHOD_TITLE}

This page is written by `make bench`, which runs `python -m benchmarks`; `make bench ONLY=warm,growth` measures two of
the sections again, and leaves the others as they are. Of the installs, the full one has optimum, transformers and
torch, the light one numpy, tokenizers, huggingface_hub and onnxruntime alone. The models have random weights, which cost as much as trained ones: `distilbert`
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

    @property
    def body(self) -> str:
        """What stands under the title, as Markdown."""
        return "\n".join([f"{self.text}\n", *(part for table in self.tables for part in _table(table))])

    @property
    def targets(self) -> Sequence[Sequence[str]]:
        """The rows of the table of targets: what, ratio, target, and whether it is met."""
        return [
            (target.name, f"{target.ratio:.2f}", target.said, "met" if target.met else "**falls short**")
            for table in self.tables
            for target in table.targets
        ]


@dataclass(frozen=True)
class EarlierSection:
    """A section as an earlier page has it."""

    title: str
    body: str
    machine: Sequence[str]
    targets: Sequence[Sequence[str]]
    """Rows, as ``Section`` has them."""


if TYPE_CHECKING:
    AnySection: TypeAlias = Section | EarlierSection


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


def render(sections: Sequence[AnySection], missing: Sequence[str] = ()) -> str:
    """Return the page, as Markdown: sections measured elsewhere or later say so, and missing ones are named."""
    machines = [tuple(section.machine) for section in sections]
    usual = max(machines, key=machines.count)
    parts = [INTRODUCTION, _headlines(sections), METHOD, _lines(usual)]
    for section in sections:
        apart = "" if tuple(section.machine) == usual else f"{APART}{_lines(section.machine)}\n"
        parts.append(f"## {section.title}\n\n{apart}{section.body}")
    if missing:
        parts.append(f"## {MISSING}\n\n" + "\n".join(f"- {title}" for title in missing) + "\n")
    rows = [(section.title, *row) for section in sections for row in section.targets]
    parts.append(f"## {TARGETS}\n\n" + grid(("section", "what", "ratio", "target", ""), rows, words=2))
    return "\n".join(parts)


def read_page(page: str) -> dict[str, EarlierSection]:
    """Return the sections of a page by their titles."""
    _, *others = re.split(r"^## ", page, flags=re.MULTILINE)
    blocks = dict(block.split("\n\n", 1) for block in others)
    if not blocks:
        return {}
    usual = _read_lines(blocks.pop(METHOD_TITLE))
    targets = [[cell.strip() for cell in line.split("|")[1:-1]] for line in blocks.pop(TARGETS).splitlines()[2:]]
    for title in (IN_SHORT, MISSING):
        blocks.pop(title, None)
    found = {}
    for title, block in blocks.items():
        said, _, rest = block.removeprefix(APART).partition("\n\n") if block.startswith(APART) else ("", "", block)
        rows = [row for section, *row in targets if section == title]
        found[title] = EarlierSection(title, rest.rstrip("\n") + "\n", _read_lines(said) or usual, rows)
    return found


def drawings(sections: Sequence[AnySection]) -> dict[str, str]:
    """Return the plots that were measured now, as SVG by the names of their files."""
    plots = [
        plot for section in sections if isinstance(section, Section) for table in section.tables for plot in table.plots
    ]
    return {f"{plot.name}.svg": plot.svg() for plot in plots}


def _lines(machine: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in machine) + "\n"


def _read_lines(block: str) -> list[str]:
    return [line.removeprefix("- ") for line in block.splitlines() if line.startswith("- ")]


def _headlines(sections: Sequence[AnySection]) -> str:
    """Return the ratios that most people look for, in words; those that were measured."""
    ratios = {name: float(ratio) for section in sections for name, ratio, *_ in section.targets}
    said = [words.format(ratios[name]) for name, words in HEADLINES if name in ratios]
    if not said:
        return ""
    listed = "\n".join(f"- {words}" for words in said)
    return f"## {IN_SHORT}\n\n{listed}\n\nWhat was aimed at, and what falls short, is [at the end](#targets).\n"


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


def grid(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return a table in Markdown, whose first columns are words, and the others numbers."""
    lines = [columns, ["---"] * words + ["---:"] * (len(columns) - words), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
