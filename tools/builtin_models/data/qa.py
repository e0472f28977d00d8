"""Questions, texts and where the answers are: hand-written passages, changed a little, and texts composed from banks.

``qa_passages*.jsonl`` have whole passages; ``qa_scenes.txt`` and ``qa_topics.txt`` have texts with slots, and each says at
its beginning how it is written; ``qa_values.txt`` has what the slots are filled with.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["examples"]

_FOLDER: Final = Path(__file__).parent
_PASSAGES: Final = 0.6
"""Share of the examples that are about passages; the rest is about scenes and topics."""
_SCENES: Final = 0.6
"""Share of the rest that is about scenes."""

_Example = tuple[str, str, int, int]
_OPEN, _NAMED, _CLOSE = "\x01", "\x02", "\x03"
_CHOICE: Final = re.compile(r"\(([^()]*\|[^()]*)\)")
_SLOT: Final = re.compile(r"\{([A-Za-z]\w*(?:'s)?)(?::((?:[^{}]|\{\w+\})*))?\}")
_MARK: Final = re.compile(f"{_OPEN}([^{_NAMED}]*){_NAMED}|{_CLOSE}")
_ARTICLE: Final = re.compile(rf"\b([Aa])~ ((?:{_OPEN}[^{_NAMED}]*{_NAMED})*)(\w)")
_TRIES: Final = 12


def examples(rng: random.Random, count: int) -> Iterator[_Example]:
    """Yield question, context, and the start and the end of the answer in the context."""
    made = 0
    while made < count:
        for example in _some(rng):
            made += 1
            if made <= count:
                yield _restyle(rng, example)


def _some(rng: random.Random) -> list[_Example]:
    if rng.random() < _PASSAGES:
        return [_from_passage(rng)]
    text = _Text(rng)
    if rng.random() < _SCENES:
        text.add_scene(rng.choice(_scenes()))
    else:
        text.add_topic(rng.choice(_topics()))
    return text.finish()


# ---------------------------------------------------------------------------------------------------------- reading


@dataclass
class _Block:
    """Sentences, and questions about their slots."""

    values: dict[str, list[str]] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)
    questions: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _Topic:
    """A kind of thing, and blocks that say something about one of them."""

    subjects: list[str]
    roles: list[str]
    blocks: list[_Block] = field(default_factory=list)


def _blocks(name: str) -> Iterator[tuple[str, _Block]]:
    """Each block of a file, with its first line."""
    for paragraph in (_FOLDER / name).read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in paragraph.strip().split("\n") if line and not line.startswith("#")]
        if not lines:
            continue
        block = _Block()
        for line in lines[1:]:
            _read_line(block, line)
        for sentence in block.sentences:
            for match in _SLOT.finditer(sentence):
                if match[2]:
                    block.values.setdefault(match[1], match[2].split("|"))
        yield lines[0], block


def _read_line(block: _Block, line: str) -> None:
    if line.startswith(("= ", "- ", "-? ")):
        block.sentences.append(line.removeprefix("= "))
    elif line.startswith("?"):
        slot, _, question = line[1:].partition(" ")
        block.questions.append((slot, question))
    else:
        slot, _, values = line.partition(": ")
        block.values[slot] = values.split(" | ")


@cache
def _scenes() -> list[_Block]:
    return [block for _, block in _blocks("qa_scenes.txt")]


@cache
def _topics() -> list[_Topic]:
    topics: list[_Topic] = []
    for first, block in _blocks("qa_topics.txt"):
        if first.startswith("@"):
            topics.append(_Topic(block.values["subject"], block.values.get("role", [])))
        else:
            topics[-1].blocks.append(block)
    return topics


@cache
def _values() -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for line in (_FOLDER / "qa_values.txt").read_text(encoding="utf-8").split("\n"):
        name, _, rest = line.partition(": ")
        if rest and not name.startswith("#"):
            values.setdefault(name, []).extend(rest.split(" | "))
    return values


@dataclass(frozen=True)
class _Passage:
    context: str
    questions: tuple[tuple[str, int, int], ...]


@cache
def _passages() -> list[_Passage]:
    passages = []
    files = ("qa_passages.jsonl", "qa_passages_why.jsonl")
    for line in "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in files).split("\n"):
        if not line.strip():
            continue
        read = json.loads(line)
        context = read["context"]
        found = []
        for question, answer, *occurrence in read["qa"]:
            places = [match.start() for match in re.finditer(re.escape(answer), context)]
            if places:
                start = places[min(occurrence[0] if occurrence else 0, len(places) - 1)]
                found.append((question, start, start + len(answer)))
        passages.append(_Passage(context, tuple(found)))
    return passages


# ------------------------------------------------------------------------------------------------------------ values

_WORDS: Final = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
]
_TENS: Final = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS: Final = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def _count(rng: random.Random) -> str:
    tens = rng.choice(_TENS)
    return rng.choice(
        [rng.choice(_WORDS), rng.choice(_WORDS), str(rng.randint(2, 99)), tens, f"{tens}-{rng.choice(_WORDS[:8])}"]
    )


def _many(rng: random.Random) -> str:
    size = rng.choice([99, 999, 9_999, 99_999, 999_999])
    number = rng.randint(size // 10 + 1, size)
    if rng.random() < 0.6:
        number = max(20, int(f"{number:.1e}".split("e")[0].replace(".", "")) * 10 ** (len(str(number)) - 2))
    return rng.choice([f"{number:,}", f"{number:,}", str(number)]) if number > 999 else str(number)


def _year(rng: random.Random) -> str:
    return str(rng.choice([rng.randint(1400, 2024), rng.randint(1850, 2024), rng.randint(1950, 2024)]))


def _date(rng: random.Random) -> str:
    day, month = rng.randint(1, 28), rng.choice(_MONTHS)
    short = rng.choice(
        [f"{day} {month}", f"{month} {day}", f"{day}{_ordinal(day)} {month}", f"the {day}{_ordinal(day)} of {month}"]
    )
    return f"{short} {_year(rng)}" if rng.random() < 0.3 and not short.startswith(month) else short


def _ordinal(day: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(0 if day in {11, 12, 13} else day % 10, "th")


def _clock(rng: random.Random) -> str:
    hour, minute = rng.randint(1, 12), rng.choice([5, 10, 15, 20, 30, 40, 45, 50])
    word = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"][hour - 1]
    half = rng.choice(["a.m.", "p.m."])
    return rng.choice(
        [
            f"{hour}:{minute:02d}",
            f"{hour}.{minute:02d}",
            f"{hour} {half}",
            f"{hour}:{minute:02d} {half}",
            word,
            word,
            f"half past {word}",
            f"a quarter to {word}",
            f"{word} o'clock",
            f"{hour + 11}:{minute:02d}",
            "noon",
            f"{hour}{half[0]}m",
        ]
    )


def _money(rng: random.Random) -> str:
    number = rng.choice(
        [str(rng.randint(2, 99)), f"{rng.randint(1, 60)}.{rng.choice(['50', '80', '99', '25'])}", _many(rng)]
    )
    unit = rng.choice(["euros", "dollars", "pounds", "francs", "crowns", "rupees", "pesos"])
    million = rng.choice(["million", "thousand", "billion", "million"])
    styles = [f"${number}", f"£{number}", f"€{number}", f"{number} {unit}", f"{number} {unit}", f"{_count(rng)} {unit}"]
    if rng.random() < 0.12:
        return rng.choice([f"{rng.randint(2, 90)} {million} {unit}", f"${rng.randint(2, 90)} {million}"])
    return rng.choice(styles)


def _measure(*units: str, large: bool = True, broken: bool = True) -> Callable[[random.Random], str]:
    def made(rng: random.Random) -> str:
        if broken and rng.random() < 0.2:
            number = f"{rng.randint(1, 60)}.{rng.randint(1, 9)}"
        else:
            number = rng.choice([_count, _count, _many if large else _count])(rng)
        rough = rng.choice(["", "", "", "", "", "about ", "almost ", "more than ", "at least "]) if large else ""
        return f"{rough}{number} {rng.choice(units)}"

    return made


def _percent(rng: random.Random) -> str:
    return rng.choice(
        [
            f"{rng.randint(2, 97)} percent",
            f"{rng.randint(2, 97)}%",
            f"{rng.choice(_TENS)} per cent",
            "a third",
            "half",
            "two thirds",
            "a quarter",
        ]
    )


def _score(rng: random.Random) -> str:
    return rng.choice(
        [
            f"{rng.randint(0, 5)}-{rng.randint(0, 5)}",
            f"{rng.randint(50, 99)}-{rng.randint(50, 99)}",
            f"{rng.randint(1, 5)}\u2013{rng.randint(0, 4)}",
        ]
    )


_CONSONANTS: Final = [
    "b",
    "br",
    "c",
    "ch",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "sh",
    "st",
    "t",
    "th",
    "tr",
    "v",
    "w",
    "z",
]
_VOWELS: Final = ["a", "a", "e", "e", "i", "o", "u", "ai", "ea", "ou"]
_PLACE_ENDS: Final = [
    "ton",
    "ford",
    "ham",
    "bury",
    "by",
    "holm",
    "stad",
    "ville",
    "berg",
    "mouth",
    "wick",
    "dale",
    "more",
    "na",
    "ra",
    "len",
    "sk",
    "vik",
    "go",
]
_SURNAME_ENDS: Final = [
    "er",
    "man",
    "sen",
    "ev",
    "ova",
    "ski",
    "ez",
    "oglu",
    "i",
    "a",
    "wick",
    "mann",
    "dotter",
    "ic",
    "escu",
    "ton",
    "ley",
    "well",
]


def _syllables(rng: random.Random, ends: Sequence[str]) -> str:
    stem = "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.choice([1, 1, 2])))
    return (stem + rng.choice(["l", "n", "r", "m", "s", "t"]) + rng.choice(ends)).capitalize()


def _surname(rng: random.Random) -> str:
    known = _values()["surname_known"]
    if rng.random() < 0.08:
        return f"{rng.choice(known)}-{rng.choice(known)}"
    return _syllables(rng, _SURNAME_ENDS) if rng.random() < 0.25 else rng.choice(known)


def _place(rng: random.Random) -> str:
    return _syllables(rng, _PLACE_ENDS) if rng.random() < 0.3 else rng.choice(_values()["city_known"])


def _first(rng: random.Random) -> str:
    return rng.choice(_values()[rng.choice(["female", "male"])])


def _person(rng: random.Random, first: str | None = None) -> str:
    first = first or _first(rng)
    title = f"{rng.choice(['Dr', 'Professor', 'Captain', 'Judge', 'Dr.'])} " if rng.random() < 0.05 else ""
    middle = f" {rng.choice('ABCDEFGHJKLMNPRSTW')}." if rng.random() < 0.06 else ""
    return f"{title}{first}{middle} {_surname(rng)}"


def _make_title(rng: random.Random) -> str:
    return f"{rng.choice(['Mr', 'Mrs', 'Ms', 'Dr', 'Mr', 'Mrs', 'Miss'])} {_surname(rng)}"


_MADE: Final[dict[str, Callable[[random.Random], str]]] = {
    "count": _count,
    "many": _many,
    "year": _year,
    "date": _date,
    "month": lambda rng: rng.choice(_MONTHS),
    "day": lambda rng: rng.choice(_DAYS),
    "clock": _clock,
    "money": _money,
    "percent": _percent,
    "score": _score,
    "surname": _surname,
    "city": _place,
    "first": _first,
    "person": _person,
    "titled": _make_title,
    "km": _measure("kilometres", "km", "miles", "kilometers"),
    "metres": _measure("metres", "feet", "meters", "m"),
    "cm": _measure("centimetres", "cm", "inches", "millimetres", large=False),
    "kg": _measure("kilograms", "kg", "pounds", "tonnes"),
    "grams": _measure("grams", "g", "ounces", large=False),
    "litres": _measure("litres", "millilitres", "cups", "pints", large=False),
    "minutes": _measure("minutes", "hours", "minutes", large=False, broken=False),
    "days": _measure("days", "weeks", "months", "days", large=False, broken=False),
    "years": _measure("years", "years", "months", "decades", large=False, broken=False),
    "degrees": _measure("degrees", "degrees Celsius", "°C", large=False),
    "speed": _measure("kilometres an hour", "miles per hour", "km/h", "knots"),
    "hectares": _measure("hectares", "acres", "square kilometres"),
    "digit": lambda rng: str(rng.randint(1, 9)),
    "smallnum": lambda rng: str(rng.randint(2, 60)),
    "word": lambda rng: rng.choice(_WORDS),
    "version": lambda rng: f"{rng.randint(1, 14)}.{rng.randint(0, 12)}" + rng.choice(["", "", f".{rng.randint(0, 9)}"]),
    "century": lambda rng: (
        rng.choice(
            ["twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"]
        )
        + " century"
    ),
}


# --------------------------------------------------------------------------------------------------------- composing


@dataclass(frozen=True)
class _Subject:
    """What a topic's sentences are about."""

    full: str
    short: str
    roles: tuple[str, ...]
    pronouns: tuple[str, str, str]
    """Subject, object, possessive."""


