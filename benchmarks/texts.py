"""The texts that are measured; the same at every run."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT = "Using ONNX models with Hugging Face is quite easy!"
QUESTION = "Who wrote the first program?"
TOPICS = ("sport", "politics", "business", "science", "health", "travel", "music", "law", "weather", "education")

WORDS = """
    the of and to in was is for with that it on by from a an first program engine machine wrote published letter London
    Paris Ada Lovelace Charles Babbage Geneva committee president company river mathematics translation notes
    analytical computation internationalization unbelievable yesterday visited described numbers Bernoulli method
    state-of-the-art don't 1843 museum university professor
""".split()  # a list literal of so many words would fill a page


def document(words: int) -> str:
    """Sentences of plain English words, so many in all."""
    return _text(words, random.Random(0))


def mixed(number: int, longest: int = 200, shortest: int = 5) -> list[str]:
    """So many texts whose lengths differ as those of real ones do: as many from 5 to 10 words as from 100 to 200."""
    chance = random.Random(number)
    lengths = [round(shortest * (longest / shortest) ** chance.random()) for _ in range(number)]
    return [_text(words, chance) for words in lengths]


def real(number: int) -> list[str]:
    """So many texts whose lengths are spread as those of real ones: log-normal, median 25 words, cut at 220."""
    chance = random.Random(number)
    return [_text(min(max(round(chance.lognormvariate(math.log(25), 1.0)), 1), 220), chance) for _ in range(number)]


def short(number: int) -> Iterator[str]:
    """So many texts of 1 to 8 words, one after another."""
    chance = random.Random(number)
    return (" ".join(chance.choices(WORDS, k=chance.randint(1, 8))) for _ in range(number))


def of_tokens(tokens: int) -> str:
    """Return a text of so many tokens with the vocabulary of bert-base-uncased, the two special ones counted."""
    return " ".join(["the"] * (tokens - 2))


def _text(words: int, chance: random.Random) -> str:
    left, sentences = words, []
    while left:
        sentence = chance.choices(WORDS, k=min(left, chance.randint(6, 24)))
        left -= len(sentence)
        sentences.append(" ".join(sentence).capitalize() + ".")
    return " ".join(sentences)
