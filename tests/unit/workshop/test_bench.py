"""What `onnxhub bench` measures and advises: with a clock that is turned by hand, and without a model."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from onnxhub._contracts.registry import get_task
from onnxhub._workshop.bench import (
    FEWEST,
    LONGEST,
    RESERVED,
    REST,
    ROUNDS,
    Measured,
    Setting,
    fit_texts,
    list_settings,
    measure,
    open_each,
    recommend,
    sample_texts,
)
from onnxhub._workshop.trials import configure_for_evaluation, sample_inputs
from onnxhub.errors import InvalidOptionError, VariantNotFoundError
from onnxhub.testing import CannedBackend, CannedTokenizer

FP32, Q8 = Setting(dtype="fp32"), Setting(dtype="q8")


@dataclass
class Clock:
    """Stands still but for what is told to take time."""

    now: float = 0.0
    rests: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds

    def model(self, seconds: float, calls: list | None = None):
        """Takes so long for each text."""

        def run(inputs: object) -> None:
            if calls is not None:
                calls.append(inputs)
            self.now += seconds * (len(inputs) if isinstance(inputs, list) else 1)

        return run


# --- texts -----------------------------------------------------------------------------------------------------------


def test_the_texts_are_as_long_as_real_ones() -> None:
    """The median is near 25 words, none is empty, none is longer than it may be, and they are always the same."""
    lengths = [len(text.split()) for text in sample_texts(2000)]
    assert 22 <= np.median(lengths) <= 28
    assert (min(lengths), max(lengths)) == (1, LONGEST)
    assert sample_texts(20) == sample_texts(20)


def test_the_texts_are_cut_to_what_a_model_takes() -> None:
    """With room for a question, a label or a mask; and not where it takes any length."""
    tokenizer = CannedTokenizer(max_length=64)
    backend = CannedBackend({"logits": [0.0, 1.0]}, labels=("A", "B"), tokenizer=tokenizer)
    texts = ["a " * 200, "a cat"]
    cut, kept = fit_texts(backend.load("text-classification"), texts)
    assert 10 <= len(cut.split()) <= 64 - RESERVED
    assert kept == "a cat"
    unbound = CannedBackend({"logits": [0.0, 1.0]}, labels=("A", "B")).load("text-classification")
    assert fit_texts(unbound, texts) == texts


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("text-classification", "a"),
        ("feature-extraction", "a"),
        ("question-answering", ("What is it about?", "a")),
        ("text-ranking", ("What is it about?", ["a"])),
        ("multiple-choice", ("a", ["It is true.", "It is not true."])),
        ("fill-mask", "a [MASK]"),
    ],
)
def test_each_task_gets_inputs_of_its_kind(task: str, expected: object) -> None:
    """Which the model's own encoder takes."""
    asked = SimpleNamespace(task=get_task(task), mask="[MASK]")
    assert sample_inputs(asked, ["a", "b"])[0] == expected


def test_a_task_on_arrays_has_no_texts() -> None:
    """It is said which kind is wanted."""
    with pytest.raises(InvalidOptionError, match="a task on texts"):
        sample_inputs(SimpleNamespace(task=get_task("image-classification")), ["a"])


def test_a_zero_shot_model_is_given_labels() -> None:
    """Else it could not be called with a text alone; any other model stays as it is."""
    labels = ("contradiction", "neutral", "entailment")
    backend = CannedBackend({"logits": [0.0, 0.0, 1.0]}, labels=labels)
    model = configure_for_evaluation(backend.load("zero-shot-classification"))
    assert len(model("a text").ranking) == 3
    other = CannedBackend({"logits": [0.0, 1.0]}, labels=("A", "B")).load("text-classification")
    assert configure_for_evaluation(other) is other


# --- loading ---------------------------------------------------------------------------------------------------------


def test_settings_are_all_of_them() -> None:
    """Each dtype with each number of threads, one by one and together."""
    asked = list_settings(["fp32", "q8"], [None, 2])
    assert len(set(asked)) == len(asked) == 8
    assert {one.together for one in asked} == {True, False}
    sized = list_settings(["fp32"], [1], [None, 256])
    assert [(one.together, one.batch_tokens) for one in sized] == [(False, None), (True, None), (True, 256)]
    assert [one.list_differences("fp32") for one in sized[1:]] == [{"threads": 1}, {"threads": 1, "batch_tokens": 256}]


def test_a_variant_that_cannot_be_loaded_is_no_end() -> None:
    """The others are measured; each is loaded once, for both ways to give texts, and closed."""
    loaded, closed = [], []
    model = SimpleNamespace(task=get_task("text-classification"), close=lambda: closed.append(True))

    def load(*, dtype: str, threads: int | None, batch_tokens: int | None) -> object:
        assert batch_tokens is None
        loaded.append((dtype, threads))
        if dtype == "q4":
            raise VariantNotFoundError("org/name", "q4", ())
        return model

    with ExitStack() as opened:
        models, failed = open_each(list_settings(["fp32", "q4"], [1, 2]), load, opened)
    assert loaded == [("fp32", 1), ("fp32", 2), ("q4", 1), ("q4", 2)]
    assert {one.dtype for one in models} == {"fp32"}
    assert {one.dtype for one in failed} == {"q4"}
    assert len(closed) == 2