_NEUTER: Final = ("it", "it", "its")
_GENDERS: Final = {"female": ("she", "her", "her"), "male": ("he", "him", "his")}


class _Text:
    """A text in the making: its sentences, and the questions that can be asked about it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.sentences: list[str] = []
        self.questions: list[tuple[str, str]] = []
        """Mark of the answer, question."""
        self.used: set[str] = set()
        self.marks = 0

    # a block's slots

    def choose(self, text: str) -> str:
        """One of each ``(this|that)``."""
        while match := _CHOICE.search(text):
            text = text[: match.start()] + self.rng.choice(match[1].split("|")) + text[match.end() :]
        return text

    def value(self, name: str, values: dict[str, list[str]]) -> str:
        """Return a new value for a slot, not used in this text yet if possible."""
        kind = name if name in values else name.rstrip("0123456789")
        value = ""
        for _ in range(_TRIES):
            if kind in values:
                value = self.rng.choice(values[kind])
            elif kind in _MADE:
                value = _MADE[kind](self.rng)
            else:
                value = self.rng.choice(_values()[kind])
            if value not in self.used:
                break
        self.used.add(value)
        return self.choose(value)

    def fill(self, text: str, mark: str, slots: dict[str, str], values: dict[str, list[str]]) -> str:
        """Return the text with marked values in its slots; values are drawn once and remembered in ``slots``."""

        def slot(match: re.Match[str]) -> str:
            name, inline = match[1], match[2]
            if name not in slots:
                drawn = self.rng.choice(inline.split("|")) if inline else self.value(name, values)
                slots[name] = self.fill(drawn, mark, slots, values)
            return f"{_OPEN}{mark}{name}{_NAMED}{slots[name]}{_CLOSE}"

        return _SLOT.sub(slot, self.choose(text))

    def ask(self, block: _Block, mark: str, slots: dict[str, str], about: dict[str, str]) -> None:
        """Note the questions whose slots all have values."""
        for answer, question in block.questions:
            text = self.choose(question)
            needed = {match[1] for match in _SLOT.finditer(text)}
            if answer in slots and needed <= slots.keys() | about.keys() and answer not in needed:
                text = _SLOT.sub(lambda match: _plain(about.get(match[1]) or slots[match[1]]), text)
                self.questions.append((f"{mark}{answer}", text))

    # scenes

    def add_scene(self, block: _Block) -> None:
        """All of a scene's sentences, without some of those that may be left out."""
        mark = self._next_mark()
        slots: dict[str, str] = {}
        for sentence in block.sentences:
            kind, _, text = sentence.partition(" ")
            if kind == "-?" and self.rng.random() < 0.45:
                continue
            self.sentences.append(self.fill(text, mark, slots, block.values))
        self.ask(block, mark, slots, {})
        self._add_others()

    # topics

    def add_topic(self, topic: _Topic) -> None:
        """Choose blocks about one subject, or about two that share some blocks."""
        rng = self.rng
        two = rng.random() < 0.5
        blocks = rng.sample(
            topic.blocks, k=min(len(topic.blocks), rng.choice([1, 2, 2]) if two else rng.choice([2, 3, 4]))
        )
        for _ in range(1 + two):
            subject = self._subject(topic)
            for index, block in enumerate(blocks):
                self._add_block(block, subject, first=index == 0, alone=not two)
            rng.shuffle(blocks)
        if rng.random() < 0.3:
            self._add_others()

    def _subject(self, topic: _Topic) -> _Subject:
        rng = self.rng
        wanted = rng.choice(topic.subjects)
        if wanted == "person":
            gender = rng.choice(list(_GENDERS))
            full = _person(rng, rng.choice(_values()[gender]))
            short = full.split(" ")[-1] if rng.random() < 0.6 else full.split(" ")[-2]
            short = full if short.endswith(".") else short
            return _Subject(full, short, tuple(topic.roles), _GENDERS[gender])
        full = _plain(self.fill(wanted, "", {}, {}))
        return _Subject(full, full, tuple(topic.roles), _NEUTER)

    def _add_block(self, block: _Block, subject: _Subject, *, first: bool, alone: bool) -> None:
        rng = self.rng
        mark = self._next_mark()
        text = rng.choice(block.sentences)
        subject_mark = f"{mark}S"
        names = self._names(subject, first=first, alone=alone)
        if first:
            self.subject_mark = subject_mark
            names = {
                key: f"{_OPEN}{subject_mark}{_NAMED}{subject.full}{_CLOSE}" + ("'s" if key == "S's" else "")
                for key in names
            }
        slots: dict[str, str] = {}
        text = self.choose(text)
        for name in ("S", "O", "S's"):
            text = text.replace(f"{{{name}}}", names[name], 1)
        again = self._names(subject, first=False, alone=True)
        for name in ("S", "O", "S's"):
            text = text.replace(f"{{{name}}}", again[name])
        self.sentences.append(self.fill(text, mark, slots, block.values))
        asked = rng.choice([subject.full, subject.short])
        if alone and rng.random() < 0.35:
            asked = rng.choice([*subject.roles, subject.pronouns[0]])
        pronoun = asked == subject.pronouns[0]
        about = {
            "S": asked,
            "O": subject.pronouns[1] if pronoun else asked,
            "S's": subject.pronouns[2] if pronoun else f"{asked}'s",
        }
        before = len(self.questions)
        self.ask(block, mark, slots | {"S": ""}, about)
        self.questions[before:] = [
            (self.subject_mark if answer == subject_mark else answer, question)
            for answer, question in self.questions[before:]
        ]

    def _names(self, subject: _Subject, *, first: bool, alone: bool) -> dict[str, str]:
        rng = self.rng
        if first:
            return {"S": subject.full, "O": subject.full, "S's": f"{subject.full}'s"}
        kind = rng.random()
        if kind < 0.6:
            return dict(zip(("S", "O", "S's"), subject.pronouns, strict=True))
        name = rng.choice(subject.roles) if alone and subject.roles and kind < 0.8 else subject.short
        return {"S": name, "O": name, "S's": f"{name}'s"}

    # the rest

    def _next_mark(self) -> str:
        self.marks += 1
        return f"{self.marks}."

    def _add_others(self) -> None:
        """Sentences about something else, before or after."""
        rng = self.rng
        if rng.random() < 0.75:
            return
        other = _Text(rng)
        block = rng.choice(_scenes())
        slots: dict[str, str] = {}
        for sentence in block.sentences[: rng.choice([1, 1, 2])]:
            other.sentences.append(other.fill(sentence.partition(" ")[2], "other.", slots, block.values))
        self.sentences = rng.choice([other.sentences + self.sentences, self.sentences + other.sentences])

    def finish(self) -> list[_Example]:
        """Up to three questions about the text."""
        marked = re.sub(" {2,}", " ", " ".join(_capitalise(sentence) for sentence in self.sentences))
        context, spans = _take_marks(_contract(self.rng, _with_articles(marked)))
        asked: dict[str, str] = {}
        for answer, question in sorted(self.questions, key=lambda _: self.rng.random()):
            if answer in spans:
                asked.setdefault(answer, question)
        questions = list(asked.items())[: self.rng.choice([1, 1, 2])]
        return [(_capitalise(_with_articles(question)), context, *spans[answer]) for answer, question in questions]


