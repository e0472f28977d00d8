"""What every section needs: the interpreters, the models, how thorough to be, and comparisons of whole passes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import CACHE, PROGRAMS, in_turn, seconds_of, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.report import Table

TINY, DISTILBERT = "tiny-classifier", "distilbert-classifier"
BY_HAND, OPTIMUM = "by hand (tokenizers + onnxruntime)", "optimum's `pipeline`"
NAMES = {
    "by_hand": BY_HAND,
    "by_onnxhub": "onnxhub, `load`",
    "by_one_liner": "onnxhub, `classify`",
    "by_optimum": OPTIMUM,
}
"""The programs that classify one text, by their files."""
APART = 1e-4
"""How far scores may be apart for two programs to have done the same."""


@dataclass(frozen=True)
class Bench:
    """The interpreters, and how thorough to be."""

    full: str
    """With optimum, transformers, torch and sentence-transformers."""
    light: str
    """With numpy, tokenizers, huggingface_hub and onnxruntime alone."""
    fastembed: str
    """With fastembed, whose dependencies are not those of the full install."""
    quick: bool = False

    @property
    def installs(self) -> Mapping[str, str]:
        """Name -> interpreter."""
        return {"light": self.light, "full": self.full, "fastembed": self.fastembed}

    def model(self, name: str) -> str:
        """Return the folder of a model."""
        return str(CACHE / name)

    def program(self, file: str, *arguments: object, python: str | None = None) -> list[str]:
        """Return the command of a program, in the full install unless another interpreter is named."""
        return [python or self.full, str(PROGRAMS / file), *map(str, arguments)]

    def rounds(self, number: int) -> int:
        """How often; less in a quick look."""
        return max(number // 4, 2) if self.quick else number

    def some(self, number: int) -> int:
        """How many; an eighth in a quick look."""
        return max(number // 8, 1) if self.quick else number


@dataclass(frozen=True)
class Topic:
    """What a section is about, and how it is measured."""

    title: str
    text: str
    models: Sequence[str]
    measure: Callable[[Bench], Iterator[Table]]


def passes(commands: Mapping[str, Sequence[str]], question: object, rounds: int) -> dict[str, float]:
    """Return the median pass of each program; those that give scores must give the same."""
    with workers(commands) as running:
        first = in_turn(running, question, 1)
        require_agreement({name: answer["scores"] for name, (answer,) in first.items() if answer["scores"]})
        return seconds_of(in_turn(running, question, rounds))


def require_agreement(scores: Mapping[str, Sequence[float]]) -> None:
    """Raise ``RuntimeError`` unless all programs gave the same scores: else their times would not compare."""
    (first, mine), *others = scores.items()
    for name, theirs in others:
        apart = max(abs(score - other) for score, other in zip(mine, theirs, strict=True))
        if apart > APART:
            raise RuntimeError(f"{name} and {first} give scores that are {apart} apart")


def folder_size(folder: str, pattern: str) -> int:
    """Bytes of the files of a folder."""
    return sum(path.stat().st_size for path in Path(folder).glob(pattern))
