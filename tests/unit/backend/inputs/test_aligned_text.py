"""Texts in Unicode forms and in lower case, whose characters keep their places in the original."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxhub._backend.inputs.aligned_text import align

FORMS = ("NFC", "NFD", "NFKC")
AWKWARD = "がｶﾞ\uff9e\u3099㍿①ﬁÅé\u0301\u0323\u0344각\u1100\u1161\u11a8\u3131\u314f\u3133\uffc2हिক\u09be\u09c7İßΣ👍🏽\u200d𠮷\u2126 \n"


@given(st.text(st.one_of(st.sampled_from(AWKWARD), st.characters(exclude_categories=["Cs"]))), st.sampled_from(FORMS))
def test_a_form_is_that_of_unicodedata_and_its_spans_tell_where_it_is_from(text: str, form: str) -> None:
    """Whatever the text: the spans rise, and the original between two of them in this form is what stands there."""
    changed = align(text).normalize(form)
    assert changed.text == unicodedata.normalize(form, text)
    spans = list(zip(changed.starts, changed.ends, strict=True))
    assert spans == sorted(spans)
    for place in (place for place in range(1, len(spans)) if spans[place - 1][1] <= spans[place][0]):
        before, after = text[: spans[place][0]], text[spans[place][0] :]
        assert unicodedata.normalize(form, before) == changed.text[:place]
        assert unicodedata.normalize(form, after) == changed.text[place:]


@given(st.text(st.one_of(st.sampled_from(AWKWARD), st.characters(exclude_categories=["Cs"]))))
def test_lower_case_is_that_of_str(text: str) -> None:
    """Each character has a span, and letters that become two have the span of the one."""
    lowered = align(text).lower()
    assert lowered.text == text.lower()
    assert len(lowered.starts) == len(lowered.ends) == len(lowered.text)
    assert (
        "".join(text[start:end] for start, end in dict.fromkeys(zip(lowered.starts, lowered.ends, strict=True))) == text
    )


def test_every_character_that_composes_is_kept_with_what_is_before_it() -> None:
    """Of all of Unicode: behind each kind of letter, its form is that of both together."""
    for letter in ("か", "a", "\u1100", "\uac00", "\u09c7", "\U000110b1"):
        for point in (point for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF):
            text = letter + chr(point)
            if not unicodedata.is_normalized("NFKC", text):
                assert align(text).normalize("NFKC").text == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize(
    ("text", "form", "spans"),
    [
        ("ｶﾞa", "NFKC", [(0, 2), (2, 3)]),
        ("㍿あ", "NFKC", [(0, 1)] * 4 + [(1, 2)]),
        ("か\u3099\u0323", "NFC", [(0, 3), (0, 3)]),
    ],
)
def test_spans_by_hand(text: str, form: str, spans: list[tuple[int, int]]) -> None:
    """Two characters that become one, one that becomes several, and a mark that stays."""
    changed = align(text).normalize(form)
    assert list(zip(changed.starts, changed.ends, strict=True)) == spans
