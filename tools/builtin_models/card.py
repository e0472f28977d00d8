"""The model card of a folder: what the model is, how it was made, what it reaches, and where it is wrong."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tools.builtin_models import sets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tools.builtin_models.recipes import Recipe
    from tools.builtin_models.sets import Result, Score

__all__ = ["write"]

_SHOWN_MISTAKES = 6
_FEWEST_OF_A_KIND = 4
_SUBJECTS = {
    "sentiment": ("Sentiment", "whether an English sentence is pleased or displeased: `POSITIVE` or `NEGATIVE`"),
    "ner": ("Named entities", "people (`PER`), organisations (`ORG`) and places (`LOC`) in English sentences"),
    "qa": ("Question answering", "the words of a short English text that answer a question about it"),
}


def write(folder: Path, recipe: Recipe, held_out: Score, dev: Score, vocabulary: int) -> None:
    """Write ``README.md``.

    Args:
        folder: Of the model.
        recipe: How it was made.
        held_out: Its score on the set that nobody looked at.
        dev: Its score on the set that was looked at to improve the data.
        vocabulary: Its number of pieces.
    """
    title, subject = _SUBJECTS[recipe.name]
    front = (
        "license: apache-2.0",
        "base_model: sentence-transformers/all-MiniLM-L6-v2",
        "language: en",
        f"pipeline_tag: {recipe.task}",
        "library_name: onnxhub",
    )
    about = (
        f"Finds {subject}. It comes with onnxhub, so that examples, tests and first steps need no download. It was made"
        " from examples of a few kinds and knows little beyond them: it shows what the library does, and is not for"
        " decisions, least of all about people. For work, take a model of the Hub."
    )
    sets_are = (
        f"{held_out.name[0].upper()}{held_out.name[1:]} on sets written by hand. Nobody who wrote training data read the"
        " held-out set; training texts that a comparison found to say the same as one of its items were taken out before"
        " the training. The dev set was read to make the data better, and chose the best checkpoint: it flatters."
    )
    wrong = sum(not result.perfect for result in held_out.results)
    paragraphs = [
        "\n".join(("---", *front, "---")),
        f"# {title}: a demonstration model",
        about,
        f'```python\nimport onnxhub\n\nmodel = onnxhub.load("{recipe.task}", "path/to/{folder.name}")\n```',
        "## How it was made",
        _making(recipe, vocabulary),
        "## What it reaches",
        sets_are,
        _table(held_out, dev),
        _further(recipe, held_out, dev),
        "## Licence",
        "Apache-2.0, as all-MiniLM-L6-v2.",
        "## What goes wrong",
        f"{wrong} of the {len(held_out.results)} held-out items are not quite right. Some of them:",
        *_mistakes(held_out.results),
    ]
    (folder / "README.md").write_text("\n\n".join(filter(None, paragraphs)) + "\n", encoding="utf-8")


def _making(recipe: Recipe, vocabulary: int) -> str:
    layers = "All six layers" if recipe.layers == 6 else f"The lowest {recipe.layers} of the six layers"
    capitals = (
        ""
        if recipe.capitals is None
        else f" MiniLM knows no capitals: {vocabulary - recipe.pieces:,} of the pieces are capitalised twins, which share"
        " the vector of the piece in small letters and add one that stands for their case."
    )
    return (
        f"`python -m tools.builtin_models {recipe.name}` in onnxhub's repository makes it again. {layers} of"
        " [all-MiniLM-L6-v2](https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2) (Apache-2.0) were trained for"
        f" {recipe.steps:,} steps on {recipe.examples:,} examples, which scripts of the repository put together from banks"
        f" of sentences, phrases and names written for it; no data set was used. Its vocabulary is cut to {vocabulary:,}"
        f" pieces.{capitals} Weights have four bits, in training too."
    )


def _table(held_out: Score, dev: Score) -> str:
    both = [_by_family(score) for score in (held_out, dev)]
    sizes = Counter({family: 0 for results in both for family in results})
    for results in both:
        sizes.update({family: len(some) for family, some in results.items()})
    named = [family for family, size in sizes.items() if size >= _FEWEST_OF_A_KIND]
    lines = [f"| {held_out.name} | held out | items | dev | items |", "|---|---:|---:|---:|---:|"]
    for row in ("**all**", *named, "all other kinds"):
        cells = []
        for results in both:
            some = [
                result
                for family, found in results.items()
                if row in {"**all**", family} or (row == "all other kinds" and family not in named)
                for result in found
            ]
            cells.append(f"{_describe_score(held_out.name, some)} | {len(some)}" if some else "- | 0")
        if cells != ["- | 0"] * len(both):
            lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _describe_score(measure: str, results: Sequence[Result]) -> str:
    if any(result.wanted for result in results):
        return f"{sets.summed(measure, results).value:.3f}"
    return f"{sum(result.perfect for result in results)} with nothing found"  # where F1 would be 0 or 1


def _by_family(score: Score) -> dict[str, list[Result]]:
    """Kinds with a comma, such as "plain, street", are of the family before it."""
    found: dict[str, list[Result]] = {}
    for result in score.results:
        found.setdefault(result.item.kind.partition(",")[0], []).append(result)
    return found


def _further(recipe: Recipe, held_out: Score, dev: Score) -> str:
    if recipe.name == "qa":
        return f"SQuAD's F1, which counts words in common: {held_out.f1:.3f} held out, {dev.f1:.3f} dev."
    if recipe.name == "ner":
        both = [f"{p:.3f} and {r:.3f}" for p, r in (held_out.precision_and_recall, dev.precision_and_recall)]
        return f"Precision and recall: {both[0]} held out, {both[1]} dev."
    return ""


def _mistakes(results: Sequence[Result]) -> list[str]:
    """Spread over the kinds: of each kind its first mistake, then its second, ..."""
    by_kind: dict[str, list[Result]] = {}
    for result in results:
        if not result.perfect:
            by_kind.setdefault(result.item.kind, []).append(result)
    depth = max(map(len, by_kind.values()), default=0)
    ordered = [found[index] for index in range(depth) for found in by_kind.values() if index < len(found)]
    return [_mistake(result) for result in ordered[:_SHOWN_MISTAKES]]


def _mistake(result: Result) -> str:
    item = result.item
    text = f"{item.question}\n>\n> {item.context}" if isinstance(item, sets.Question) else item.text
    return f"> {text}\n\nFound: {result.found}. Right: {result.expected}."
