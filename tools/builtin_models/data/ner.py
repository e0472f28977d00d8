"""Texts with marked names: people (PER), organisations (ORG) and places (LOC), after the conventions of CoNLL-2003.

Hand-written texts with slots (``ner_banks/texts_*.txt``) are filled with names from hand-written banks, with names put
together after a grammar, and with names that never were, made of syllables. The grammar of a text:

- ``{slot}`` is filled by :class:`_Writer`; ``{slot!}`` is the same without its article (``the`` is never part of a name);
- ``{per@a}`` remembers who it was, so that ``{last@a}`` and ``{first@a}`` can name the same person again;
- ``<this|that>`` is a choice.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

Span = tuple[int, int, str]
Example = tuple[str, list[Span]]

BANKS = Path(__file__).parent / "ner_banks"
CHOICE = re.compile(r"<([^<>]*)>")
SLOT = re.compile(r"\{([a-z_]+)(!?)(?:@([a-z]))?\}")
METHODS = frozenset({"first", "last"})
"""Slots that are more than the bank of that name."""
SENTENCE_START = re.compile(r"(?:^|[.!?:][\"')]* )[\"'(]*$")

# How often a text comes from which file.
TEXTS = {"people": 22, "organisations": 22, "places": 17, "mixed": 13, "other": 13, "none": 16}

# Sound systems for names that never were: beginnings, vowels, middles, endings of first names and of surnames.
SOUNDS: dict[str, tuple[str, str, str, str, str]] = {
    "slavic": (
        "b br d dr g gr k kr l m ml n p pr r s sl st sv t tr v vl z zd",
        "a e i o u a o e",
        "b d k l m n r s t v z zn rk sl dr mb",
        "a ka ko mir slav ena in an ek",
        "ov ova ev ski sky ska ić ovich enko uk ak ek ík in ina czyk",
    ),
    "nordic": (
        "b bj d e f fr g gr h hj i k kn l m n o r s sk st sv t th tr u v å ø",
        "a e i o u y ø å e a",
        "b d g k l ld m n nd r rd rs s st t v",
        "a e rid run var vin ulf dis borg ne",
        "sen sson dal berg gaard strøm lund vik nes stad quist holm sdóttir",
    ),
    "latin": (
        "al b c d f g gi l m n p qu r s sp t v z br cr fr pr tr",
        "a e i o u a o e ia io",
        "b c d g l ll m n nd nt r rd rr s st t v z",
        "a o ia io ina etto elia ardo ito",
        "i a o ez az elli etti ini one ara eira oso ado anes aldi ucci",
    ),
    "german": (
        "b br d e f fr g h k kl kr l m n p r s sch schw st t tr u v w z",
        "a e i o u ei au ie ö ü ä",
        "ch ck d f ff g ld ll lm m n nn nd r rt s st tt tz",
        "a e hard bert lind mut fried hild wig",
        "mann er bach berg inger feld stein haus ler hoff kamp ke ling",
    ),
    "english": (
        "b bl br c ch cl d dr f fl g gr h j k l m n p pr r s sh st t th tr w wh",
        "a e i o u ay ea oa ee",
        "b ck d dd g l ll m n nd ng r rd rk rt s st t th x",
        "a y ie on an ett elle lyn win",
        "ton well worth ley son ford man ham by er wick shaw croft field ers ing more bury wood stone",
    ),
    "celtic": (
        "b br c ca d dr f fl g gl gr l m mor n r s t tr u w",
        "a e i o u ai ea ui ao y w",
        "b ch d dd g gh ll ln m n nn r rr s th dh mh",
        "a an in wyn nna gh sin th id",
        "an igan agh ey ney nan in wen gan llyn dith",
    ),
    "japanese": (
        "a i u e o k s sh t ch ts n h m y r w g z j d b",
        "a i u e o a o i u",
        "k s sh t ch n h m y r g z d b nk nd mb",
        "ko mi ka ro ta to ki ji suke ya na",
        "moto mura da yama kawa saki hara no shita bayashi sawa guchi be",
    ),
    "chinese": (
        "b p m f d t n l g k h j q x zh ch sh z c s y w",
        "a ai an ang ao e ei en eng i ia ian iang iao ie in ing iu o ong ou u uan ui un uo",
        "",
        "a an ao en i in ong u un",
        "a an ao en i ing ou u ei",
    ),
    "korean": (
        "b ch d g h j k m n p s t y",
        "a ae eo eu i o u ye yo yu oo",
        "n ng k l m",
        "woo min hee jin hyun seok ah",
        "ng n k m",
    ),
    "african": (
        "a b ch d f g k kw l m mb mw n nd ng nk ny o r s t th tsh w y z",
        "a e i o u a o i",
        "b d k l m mb mp n nd ng nk r s t w z",
        "a e i o u ana ina eka isha",
        "a e i o u ala ele ini onga wa bo ndi kwe nga",
    ),
    "west african": (
        "a b d f g gb i k kp l m n o s t ch w y",
        "a e i o u a o u",
        "b d gb j k l m n nw r s t",
        "a e i o u ola ade ike",
        "a e i o u ogun ade ola uba eze oma mba tunde",
    ),
    "arabic": (
        "a b d f gh h i j k kh l m n q r s sh t th u w y z",
        "a i u a aa ou",
        "b d dd f h j k l lm m mm n r rr s sh t z",
        "a ir im an iya ad een a",
        "i awi ani oun ad ir iri adi oub ah",
    ),
    "indian": (
        "a b bh ch d dh g h j k kh l m n p pr r s sh sr t th v y",
        "a aa e i u o a i",
        "d dh g j k l m n nd nt r rj s sh t tr v",
        "a i an esh it endra ika ini ya",
        "an ar kar kumar amurthy appa wala ia ani dhar raj nathan swamy",
    ),
    "turkic": (
        "a b c d e g h i k m n o s t ş u y z ç",
        "a e i ı o ö u ü",  # noqa: RUF001
        "b d g k l ld m n nd r rk s t y z",
        "a e an in gül bek ay han",
        "oğlu er türk can kaya daş bayev baeva maz",
    ),
    "pacific": (
        "a e f h i k l m n p t w ",
        "a e i o u a o",
        "f h k l m n p t v",
        "a e i o u ani oa ea",
        "a e i o u ata ofa ele aki umi",
    ),
    "basque": (
        "a ar b e etx g i ib iz k l m n o u ur z tx",
        "a e i o u a e",
        "b d g k l n r rr t tx z",
        "a e i ne on er ari",
        "eta aga egi ondo barri urri etxea ola oiz",
    ),
    "ethiopian": (
        "a b d e g h k m n s sh t w y z",
        "a e i u a e",
        "b d f g k l m n r s sh t w y",
        "u a e ist ish et aw",
        "ew u a eyehu e aw ish",
    ),
}


@cache
def bank(name: str) -> list[str]:
    """Return the entries of a section of the banks, each once."""
    return _sections()[name]


@cache
def _sections() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for file in ("people", "places", "organisations", "words"):
        name = ""
        for line in (BANKS / f"{file}.txt").read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                name = line.strip("[]")
            elif line and not line.startswith("#"):
                sections.setdefault(name, []).extend(entry.strip() for entry in line.split(",") if entry.strip())
    return {name: list(dict.fromkeys(entries)) for name, entries in sections.items()}


@cache
def texts(name: str) -> list[str]:
    """Return the texts of a file of the banks, with their slots and choices."""
    lines = (BANKS / f"texts_{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class _Writer:
    """Fills the slots of one text."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.text = ""
        self.spans: list[Span] = []
        self.people: dict[str, tuple[str, str]] = {}

    # --- putting a text together

    def write(self, template: str) -> None:
        """Append a template, filled."""
        rng = self.rng
        while match := CHOICE.search(template):
            template = template[: match.start()] + rng.choice(match[1].split("|")) + template[match.end() :]
        template = re.sub(r" +(?=[ .,?!])", "", template)
        position = 0
        for match in SLOT.finditer(template):
            self.text += template[position : match.start()]
            self._slot(match[1], bare=bool(match[2]), who=match[3])
            position = match.end()
        self.text += template[position:]

    def _slot(self, name: str, *, bare: bool, who: str | None) -> None:
        if who and name in {"per", "last", "first"}:
            self._name("PER", self._require_known(name, who))
        elif label := LABELS.get(name):
            filler = ENTITIES[name](self)
            article, _, rest = filler.partition(" ") if filler.startswith("the ") else ("", "", filler)
            if article and not bare:
                self._plain("the ")
            self._name(label, rest)
        else:
            self._plain(OTHERS[name](self) if name in OTHERS else self.rng.choice(bank(name)))

    def _require_known(self, name: str, who: str) -> str:
        if who not in self.people:
            first, last = self.first(), self.last()
            self.people[who] = (first, last)
        first, last = self.people[who]
        return {"per": f"{first} {last}", "first": first, "last": last}[name]

    def _plain(self, filler: str) -> None:
        if SENTENCE_START.search(self.text):
            filler = filler[:1].upper() + filler[1:]
        if self.text.endswith((" a", "A", " A")) and filler[:1] in "AEIO":
            self.text += "n"
        self.text += filler

    def _name(self, label: str, filler: str) -> None:
        if self.text.endswith((" a ", "A ")) and filler[:1] in "AEIO":
            self.text = self.text[:-1] + "n "
        start = len(self.text)
        self.text += filler
        if self.spans and label == self.spans[-1][2] == "PER" and self.text[self.spans[-1][1] : start] == " ":
            start = self.spans.pop()[0]  # {first} {last}
        self.spans.append((start, len(self.text), label))

    # --- choosing

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def pick(self, *names: str) -> str:
        return self.rng.choice(bank(self.rng.choice(names)))

    def mix(self, **weights: float) -> str:
        """One of the methods of these names, by weight."""
        return getattr(self, self.rng.choices(list(weights), list(weights.values()))[0])()

    def expand(self, shape: str) -> str:
        """Return a shape with its slots filled by banks, or by methods of these names."""
        sections = _sections()

        def fill(match: re.Match[str]) -> str:
            name = match[1]
            return self.pick(name) if name in sections and name not in METHODS else getattr(self, name)()

        return SLOT.sub(fill, shape)

    # --- sounds

    def invented(self, *, surname: bool) -> str:
        """Return a name that nobody has, perhaps."""
        rng = self.rng
        onsets, vowels, middles, first_ends, last_ends = SOUNDS[rng.choice(list(SOUNDS))]
        ends = (last_ends if surname else first_ends).split()
        name = rng.choice(onsets.split(" "))
        for _ in range(rng.choice((0, 1, 1, 1, 2)) if middles else 0):
            name += rng.choice(vowels.split()) + rng.choice(middles.split())
        end = rng.choice(ends)
        if name[-1:] not in "aeiou" and end[0] not in "aeiouöüıíéø":  # noqa: RUF001
            name += rng.choice(vowels.split())
        name += end
        if len(name) < 3:
            name += rng.choice(vowels.split()) + rng.choice("nrlsm")
        return name[:1].upper() + name[1:]

    def coined_word(self) -> str:
        """Return a word of the kind that start-ups are named with."""
        rng = self.rng
        word = rng.choice(bank("coinedstart"))
        if self.chance(0.6):
            if word[-1] not in "aeiouy":
                word += rng.choice("aeio")
            word += rng.choice(bank("coinedmiddle"))
        end = rng.choice(bank("coinedend"))
        if word[-1] not in "aeiouy" and end[0] not in "aeiou":
            word += rng.choice("aeiou")
        word += end
        if self.chance(0.06):
            word = word.upper() if len(word) < 6 else word[:3] + word[3:].capitalize()
        return word

    # --- people

    def first(self) -> str:
        roll = self.rng.random()
        if roll < 0.05:
            return self.pick("ambfirst")
        if roll < 0.20:
            return self.invented(surname=False)
        if roll < 0.24:
            return f"{self.pick('first')}-{self.pick('first')}"
        return self.pick("first")

    def last(self) -> str:
        roll = self.rng.random()
        if roll < 0.06:
            return self.pick("particle")
        if roll < 0.28:
            return self.invented(surname=True)
        if roll < 0.31:
            return self.rng.choice(("O'", "Mc", "Mac", "D'", "Fitz", "Mc")) + self.invented(surname=True)
        if roll < 0.34:
            return f"{self.pick('last')}-{self.pick('last')}"
        if roll < 0.37:
            return self.pick("amblast")
        return self.pick("last")

    def initials(self) -> str:
        rng = self.rng
        letters = [rng.choice("ABCDEFGHIJKLMNOPRSTVWYZ") for _ in range(rng.choice((1, 2, 2, 2, 3)))]
        joint = rng.choice((". ", ". ", ".", " ")) if len(letters) > 1 else ". "
        return joint.join(letters) + joint.replace(".", ".").rstrip() + " " + self.last()

    def full(self) -> str:
        """Return a first name and a surname, in one of many manners."""
        rng = self.rng
        shapes: dict[Callable[[], str], float] = {
            lambda: f"{self.first()} {self.last()}": 70,
            lambda: f"{self.first()} {rng.choice('ABCDEFGHJKLMNPRSTVW')}. {self.last()}": 4,
            lambda: f"{self.first()} {self.first()} {self.last()}": 4,
            lambda: f"{self.first()} {self.last()} {self.last()}": 3,
            lambda: f"{self.first()} {self.last()} {rng.choice(('Jr.', 'Jr', 'Sr.', 'III', 'II'))}": 1,
            lambda: (
                f"{self.first()} {rng.choice(('y', 'de', 'van', 'von', 'da', 'bin', 'al', 'ap', 'di'))} {self.last()}"
            ): 3,
            self.eastern: 5,
            self.initials: 3,
            lambda: self.pick("famous"): 4,
        }
        return rng.choices(list(shapes), list(shapes.values()))[0]()

    def eastern(self) -> str:
        """Return the surname first, as in Korea, China, Vietnam, Japan or Hungary."""
        rng = self.rng
        families = (
            "Kim Lee Park Choi Jung Kang Cho Yoon Lim Han Shin Kwon Wang Li Zhang Liu Chen Yang Zhao Wu Xu Sun Ma"
        )
        families += (
            " Zhou Hu Guo Lin He Gao Nguyen Tran Le Pham Hoang Vu Dang Bui Do Ho Ngo Duong Tanaka Sato Nagy Kovács"
        )
        parts = (
            "ji min seo woo hyun jun yeon soo hee jin young eun ha na tae sung kyung mi wei ming xiao yu jing hao lei"
        )
        parts += " fang ling hua jian guo qiang mei xin yan tao peng bo rui van thi duc minh anh linh"
        family, given, more = rng.choice(families.split()), rng.choice(parts.split()), rng.choice(parts.split())
        shape = rng.choice(("{g}-{m}", "{g}-{m}", "{g}{m}", "{g} {M}", "{g}"))
        return f"{family} {shape.format(g=given.capitalize(), m=more, M=more.capitalize())}"

    def someone(self) -> str:
        roll = self.rng.random()
        return self.full() if roll < 0.5 else self.first() if roll < 0.75 else self.last()

    def first_only(self) -> str:
        return self.first()

    def nickname(self) -> str:
        return self.pick("ambfirst")

    # --- places

    def made_place(self) -> str:
        """Return a place that is on no map, perhaps."""
        rng = self.rng
        roll = rng.random()
        stem = rng.choice(bank("placestem")) + rng.choice(bank("placeend"))
        if roll < 0.45:
            return stem
        if roll < 0.57:
            return f"{self.pick('placepre')} {rng.choice((stem, self.invented(surname=False), self.pick('first')))}"
        if roll < 0.85:
            return self.invented(surname=rng.random() < 0.5)
        if roll < 0.90:
            return f"{stem}-{rng.choice(('on-the-', 'upon-', 'sur-', 'am-', 'on-', 'le-', 'by-'))}{rng.choice(('Hill', 'Sea', 'Water', 'Grand', stem))}"
        if roll < 0.95:
            return f"{stem} {rng.choice(('Bay', 'Beach', 'Falls', 'Springs', 'Heights', 'Hills', 'Valley', 'Creek', 'Park', 'Green', 'End', 'Bridge', 'Cross', 'Point', 'Regis', 'Island', 'Junction', 'Grove'))}"
        return f"{self.invented(surname=False)}-{self.invented(surname=False)}"

    def city(self) -> str:
        return self.made_place() if self.chance(0.15) else self.pick("city")

    def town(self) -> str:
        return self.made_place() if self.chance(0.5) else self.pick("city", "city", "city", "ambloc")

    def country(self) -> str:
        return "the " + self.pick("the_country") if self.chance(0.14) else self.pick("country")

    def region(self) -> str:
        return "the " + self.pick("the_region") if self.chance(0.15) else self.pick("region")

    def river(self) -> str:
        if self.chance(0.25):
            name = self.invented(surname=False) if self.chance(0.6) else self.pick("placestem") + "e"
            return "the " + self.rng.choice(("River {}", "{} River", "{}")).format(name)
        name = self.pick("the_river")
        return f"the River {name}" if " " not in name and self.chance(0.15) else f"the {name}"

    def sea(self) -> str:
        return "the " + self.pick("the_sea")

    def lake(self) -> str:
        if self.chance(0.3):
            return self.rng.choice(("Lake {}", "Loch {}", "{} Lake", "Lough {}")).format(self.invented(surname=False))
        return self.pick("lake")

    def mount(self) -> str:
        roll = self.rng.random()
        if roll < 0.2:
            name = self.rng.choice((self.invented(surname=False), self.pick("last")))
            return self.rng.choice(("Mount {}", "Mount {}", "Ben {}", "Monte {}", "{} Peak", "Pico {}")).format(name)
        return self.pick("mount") if roll < 0.6 else "the " + self.pick("the_mount")

    def island(self) -> str:
        roll = self.rng.random()
        if roll < 0.15:
            name = self.rng.choice((self.invented(surname=False), self.pick("last")))
            return self.rng.choice(("{} Island", "Isla {}", "the Isle of {}", "the {} Islands")).format(name)
        return self.pick("island") if roll < 0.8 else "the " + self.pick("the_island")

    def street(self) -> str:
        roll = self.rng.random()
        if roll < 0.3:
            return self.pick("street")
        if roll < 0.62:
            return f"{self.pick('streetword')} {self.pick('streettype')}"
        if roll < 0.82:
            name = self.rng.choice((self.pick("last"), self.made_place(), self.pick("first")))
            return f"{name} {self.pick('streettype')}"
        if roll < 0.9:
            name = self.rng.choice((self.last(), self.invented(surname=True)))
            return self.rng.choice(
                ("Rue {}", "Rue de {}", "Via {}", "Calle {}", "Avenida {}", "Rua {}", "Plaza {}")
            ).format(name)
        name = self.invented(surname=self.chance(0.5))
        return name + self.rng.choice(("straße", "strasse", "gasse", "platz", "straat", "gatan", "gata", "weg", "vej"))

    def district(self) -> str:
        return self.made_place() if self.chance(0.2) else self.pick("district")

    def mark(self) -> str:
        roll = self.rng.random()
        if roll < 0.2:
            kinds = (
                "Station|Square|Airport|Park|Bridge|Castle|Stadium|Forest|Falls|Beach|Gardens|Tower|Hall|Gate|Market"
            )
            name = self.rng.choice((self.made_place(), self.pick("city"), self.pick("last")))
            return f"{name} {self.rng.choice(kinds.split('|'))}"
        return self.pick("mark") if roll < 0.7 else "the " + self.pick("the_mark")

    def place(self) -> str:
        return self.mix(city=38, town=8, country=24, region=14, island=6, district=3, river=2, sea=2, mount=2, lake=1)

    def ambiguous_place(self) -> str:
        return self.pick("ambloc")

    def any_place(self) -> str:
        """Return a place as it stands inside another name: no article."""
        return self.mix(city=60, town=20, country=12, region=8).removeprefix("the ")

    # --- organisations

    def coined(self) -> str:
        rng = self.rng
        word = rng.choice((self.coined_word, self.coined_word, lambda: self.pick("coname")))()
        roll = rng.random()
        if roll < 0.45:
            return word
        return f"{word} {self.pick('coind' if roll < 0.8 else 'cosuffix')}"

    def partners(self) -> str:
        shapes = "{last}, {last} & {last}|{last} and Sons|{last} and Daughters|{last} and {last}|{last} {cosuffix}"
        shapes += "|{last} {cosuffix}|{last} {coind}|{last} {coind}|{last} {last}|{last} & {last}|{last} & {last} LLP"
        return self.expand(self.rng.choice(shapes.split("|")))

    def company(self) -> str:
        shapes = {
            "{company}": 34,
            "{amborg}": 6,
            "{coined}": 22,
            "{partners}": 12,
            "{any_place} {coind}": 6,
            "{any_place} {coind} {cosuffix}": 2,
            "{nat} {coind}": 5,
            "{coname} {streetword} {coind}": 3,
            "{coname} {coname} {coind}": 3,
            "{coname} {streettype} {coind}": 2,
            "{first} {coind}": 3,
            "{first} {cosuffix}": 2,
        }
        return self.expand(self.rng.choices(list(shapes), list(shapes.values()))[0])

    def uni(self) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.34:
            name = self.pick("uni")
            article = name.startswith("University of") or name in bank("withthe")
            return f"the {name}" if article else name
        place = self.any_place()
        if roll < 0.60:
            return f"the University of {place}"
        if roll < 0.80:
            name = rng.choice((place, self.pick("last"), self.invented(surname=True)))
            return f"{name} {rng.choice(('University', 'College', 'University', 'Institute of Technology', 'State University', 'Polytechnic', 'Business School', 'Law School', 'School of ' + self.pick('field')))}"
        if roll < 0.90:
            return f"the {rng.choice(('Technical University', 'National University', 'State University', 'Free University', 'Institute', 'School', 'College', 'Academy'))} of {rng.choice((place, self.pick('field')))}"
        if roll < 0.95:
            return f"the {place} {rng.choice(('Institute', 'School', 'College', 'Academy'))} of {self.pick('field')}"
        return f"the {self.pick('nat')} {rng.choice(('Institute', 'Academy', 'College', 'School'))} of {self.pick('field')}"

    def abbr(self) -> str:
        if self.chance(0.4):
            letters = "".join(
                self.rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(self.rng.choice((2, 3, 3, 3, 4, 4, 5)))
            )
            return f"the {letters}" if self.chance(0.6) else letters
        name = self.pick("abbr")
        return f"the {name}" if name in bank("shortabbr") and self.chance(0.9) else name

    def gov(self) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.45:
            name = self.pick("gov")
            return name if name in bank("bare") else f"the {name}"
        if roll < 0.62:
            kind = rng.choice(
                (
                    "Ministry of {}",
                    "Department of {}",
                    "{} Ministry",
                    "Office of {}",
                    "Department for {}",
                    "{} Department",
                )
            )
            return "the " + kind.format(self.pick("ministry"))
        if roll < 0.80:
            lead = rng.choice(
                (self.any_place(), self.pick("nat"), rng.choice(("National", "Federal", "European", "State", "Royal")))
            )
            return f"the {lead} {self.pick('agency')}"
        if roll < 0.92:
            kind = rng.choice(
                (
                    "Bank of",
                    "Parliament of",
                    "Supreme Court of",
                    "Port of",
                    "Royal Society of",
                    "Fire Brigade of",
                    "Ministry of Justice of",
                )
            )
            return f"the {kind} {self.country().removeprefix('the ') if self.chance(0.7) else self.city()}"
        return f"{self.any_place()} {rng.choice(('City Council', 'County Council', 'Council', 'Police', 'Fire Department', 'Town Council', 'Borough Council', 'High Court'))}"

    def media(self) -> str:
        roll = self.rng.random()
        if roll < 0.6:
            name = self.pick("media")
            return name if name in bank("bare") else f"the {name}"
        if roll < 0.9:
            return f"the {self.any_place()} {self.pick('mediatype')}"
        return f"{self.rng.choice(('Radio', 'Channel', 'Tele', 'TV', 'El', 'La', 'Le'))} {self.rng.choice((self.coined_word(), self.city(), str(self.rng.randrange(1, 9))))}"

    def party(self) -> str:
        roll = self.rng.random()
        if roll < 0.6:
            name = self.pick("party")
            return name if name in bank("bare") else f"the {name}"
        if roll < 0.8:
            return f"the {self.any_place()} {self.pick('partyname')}"
        return "the " + self.rng.choice(("New", "National", "United", self.pick("nat"))) + f" {self.pick('partyname')}"

    def ngo(self) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.4:
            name = self.pick("ngo")
            return name if name in bank("bare") else f"the {name}"
        if roll < 0.6:
            return f"the {self.pick('ngotopic')} {self.pick('ngoname')}"
        if roll < 0.8:
            return f"the {rng.choice((self.any_place(), self.pick('nat'), self.full(), self.last()))} {self.pick('ngoname')}"
        if roll < 0.9:
            word = rng.choice((self.pick("ngotopic").rstrip("'"), self.pick("coname")))
            return f"{word} {rng.choice((self.any_place(), 'International', 'Now', 'for All', 'Without Borders', 'Watch', 'Action', 'Aid'))}"
        return f"the {rng.choice(('Friends', 'Society', 'Association', 'Union', 'Federation'))} of {self.any_place()} {rng.choice(('Teachers', 'Farmers', 'Miners', 'Bakers', 'Writers', 'Birds', 'Museums'))}"

    def museum(self) -> str:
        roll = self.rng.random()
        if roll < 0.5:
            name = self.pick("museum")
            return name if name in bank("bare") else f"the {name}"
        lead = self.rng.choice((self.any_place(), self.pick("last"), self.pick("nat"), "National"))
        return f"the {lead} {self.pick('museumtype')}" if roll < 0.88 else f"the Museum of {self.any_place()}"

    def hosp(self) -> str:
        rng = self.rng
        if self.chance(0.25):
            name = rng.choice(bank("hosp")[:21])
            return f"the {name}" if name in bank("withthe") else name
        lead = rng.choice(
            (
                f"{rng.choice(('St', 'St.', 'Saint'))} {self.pick('first')}'s",
                self.any_place(),
                self.last(),
                self.pick("coname"),
            )
        )
        return f"{lead} {self.pick('hosptype')}"

    def school(self) -> str:
        if self.chance(0.2):
            return self.rng.choice(bank("hosp")[21:])
        lead = self.rng.choice(
            (self.any_place(), self.last(), self.full(), f"St. {self.pick('first')}'s", self.pick("coname"))
        )
        return f"{lead} {self.pick('schooltype')}"

    def team(self) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.5:
            name = self.pick("team")
            return f"the {name}" if name in bank("withthe") else name
        if roll < 0.62:
            return self.city()
        if roll < 0.88:
            name = self.pick("teamname")
            club = f"{self.any_place()} {name}"
            return f"the {club}" if name.endswith("s") and self.chance(0.6) else club
        return f"{self.pick('teampre')} {self.any_place()}"

    def band(self) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.45:
            name = self.pick("band")
            return f"the {name}" if name in bank("withthe") else name
        if roll < 0.7:
            return f"{self.pick('bandadj')} {self.pick('bandnoun')}"
        if roll < 0.85:
            return f"the {rng.choice((self.pick('bandadj') + ' ', ''))}{self.pick('bandnoun')}"
        return rng.choice(
            (
                f"{self.first()} and the {self.pick('bandnoun')}",
                f"{self.any_place()} {self.pick('bandnoun')}",
                f"the {self.last()} Quartet",
                self.coined_word(),
            )
        )

    def org(self) -> str:
        return self.mix(
            company=36, uni=9, abbr=12, gov=11, ngo=10, media=6, museum=4, hosp=4, school=4, team=2, band=2, party=2
        )

    def ambiguous_org(self) -> str:
        return self.pick("amborg")

    # --- what is no name

    def acro(self) -> str:
        if self.chance(0.2):
            return "".join(self.rng.choice("ABCDEFGHIJKLMNOPRSTUVWXY") for _ in range(self.rng.choice((3, 3, 4, 5))))
        return self.pick("acro")

    def address(self) -> str:
        """Of a mailbox or a page: names inside it are none."""
        rng = self.rng
        site = rng.choice((self.coined_word(), self.pick("last"), self.pick("placestem") + self.pick("placeend")))
        site = f"{site.lower()}.{rng.choice(('com', 'org', 'net', 'example', 'co.uk', 'io'))}"
        who = rng.choice((self.pick("first").lower(), "info", "sales", "accounts", "no-reply"))
        return rng.choice((f"{who}@{site}", f"www.{site}", site))

    def num(self) -> str:
        rng = self.rng
        return rng.choice(
            (
                self.pick("numberword"),
                str(rng.randrange(2, 100)),
                str(rng.randrange(2, 100)),
                f"{rng.randrange(1, 90)},000",
                str(rng.randrange(100, 999)),
            )
        )

    def year(self) -> str:
        return str(self.rng.choice((self.rng.randrange(1900, 2027), self.rng.randrange(1200, 2000))))

    def money(self) -> str:
        rng = self.rng
        amount, unit = rng.randrange(1, 90), rng.choice(("million", "billion", "000"))
        if unit == "000":
            return f"{rng.choice('$€£')}{amount},000"
        return rng.choice(
            (
                f"${amount} {unit}",
                f"€{amount}.{rng.randrange(1, 9)} {unit}",
                f"{amount} {unit} dollars",
                f"{amount} {unit} euros",
                f"£{amount}{unit[0]}",
            )
        )

    def pct(self) -> str:
        return f"{self.rng.randrange(1, 60)}" + self.rng.choice(("%", " per cent", " percent", ".4%"))

    def score(self) -> str:
        return str(self.rng.randrange(6))

    def work(self) -> str:
        """Return a book, a film, a song."""
        if self.chance(0.5):
            return self.pick("work")
        shapes = ("The {a} {n}", "{a} {n}", "The {n} of {m}", "A {n} in {m}", "{n} and {m}", "{m}, {m}, {m}")
        parts = {"{a}": "{titleadjective}", "{n}": "{titlenoun}", "{m}": "{titlematter}"}
        title: str = self.rng.choice(shapes)
        for short, slot in parts.items():
            title = title.replace(short, slot)
        title = self.expand(title)
        return f'"{title}"' if self.chance(0.4) else title

    def product(self) -> str:
        if self.chance(0.65):
            return self.pick("product")
        return (
            f"{self.coined_word()} {self.rng.choice(('Pro', 'X', 'Mini', 'Plus', 'II', '3', '400', 'S', 'Max', '2.0'))}"
        )