def _plain(text: str) -> str:
    return _MARK.sub("", text)


def _capitalise(text: str) -> str:
    at = 0
    while match := _MARK.match(text, at):
        at = match.end()
    at += text[at : at + 1] in {'"', "'"}
    return text[:at] + text[at : at + 1].upper() + text[at + 1 :]


def _with_articles(text: str) -> str:
    return _ARTICLE.sub(lambda match: f"{match[1]}{'n' if match[3] in 'aeiouAEIO' else ''} {match[2]}{match[3]}", text)


def _take_marks(text: str) -> tuple[str, dict[str, tuple[int, int]]]:
    """Return the text without its marks, and where each mark was first."""
    plain: list[str] = []
    length = at = 0
    spans: dict[str, tuple[int, int]] = {}
    opened: list[tuple[str, int]] = []
    for match in _MARK.finditer(text):
        plain.append(text[at : match.start()])
        length += match.start() - at
        at = match.end()
        if match[1] is not None:
            opened.append((match[1], length))
        else:
            name, start = opened.pop()
            spans.setdefault(name, (start, length))
    plain.append(text[at:])
    return "".join(plain), spans


# ------------------------------------------------------------------------------------------------------------- style

_CONTRACTIONS: Final = (
    (" is not ", " isn't "),
    (" are not ", " aren't "),
    (" was not ", " wasn't "),
    (" were not ", " weren't "),
    (" did not ", " didn't "),
    (" does not ", " doesn't "),
    (" do not ", " don't "),
    (" has not ", " hasn't "),
    (" had not ", " hadn't "),
    (" cannot ", " can't "),
    (" could not ", " couldn't "),
    (" will not ", " won't "),
    ("It is ", "It's "),
    (" would not ", " wouldn't "),
    (" they are ", " they're "),
)


