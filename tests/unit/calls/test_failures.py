"""Inputs that fail alone, and everything beside them that does not."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import FrozenInstanceError, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import onnxhub
from onnxhub import Failure
from onnxhub._calls.lanes import Lanes
from onnxhub._calls.prepare import prepare
from onnxhub._calls.run import OnePass
from onnxhub.errors import (
    ClosedModelError,
    IndexedError,
    InvalidInputError,
    InvalidOptionError,
    NonFiniteOutputError,
    OutOfMemoryError,
    TaskMismatchError,
)
from onnxhub.testing import CannedBackend
from tests import tiny

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnxhub._contracts.protocols import Features, Outputs

POISON = "zebra"


@dataclass(frozen=True, eq=False)
class Fussy(CannedBackend):
    """Scores of the number of words; a batch with the poisoned word is refused as a whole, and counted."""

    calls: list[int] = None  # type: ignore[assignment]
    error: type[IndexedError] = InvalidInputError

    def run(self, features: Features, outputs: Sequence[str], *, beside: bool = False) -> Outputs:
        """As ONNX Runtime refuses a batch: without a word on whose fault it is."""
        del outputs, beside
        ids = features["input_ids"]
        if self.calls is not None:
            self.calls.append(len(ids))
        if (ids == self.tokenizer.vocabulary.setdefault(POISON, len(self.tokenizer.vocabulary))).any():
            raise self.error("the model failed on this input")
        lengths = features["attention_mask"].sum(axis=1) if "attention_mask" in features else np.ones(len(ids))
        return {"logits": np.stack([lengths, 5 - lengths], axis=1).astype(np.float32)}


def fussy(**options: Any) -> onnxhub.TextClassificationModel:
    """A classifier that refuses every batch with the poisoned word."""
    return Fussy({}, labels=("long", "short"), calls=[], **options).load("text-classification")


@dataclass(frozen=True)
class Doubling(onnxhub.Preprocessor[int, None]):
    """Numbers to rows of one token each; a chosen one among the inputs is refused, without a word on which it is."""

    chosen: frozenset[int] = frozenset()
    calls: list[int] = field(default_factory=list)

    @classmethod
    def for_model(cls, backend: onnxhub.Backend) -> Doubling:
        """Needs nothing."""
        del backend
        return cls()

    def __call__(self, inputs: Sequence[int]) -> list[onnxhub.Prepared[Any]]:
        """One row an input."""
        self.calls.append(len(inputs))
        if not self.chosen.isdisjoint(inputs):
            raise InvalidInputError("no")
        rows = [{"input_ids": np.array([value])} for value in inputs]
        return [onnxhub.Prepared([row], None, lambda outputs: int(outputs["logits"][0])) for row in rows]


@dataclass(frozen=True, eq=False)
class Doubler(CannedBackend):
    """Doubles the tokens of a batch; one with a chosen token is refused as a whole."""

    chosen: frozenset[int] = frozenset()
    calls: list[int] = field(default_factory=list)

    def run(self, features: Features, outputs: Sequence[str], *, beside: bool = False) -> Outputs:
        """As ONNX Runtime does."""
        del outputs, beside
        ids = features["input_ids"][:, 0]
        self.calls.append(len(ids))
        if not self.chosen.isdisjoint(ids.tolist()):
            raise InvalidInputError("no")
        return {"logits": 2 * ids.astype(np.float32)}


def doubled(count: int, backend: Doubler, preprocessor: Doubling) -> list[tuple[int, Any]]:
    """Give the position and the double of each number, or its error, as they are done."""
    runner = OnePass(backend, preprocessor, None, ("logits",))  # type: ignore[arg-type]  # no postprocessor is called
    return list(runner(prepare(preprocessor, range(count)), None))


@given(st.integers(0, 200), st.frozensets(st.integers(0, 199)), st.frozensets(st.integers(0, 199)), st.integers(1, 3))
def test_each_input_has_a_result_or_an_error(
    count: int, refused: frozenset[int], failing: frozenset[int], lanes: int
) -> None:
    """All of the others have the right result, whatever their batches, and the number of those at fault."""
    backend = Doubler({}, chosen=failing, batch_tokens=4, lanes=Lanes(lanes))
    found = doubled(count, backend, Doubling(refused))
    assert sorted(number for number, _ in found) == list(range(count))
    for number, result in found:
        assert isinstance(result, InvalidInputError) if number in refused | failing else result == 2 * number


def test_little_is_done_twice() -> None:
    """One row at fault of 1,024 in batches of four, one input of 1,024 in slices: some ten runs, and two slices, are lost."""
    backend, preprocessor = Doubler({}, chosen=frozenset({700}), batch_tokens=4), Doubling(frozenset({300}))
    assert len(doubled(1024, backend, preprocessor)) == 1024
    assert sum(backend.calls) < 1024 + 4 * 3
    assert sum(preprocessor.calls) < 1024 + 32 * 3


def test_many_rows_at_fault_are_found_each() -> None:
    """Every hundredth row fails alone, and little is done twice."""
    backend = Doubler({}, chosen=frozenset(range(7, 1000, 100)), batch_tokens=4)
    found = dict(doubled(1000, backend, Doubling()))
    assert sorted(place for place, result in found.items() if isinstance(result, InvalidInputError)) == list(
        range(7, 1000, 100)
    )
    assert all(found[number] == 2 * number for number in range(1000) if number % 100 != 7)
    assert sum(backend.calls) < 1000 + 10 * 10


@pytest.mark.parametrize("given", [[], [1], [3, 3, 3]])
def test_a_preprocessor_that_loses_inputs_is_refused(given: list[int]) -> None:
    """One that gives too few for two inputs, or too many, or an input without rows, is wrong, and its name is told."""

    class Losing(Doubling):
        def __call__(self, inputs: Sequence[int]) -> list[onnxhub.Prepared[Any]]:
            """As many rows as are given, for each input one."""
            return super().__call__(given) if given else [onnxhub.Prepared([], None)] * len(inputs)

    with pytest.raises(
        InvalidOptionError, match=r"Losing.*: expected one that gives each input a Prepared of at least one row"
    ):
        doubled(2, Doubler({}), Losing())


def test_a_batch_that_was_short_of_memory_beside_others_is_tried_alone() -> None:
    """What only does not fit beside other batches has its result."""

    @dataclass(frozen=True, eq=False)
    class Crowded(Doubler):
        def run(self, features: Features, outputs: Sequence[str], *, beside: bool = False) -> Outputs:
            """Not beside others."""
            if beside:
                raise OutOfMemoryError("others have it")
            return super().run(features, outputs)

    backend = Crowded({}, batch_tokens=1, lanes=Lanes(2))
    assert dict(doubled(20, backend, Doubling())) == {number: 2 * number for number in range(20)}


def test_one_poison_in_32() -> None:
    """Row 20: 31 results as without it, and one typed error, for each place that it can have."""
    texts = [" ".join(["word"] * (1 + index % 4)) for index in range(32)]
    expected = fussy()(texts)
    for place in range(32):
        given = [*texts]
        given[place] = f"a {POISON}"
        found = fussy().attempt(given)
        (failure,) = [one for one in found if isinstance(one, Failure)]
        assert found.index(failure) == failure.index == failure.error.index == place
        assert [*found[:place], *found[place + 1 :]] == [*expected[:place], *expected[place + 1 :]]


def test_the_plain_calls_raise_with_the_index() -> None:
    """Of a list, of one input, and of a stream, which first gives what comes before."""
    texts = ["a"] * 40 + [f"a {POISON}"] + ["a"] * 40
    for call in (lambda: fussy()(texts), lambda: list(fussy().stream(texts))):
        with pytest.raises(InvalidInputError, match=r"^item 40: the model failed on this input$") as caught:
            call()
        assert caught.value.index == 40
    with pytest.raises(InvalidInputError, match=r"^the model failed on this input$"):
        fussy()(POISON)
    with pytest.raises(InvalidInputError, match=r"^item 0: the model failed"):
        fussy()([POISON])
    results = fussy().stream(texts)
    assert [next(results) for _ in range(40)] == fussy()(["a"] * 40)
    with pytest.raises(InvalidInputError):
        next(results)


def test_all_kinds_of_failures_at_once() -> None:
    """The type, the text, the run, the result; each in its place, the others as in a call of their own."""

    @dataclass(frozen=True)
    class Strict(onnxhub.ClassificationPostprocessor):
        def scores(self, logits):
            """NaN for texts of four tokens."""
            return np.full_like(logits, math.nan if logits[0] == 4 else 0.5)

    backend = Fussy({}, labels=("long", "short"))
    backend = Fussy({}, labels=("long", "short"), tokenizer=type(backend.tokenizer)(max_length=6))
    model = backend.load("text-classification", postprocessor=Strict).with_options(long_text="error")
    inputs = ["a", 3, "a b", POISON, ("a",), "a b c d e f g", "\ud800", ("a", "b"), "a b c", None]
    found = model.attempt(inputs)
    kinds = [type(one.error) if isinstance(one, Failure) else None for one in found]
    bad = InvalidInputError
    assert kinds == [None, bad, NonFiniteOutputError, bad, bad, bad, bad, None, None, bad]
    assert all(one.index == one.error.index == place for place, one in enumerate(found) if isinstance(one, Failure))
    assert "7 tokens" in str(found[5].error) or "9 tokens" in str(found[5].error)
    assert found[0] == model("a")
    assert next(model.attempt_stream(iter(inputs))) == found[0]
    assert list(map(repr, model.attempt_stream(iter(inputs)))) == list(map(repr, found))
    assert model.attempt(np.array(["a", "a b"]))[0] == model("a")


@pytest.mark.parametrize("count", [0, 1, 40])
def test_where_everything_fails(count: int) -> None:
    """As many failures, and no results."""
    for bad in (POISON, None):
        found = fussy().attempt([bad] * count)
        assert [one.index for one in found] == list(range(count))
        assert all(isinstance(one, Failure) for one in found)


def test_a_window_that_fails_fails_its_text_alone() -> None:
    """A long text is several rows, of which one is refused."""
    backend = Fussy({}, labels=("long", "short"))
    backend = Fussy({}, labels=("long", "short"), tokenizer=type(backend.tokenizer)(max_length=8))
    model = backend.load("text-classification").with_options(long_text="window")
    long = " ".join(["word"] * 50)
    found = model.attempt(["a", f"{long} {POISON} {long}", long, "b"])
    assert [isinstance(one, Failure) for one in found] == [False, True, False, False]
    assert found[2] == model(long)


def test_a_batch_that_does_not_fit_into_memory_is_cut() -> None:
    """Until it fits; an input that does not even fit alone is a failure of its own."""

    @dataclass(frozen=True, eq=False)
    class Small(CannedBackend):
        def run(self, features: Features, outputs: Sequence[str], *, beside: bool = False) -> Outputs:
            """No more than twelve tokens."""
            if features["input_ids"].size > 12:
                raise OutOfMemoryError("12 tokens are the most")
            return super().run(features, outputs, beside=beside)

    model = Small({"logits": [0.0, 2.0]}, labels=("NEG", "POS")).load("text-classification")
    assert model(["a b"] * 20) == [model("a b")] * 20
    found = model.attempt(["a b", "word " * 40, "a"])
    assert [isinstance(one, Failure) for one in found] == [False, True, False]
    assert isinstance(found[1].error, OutOfMemoryError)
    assert isinstance(found[1].error, MemoryError)
    with pytest.raises(OutOfMemoryError, match=r"^item 1: there is not enough memory"):
        model(["a b", "word " * 40, "a"])


def test_what_is_wrong_with_the_model_is_no_failure(tmp_path: Path) -> None:
    """A closed model, labels that do not fit, a bug in a postprocessor: they are raised, at the first input."""
    model = onnxhub.load("text-classification", tiny.make_model(tmp_path))
    model.close()
    with pytest.raises(ClosedModelError):
        model.attempt(["a", "b"])

    @dataclass(frozen=True)
    class Broken(onnxhub.ClassificationPostprocessor):
        def scores(self, logits):
            """Has a bug."""
            return logits.no_such_thing

    canned = CannedBackend({"logits": [0.0, 1.0]}, labels=("a", "b"))
    with pytest.raises(AttributeError, match="no_such_thing"):
        canned.load("text-classification", postprocessor=Broken).attempt(["a", "b"])
    wrong = canned.load("text-classification", postprocessor=onnxhub.ClassificationPostprocessor(labels=("a",) * 3))
    with pytest.raises(TaskMismatchError):
        list(wrong.attempt_stream(["a", "b"]))


@pytest.mark.parametrize("one", ["a", ("a", "b"), None, 3, iter(["a"])])
def test_one_input_is_not_attempted(one: object) -> None:
    """The shape of a result follows the input, and one input has an except clause."""
    with pytest.raises(
        InvalidInputError, match=r"attempt takes a list of inputs, got .*; one input goes to the call itself"
    ):
        fussy().attempt(one)  # type: ignore[call-overload,arg-type]


def test_a_failure_is_a_result_like_others() -> None:
    """Frozen, ready for JSON, for a log and for another process; its error has its cause."""
    (failure,) = fussy().attempt([3])
    assert isinstance(failure, Failure)
    assert repr(failure) == (
        "Failure(index=0, error=InvalidInputError('expected a str as text (or a tuple of two), got int: 3'))"
    )
    told = {"type": "InvalidInputError", "message": "expected a str as text (or a tuple of two), got int: 3"}
    assert json.loads(json.dumps(failure.to_dict())) == {"index": 0, "error": told}
    again = pickle.loads(pickle.dumps(failure))
    assert (again.index, repr(again), str(again.error)) == (0, repr(failure), "item 0: " + told["message"])
    with pytest.raises(FrozenInstanceError):
        failure.index = 1  # type: ignore[misc]
    (failure,) = fussy().attempt(["\ud800"])
    assert isinstance(failure.error.__cause__, UnicodeEncodeError)


def test_a_real_graph_that_refuses_a_row(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """ONNX Runtime's own error, of a token that the embeddings do not have: the others have what they have alone.

    Its log says nothing: what was tried several times over is one failure.
    """
    path = tiny.make_model(tmp_path) / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    last = max([*tokenizer["model"]["vocab"].values(), *(token["id"] for token in tokenizer["added_tokens"])])
    tokenizer["model"]["vocab"][POISON] = last + 1
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    model = onnxhub.load("text-classification", tmp_path).with_options(long_text="window")
    texts = [*tiny.TEXTS * 6]
    texts.insert(17, f"a {POISON} b")
    found = model.attempt(texts)
    assert [place for place, one in enumerate(found) if isinstance(one, Failure)] == [17]
    assert "out of data bounds" in str(found[17].error)
    assert capfd.readouterr() == ("", "")
    for text, one in zip(texts, found, strict=True):
        if not isinstance(one, Failure):
            assert one.score == pytest.approx(model(text).score, abs=1e-5)