# Slots: what fills them, and the label of the name (none: it is no name).
PEOPLE: dict[str, Callable[[_Writer], str]] = {
    "per": _Writer.full,
    "first": _Writer.first,
    "last": _Writer.last,
    "lasts": lambda writer: writer.last() + "s",
    "init": _Writer.initials,
    "any": _Writer.someone,
    "famous": lambda writer: writer.pick("famous"),
    "royal": lambda writer: writer.pick("royal"),
    "ambfirst": _Writer.nickname,
    "amblast": lambda writer: writer.pick("amblast"),
    "ambverb": lambda writer: writer.pick("ambverb"),
}
PLACES: dict[str, Callable[[_Writer], str]] = {
    "place": _Writer.place,
    "city": _Writer.city,
    "town": _Writer.town,
    "country": _Writer.country,
    "region": _Writer.region,
    "river": _Writer.river,
    "sea": _Writer.sea,
    "lake": _Writer.lake,
    "mount": _Writer.mount,
    "island": _Writer.island,
    "street": _Writer.street,
    "district": _Writer.district,
    "mark": _Writer.mark,
    "ambloc": _Writer.ambiguous_place,
}
ORGANISATIONS: dict[str, Callable[[_Writer], str]] = {
    "org": _Writer.org,
    "co": _Writer.company,
    "coined": _Writer.coined,
    "uni": _Writer.uni,
    "abbr": _Writer.abbr,
    "gov": _Writer.gov,
    "media": _Writer.media,
    "party": _Writer.party,
    "ngo": _Writer.ngo,
    "museum": _Writer.museum,
    "hosp": _Writer.hosp,
    "school": _Writer.school,
    "team": _Writer.team,
    "band": _Writer.band,
    "amborg": _Writer.ambiguous_org,
}
OTHERS: dict[str, Callable[[_Writer], str]] = {
    "acro": _Writer.acro,
    "address": _Writer.address,
    "num": _Writer.num,
    "year": _Writer.year,
    "money": _Writer.money,
    "pct": _Writer.pct,
    "score": _Writer.score,
    "work": _Writer.work,
    "product": _Writer.product,
    "coinprod": lambda writer: writer.coined_word(),
}
ENTITIES = {**PEOPLE, **PLACES, **ORGANISATIONS}
LABELS = {
    **dict.fromkeys(PEOPLE, "PER"),
    **dict.fromkeys(PLACES, "LOC"),
    **dict.fromkeys(ORGANISATIONS, "ORG"),
}


