"""Options wherever a model is called, rows that keep their results, and postprocessors over a session that is open."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import onnxhub
from onnxhub import ClassificationPostprocessor, Failure
from onnxhub._process import progress
from onnxhub.errors import InvalidInputError, InvalidOptionError, UnknownOptionError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import numpy as np
    from numpy.typing import NDArray

TEXTS = ["Quite easy!", "Rather hard."]
ROWS = [{"id": 7, "text": "Quite easy!"}, {"id": 8, "text": "Rather hard."}]


@dataclass(frozen=True)
class Tempered(ClassificationPostprocessor):
    """Scores that are flatter, or steeper, by a field of its own."""

    temperature: float = 1.0

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Divide first."""
        return super().scores(logits / self.temperature)


@pytest.fixture(scope="module")
def model() -> Iterator[onnxhub.TextClassificationModel]:
    """One for all tests."""
    with onnxhub.load("text-classification", "builtin:sentiment") as loaded:
        yield loaded


async def collect(stream: AsyncIterator[Any]) -> list[Any]:
    """All that it gives."""
    return [value async for value in stream]


def test_every_way_to_call_takes_the_options_of_a_call(model: onnxhub.TextClassificationModel) -> None:
    """And gives what the call gives with them."""
    expected = model(TEXTS, top_k=1)
    assert [len(result.ranking) for result in expected] == [1, 1]
    assert model.attempt(TEXTS, top_k=1) == expected
    assert list(model.stream(TEXTS, top_k=1)) == expected
    assert list(model.attempt_stream(TEXTS, top_k=1)) == expected
    assert asyncio.run(model.acall(TEXTS, top_k=1)) == expected
    assert asyncio.run(collect(model.astream(TEXTS, top_k=1))) == expected
    assert model(TEXTS) != expected


@pytest.mark.parametrize(
    "way", ["__call__", "attempt", "stream", "attempt_stream", "acall", "astream", "encode", "outputs"]
)
def test_an_unknown_option_is_one_of_ours_at_every_call(model: onnxhub.TextClassificationModel, way: str) -> None:
    """A TypeError and a ValueError, with the name that was meant; what other libraries call so is explained."""
    for name, said in (("topk", r"\(did you mean 'top_k'\?\)"), ("device", r"\(load\(\.\.\., provider='cuda'\)")):
        expected = rf"^{name}=1: expected an option of TextClassificationModel: .*{said}"
        with pytest.raises(UnknownOptionError, match=expected):
            asyncio.run(getattr(model, way)(TEXTS, **{name: 1}))
    assert issubclass(UnknownOptionError, TypeError)
    assert issubclass(UnknownOptionError, InvalidOptionError)


def test_another_name_is_told_only_where_it_is_taken(model: onnxhub.TextClassificationModel) -> None:
    """What transformers calls hypothesis_template is no option of a classifier under any name."""
    with pytest.raises(UnknownOptionError, match=r": long_text, progress, top_k$"):
        model("Quite easy!", hypothesis_template="x")  # type: ignore[call-overload]
    with pytest.raises(UnknownOptionError, match=r"\(it is called template here\)$"):
        onnxhub.classify_zero_shot("a", ["b"], hypothesis_template="x")  # type: ignore[call-overload]


def test_rows_keep_their_results(model: onnxhub.TextClassificationModel) -> None:
    """In order, whatever a row is; from streams that raise, that go on, and from asyncio."""
    expected = list(zip(ROWS, model(TEXTS), strict=True))
    assert list(model.stream(ROWS, key=lambda row: row["text"])) == expected
    assert list(model.attempt_stream(iter(ROWS), key=lambda row: row["text"])) == expected
    assert asyncio.run(collect(model.astream(ROWS, key=lambda row: row["text"]))) == expected

    async def send() -> AsyncIterator[dict[str, Any]]:
        for row in ROWS:
            yield row

    assert asyncio.run(collect(model.astream(send(), key=lambda row: row["text"]))) == expected


def test_a_row_that_fails_takes_no_other_along(model: onnxhub.TextClassificationModel) -> None:
    """Neither one whose key raises an error nor one whose input cannot be used; each says which it is."""
    rows: list[dict[str, Any]] = [{"text": "a"}, {}, {"text": None}, {"text": "b"}]
    found = list(model.attempt_stream(rows, key=lambda row: row["text"]))
    assert [row for row, _ in found] == rows
    assert [type(result).__name__ for _, result in found] == ["Classification", "Failure", "Failure", "Classification"]
    first, second = (result for _, result in found if isinstance(result, Failure))
    assert (first.index, second.index) == (1, 2)
    assert "the key raised KeyError: 'text'" in str(first.error)
    assert isinstance(first.error.__cause__, KeyError)
    stream = model.stream(rows, key=lambda row: row["text"])
    assert next(stream)[0] == {"text": "a"}
    with pytest.raises(InvalidInputError, match="item 1: the key raised KeyError"):
        next(stream)
    with pytest.raises(InvalidOptionError, match="key='text': expected a function that takes a row"):
        model.stream(rows, key="text")  # type: ignore[call-overload]


def test_named_parts_of_an_input_are_named_everywhere() -> None:
    """A question and its context, in a call and from asyncio."""
    with onnxhub.load("question-answering", "builtin:qa") as reader:
        question, context = "Who wrote it?", "It was written by Ada in London."
        expected = reader((question, context))
        assert reader(question=question, context=context) == expected
        assert asyncio.run(reader.acall(question, context)) == expected
        assert asyncio.run(reader.acall(question=question, context=context, top_k=1)) == expected
        assert asyncio.run(reader.acall([(question, context)])) == [expected]


