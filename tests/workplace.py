"""A folder as the documentation and the commands assume it: small models, a file of reviews, a Hub with the default models."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests import tiny
from tests.hub_server import HubServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = (
    "Using ONNX models with Hugging Face is quite easy! Rather hard.",
    "Who wrote it? It was written by Ada in London. Ada wrote it.",
    "Ada Lovelace lived in London.",
    "a cat a kitten a dog tax law",
)
# Random weights: the seeds are those whose answers agree with what the examples say.
MODELS = {
    "sentiment": ("text-classification", ("NEGATIVE", "POSITIVE"), 16, 0),
    "qa": ("question-answering", None, 16, 119),
    "ner": ("token-classification", ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), 16, 29),
    "embedder": ("feature-extraction", None, 384, 0),
}
ON_THE_HUB = {
    "Xenova/distilbert-base-uncased-finetuned-sst-2-english": "sentiment",
    "Xenova/distilbert-base-cased-distilled-squad": "qa",
    "Xenova/bert-base-multilingual-cased-ner-hrl": "ner",
    "Xenova/all-MiniLM-L6-v2": "embedder",
    "org/name": "sentiment",
}


@dataclass(frozen=True)
class Workplace:
    """Where examples and commands run."""

    folder: Path
    endpoint: str


@contextmanager
def workplace(folder: Path) -> Iterator[Workplace]:
    """Make the folder, and run the Hub."""
    for name, (task, labels, hidden, seed) in MODELS.items():
        tiny.make_model(folder / "models" / name, task, labels=labels, texts=TEXTS, hidden=hidden, seed=seed)
    (folder / "reviews.txt").write_text("Quite easy!\nRather hard.\n", encoding="utf-8")
    with HubServer() as hub:
        for model_id, name in ON_THE_HUB.items():
            hub.add(model_id, folder / "models" / name)
        yield Workplace(folder, hub.endpoint)
