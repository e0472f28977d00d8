"""The bundled models: what is in their folders, what their cards say of their scores, and how they are named."""

from __future__ import annotations

import random
import re
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import onnxhub
from onnxhub import builtin
from onnxhub.errors import InvalidOptionError, ModelNotFoundError, OfflineError
from tools.builtin_models import pairs, sets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("sentiment", "ner", "qa")
AIMS = {"sentiment": 0.90, "ner": 0.80, "qa": 0.75}
LARGEST = 24_000_000 + pairs.LARGEST
"""Bytes of all models together."""
TOLERANCE = 0.02
"""Of a score: other processors round differently, and an item or two may tip over."""
LABELS = {"sentiment": ("NEGATIVE", "POSITIVE"), "ner": ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")}
WORDS_IN_A_ROW = 8
"""So many words that a held-out item and a training example have in common are no accident."""


def card(name: str) -> str:
    """The model's card."""
    return (builtin.folder(f"builtin:{name}") / "README.md").read_text(encoding="utf-8")


def test_the_bundled_models() -> None:
    """Four of them, small enough for a package."""
    assert builtin.names() == tuple(sorted(f"builtin:{name}" for name in (*NAMES, pairs.NAME)))
    files = [path for name in builtin.names() for path in builtin.folder(name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_each_is_loaded_like_any_other_repository(name: str) -> None:
    """By its name, under its task, with its own labels; and the same files as a plain folder give the same answers."""
    task = sets.TASKS[name]
    model = onnxhub.load(task, f"builtin:{name}")
    assert (model.info.model_id, model.info.revision, model.info.task) == (f"builtin:{name}", None, task)
    assert model.info.labels == LABELS.get(name, ())
    item = ("Who met Ada?", "Ada met Charles in London.") if name == "qa" else "Ada met Charles in London."
    assert onnxhub.load(task, builtin.folder(f"builtin:{name}"))(item) == model(item)
    bundled = [task.bundled_model for task in onnxhub.list_tasks() if task.name == sets.TASKS[name]]
    assert bundled == [f"builtin:{name}"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_what_the_model_reaches(name: str) -> None:
    """Every score of the card, by kinds too, is what the committed files give on the committed sets."""
    model = onnxhub.load(sets.TASKS[name], f"builtin:{name}")
    total = re.search(r"\| \*\*all\*\* \| ([\d.]+) \| (\d+) \| ([\d.]+) \| (\d+) \|", card(name))
    assert total is not None
    for said, count, folder in ((total[1], total[2], sets.HELD_OUT), (total[3], total[4], sets.DEV)):
        items = sets.read(name, folder / f"{name}.jsonl")
        assert len(items) == int(count)
        assert sets.score(name, model, items).value == pytest.approx(float(said), abs=TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_what_it_is(name: str) -> None:
    """A demonstration model, made by this repository's command from a model that is named with its licence."""
    text = card(name)
    for said in ("license: apache-2.0", "demonstration model", f"python -m tools.builtin_models {name}",
                 "all-MiniLM-L6-v2", "## What goes wrong", "Apache-2.0"):  # fmt: skip
        assert said in text


def sentences() -> Iterator[tuple[str, str]]:
    """Each text of the held-out sets, with the name of its set."""
    for name in NAMES:
        for item in sets.read(name, sets.HELD_OUT / f"{name}.jsonl"):
            texts = (item.question, item.context) if name == "qa" else (item.text,)
            yield from ((name, text) for text in texts)


def test_accents_that_are_characters_of_their_own() -> None:
    """Decomposed text, whose accents the tokenizers drop, keeps them in spans, as composed text does."""
    text = "{} lives in Paris."
    for name in ("Jos\u00e9", "Jose\u0301"):
        assert onnxhub.tag(text.format(name), model="builtin:ner")[0].text == name
        assert onnxhub.answer("Who lives in Paris?", text.format(name), model="builtin:qa").answer == name


def test_the_held_out_sets_are_large_and_whole() -> None:
    """At least 80 items a task, none twice, none in the dev set, labels in balance, each answer in its context."""
    for name in NAMES:
        held, dev = (sets.read(name, folder / f"{name}.jsonl") for folder in (sets.HELD_OUT, sets.DEV))
        assert len(held) >= 80
        assert len({repr(item) for item in held + dev}) == len(held) + len(dev)
    labels = [item.label for item in sets.read("sentiment", sets.HELD_OUT / "sentiment.jsonl")]
    assert abs(labels.count("POSITIVE") - labels.count("NEGATIVE")) <= 10
    for item in sets.read("qa", sets.HELD_OUT / "qa.jsonl"):
        assert all(answer in item.context for answer in item.answers)


def runs_of_words(text: str) -> Iterator[tuple[str, ...]]:
    """All runs of so many words."""
    words = re.findall(r"[\w']+", text.lower())
    return (tuple(words[start : start + WORDS_IN_A_ROW]) for start in range(len(words) - WORDS_IN_A_ROW + 1))


@pytest.mark.alike
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_held_out_text_was_learned(name: str) -> None:
    """4,000 examples of the generator have no run of eight words in common with a held-out text."""
    generator = import_module(f"tools.builtin_models.data.{name}")
    held = {run for task, text in sentences() if task == name for run in runs_of_words(text)}
    assert held
    for example in generator.examples(random.Random(1), 4000):
        for text in example[: 2 if name == "qa" else 1]:
            assert held.isdisjoint(runs_of_words(text)), text


def test_an_unknown_name() -> None:
    """The nearest, and all that there are; a revision makes no sense for files of the package."""
    with pytest.raises(
        ModelNotFoundError, match=r"did you mean 'builtin:sentiment'\?\); the bundled models are: "
    ) as raised:
        onnxhub.load("text-classification", "builtin:sentimant")
    assert "builtin:embed, builtin:ner, builtin:qa, builtin:sentiment" in str(raised.value)
    with pytest.raises(InvalidOptionError, match="revision="):
        onnxhub.load("text-classification", "builtin:sentiment", revision="main")


@pytest.mark.parametrize(("task", "name"), [(sets.TASKS[name], name) for name in NAMES])
def test_without_a_network_the_error_names_the_bundled_model(
    task: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where no model was named: another one is never taken silently."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(OfflineError, match=f"or name 'builtin:{name}', which is bundled and answers at once"):
        onnxhub.load(task, cache_dir=tmp_path)
    with pytest.raises(OfflineError) as raised:
        onnxhub.load(task, "org/name", cache_dir=tmp_path)
    assert "builtin:" not in str(raised.value)
