"""Labels of tokens as tags: their scheme (BIO, BIOES, BMES ...), and the runs that are entities."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from onnxhub.errors import listing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

__all__ = ["Ignored", "Tag", "find_mixed_schemes", "find_stray_labels", "group", "read_tags"]

BEGIN: Final = "BSUW"
"""The letters that start an entity."""
END: Final = "ELSUW"
"""The letters that end an entity."""
LETTERS: Final = "BIMELSUW"
SEPARATORS: Final = "-_./:"
OUTSIDE: Final = ("o", "outside")
"""Labels that mean "no entity", in any case."""


@dataclass(frozen=True, slots=True)
class Tag:
    """The meaning of a label."""

    kind: str
    """The entity's type; empty if the label is a letter alone."""
    begins: bool = False
    ends: bool = False
    outside: bool = False
    """Whether it says that there is no entity."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How a label is written: where its letter stands, in which case, and what is between letter and type."""

    separator: str
    letters: str
    last: bool

    def read(self, label: str) -> tuple[str, str] | None:
        """Return the letter, in upper case, and the type; None if the label is not of this form."""
        kind, found, letter = label.rpartition(self.separator) if self.last else label.partition(self.separator)[::-1]
        if not found or not kind or len(letter) != 1 or letter not in self.letters:
            return None
        return letter.upper(), kind

    def read_all(self, labels: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return the labels of this form, each with its letter and type."""
        return {label: tag for label in labels if (tag := self.read(label)) is not None}


_USUAL: Final = _Form("-", LETTERS, last=False)
_FORMS: Final = (
    _USUAL,
    *(
        form
        for last in (False, True)
        for separator in SEPARATORS
        for letters in (LETTERS, LETTERS.lower())
        if (form := _Form(separator, letters, last)) != _USUAL
    ),
)
"""All that are known; the usual one, ``B-PER``, before others that the same labels could be of."""


@lru_cache(maxsize=64)
def read_tags(labels: tuple[str, ...]) -> dict[str, Tag]:
    """Return the tag of each label, by the scheme that they share.

    Labels are plain unless all that have the scheme's separator are tags of it; such as have none (``O``, ``[PAD]``)
    say nothing of that. A plain label is its own type.
    """
    plain = {label: Tag(label, outside=_is_plain_outside(label, labels)) for label in labels}
    if find_mixed_schemes(labels):
        return plain
    tags = next((found for form in _FORMS if (found := _match_form(form, labels))), None) or _match_letters(labels)
    if tags is None:
        return plain
    return {
        label: Tag(tags[label][1], tags[label][0] in BEGIN, tags[label][0] in END)
        if label in tags
        else Tag(label, outside=_is_outside(label))
        for label in labels
    }


@lru_cache(maxsize=64)
def find_mixed_schemes(labels: tuple[str, ...]) -> str | None:
    """Return what is wrong if some labels are tags of one scheme and some of another; None if nothing is."""
    found = [tags for form in _FORMS if _has_pair(tags := form.read_all(labels))]
    for index, tags in enumerate(found):
        for others in found[:index]:
            if tags.keys() - others.keys() and others.keys() - tags.keys():
                return (
                    f"its labels are tags of two schemes: {_list_others(others, tags)} and {_list_others(tags, others)}"
                )
    return None


def find_stray_labels(labels: tuple[str, ...]) -> str | None:
    """Return what is odd about labels that are taken as plain although most look like tags; None if nothing is."""
    if any(tag.begins or tag.kind != label for label, tag in read_tags(labels).items()):
        return None
    for form in _FORMS:
        tags = form.read_all(labels)
        if _has_pair(tags):
            others = [label for label in labels if form.separator in label and label not in tags]
            return f"{listing(list(tags)[:2])} look like tags, but {listing(others[:2])} is none"
    return None


def _list_others(tags: Collection[str], others: Collection[str]) -> str:
    return listing([label for label in tags if label not in others][:2])


def _match_form(form: _Form, labels: Sequence[str]) -> dict[str, tuple[str, str]] | None:
    """Return the tags of a form if every label with its separator has that form and they are likely to be tags."""
    tags = form.read_all(labels)
    if not tags or any(form.separator in label and label not in tags for label in labels):
        return None
    letters = {letter for letter, _ in tags.values()}
    if form == _USUAL:
        likely = "B" in letters or letters <= set("IELSU")
    else:
        # "S_x" or "x.b" alone is a name like any other.
        likely = _has_pair(tags) or (bool(letters & set("BI")) and any(map(_is_outside, labels)))
    return tags if likely else None


def _has_pair(tags: dict[str, tuple[str, str]]) -> bool:
    """Return whether a type has a tag for its beginning and one for its continuation."""
    begun = {kind for letter, kind in tags.values() if letter == "B"}
    return any(kind in begun for letter, kind in tags.values() if letter in "IMEL")


def _match_letters(labels: Sequence[str]) -> dict[str, tuple[str, str]] | None:
    """Return tags without a type, ``B``, ``I``, ``O``; special tokens may be among them."""
    for letters in (LETTERS, LETTERS.lower()):
        tags = {label: (label.upper(), "") for label in labels if len(label) == 1 and label in letters}
        found, others = {letter for letter, _ in tags.values()}, [label for label in labels if label not in tags]
        outside = any(map(_is_outside, others))
        inside = found & set("IM")
        if (
            inside
            and ("B" in found or outside)
            and all(_is_outside(label) or label[:1] in ("[", "<") for label in others)
        ):
            return tags
    return None


def _is_outside(label: str) -> bool:
    return label.casefold() in OUTSIDE


def _is_plain_outside(label: str, labels: Sequence[str]) -> bool:
    """Return whether the label is the letter alone: "outside" may be a class."""
    return label == "O" or (label == "o" and "O" not in labels)


def group(labels: Sequence[str], known: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Yield runs of labels of one type: the type, the first index, the index after the last.

    ``B``, and ``S``, ``U`` or ``W``, start an entity; ``E`` or ``L``, and ``S``, ``U`` or ``W``, end one; a plain label,
    ``I`` or ``M`` goes on with the same type; what does not fit starts a new entity rather than being lost. An entity
    whose tags have no type is called as its first tag.

    Args:
        labels: One for each token or word.
        known: All labels of the model.
    """
    if not labels:
        return
    tags = read_tags(tuple(known))
    start, before = 0, tags[labels[0]]
    for index, label in enumerate(labels):
        tag = tags[label]
        # "O" itself is no entity, but an entity may have a type of that name.
        other = tag.kind != before.kind or tag.outside != before.outside
        if index and (other or tag.begins or before.ends):
            yield before.kind or labels[start], start, index
            start = index
        before = tag
    yield before.kind or labels[start], start, len(labels)


class Ignored:
    """The entities that are left out: by the labels, or, where a name is no label of the model, by their types."""

    def __init__(self, names: Collection[str], known: Sequence[str]) -> None:
        tags = read_tags(tuple(known))
        kinds = {name for name in names if name not in tags}
        self._of_kind = {label for label, tag in tags.items() if tag.kind in kinds}
        outside = {label for label, tag in tags.items() if tag.outside} if any(map(_is_outside, names)) else set()
        self._labels = outside | {name for name in names if name in tags}

    def has(self, labels: Sequence[str], first: int, stop: int) -> bool:
        """Return whether to leave out an entity, whose tokens at these places have labels of one type."""
        label = labels[first]
        return label in self._of_kind or (label in self._labels and self._labels.issuperset(labels[first:stop]))
