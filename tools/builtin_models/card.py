"""The model card of a folder: what the model is, how it was made, what it reaches, and where it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.builtin_models import sets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tools.builtin_models.recipes import Recipe
    from tools.builtin_models.sets import Result, Score

__all__ = ["write"]

_SHOWN_MISTAKES = 6
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
    paragraphs = [
        "---\nlicense: apache-2.0\nbase_model: sentence-transformers/all-MiniLM-L6-v2\nlanguage: en\n"
        f"pipeline_tag: {recipe.task}\nlibrary_name: onnxhub\n---",
        f"# {title}: a small model for trying onnxhub",
        f"Finds {subject}. It comes with [onnxhub](https://pypi.org/project/onnxhub/), so that examples, tests and first"
        " steps need no download. It was made from examples of a few kinds and knows little beyond them: use a model of"
        " the Hub for anything that matters, and never this one for decisions about people.",
        f'```python\nimport onnxhub\n\nmodel = onnxhub.load("{recipe.task}", "{folder.name}")\n```',
        "## How it was made",
        _making(recipe, vocabulary),
        "## What it reaches",
        f"{held_out.name.capitalize()} on sets that were written by hand. Nobody who wrote training data read *held out*;"
        " *dev* was read to make the data better, and chose the best of the checkpoints, so it flatters.",
        _table(held_out, dev),
        _further(recipe, held_out, dev),
        "## Licence",
        "Apache-2.0, as all-MiniLM-L6-v2 is.",
        "## Where it is wrong",
        f"{sum(not result.perfect for result in held_out.results)} of the {len(held_out.results)} held-out items; for example:",
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
    by_kind = held_out.kinds, dev.kinds
    kinds = dict.fromkeys((*by_kind[0], *by_kind[1]))
    lines = [f"| {held_out.name} | held out | items | dev | items |", "|---|---:|---:|---:|---:|"]
    for kind in ("all", *kinds):
        scores = (held_out, dev) if kind == "all" else (one.get(kind) for one in by_kind)
        cells = (f"{one.value:.3f} | {len(one.results)}" if one else "- | 0" for one in scores)
        lines.append(f"| {f'**{kind}**' if kind == 'all' else kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _further(recipe: Recipe, held_out: Score, dev: Score) -> str:
    if recipe.name == "qa":
        return f"SQuAD's F1, which counts words in common: {held_out.f1:.3f} held out, {dev.f1:.3f} dev."
    if recipe.name == "ner":
        both = [f"{p:.3f} and {r:.3f}" for p, r in (held_out.precision_and_recall, dev.precision_and_recall)]
        return f"Precision and recall: {both[0]} held out, {both[1]} dev. A kind without entities scores 1 or 0."
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
