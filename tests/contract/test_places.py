"""Inputs that are no text or no tuple: what is advised by where they stand, at every door."""

from __future__ import annotations

import asyncio
import math
import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import onnxhub
from onnxhub.errors import InvalidInputError, InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxhub import Model

LEAVE_OUT = "leave it out"
IN_LIST = "a missing value; leave it out, as dropna() does, or use attempt() of the model, which puts a Failure"
IN_STREAM = "a missing value; leave it out, as dropna() does, or use attempt_stream(), which puts a Failure"
CLASSIFY, ANSWER, TAG, RANK = "text-classification", "question-answering", "token-classification", "text-ranking"
GOOD: dict[str, Any] = {
    CLASSIFY: "a good one",
    ANSWER: ("Who?", "Ada"),
    TAG: "Ada in London",
    RANK: ("a", ["b", "c"]),
}
MISSING = (None, math.nan, np.float32("nan"), np.datetime64("NaT"), np.ma.masked)


@pytest.fixture
def load(tiny_model: Callable[..., Path]) -> Callable[[str], Model[Any, Any, Any]]:
    """Load a tiny model of a task."""
    return lambda task: onnxhub.load(task, tiny_model(task))


def tell(work: Callable[[], object]) -> str:
    """Return the message of the error that an input gets."""
    with pytest.raises(InvalidInputError) as caught:
        work()
    message = str(caught.value)
    assert "\n" not in message
    assert str(pickle.loads(pickle.dumps(caught.value))) == message
    return message


def tell_async(model: Any, inputs: list[Any]) -> str:
    """Return the message of the error that ends an async stream."""

    async def read() -> list[Any]:
        return [result async for result in model.astream(inputs)]

    return tell(lambda: asyncio.run(read()))


@pytest.mark.parametrize("task", GOOD)
@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_a_missing_value_is_called_one_wherever_it_stands(
    task: str, value: object, load: Callable[[str], Model[Any, Any, Any]]
) -> None:
    """Each place has a way on of its own; a failure needs none, for it stands beside the other results."""
    model, inputs = load(task), [GOOD[task], value]
    assert tell(lambda: model(value)).endswith(f", a missing value; {LEAVE_OUT}")
    assert IN_LIST in tell(lambda: model(inputs))
    assert IN_LIST in tell(lambda: model.outputs(inputs))
    assert IN_LIST in tell(lambda: model.encode(inputs))
    assert IN_LIST in tell(lambda: asyncio.run(model.acall(inputs)))
    assert IN_STREAM in tell(lambda: list(model.stream(inputs)))
    assert IN_STREAM in tell_async(model, inputs)
    assert IN_STREAM in tell(lambda: list(model.stream([1, 2], key=lambda row: inputs[row - 1])))
    for failure in (model.attempt(inputs)[1], list(model.attempt_stream(inputs))[1]):
        assert str(failure.error).endswith(", a missing value")
        assert failure.error.index == 1


@pytest.mark.parametrize(
    ("task", "bad", "part"),
    [
        (CLASSIFY, ("a", None), "as second text, got NoneType: None"),
        (ANSWER, (math.nan, "Ada"), "as question, got float: nan"),
        (ANSWER, ("Who?", None), "as context, got NoneType: None"),
        (RANK, ("a", ["b", None]), "as document 1, got NoneType: None"),
        (RANK, ("a", math.nan), "the documents are a list of texts, not a float"),
    ],
)
def test_a_missing_part_of_an_input_is_called_one(
    task: str, bad: object, part: str, load: Callable[[str], Model[Any, Any, Any]]
) -> None:
    """The part is named, and what to do is said of its whole input."""
    model = load(task)
    assert f"{part}, a missing value; {LEAVE_OUT}" in tell(lambda: model(bad))
    assert f"{part}, {IN_LIST}" in tell(lambda: model([GOOD[task], bad]))
    assert f"{part}, {IN_STREAM}" in tell(lambda: list(model.stream([bad])))


def test_a_missing_label_is_called_one(tiny_model: Callable[..., Path]) -> None:
    """Labels have no failures, so that they are left out."""
    model = tiny_model("zero-shot-classification")
    with pytest.raises(InvalidOptionError, match=r"label 1 is nan, a missing value; leave it out, as dropna\(\) does$"):
        onnxhub.classify_zero_shot("a", ["good", math.nan], model=model)
    with pytest.raises(InvalidOptionError, match=r"candidate_labels=.* without missing values; leave them out"):
        onnxhub.pipeline("zero-shot-classification", str(model))("a", ["good", None])


def test_a_missing_input_of_a_pipeline_is_called_one(tiny_model: Callable[..., Path]) -> None:
    """What a pipeline takes beside texts does not hide what was given."""
    pipe = onnxhub.pipeline("text-classification", str(tiny_model()))
    assert f"got NoneType, {IN_LIST}" in tell(lambda: pipe(["a", None]))
    asking = onnxhub.pipeline("question-answering", str(tiny_model("question-answering")))
    assert f"got float, {IN_LIST}" in tell(lambda: asking([{"question": "Who?", "context": "Ada"}, math.nan]))