def _open_text(text: str, spans: list[Span], opening: str) -> Example:
    """Return the text after a few words of another, if it begins in a way that allows it."""
    first = text.split(" ", 1)[0]
    if first in bank("function"):
        text = text[:1].lower() + text[1:]
    elif not spans or spans[0][0] > 0:
        return text, spans
    shift = len(opening) + 1
    return f"{opening} {text}", [(start + shift, end + shift, label) for start, end, label in spans]


def _close_text(text: str, closing: str) -> str:
    return text[:-1] + closing + text[-1] if text.endswith((".", "!")) and not text.endswith("..") else text


def _headline(text: str) -> str:
    """Every Word with a Capital, As in Some Headlines."""
    small = {"a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
    words = [word if word in small else word[:1].upper() + word[1:] for word in text.split(" ")]
    return " ".join(words)


def _same_length(text: str, changed: str) -> str:
    return changed if len(changed) == len(text) else text


def _one(rng: random.Random, kinds: Sequence[str], weights: Sequence[int]) -> Example:
    writer = _Writer(rng)
    kind = rng.choices(kinds, weights)[0]
    writer.write(rng.choice(texts(kind)))
    text, spans = writer.text, writer.spans
    if kind == "none" and rng.random() < 0.08:
        return _same_length(text, _headline(text)), spans
    if kind != "none" or rng.random() < 0.5:
        if rng.random() < 0.10 and text[:1].isupper():
            text, spans = _open_text(text, spans, rng.choice(texts("openings")))
        if rng.random() < 0.06:
            text = _close_text(text, rng.choice(texts("closings")))
    return text, spans


def _noisy(rng: random.Random, text: str) -> str:
    """Now and then a headline, or capitals. Never all small: small letters are what tells most words from names."""
    roll = rng.random()
    if roll < 0.025:
        return _same_length(text, _headline(text))
    if roll < 0.035:
        return _same_length(text, text.upper())
    return text


def examples(rng: random.Random, count: int) -> Iterator[Example]:
    """Yield ``count`` texts, each with its names as (start, end, label)."""
    kinds, weights = list(TEXTS), list(TEXTS.values())
    for _ in range(count):
        text, spans = _one(rng, kinds, weights)
        while rng.random() < 0.15 and len(text) < 140 and text.endswith((".", "!", "?", '"')):
            more, more_spans = _one(rng, kinds, weights)
            shift = len(text) + 1
            text = f"{text} {more}"
            spans = spans + [(start + shift, end + shift, label) for start, end, label in more_spans]
        text = _noisy(rng, text)
        if rng.random() < 0.08 and text.endswith(".") and not any(end == len(text) for _, end, _ in spans):
            text = text[:-1]
        yield text, spans