def _contract(rng: random.Random, text: str) -> str:
    if rng.random() < 0.5:
        for long, short in _CONTRACTIONS:
            text = text.replace(long, short)
    return text


def _superfluous(question: str, answer: str) -> int:
    """How many characters at the beginning of an answer do not belong to it: spaces, prepositions, articles."""
    where = r"(?:(?:in|at|on|since|from|until) )?" if re.match(r"where|when", question, re.IGNORECASE) else ""
    article = "" if re.match(r"how", question, re.IGNORECASE) else r"(?:(?:an?|the) )?"
    match = re.match(rf"\s*{where}{article}(?=\S)", answer)
    return match.end() if match else 0


def _restyle(rng: random.Random, example: _Example) -> _Example:
    question, context, start, end = example
    kind = rng.random()
    if kind < 0.06:
        question = question.removesuffix("?")
    elif kind < 0.12:
        question = question.lower().removesuffix("?")
    elif kind < 0.16:
        question = question.lower()
    elif kind < 0.25:
        question = re.sub(r"^(What|Who|Where|When) is ", r"\1's ", question)
    return question, context, start + _superfluous(question, context[start:end]), end


# ---------------------------------------------------------------------------------------------------------- passages

_SENTENCE_END: Final = re.compile(r"(?<=[a-z\d)\"”'%][.!?])[\"”]?\s+(?=[A-Z\d\"“£$€])")
_NUMBER: Final = re.compile(
    r"(?<![\w.,:/\u2013-])\d{1,3}(?:,\d{3})+(?![\w:\u2013-])|(?<![\w.,:/\u2013-])\d+(?![\w:/\u2013-]|[.,]\d)"
)
_CAPITALISED: Final = re.compile(r"[A-ZÀ-Þ][\w'\u2019-]+(?: (?:(?:de|van|der|da|bin|al|von) )?[A-ZÀ-Þ][\w'\u2019-]+)*")
_BEFORE: Final = (0, 1, 1, 1, 2, 9)
"""How many sentences before the answer stay, at most."""
_AFTER: Final = (0, 0, 1, 1, 2, 9)
_STRANGERS: Final = 0.25
"""Share of the passages that get sentences of another one."""
_TITLES: Final = frozenset(
    [
        "Mr",
        "Mrs",
        "Ms",
        "Dr",
        "Miss",
        "Sir",
        "Lady",
        "Captain",
        "Professor",
        "King",
        "Queen",
        "Saint",
        "St",
        "The",
        "Aunt",
        "Uncle",
        "Duke",
        "Father",
    ]
)


