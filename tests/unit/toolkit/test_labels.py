"""Which labels are tags, and what they are tags of."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from onnxhub import TokenClassificationItem, TokenClassificationPostprocessor
from onnxhub._toolkit.labels import find_mixed_schemes, find_stray_labels, group, read_tags
from onnxhub.errors import InvalidOptionError, TaskMismatchError
from onnxhub.testing import CannedBackend

TEXT = "ada lovelace met bo in rome"
SPANS = [[0, 3], [4, 12], [13, 16], [17, 19], [20, 22], [23, 27]]
ENTITIES = [("PER", "ada lovelace"), ("PER", "bo"), ("LOC", "rome")]


def found(labels: tuple[str, ...], tokens: list[str], **options: Any) -> list[tuple[str, str]]:
    """Label and text of the entities of ``TEXT``, whose tokens have these labels."""
    logits = np.eye(len(labels))[np.newaxis, [labels.index(label) for label in tokens]] * 9
    item = TokenClassificationItem(TEXT, SPANS)
    (entities,) = TokenClassificationPostprocessor(labels, **options)(logits, [item])
    return [(entity.label, entity.text) for entity in entities]


SCHEMES = {
    "IO": ["I-PER", "I-PER", "O", "I-PER", "O", "I-LOC"],
    "IOB1": ["I-PER", "I-PER", "O", "B-PER", "O", "I-LOC"],
    "IOB2": ["B-PER", "I-PER", "O", "B-PER", "O", "B-LOC"],
    "IOE1": ["I-PER", "I-PER", "O", "E-PER", "O", "I-LOC"],
    "IOE2": ["I-PER", "E-PER", "O", "E-PER", "O", "E-LOC"],
    "BIOES": ["B-PER", "E-PER", "O", "S-PER", "O", "S-LOC"],
    "BILOU": ["B-PER", "L-PER", "O", "U-PER", "O", "U-LOC"],
    "BMES": ["B-PER", "E-PER", "O", "S-PER", "O", "S-LOC"],
    "BMEWO": ["B-PER", "E-PER", "O", "W-PER", "O", "W-LOC"],
}
LETTERS = {"IO": "I", "IOB1": "BI", "IOB2": "BI", "IOE1": "IE", "IOE2": "IE", "BIOES": "BIES", "BILOU": "BILU",
           "BMES": "BMES", "BMEWO": "BMEW"}  # fmt: skip
WRITINGS = {
    "B-PER": lambda letter, kind: f"{letter}-{kind}",
    "B_PER": lambda letter, kind: f"{letter}_{kind}",
    "B.PER": lambda letter, kind: f"{letter}.{kind}",
    "B/PER": lambda letter, kind: f"{letter}/{kind}",
    "b-PER": lambda letter, kind: f"{letter.lower()}-{kind}",
    "b_PER": lambda letter, kind: f"{letter.lower()}_{kind}",
    "PER-B": lambda letter, kind: f"{kind}-{letter}",
    "PER_B": lambda letter, kind: f"{kind}_{letter}",
    "PER_b": lambda letter, kind: f"{kind}_{letter.lower()}",
}


@pytest.mark.parametrize("outside", ["O", "o", "outside", "OUTSIDE"])
@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_in_every_writing(scheme: str, writing: str, outside: str) -> None:
    """The same entities come out, of the same types, and nothing for what is outside."""
    write = WRITINGS[writing]
    known = (outside, *(write(letter, kind) for kind in ("PER", "LOC", "E") for letter in LETTERS[scheme]))
    tokens = [outside if label == "O" else write(*label.split("-")) for label in SCHEMES[scheme]]
    assert found(known, tokens) == ENTITIES
    assert [label for label, _ in found(known, tokens, aggregation="none")] == [
        label for label in tokens if label != outside
    ]


def test_an_entity_has_a_middle() -> None:
    """M goes on as I does, and two neighbours of one type stay two."""
    known = ("O", "B-X", "M-X", "E-X", "S-X")
    labels = ["B-X", "M-X", "M-X", "E-X", "S-X", "B-X", "E-X"]
    assert list(group(labels, known)) == [("X", 0, 4), ("X", 4, 5), ("X", 5, 7)]


@pytest.mark.parametrize(
    ("known", "tokens", "expected"),
    [
        (("B", "I", "O"), "BIOBOI", [("B", "ada lovelace"), ("B", "bo"), ("I", "rome")]),
        (("O", "I"), "IIOIOI", [("I", "ada lovelace"), ("I", "bo"), ("I", "rome")]),
        (("b", "i", "o", "[PAD]"), "biobob", [("b", "ada lovelace"), ("b", "bo"), ("b", "rome")]),
        (("B", "M", "E", "S"), "BESSBE", [("B", "ada lovelace"), ("S", "met"), ("S", "bo"), ("B", "in rome")]),
    ],
)
def test_tags_without_a_type(known: tuple[str, ...], tokens: str, expected: list) -> None:
    """Entities are found by the letters alone, and are called as their first."""
    assert found(known, list(tokens)) == expected


@pytest.mark.parametrize(
    "known",
    [
        ("O", "PER", "LOC"),
        ("NOUN", "VERB", "X"),
        ("LABEL_0", "LABEL_1"),
        ("PER-FIRST", "PER-LAST", "O"),
        ("n", "v", "b", "i", "m", "s"),
        ("S", "M", "L"),
        ("S_x", "M_x"),
        ("nsubj:pass", "aux:pass"),
        ("M-SG", "W-PL"),
        ("first.b", "second.c"),
        ("inside", "outside"),
    ],
)
def test_plain_labels_stay_as_they_are(known: tuple[str, ...]) -> None:
    """A name that only looks a little like a tag is a type of its own."""
    assert {label: tag.kind for label, tag in read_tags(known).items()} == {label: label for label in known}
    assert not any(tag.begins or tag.ends for tag in read_tags(known).values())
    assert find_stray_labels(known) is None


@pytest.mark.parametrize(
    ("known", "both"),
    [
        (("O", "B-PER", "I-PER", "B_LOC", "I_LOC"), ("B-PER, I-PER", "B_LOC, I_LOC")),
        (("O", "B-PER", "I-PER", "LOC-B", "LOC-I"), ("B-PER, I-PER", "LOC-B, LOC-I")),
        (("O", "B-PER", "I-PER", "b-loc", "i-loc"), ("B-PER, I-PER", "b-loc, i-loc")),
    ],
)
def test_labels_of_two_schemes_are_refused(known: tuple[str, ...], both: tuple[str, str]) -> None:
    """Where labels are tags in two ways of writing, the error names both and what decides; tokens alone still come."""
    message = f"tags of two schemes: {both[0]} and {both[1]}"
    with pytest.raises(TaskMismatchError, match=rf"{message}; postprocessor=.*labels=.*aggregation='none'"):
        CannedBackend({"logits": [[0.0] * 5]}, known).load("token-classification")
    with pytest.raises(InvalidOptionError, match=f"aggregation='simple': expected 'none': .*{message}"):
        TokenClassificationPostprocessor(known)
    tokens = [known[1], known[2], "O", known[3], "O", "O"]
    assert [label for label, _ in found(known, tokens, aggregation="none")] == list(known[1:4])


def test_letters_of_two_schemes_mean_what_they_mean() -> None:
    """E and L both end an entity, and S and U are one: in one set, no label says two things."""
    known = ("O", *(f"{letter}-X" for letter in "BIELSU"))
    assert find_mixed_schemes(known) is None
    assert list(group(["B-X", "L-X", "B-X", "E-X", "U-X", "S-X"], known)) == [
        ("X", 0, 2), ("X", 2, 4), ("X", 4, 5), ("X", 5, 6),
    ]  # fmt: skip


def test_labels_beside_tags_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """One label that is no tag makes all of them plain, which is said once, when the model is loaded."""
    known = ("O", "B-PER", "I-PER", "PER-FIRST")
    with caplog.at_level(logging.WARNING, "onnxhub"):
        CannedBackend({"logits": [[0.0] * 4]}, known).load("token-classification")
    (message,) = caplog.messages
    assert "B-PER, I-PER look like tags, but PER-FIRST is none; postprocessor=" in message
    assert found(known, ["B-PER", "I-PER", "O", "O", "O", "O"]) == [("B-PER", "ada"), ("I-PER", "lovelace")]


CNEC = ("O", "B-O", "I-O", "B-G", "I-G")


@pytest.mark.parametrize(
    ("ignored", "expected"),
    [
        (("O",), [("O", "ada lovelace"), ("G", "rome")]),
        ((), [("O", "ada lovelace"), ("O", "met bo in"), ("G", "rome")]),
        (("O", "G"), [("O", "ada lovelace")]),
        (("O", "B-O", "I-O"), [("G", "rome")]),
        (("O", "B-O"), [("O", "ada lovelace"), ("G", "rome")]),
    ],
)
@pytest.mark.parametrize("aggregation", ["simple", "first", "average", "max"])
def test_a_type_may_be_called_o(ignored: tuple[str, ...], expected: list, aggregation: str) -> None:
    """The label alone is what is outside: an entity of a type of that name is found, and is not joined with it."""
    tokens = ["B-O", "I-O", "O", "O", "O", "B-G"]
    assert found(CNEC, tokens, ignore_labels=ignored, aggregation=aggregation) == expected


def test_types_are_left_out_without_aggregation_too() -> None:
    """A name that is no label is a type, also where each token is an entity of its own."""
    tokens = ["B-O", "I-O", "O", "O", "O", "B-G"]
    assert found(CNEC, tokens, aggregation="none", ignore_labels=("O", "G")) == [("B-O", "ada"), ("I-O", "lovelace")]
