"""Checks of inputs and options: what passes, and how the rest is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from onnxhub._contracts.checks import as_labels, as_text, as_text_and_list, option_text, option_texts, positive
from onnxhub.errors import InvalidInputError, InvalidOptionError

pytestmark = pytest.mark.alike


@pytest.mark.parametrize("text", ["", "plain", "Ünïcode 漢字 🎉"])
def test_a_text_passes_as_it_is(text: str) -> None:
    """Nothing is stripped, normalised or copied."""
    assert as_text(text, 0) is text


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"bytes", "got bytes: b'bytes'; decode it first, bytes.decode('utf-8')"),
        (7, "expected a str as text, got int: 7"),
        (None, "got NoneType"),
        (("a", "b"), "several inputs go in a list, or through stream()"),
        ("a\udcffb", r"has a lone surrogate '\udcff' at character 1"),
    ],
)
def test_what_is_no_text_is_refused_with_advice(value: object, said: str) -> None:
    """The error names the item, the type and what to do."""
    with pytest.raises(InvalidInputError, match=re.escape(said)) as caught:
        as_text(value, 3)
    assert caught.value.index == 3


def test_a_part_of_an_input_is_called_by_its_name() -> None:
    """A list in the place of a question is no list of inputs, which are tuples there."""
    with pytest.raises(InvalidInputError, match=r"expected a str as question.*several inputs are a list of tuples"):
        as_text(["Who?"], None, "question")


def test_an_option_that_is_no_text_says_what_was_expected() -> None:
    """The option's value is told, and the reason if it is a text that cannot be tokenised."""
    assert option_text("template", "{}", "a text") == "{}"
    with pytest.raises(InvalidOptionError, match="template=5: expected a text; template is 5"):
        option_text("template", 5, "a text")
    with pytest.raises(InvalidOptionError, match="lone surrogate"):
        option_text("template", "\ud800", "a text")


@pytest.mark.parametrize("value", [["a", "b"], ("a", "b"), np.array(["a", "b"])])
def test_texts_of_an_option_are_a_sequence_or_a_column(value: object) -> None:
    """Columns of numpy are read as Python's own texts."""
    assert option_texts("labels", value, "a list of labels", "label") == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "said"),
    [("ab", "not a str"), ({"a"}, "not a set"), (None, "not a NoneType"), (["a", 5], "label 1 is 5")],
)
def test_texts_of_an_option_that_are_none_are_refused(value: object, said: str) -> None:
    """A single text is not taken for its letters, and a bad entry is named by its position."""
    with pytest.raises(InvalidOptionError, match=said):
        option_texts("labels", value, "a list of labels", "label")


@pytest.mark.parametrize("labels", [["a", "b"], ("a", "b"), (), []])
def test_labels_stay_as_they_are(labels: object) -> None:
    """So equal postprocessors stay equal, and the labels of a call are not copied."""
    assert as_labels(labels) is labels


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("ab", "labels='ab': expected a list with the label of each logit, not a str"),
        ({0: "a"}, "not a dict"),
        (["a", None], "label 1 is None, a missing value"),
        (("a", 5), "label 1 is 5"),
    ],
)
def test_labels_that_are_no_texts_are_refused(bad: object, said: str) -> None:
    """They would come out as the labels of results."""
    with pytest.raises(InvalidOptionError, match=re.escape(said)):
        as_labels(bad)


def test_a_text_with_others_is_a_tuple_of_both() -> None:
    """The others may be a column, and come back as a tuple."""
    assert as_text_and_list(("q", np.array(["a", "b"])), 0, "query", "document", 1) == ("q", ("a", "b"))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("q", "expected a tuple (query, documents), got str"),
        (("q",), "got a tuple of 1"),
        (("q", "d"), "the documents are a list of texts, not a str"),
        (("q", ["d"]), "there must be at least 2 documents, got 1"),
        (("q", []), "there must be at least 2 documents, got none"),
        (("q", ["d", 5]), "expected a str as document 1, got int"),
        ((5, ["d", "e"]), "expected a str as query, got int"),
    ],
)
def test_a_text_with_others_that_does_not_fit_is_refused(value: object, said: str) -> None:
    """The error says which part is wrong, and names the item."""
    with pytest.raises(InvalidInputError, match=re.escape(said)) as caught:
        as_text_and_list(value, 2, "query", "document", 2)
    assert caught.value.index == 2


@pytest.mark.parametrize("value", [1, 5, np.int64(3)])
def test_a_positive_number_passes(value: int) -> None:
    """Whole numbers of at least 1, those of numpy included."""
    positive("top_k", value)
    positive("top_k", value, optional=True)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3"])
def test_another_number_is_refused(value: object) -> None:
    """Zero, fractions, truth values and texts are no counts."""
    with pytest.raises(InvalidOptionError, match="a whole number of at least 1"):
        positive("top_k", value)


def test_none_is_a_number_only_where_it_may_be() -> None:
    """Where None is allowed, the error about another value says so."""
    positive("top_k", None, optional=True)
    with pytest.raises(InvalidOptionError, match=r"at least 1$"):
        positive("top_k", None)
    with pytest.raises(InvalidOptionError, match="or None for all"):
        positive("top_k", 0, optional=True)