@pytest.mark.parametrize(
    ("task", "bad", "alone", "in_list", "in_stream"),
    [
        (CLASSIFY, {"id": 1, "review": "a"}, "pass one of its values", "such as row['review']",
         "stream(rows, key=lambda row: row['review'])"),
        (CLASSIFY, {"a"}, "several inputs go in a list, or through stream()", "lists are not nested", "lists are not nested"),
        (CLASSIFY, ("a", "b", "c"), "several texts go in a list", "has 3 elements", "has 3 elements"),
        (TAG, ("a", "b"), "several inputs go in a list", "each input is one text", "each input is one text"),
        (CLASSIFY, Path("a.txt"), *["read the file first, Path.read_text(encoding='utf-8')"] * 3),
        (CLASSIFY, memoryview(b"a"), *["decode it first, bytes(value).decode('utf-8')"] * 3),
        (CLASSIFY, bytearray(b"a"), *["decode it first, bytearray.decode('utf-8')"] * 3),
        (CLASSIFY, np.array("a"), *["becomes a text by its item()"] * 3),
        (ANSWER, {"question": "Who?", "context": "Ada"}, "a tuple of its texts: (row['question'], row['context'])",
         "a tuple of the texts of each: (row['question'], row['context'])",
         "stream(rows, key=lambda row: (row['question'], row['context']))"),
        (ANSWER, "Who?", "several such tuples go in a list", "got str", "got str"),
        (RANK, {"query": "a"}, "(row['query'], ...)", "(row['query'], ...)", "key=lambda row: (row['query'], ...)"),
        (RANK, ("a", [{"id": 1, "passage": "b"}]), *["document 0, got dict: {'id': 1, 'passage': 'b'}; pass its text, such as row['passage']"] * 3),
        (RANK, ("a", [["b"]]), *["as document 0, got list: ['b']; each of them is one text"] * 3),
        (RANK, ("a", "b"), *["each query comes once, with a list of all of its documents"] * 3),
    ],
)  # fmt: skip
def test_advice_fits_the_place(
    task: str, bad: object, alone: str, in_list: str, in_stream: str, load: Callable[[str], Model[Any, Any, Any]]
) -> None:
    """What is advised of an only input is not advised of one in a list or in a stream."""
    model = load(task)
    several = [tell(lambda: model([GOOD[task], bad])), tell(lambda: list(model.stream([bad])))]
    assert alone in tell(lambda: model(bad))
    assert in_list in several[0]
    assert in_stream in several[1]
    assert not any("go in a list" in message for message in several)


@pytest.mark.parametrize(
    ("task", "bad", "said"),
    [
        (CLASSIFY, ["a", "b"], "a pair of texts is a tuple, not a list"),
        (CLASSIFY, ["a"], "each input is one text, so that lists are not nested"),
        (CLASSIFY, np.array(["a", "b"]), "each input is one text, so that lists are not nested"),
        (TAG, ["a", "b"], "each input is one text, so that lists are not nested"),
        (ANSWER, ["Who?", "Ada"], "put both in a tuple, not in a list: (question, context)"),
        (RANK, ["a", ["b"]], "put both in a tuple, not in a list: (query, documents)"),
    ],
)
def test_a_list_in_a_list_is_told_how_to_be_flat(
    task: str, bad: object, said: str, load: Callable[[str], Model[Any, Any, Any]]
) -> None:
    """Such as pairs that come from JSON; a failure says it as its kind alone."""
    model = load(task)
    assert tell(lambda: model([GOOD[task], bad])).endswith(said)
    assert tell(lambda: list(model.stream([bad]))).endswith(said)
    assert said not in str(model.attempt([bad])[0].error)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"text": ["a"]}, "attempt takes a list of inputs, got dict; pass one of its columns"),
        (iter(["a"]), "got list_iterator; attempt_stream() takes any iterable"),
        ({"a"}, "got set; attempt_stream() takes any iterable"),
        (("a", "b"), "got tuple; one input goes to the call itself"),
    ],
)
def test_attempt_says_where_else_to_go(given: Any, said: str, load: Callable[[str], Model[Any, Any, Any]]) -> None:
    """An iterable, a table and one input each have another door."""
    assert said in tell(lambda: load(CLASSIFY).attempt(given))


def test_a_stream_of_a_path_says_to_open_it(load: Callable[[str], Model[Any, Any, Any]]) -> None:
    """The lines of a file are a stream, and its path is none."""
    message = re.escape("; open the file, which gives its lines")
    with pytest.raises(InvalidInputError, match=message):
        load(CLASSIFY).stream(Path("reviews.txt"))  # type: ignore[call-overload]
