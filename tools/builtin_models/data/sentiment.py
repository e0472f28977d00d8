"""Opinions and whether they are good ones: sentences written by hand, and texts that a grammar makes up.

``sentiment_banks/sentences.txt`` has the sentences; they stand alone, or beside a neutral sentence or a verdict of the
same domain. ``sentiment_banks/grammar.txt`` has the grammar, with its notation. The words of either opinion occur under
both labels, for the grammar negates and contrasts them. Both kinds are then written in the ways of many people: short
forms or long ones, small letters, no stops, mistakes in typing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["examples"]

_FOLDER: Final = Path(__file__).parent / "sentiment_banks"
_LABELS: Final = {"+": "POSITIVE", "-": "NEGATIVE"}
_OPPOSITE: Final = {"+": "-", "-": "+"}
_ANY: Final = "any"
_GRAMMAR: Final = 0.35
"""Share of the texts that the grammar makes up; the rest begins with a sentence written by hand."""
_ALONE: Final = 0.65
"""Share of the sentences written by hand that stand alone."""
_OWN: Final = 0.6
"""Share of the words that a domain takes from its own list, where there is a common one too."""

_SINGULAR, _PLURAL, _ARTICLE = "\x01", "\x02", "\x03"
_NOUNS: Final = frozenset({"kind", "kinds", "aspect_bare", "other", "people"})
_RULE: Final = re.compile(r"(?:(?P<domain>\w+)\.)?(?P<name>\w+)(?P<sign>[+-]?) =(?P<rest>.*)")
_WEIGHT: Final = re.compile(r"(\d+)\*(?:\s+|$)(.*)")
_SLOT: Final = re.compile(r"\{(\w+)([!+-]?)\}")
_AGREEMENT: Final = re.compile(rf"([{_SINGULAR}{_PLURAL}])|\{{(\w+)/(\w+)\}}")
_SENTENCE: Final = re.compile(r"(^|[.!?]\s+)([a-z])")
_BEFORE_VOWEL: Final = re.compile(rf"a{_ARTICLE}(?=\s+(?!one\b|use|uni|eu)[aeiou]|\s+hon|\s+hour)")

_VERBS: Final = (
    "is",
    "are",
    "was",
    "were",
    "do",
    "does",
    "did",
    "has",
    "have",
    "had",
    "would",
    "could",
    "should",
)
_SHORT_FORMS: Final = (
    *((f"{verb} not", f"{verb}n't") for verb in _VERBS),
    ("cannot", "can't"),
    ("will not", "won't"),
    ("i am", "i'm"),
    ("i have", "i've"),
    ("i would", "i'd"),
    ("i will", "i'll"),
    ("it is", "it's"),
    ("that is", "that's"),
    ("we have", "we've"),
    ("we will", "we'll"),
    ("they have", "they've"),
    ("they are", "they're"),
    ("you will", "you'll"),
    ("there is", "there's"),
    ("what is", "what's"),
)
_NEIGHBOURS: Final = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wertyuioposdfghjklkxcvbnmn", strict=True))
"""A letter -> the one beside it on the keyboard."""
_PHONETIC: Final = (
    ("you", "u"),
    ("are", "r"),
    ("love", "luv"),
    ("great", "gr8"),
    ("please", "pls"),
    ("because", "cuz"),
    ("what", "wat"),
    ("really", "rly"),
    ("definitely", "definately"),
    ("disappointed", "dissapointed"),
    ("disappointing", "dissapointing"),
    ("recommend", "reccomend"),
    ("beautiful", "beautifull"),
    ("terrible", "terible"),
    ("excellent", "excelent"),
    ("though", "tho"),
    ("restaurant", "resturant"),
    ("friend", "freind"),
    ("their", "there"),
    ("received", "recieved"),
    ("service", "servise"),
    ("product", "prodcut"),
    ("quality", "qualty"),
    ("people", "ppl"),
    ("with", "w/"),
    ("thanks", "thx"),
    ("okay", "ok"),
    ("too", "to"),
    ("and", "n"),
    ("and", "&"),
)


@dataclass(frozen=True)
class _Sentence:
    sign: str
    domain: str
    text: str


class _Grammar:
    """Rules as (domain, name, sign) -> alternatives; a domain or sign of "" is for all."""

    def __init__(self, rules: Mapping[tuple[str, str, str], Sequence[str]]) -> None:
        self.rules = rules
        self.domains = sorted({domain for domain, _, _ in rules} - {""})

    def made(self, rng: random.Random, name: str, sign: str, domain: str) -> str:
        """Return a text of the rule, with agreement, articles and capitals."""
        text = _agree(self._expand(rng, name, sign, domain))
        text = _BEFORE_VOWEL.sub("an", text).replace(_ARTICLE, "")
        text = re.sub(r"\s+", " ", text).strip()
        text = re.sub(r" ([.,;:!?])", r"\1", text)
        text = re.sub(r"(?<!\.)([!?.])[.,](?!\.)", r"\1", text)
        return _SENTENCE.sub(lambda found: found[1] + found[2].upper(), text)

    def _expand(self, rng: random.Random, name: str, sign: str, domain: str) -> str:
        if name == "a":
            return "a" + _ARTICLE
        chosen = rng.choice(self._alternatives(rng, name, sign, domain))

        def filled(found: re.Match[str]) -> str:
            inner, mark = found.groups()
            wanted = {"": sign, "!": _OPPOSITE[sign]}.get(mark, mark)
            return self._expand(rng, inner, wanted, domain)

        text = _SLOT.sub(filled, chosen)
        if name in _NOUNS and not text.endswith("^"):
            text += _SINGULAR
        return text.replace("^", _PLURAL)

    def _alternatives(self, rng: random.Random, name: str, sign: str, domain: str) -> Sequence[str]:
        own = [*self.rules.get((domain, name, sign), ()), *self.rules.get((domain, name, ""), ())]
        common = [*self.rules.get(("", name, sign), ()), *self.rules.get(("", name, ""), ())]
        if own and common:
            return own if rng.random() < _OWN else common
        return own or common


def examples(rng: random.Random, count: int) -> Iterator[tuple[str, str]]:
    """Yield texts and labels, as many good ones as bad ones."""
    decks: dict[str, list[_Sentence]] = {"+": [], "-": []}
    signs: list[str] = []
    for _ in range(count):
        if not signs:
            signs = rng.sample("+-", 2)
        sign = signs.pop()
        if rng.random() < _GRAMMAR:
            text = _grammar().made(rng, "text", sign, rng.choice(_grammar().domains))
        else:
            if not decks[sign]:
                decks[sign] = [sentence for sentence in _sentences() if sentence.sign == sign]
                rng.shuffle(decks[sign])
            text = _beside(rng, decks[sign].pop())
        yield _write(rng, text), _LABELS[sign]


def _beside(rng: random.Random, sentence: _Sentence) -> str:
    """Return the sentence alone, or beside another one that does not change what is meant."""
    if rng.random() < _ALONE:
        return sentence.text
    grammar = _grammar()
    domain = sentence.domain if sentence.domain != _ANY else rng.choice(grammar.domains)
    kind = rng.choice(("neutral", "neutral", "verdict", "fact", "advice", "rating", "sentence"))
    if kind == "sentence":
        return f"{_add_stop(sentence.text)} {rng.choice(_like(sentence.sign, sentence.domain))}"
    if kind == "neutral" and sentence.domain == _ANY:
        return sentence.text
    other = _add_stop(grammar.made(rng, kind, sentence.sign, domain))
    first, second = (other, sentence.text) if kind == "neutral" or rng.random() < 0.5 else (sentence.text, other)
    return f"{_add_stop(first)} {second}"


def _add_stop(text: str) -> str:
    return text if text[-1] in ".!?" else f"{text}."


def _write(rng: random.Random, text: str) -> str:
    """As one of many people would write it."""
    if rng.random() < 0.7:
        text = _with_forms(rng, text, shorter=rng.random() < 0.75)
    if rng.random() < 0.15:
        text = _misspelt(rng, text)
    if rng.random() < 0.1:
        text = text.replace("'", "")
    if rng.random() < 0.15:
        text = re.sub(r"[.!]+$", "", text)
    elif rng.random() < 0.1:
        text = re.sub(r"[.]$", rng.choice(("!", "!!", "...", "!!!")), text)
    elif rng.random() < 0.05:
        text = re.sub(r"[.,;:]", "", text)
    if rng.random() < 0.2:
        return text.lower()
    if rng.random() < 0.02:
        return text.upper()
    return re.sub(r"\bi\b(?!\.)", "I", text)


def _with_forms(rng: random.Random, text: str, *, shorter: bool) -> str:
    """Write out some of the short forms, or shorten some that are written out."""
    for long, short in _SHORT_FORMS:
        before, after = (long, short) if shorter else (short, long)
        if before in text.lower() and rng.random() < 0.8:
            text = re.sub(
                rf"\b{before}\b", lambda found, new=after: _like_case(new, found[0]), text, flags=re.IGNORECASE
            )
    return text


def _like_case(new: str, old: str) -> str:
    return new[0].upper() + new[1:] if old[0].isupper() else new


def _misspelt(rng: random.Random, text: str) -> str:
    """One to three mistakes of the fingers or of the ear."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        if rng.random() < 0.35:
            old, new = rng.choice(_PHONETIC)
            text = re.sub(rf"\b{old}\b", new, text)
            continue
        words = text.split(" ")
        long = [index for index, word in enumerate(words) if len(word) > 3 and word.isalpha()]
        if long:
            index = rng.choice(long)
            words[index] = _mistype(rng, words[index])
        text = " ".join(words)
    return text