def _from_passage(rng: random.Random) -> _Example:
    passage = rng.choice(_passages())
    while not passage.questions:
        passage = rng.choice(_passages())
    question, start, end = rng.choice(passage.questions)
    context = passage.context
    context = f"{context[:start]}{_OPEN}{context[start:end]}{_CLOSE}{context[end:]}"
    mapping = _swaps(rng, passage, question)
    if mapping:
        pattern = re.compile(
            "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in sorted(mapping, key=len, reverse=True))
        )
        question, context = (pattern.sub(lambda match: mapping[match[0]], text) for text in (question, context))
    question = _reword(rng, question)
    context = _with_neighbours(rng, context)
    start = context.index(_OPEN)
    end = context.index(_CLOSE) - 1
    return question, context.replace(_OPEN, "").replace(_CLOSE, ""), start, end


@cache
def _synonyms() -> dict[str, list[str]]:
    pairs = (pair.split(" > ") for pair in _values()["reworded"])
    return {word: others.split(", ") for word, others in pairs}


_FIRST_WORDS: Final = (
    (r"^Who (?!else)", ("Which person ", "What person ")),
    (r"^Why ", ("For what reason ", "How come ", "What is the reason why ")),
    (r"^(?:In which|In what) (year|month|town|city|country)", (r"In what \1", r"In which \1")),
    (r"^What kind of ", ("Which kind of ", "What sort of ", "What type of ")),
    (r"^Which ", ("What ",)),
    (r"^When ", ("At what time ", "At which point ")),
    (r"^Where ", ("In what place ", "At which place ")),
    (r"^What (is|was) the name of ", (r"What \1 the right name of ",)),
    (r"^How much does (.*) cost", (r"What does \1 cost", r"What is the price of \1")),
    (r"^How many ", ("What number of ", "How many ")),
)