def test_a_field_of_a_postprocessor_is_an_option(model: onnxhub.TextClassificationModel) -> None:
    """Of the call, of with_options, of load and of a one-liner; over the session that is open, and in a pickle."""
    flat = model("Quite easy!").score
    own = model.with_postprocessor(Tempered)
    assert own.session is model.session
    assert own("Quite easy!").score == flat
    warm = own("Quite easy!", temperature=3.0).score  # type: ignore[call-overload]
    assert 0.5 < warm < flat
    assert own.with_options(temperature=3.0)("Quite easy!").score == warm  # type: ignore[call-arg]
    tempered = partial(Tempered, temperature=3.0)
    assert model.with_postprocessor(tempered)("Quite easy!").score == warm
    assert pickle.loads(pickle.dumps(model.with_postprocessor(tempered)))("Quite easy!").score == warm
    assert onnxhub.load("text-classification", "builtin:sentiment", postprocessor=tempered)("Quite easy!").score == warm
    assert onnxhub.classify("Quite easy!", model="builtin:sentiment", postprocessor=tempered).score == warm
    assert (
        onnxhub.classify(
            "Quite easy!",
            model="builtin:sentiment",
            postprocessor=Tempered,
            temperature=3.0,  # type: ignore[call-overload]
        ).score
        == warm
    )


def test_a_pickle_has_the_fields_and_the_postprocessor_of_its_model(model: onnxhub.TextClassificationModel) -> None:
    """Fields that are no options, and no option that went with another postprocessor."""
    raw = model.replace_fields({"activation": "none"})
    assert pickle.loads(pickle.dumps(raw))("Quite easy!") == raw("Quite easy!")
    windowed = model.with_options(top_k=1, long_text="window").with_postprocessor(Tempered)
    again = pickle.loads(pickle.dumps(windowed))
    assert len(again("Quite easy!").ranking) == len(windowed("Quite easy!").ranking) == 2
    assert again.preprocessor.long_text == windowed.preprocessor.long_text == "window"


def test_what_a_postprocessor_cannot_be_is_said(model: onnxhub.TextClassificationModel) -> None:
    """A field that it has not, by the name that was meant; a class of another task; and no postprocessor at all."""
    with pytest.raises(UnknownOptionError, match=r"temperture=2: expected a field of Tempered: .*mean 'temperature'"):
        model.with_postprocessor(partial(Tempered, temperture=2))
    with pytest.raises(InvalidOptionError, match="with fields by their names"):
        model.with_postprocessor(partial(Tempered, ("a", "b")))
    with pytest.raises(InvalidOptionError, match="one for the items of text-classification"):
        model.with_postprocessor(onnxhub.TokenClassificationPostprocessor)
    with pytest.raises(InvalidOptionError, match=r"a subclass of onnxhub\.Postprocessor"):
        model.with_postprocessor(str)  # type: ignore[arg-type]
    with pytest.raises(UnknownOptionError, match="temperature=3: expected an option of "):
        model(TEXTS, temperature=3)  # type: ignore[call-overload]


def test_arguments_that_a_function_does_not_take_are_explained() -> None:
    """Of load and of the one-liners: by name, by what other libraries call so, and by position."""
    with pytest.raises(
        UnknownOptionError, match=r"^model='x': expected an argument of load: .*it is called model_id here"
    ):
        onnxhub.load("text-classification", model="x")  # type: ignore[call-overload]
    with pytest.raises(UnknownOptionError, match=r"^revisoin='x': .* mean 'revision'"):
        onnxhub.load("text-classification", revisoin="x")  # type: ignore[call-overload]
    with pytest.raises(UnknownOptionError, match=r"classify\(\.\.\., model=\.\.\.\)"):
        onnxhub.classify("Quite easy!", "builtin:sentiment")  # type: ignore[call-overload]
    with pytest.raises(UnknownOptionError, match=r"classify\(\.\.\., model=\.\.\.\)"):  # not of top_k, which it takes
        onnxhub.classify("Quite easy!", "builtin:sentiment", top_k=1)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        onnxhub.classify()  # type: ignore[call-overload]


def test_a_list_draws_a_bar_where_it_is_asked_to(
    model: onnxhub.TextClassificationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call, attempt and acall count every input on it, and leave it closed; one input has none."""
    drawn: list[Bar] = []

    class Bar:
        def __init__(self, total: int | None) -> None:
            self.total, self.items, self.closed = total, 0, False
            drawn.append(self)

        def add(self, items: int, tokens: int) -> None:
            assert tokens >= items
            self.items += items

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(progress, "ProgressBar", Bar)
    assert model(TEXTS, progress=True) == model(TEXTS)
    model.attempt(TEXTS, progress=True)
    list(model.stream(TEXTS, progress=True))
    asyncio.run(model.acall(TEXTS, progress=True))
    model.with_options(progress=True)(TEXTS)
    model("Quite easy!", progress=True)
    assert [(bar.total, bar.items, bar.closed) for bar in drawn] == [(2, 2, True)] * 5
    with pytest.raises(InvalidOptionError, match="progress=3: expected True or False"):
        model(TEXTS, progress=3)  # type: ignore[call-overload]