def _mistype(rng: random.Random, word: str) -> str:
    """Two letters swapped, or one dropped, doubled, drawn out or replaced by its neighbour."""
    place = rng.randrange(1, len(word) - 1)
    before, letter, after = word[:place], word[place], word[place + 1 :]
    return rng.choice(
        (
            before + after[0] + letter + after[1:],
            before + after,
            before + letter * 2 + after,
            before + letter * rng.randint(3, 5) + after if letter in "aeiouwhy" else before + after,
            before + _NEIGHBOURS.get(letter, letter) + after,
        )
    )


def _agree(text: str) -> str:
    """Verbs chosen by the noun before them."""
    plural = False

    def chosen(found: re.Match[str]) -> str:
        nonlocal plural
        mark, single, many = found.groups()
        if mark:
            plural = mark == _PLURAL
            return ""
        return many if plural else single

    return _AGREEMENT.sub(chosen, text)


@cache
def _grammar() -> _Grammar:
    """Read the grammar."""
    rules: dict[tuple[str, str, str], list[str]] = {}
    current: list[str] = []
    for line in (_FOLDER / "grammar.txt").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        rest = line
        if not line.startswith(" "):
            found = _RULE.match(line)
            if found is None:
                raise ValueError(f"not a rule: {line}")
            current = rules.setdefault((found["domain"] or "", found["name"], found["sign"]), [])
            rest = found["rest"]
        if rest.strip():
            current.extend(_repeat_by_weight(rest))
    return _Grammar(rules)


def _repeat_by_weight(line: str) -> Iterator[str]:
    """Each alternative, as often as its weight says."""
    for part in line.split("|"):
        alternative = part.strip()
        found = _WEIGHT.match(alternative)
        yield from [found[2]] * int(found[1]) if found else [alternative]


@cache
def _sentences() -> tuple[_Sentence, ...]:
    """Read the sentences written by hand."""
    made: list[_Sentence] = []
    domain = _ANY
    for line in (_FOLDER / "sentences.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            domain = line[1:].partition("]")[0]
        elif line and not line.startswith("#"):
            made.append(_Sentence(line[0], domain, line[2:]))
    return tuple(made)


@cache
def _like(sign: str, domain: str) -> tuple[str, ...]:
    return tuple(sentence.text for sentence in _sentences() if (sentence.sign, sentence.domain) == (sign, domain))