def test_if_none_can_be_loaded_it_is_the_error() -> None:
    """Of the first."""

    def load(**_: object) -> object:
        raise VariantNotFoundError("org/name", "q4", ())

    with ExitStack() as opened, pytest.raises(VariantNotFoundError):
        open_each(list_settings(["q4"], [None]), load, opened)


# --- measuring -------------------------------------------------------------------------------------------------------


def test_the_rates_are_those_of_the_clock() -> None:
    """One by one, the median wait as well; the fastest comes first."""
    clock = Clock()
    single = Setting(dtype="fp32", together=False)
    models = {FP32: clock.model(0.02), single: clock.model(0.04), Q8: clock.model(0.01)}
    found, number, rounds = measure(models, ["a"] * 100, seconds=20.0, clock=clock, rest=clock.rest)
    assert [one.setting for one in found] == [Q8, FP32, single]
    assert [one.texts_per_second for one in found] == pytest.approx([100, 50, 25])
    assert [one.seconds for one in found] == [None, None, pytest.approx(0.04)]
    assert [one.spread for one in found] == pytest.approx([1, 1, 1])
    assert number > FEWEST
    assert ROUNDS <= rounds <= ROUNDS + 1


def test_the_time_is_about_what_was_asked() -> None:
    """However fast or slow the model is: at least one round, at most one too many."""
    for seconds in (0.0001, 0.01, 0.5):
        clock = Clock()
        _, number, rounds = measure(
            {FP32: clock.model(seconds)}, ["a"] * 512, seconds=10.0, clock=clock, rest=clock.rest
        )
        assert rounds >= 1
        assert number >= FEWEST
        assert clock.now <= 10.0 * (1 + 2 / ROUNDS) + 2 * FEWEST * seconds


def test_the_settings_take_turns() -> None:
    """A busy moment hits them all; and before each, the threads of the one before come to rest."""
    clock, calls = Clock(), []
    models = {FP32: lambda _: calls.append("fp32"), Q8: lambda _: calls.append("q8")}
    clocked = {setting: _both(model, clock.model(0.1)) for setting, model in models.items()}
    measure(clocked, ["a"] * 8, seconds=5.0, clock=clock, rest=clock.rest)
    assert calls[:8] == [*["fp32", "q8"] * 2, "fp32", "q8", "q8", "fp32"]
    assert calls.count("fp32") == calls.count("q8")
    assert clock.rests == [REST] * len(calls)


def _both(first, second):
    return lambda inputs: (first(inputs), second(inputs))


def test_all_settings_read_the_same_texts_from_everywhere() -> None:
    """A file that is sorted by length is not read from its beginning alone."""
    clock, first, second = Clock(), [], []
    models = {FP32: clock.model(0.1, first), Q8: clock.model(0.3, second)}
    measure(models, [str(number) for number in range(1000)], seconds=20.0, clock=clock, rest=clock.rest)
    assert first[-1] == second[-1]
    assert int(first[-1][-1]) > 700
    assert len(set(first[-1])) == len(first[-1])


def test_few_texts_are_enough() -> None:
    """A single one, too."""
    clock = Clock()
    found, number, _ = measure({FP32: clock.model(0.1)}, ["a"], seconds=1.0, clock=clock, rest=clock.rest)
    assert (len(found), number) == (1, 1)


# --- advice ----------------------------------------------------------------------------------------------------------


def measured(dtype: str, threads: int | None, rate: float, seconds: float | None = None) -> Measured:
    """A setting with these figures."""
    return Measured(Setting(dtype=dtype, threads=threads, together=seconds is None), rate, seconds)


def test_the_best_setting_is_recommended_in_as_few_words_as_possible() -> None:
    """Options that gain next to nothing are left out; those that gain are named."""
    (best,) = recommend([measured("fp32", 1, 103.0), measured("fp32", None, 100.0)], "fp32")
    assert (best.options, best.same_scores) == ({}, True)
    (best,) = recommend([measured("fp32", 1, 130.0), measured("fp32", None, 100.0)], "fp32")
    assert best.options == {"threads": 1}


def test_another_dtype_is_recommended_beside_the_usual_one() -> None:
    """Only if it is faster, and as one that gives other scores."""
    usual, other = measured("fp32", None, 100.0), measured("q8", 2, 200.0)
    assert [(one.options, one.same_scores) for one in recommend([other, usual], "fp32")] == [
        ({}, True),
        ({"dtype": "q8", "threads": 2}, False),
    ]
    assert len(recommend([measured("q8", None, 101.0), usual], "fp32")) == 1


def test_the_wait_is_judged_by_single_calls() -> None:
    """Which may have another best setting than throughput has."""
    several = [measured("fp32", None, 100.0), measured("fp32", 1, 40.0, 0.02), measured("fp32", 2, 50.0, 0.03)]
    found = {one.purpose: one.options for one in recommend(several, "fp32")}
    assert found == {"throughput": {}, "latency": {"threads": 1}}