def _reword(rng: random.Random, question: str) -> str:
    """Perhaps with other words for the same."""
    if rng.random() < 0.12:
        for pattern, others in _FIRST_WORDS:
            if re.search(pattern, question):
                question = re.sub(pattern, rng.choice(others), question)
                break
    if rng.random() < 0.3:
        synonyms = _synonyms()
        words = [word for word in re.findall(r"(?<!\w)[a-z]+(?!\w)", question) if word in synonyms]
        if words:
            word = rng.choice(words)
            question = re.sub(rf"(?<!\w){word}(?!\w)", rng.choice(synonyms[word]), question, count=1)
    return question


def _swaps(rng: random.Random, passage: _Passage, question: str) -> dict[str, str]:
    """Words of the passage -> other words of their kind."""
    mapping: dict[str, str] = {}
    text = f"{passage.context} {question}"
    if rng.random() < 0.6:
        mapping |= _other_numbers(rng, text)
    if rng.random() < 0.6:
        mapping |= _other_names(rng, passage)
    if rng.random() < 0.5:
        for bank in (_DAYS, _MONTHS, _values()["colour"], _WORDS):
            mapping |= dict(zip(bank, rng.sample(bank, len(bank)), strict=True))
    return mapping


def _other_numbers(rng: random.Random, text: str) -> dict[str, str]:
    mapping = {}
    shift = rng.randint(-40, 15)
    for match in _NUMBER.finditer(text):
        digits = match[0]
        number = int(digits.replace(",", ""))
        if 1500 <= number <= 2030 and "," not in digits:
            mapping[digits] = str(min(number + shift, 2029))
        elif number < 32:
            mapping[digits] = str(rng.randint(2, 9) if number < 10 else rng.randint(10, 28))
        else:
            made = rng.randint(10 ** (len(str(number)) - 1), 10 ** len(str(number)) - 1)
            mapping[digits] = f"{made:,}" if "," in digits else str(made)
    return mapping


