"""The hand-written sets: reading them, and the score of a loaded model on them; needs onnxhub alone.

score("ner", onnxhub.load("ner", folder), read("ner", Path("held_out/ner.jsonl"))).value
"""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxhub.tasks.question_answering import QuestionAnsweringModel
    from onnxhub.tasks.text_classification import TextClassificationModel
    from onnxhub.tasks.token_classification import TokenClassificationModel

__all__ = [
    "DEV",
    "HELD_OUT",
    "TASKS",
    "Entities",
    "Question",
    "Result",
    "Score",
    "Sentiment",
    "load",
    "read",
    "score",
    "summed",
]

HELD_OUT: Final = Path(__file__).parent / "held_out"
DEV: Final = Path(__file__).parent / "dev"
TASKS: Final = {"sentiment": "text-classification", "ner": "token-classification", "qa": "question-answering"}
"""Name of a set and its model -> onnxhub's task."""

_MARKED: Final = re.compile(r"\[([^\[\]]+)\]\((PER|ORG|LOC)\)")
_ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class Sentiment:
    """A text and what it says."""

    text: str
    label: str
    kind: str


@dataclass(frozen=True)
class Entities:
    """A text and its entities: start, end, label."""

    text: str
    spans: frozenset[tuple[int, int, str]]
    kind: str

    @classmethod
    def parse(cls, marked: str, kind: str) -> Entities:
        """From a text in which entities are written ``[Ada Lovelace](PER)``."""
        text, spans, last = "", set(), 0
        for match in _MARKED.finditer(marked):
            text += marked[last : match.start()]
            spans.add((len(text), len(text) + len(match[1]), match[2]))
            text += match[1]
            last = match.end()
        return cls(text + marked[last:], frozenset(spans), kind)


@dataclass(frozen=True)
class Question:
    """A question, the context, and the answers that count as right."""

    question: str
    context: str
    answers: tuple[str, ...]
    kind: str


Item: TypeAlias = Sentiment | Entities | Question


@dataclass(frozen=True)
class Result:
    """What a model made of an item."""

    item: Any
    found: str
    """As a person would read it."""
    expected: str
    right: int
    """How many things that were found are right: labels, entities, answers."""
    proposed: int
    """How many were found."""
    wanted: int
    """How many there are."""
    overlap: float = 0.0
    """Question answering: SQuAD's F1 of the answer's words."""

    @property
    def perfect(self) -> bool:
        """Nothing is wrong and nothing is missing."""
        return self.right == self.proposed == self.wanted


@dataclass(frozen=True)
class Score:
    """The score of a set: accuracy, entity F1 (exact spans and labels) or SQuAD's exact match, 0 to 1."""

    name: str
    """Of the measure."""
    value: float
    results: tuple[Result, ...]

    @property
    def f1(self) -> float:
        """SQuAD's F1, for question answering."""
        return sum(result.overlap for result in self.results) / len(self.results)

    @property
    def precision_and_recall(self) -> tuple[float, float]:
        """Of what was found, and of what there is to find."""
        right, proposed, wanted = _totals(self.results)
        return right / max(proposed, 1), right / max(wanted, 1)

    @property
    def kinds(self) -> dict[str, Score]:
        """The score of each kind of item, in the order of the file."""
        found: dict[str, list[Result]] = {}
        for result in self.results:
            found.setdefault(result.item.kind, []).append(result)
        return {kind: summed(self.name, results) for kind, results in found.items()}


def read(name: str, path: Path) -> list[Any]:
    """Return the items of a set; ``name`` is ``sentiment``, ``ner`` or ``qa``."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if name == "sentiment":
        return [Sentiment(line["text"], line["label"], line["kind"]) for line in lines]
    if name == "ner":
        return [Entities.parse(line["text"], line["kind"]) for line in lines]
    return [Question(line["question"], line["context"], tuple(line["answers"]), line["kind"]) for line in lines]


def load(name: str, folder: Path, threads: int | None = None) -> Any:
    """Return the model of a folder."""
    import onnxhub

    return onnxhub.load(TASKS[name], folder, threads=threads)


def score(name: str, model: Any, items: Sequence[Any]) -> Score:
    """Return the score of a model, loaded by ``onnxhub.load``, on a set."""
    results: dict[str, Callable[[Any, Sequence[Any]], list[Result]]] = {
        "sentiment": _score_labels,
        "ner": _score_entities,
        "qa": _score_answers,
    }
    measure = {"sentiment": "accuracy", "ner": "entity F1", "qa": "exact match"}[name]
    return summed(measure, results[name](model, items))


def _score_labels(model: TextClassificationModel, items: Sequence[Sentiment]) -> list[Result]:
    found = model([item.text for item in items])
    return [
        Result(item, result.label, item.label, int(result.label == item.label), 1, 1)
        for item, result in zip(items, found, strict=True)
    ]


def _score_entities(model: TokenClassificationModel, items: Sequence[Entities]) -> list[Result]:
    results = []
    for item, entities in zip(items, model([item.text for item in items]), strict=True):
        spans = {(entity.start, entity.end, entity.label) for entity in entities}
        shown, wanted = (
            ", ".join(f"{item.text[start:end]} ({label})" for start, end, label in sorted(some)) or "nothing"
            for some in (spans, item.spans)
        )
        results.append(Result(item, shown, wanted, len(spans & item.spans), len(spans), len(item.spans)))
    return results


def _score_answers(model: QuestionAnsweringModel, items: Sequence[Question]) -> list[Result]:
    results = []
    for item, answer in zip(items, model([(item.question, item.context) for item in items]), strict=True):
        exact = any(_normal(answer.answer) == _normal(accepted) for accepted in item.answers)
        overlap = max(_word_f1(answer.answer, accepted) for accepted in item.answers)
        results.append(Result(item, answer.answer, item.answers[0], int(exact), 1, 1, overlap))
    return results


def summed(name: str, results: Sequence[Result]) -> Score:
    """Return the score of some results; ``name`` is the measure's."""
    right, proposed, wanted = _totals(results)
    # Where each item has one answer, this is the share of right ones; an item without entities has nothing to miss.
    return Score(name, 2 * right / (proposed + wanted) if proposed + wanted else 1.0, tuple(results))


def _totals(results: Sequence[Result]) -> tuple[int, int, int]:
    return tuple(sum(getattr(result, name) for result in results) for name in ("right", "proposed", "wanted"))  # type: ignore[return-value]


def _normal(answer: str) -> str:
    """SQuAD's: lower case, no punctuation, no articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def _word_f1(found: str, wanted: str) -> float:
    words, others = _normal(found).split(), _normal(wanted).split()
    common = sum((Counter(words) & Counter(others)).values())
    return 2 * common / (len(words) + len(others)) if common else float(words == others)
