"""Entities and answers, marked in the text that they were found in."""

from __future__ import annotations

import pytest

from onnxhub import Answer, Entity, highlight
from onnxhub.errors import InvalidInputError

TEXT = "Ada Lovelace lived in London."
ADA, LONDON = Entity("PER", 0.99, "Ada Lovelace", 0, 12), Entity("LOC", 0.98, "London", 22, 28)
ANSWER = Answer("London", 0.9, 22, 28, alternatives=(Answer("in London", 0.05, 19, 28),))


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ([LONDON, ADA], "[Ada Lovelace PER] lived in [London LOC]."),
        (iter((ADA,)), "[Ada Lovelace PER] lived in London."),
        (ADA, "[Ada Lovelace PER] lived in London."),
        ([], TEXT),
        (ANSWER, "Ada Lovelace lived in [London]."),
        (Answer("", 0.9, 0, 0, found=False), TEXT),
    ],
    ids=["entities", "iterator", "entity", "none", "answer", "no answer"],
)
def test_what_was_found_is_marked(result, shown: str) -> None:
    """In brackets at a terminal, also where nobody calls print; in HTML with the same labels."""
    drawn = highlight(TEXT, result)
    assert str(drawn) == repr(drawn) == shown
    assert drawn._repr_html_().count("<mark") == shown.count("[")


def test_a_list_of_texts_has_a_line_each() -> None:
    """With a result for each; columns and tuples are lists as well."""
    drawn = highlight((TEXT, "Ada"), [ANSWER, [Entity("PER", 0.9, "Ada", 0, 3)]])
    assert str(drawn) == "Ada Lovelace lived in [London].\n[Ada PER]"
    assert drawn._repr_html_().count("<p ") == 2


@pytest.mark.parametrize(
    ("text", "result", "message"),
    [
        (
            "Grace Hopper lived in London.",
            [ADA],
            "another text, which has 'Ada Lovelace' at 0:12; here is 'Grace Hopper'",
        ),
        ("short", ANSWER, "another text, which has 'London' at 22:28; here is ''"),
        (TEXT, 3, "expected an Answer or entities as the result, got int"),
        (TEXT, ["PER"], "expected an Answer or entities as the result, got str"),
        ([TEXT], [], "expected a result for each text, got 0 results for 1 texts"),
        ([TEXT, "Ada"], [ANSWER, [LONDON]], "^item 1: the result is of another text"),
        ([3], [ANSWER], "^item 0: expected a str as text, got int"),
    ],
)
def test_a_result_of_another_text_is_refused(text, result, message: str) -> None:
    """Nothing is marked in the wrong place in silence."""
    with pytest.raises(InvalidInputError, match=message):
        highlight(text, result)


def test_a_terminal_obeys_nothing_of_a_text_or_label() -> None:
    """Control characters are written as Python escapes them."""
    assert str(highlight("\x1b[2Jx", [Entity("\x1b", 0.5, "x", 4, 5)])) == "\\x1b[2J[x \\x1b]"