def _other_names(rng: random.Random, passage: _Passage) -> dict[str, str]:
    """Other names for people and places that some question asks for."""
    context = passage.context
    women, men = (re.search(rf"\b(?:{words})\b", context, re.IGNORECASE) for words in ("she|her", "he|his|him"))
    mapping: dict[str, str] = {}
    for question, start, end in passage.questions:
        answer = context[start:end]
        if not _CAPITALISED.fullmatch(answer):
            continue
        words = [word for word in answer.split(" ") if word[0].isupper() and word not in _TITLES]
        if re.match(r"(?:Who|Whom|Whose)\b", question) and len(words) <= 3 and "company" not in context:
            gender = "female" if women and not men else "male" if men and not women else rng.choice(["female", "male"])
            for index, word in enumerate(words):
                bare = re.sub(r"['\u2019]s$", "", word)
                is_first = index < len(words) - 1 or len(answer.split(" ")) == 1
                mapping[bare] = rng.choice(_values()[gender]) if is_first else _surname(rng)
        elif re.match(r"(?:In (?:which|what) (?:town|city|village)|Where\b)", question) and len(words) == 1:
            mapping[words[0]] = _place(rng)
    return mapping


def _with_neighbours(rng: random.Random, context: str) -> str:
    """Perhaps without sentences that are not next to the answer, and with sentences of another passage around it."""
    ends = [match.end() for match in _SENTENCE_END.finditer(context)]
    sentences = [context[start:end].strip() for start, end in zip([0, *ends], [*ends, len(context)], strict=True)]
    first = next(index for index, sentence in enumerate(sentences) if _OPEN in sentence)
    last = next(index for index, sentence in enumerate(sentences) if _CLOSE in sentence)
    kept = sentences[max(0, first - rng.choice(_BEFORE)) : last + 1 + rng.choice(_AFTER)]
    if rng.random() < _STRANGERS:
        others = _SENTENCE_END.split(rng.choice(_passages()).context)
        at = rng.randrange(len(others))
        other = others[at : at + rng.choice([1, 1, 2])]
        kept = rng.choice([other + kept, kept + other])
    return " ".join(kept)
