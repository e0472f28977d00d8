"""A folder as the documentation and the commands assume it: small models, a file of reviews, a Hub with the default models."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tests import tiny
from tests.hub_server import HubServer
from tests.images import make_colours_model, make_views_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = (
    "Using ONNX models with Hugging Face is quite easy! Rather hard.",
    "Who wrote it? It was written by Ada in London. Ada wrote it.",
    "Ada Lovelace lived in London.",
    "a cat a kitten a dog tax law",
)
MORE_TEXTS = (*TEXTS, "Who won the match? sport law", "a cat eats a fish", "a [MASK] is no dog")
# Random weights: the seeds are those whose answers agree with what the examples say.
MODELS = {
    "sentiment": ("text-classification", ("NEGATIVE", "POSITIVE"), TEXTS, 16, 0),
    "qa": ("question-answering", None, TEXTS, 16, 119),
    "ner": ("token-classification", ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), TEXTS, 16, 29),
    "embedder": ("feature-extraction", None, TEXTS, 384, 0),
    "nli": ("zero-shot-classification", None, MORE_TEXTS, 16, 0),
    "reranker": ("text-ranking", None, MORE_TEXTS, 16, 0),
    "chooser": ("multiple-choice", None, MORE_TEXTS, 16, 0),
    "masked": ("fill-mask", None, MORE_TEXTS, 16, 0),
}
EXAMPLES = ("sentiment", "qa", "nli", "reranker", "chooser", "masked")
"""Those that come with the package, for who reads the pages: ``onnxhub.testing.copy_examples``."""
ON_THE_HUB = {
    "Xenova/distilbert-base-uncased-finetuned-sst-2-english": "sentiment",
    "Xenova/distilbert-base-cased-distilled-squad": "qa",
    "Xenova/bert-base-multilingual-cased-ner-hrl": "ner",
    "Xenova/all-MiniLM-L6-v2": "embedder",
    "Xenova/multilingual-e5-small": "embedder",
    "Xenova/nli-deberta-v3-xsmall": "nli",
    "Xenova/ms-marco-MiniLM-L-6-v2": "reranker",
    "Xenova/distilbert-base-uncased": "masked",
    "Xenova/vit-base-patch16-224": "colours",
    "Xenova/dinov2-small": "views",
    "org/name": "sentiment",
}


@dataclass(frozen=True)
class Workplace:
    """Where examples and commands run."""

    folder: Path
    endpoint: str


def make_example(folder: Path, name: str) -> Path:
    """Write one of the models."""
    task, labels, texts, hidden, seed = MODELS[name]
    return tiny.make_model(folder, task, labels=labels, texts=texts, hidden=hidden, seed=seed)


@contextmanager
def workplace(folder: Path) -> Iterator[Workplace]:
    """Make the folder, and run the Hub."""
    for name in MODELS:
        make_example(folder / "models" / name, name)
    make_colours_model(folder / "models" / "colours")
    make_views_model(folder / "models" / "views")
    if find_spec("PIL") is not None:
        write_pictures(folder)
    (folder / "reviews.txt").write_text("Quite easy!\nRather hard.\n", encoding="utf-8")
    with HubServer() as hub:
        for model_id, name in ON_THE_HUB.items():
            hub.add(model_id, folder / "models" / name)
        yield Workplace(folder, hub.endpoint)


def write_pictures(folder: Path) -> None:
    """Write two red pictures, and a folder of a blue and a green one."""
    from PIL import Image

    (folder / "photos").mkdir(exist_ok=True)
    for name, colour in (
        ("red.png", (200, 40, 30)),
        ("photo.jpg", (190, 50, 40)),
        ("photos/sea.jpg", (20, 60, 190)),
        ("photos/wood.png", (40, 200, 60)),
    ):
        Image.new("RGB", (64, 48), colour).save(folder / name)
