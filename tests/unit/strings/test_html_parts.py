"""Results as HTML: all text is escaped, nothing runs and nothing is fetched, and bars are as long as their scores."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

import onnxhub
from onnxhub import Answer, Choice, ChoiceScore, Classification, Entity, LabelScore, MaskFill, Ranked, SparseEmbedding
from onnxhub._strings.html_parts import cut_at_spans, draw_fields, draw_scores, draw_text

EVIL = "<script>alert(1)</script>\"' onload=x \x1b[2J\u202e\ud800&amp; $5$"
SHOWN = "<script>alert(1)</script>\"' onload=x \ufffd[2J\ufffd\ufffd&amp; $5$"
RESULTS = [
    LabelScore(EVIL, 0.5),
    Classification(EVIL, 0.5, (LabelScore(EVIL, 0.5),)),
    Answer(EVIL, 0.5, 0, 3, alternatives=(Answer(EVIL, 0.25, 3, 4),)),
    Entity(EVIL, 0.5, EVIL, 0, 3),
    MaskFill(EVIL, 0.5, EVIL),
    Ranked(0, 0.5, 0.1, EVIL),
    ChoiceScore(0, EVIL, 0.5),
    Choice(0, EVIL, 0.5, (ChoiceScore(0, EVIL, 0.5),)),
    SparseEmbedding((7, 9), (0.5, 1.5)),
]
ALLOWED = {"div", "table", "tr", "td", "th", "span", "mark", "small", "strong", "p"}
ATTRIBUTES = {"style", "class", "dir", "scope", "aria-hidden"}


class Page(HTMLParser):
    """Reads a page: its text, its elements and their attributes, and whether all of them are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.opened: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        self.opened.append(tag)
        self.elements.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data) -> None:
        self.text += data


def read(page: str) -> Page:
    """Read a page, and check what holds for each."""
    found = Page(page)
    assert found.opened == []
    assert found.elements <= ALLOWED
    assert {name for name, _ in found.attributes} <= ATTRIBUTES
    styles = [value or "" for name, value in found.attributes if name == "style"]
    assert not [style for style in styles if "url" in style or "expression" in style]
    assert ("class", "onnxhub tex2jax_ignore mathjax_ignore") in found.attributes
    page.encode()
    return found


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_every_result_is_html_without_scripts_whatever_its_texts_are(result) -> None:
    """Labels and texts come from models and users: markup, quotes, control characters and dollar signs are plain text."""
    found = read(result._repr_html_())
    if not isinstance(result, SparseEmbedding):
        assert SHOWN in found.text
    assert "0.5000" in found.text


def test_every_task_with_results_of_its_own_is_tried_here() -> None:
    """A result that is added to onnxhub has HTML as well."""
    made = {type(result) for result in RESULTS}
    own = {
        cls
        for name in onnxhub.__all__
        if isinstance(cls := getattr(onnxhub, name), type) and hasattr(cls, "to_dict") and cls is not onnxhub.Failure
    }
    assert made == own


@pytest.mark.parametrize(
    ("scores", "widths"),
    [
        ([0.75, 0.25], ["75.0%", "25.0%"]),
        ([1.0], ["100.0%"]),
        ([4.0, 1.0, -2.0], ["100.0%", "25.0%", "0.0%"]),
        ([7.5], ["0.0%"]),
        ([math.nan, math.inf, 0.5], ["0.0%", "0.0%", "50.0%"]),
        ([-0.5, 0.0], ["0.0%", "0.0%"]),
    ],
)
def test_a_bar_is_as_long_as_its_score(scores: list[float], widths: list[str]) -> None:
    """Probabilities are shares of 1, other scores of the largest of them; one alone is no share of anything."""
    page = draw_scores([("text", score, "") for score in scores])
    read(page)
    assert re.findall(r"height:100%;width:([\d.]+%)", page) == widths


def test_long_rankings_and_long_texts_are_cut() -> None:
    """What was left out is said."""
    found = read(
        draw_scores([("x" * 1000, 0.5, "")] + [(str(index), 0.1, "") for index in range(27)], heading="28 labels")
    )
    assert found.text.startswith("28 labels")
    assert "… (1,000 characters)" in found.text
    assert found.text.endswith("… 18 more")


def test_the_same_label_has_the_same_colour_everywhere() -> None:
    """Known ones have those of the terminal: what is good is green, what is bad is red."""
    ranking = (LabelScore("POSITIVE", 0.9), LabelScore("NEGATIVE", 0.1))
    page = Classification("POSITIVE", 0.9, ranking)._repr_html_()
    assert re.findall(r"width:[\d.]+%;background:rgba\(([\d,]+),", page) == ["46,160,67", "220,70,60"]
    assert "rgba(46,160,67," in draw_text([("good", [(0, 4, "POSITIVE")])])


@pytest.mark.parametrize(
    ("spans", "parts"),
    [
        ([], [("abcdef", None)]),
        ([(2, 4, "X")], [("ab", None), ("cd", "X"), ("ef", None)]),
        ([(4, 6, "Y"), (0, 2, "X")], [("ab", "X"), ("cd", None), ("ef", "Y")]),
        ([(0, 4, "X"), (2, 6, "Y")], [("abcd", "X"), ("ef", "Y")]),
        ([(0, 6, "X"), (2, 4, "Y")], [("abcdef", "X"), ("", "Y")]),
    ],
)
def test_a_text_is_cut_at_its_spans(spans: list, parts: list) -> None:
    """No character is lost or doubled, and each label is there once, also where spans overlap."""
    found = list(cut_at_spans("abcdef", spans))
    assert found == parts
    assert "".join(part for part, _ in found) == "abcdef"


def test_marked_texts_are_escaped() -> None:
    """Text, span and label: each a paragraph, with its line breaks."""
    found = read(draw_text([(EVIL, [(0, 8, EVIL)]), ("a\nb", [])]))
    assert found.text.replace("\xa0" + SHOWN, "", 1).endswith("a\nb")
    assert found.text.count(SHOWN[8:]) == 2
    assert "mark" in found.elements


def test_a_table_of_names_and_values_is_escaped() -> None:
    """As what is known of a model: its id and its labels are texts of others."""
    found = read(draw_fields(EVIL, {EVIL: EVIL}))
    assert found.text == SHOWN * 3


def test_a_model_is_shown_as_a_table() -> None:
    """By its own name, with task, file, precision and labels; its info is the same table."""
    model = onnxhub.load("text-classification", "builtin:sentiment")
    found = read(model._repr_html_())
    assert found.text.startswith("TextClassificationModel")
    for part in (
        "text-classification (it was asked for)",
        "builtin:sentiment",
        "model_q4.onnx",
        "NEGATIVE, POSITIVE",
        "512 tokens",
    ):
        assert part in found.text
    assert read(model.info._repr_html_()).text == found.text.replace("TextClassificationModel", "ModelInfo", 1)


def test_html_is_imported_where_it_is_drawn() -> None:
    """Not by import onnxhub, nor by a call and its repr."""
    code = (
        "import sys, onnxhub; model = onnxhub.load('text-classification', 'builtin:sentiment'); repr(model('good'));"
        "print('onnxhub._strings.html_parts' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
