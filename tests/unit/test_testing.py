"""Models over canned outputs, and the postprocessors that they and `load` take, or refuse."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxhub
from onnxhub import (
    ClassificationItem,
    ClassificationPostprocessor,
    LabelScore,
    Model,
    Postprocessor,
    QuestionAnsweringPostprocessor,
    TokenClassificationPostprocessor,
)
from onnxhub.errors import InvalidInputError, InvalidOptionError, TaskMismatchError
from onnxhub.testing import CannedBackend, CannedTokenizer
from tests import tiny

CANNED = CannedBackend({"logits": [0.0, 0.0]}, labels=("NEG", "POS"))


@dataclass(frozen=True)
class Scaled(ClassificationPostprocessor):
    """An option of its own."""

    factor: float = 0.5

    def scores(self, logits: np.ndarray) -> np.ndarray:
        return super().scores(logits) * np.float32(self.factor)


class Margin(Postprocessor[Any, float]):
    """No dataclass, no options, any items."""

    def decode(self, rows: Any, item: Any) -> float:
        del item
        return float(np.ptp(rows["logits"][0]))


class Unbuilt(ClassificationPostprocessor):
    """A constructor that is not the base's."""

    def __init__(self, factor: float) -> None:
        super().__init__(labels=("NEG", "POS"))
        self.factor = factor


@dataclass(frozen=True)
class Wanting(Postprocessor[ClassificationItem, float]):
    """A field without a default."""

    factor: float

    def decode(self, rows: Any, item: Any) -> float:
        del rows, item
        return self.factor


class Abstract(Postprocessor[ClassificationItem, float]):
    """No `decode`."""


def load_files(folder: Path, postprocessor: Any) -> Model:
    """As `load` does it."""
    return onnxhub.load("text-classification", tiny.make_model(folder), postprocessor=postprocessor)


def load_canned(folder: Path, postprocessor: Any) -> Model:
    """As a test does it."""
    return CANNED.load("text-classification", postprocessor=postprocessor)


LOADS = pytest.mark.parametrize("load", [load_files, load_canned])


def test_a_subclass_or_an_instance_takes_the_tasks_place() -> None:
    """The class is built with the model's labels, the instance is used as it is."""
    model = CANNED.load("sentiment-analysis", postprocessor=Scaled)
    assert (model("a").score, model.info.labels) == (0.25, ("NEG", "POS"))
    again = CANNED.load("text-classification", postprocessor=replace(model.postprocessor, factor=2.0))
    assert again("a").score == 1
    assert CANNED.load("text-classification")("a").score == 0.5


@LOADS
@pytest.mark.parametrize("given", [Margin, Margin()], ids=["class", "instance"])
def test_a_postprocessor_need_not_be_a_dataclass(load: Any, given: Any, tmp_path: Path) -> None:
    """`decode` is all that it must have; the encoder's options still apply, and others are refused."""
    model = load(tmp_path, given)
    assert [type(one) for one in model(["a", "b"])] == [float, float]
    assert type(model("a", long_text="window")) is float
    with pytest.raises(InvalidOptionError, match="top_k=1: expected an option of Margin, which has none"):
        model("a", top_k=1)


@LOADS
@pytest.mark.parametrize("given", [Unbuilt, Wanting, Abstract])
def test_a_postprocessor_that_cannot_be_built(load: Any, given: type, tmp_path: Path) -> None:
    """The error says what a class must be for `for_model` to build it."""
    with pytest.raises(
        InvalidOptionError, match=f"{given.__name__}.* a frozen dataclass whose extra fields have defaults"
    ):
        load(tmp_path, given)


@LOADS
@pytest.mark.parametrize("given", ["Scaled", dict, 3, lambda logits: logits])
def test_what_is_no_postprocessor(load: Any, given: object, tmp_path: Path) -> None:
    """A name, another class, a number, a function."""
    with pytest.raises(InvalidOptionError, match=r"expected a subclass of onnxhub\.Postprocessor, or an instance"):
        load(tmp_path, given)


@LOADS
@pytest.mark.parametrize("given", [QuestionAnsweringPostprocessor, TokenClassificationPostprocessor(("A", "B"))])
def test_a_postprocessor_of_another_task(load: Any, given: object, tmp_path: Path) -> None:
    """Its items are others; the error names the task's own."""
    with pytest.raises(
        InvalidOptionError,
        match="expected one for the items of text-classification, such as ClassificationPostprocessor",
    ):
        load(tmp_path, given)


def test_canned_models_have_no_session() -> None:
    """Neither ONNX Runtime's nor optimum's: an error, and what to do."""
    model = CANNED.load("text-classification")
    assert model.sessions == {}
    with pytest.raises(InvalidInputError, match=r"<TextClassificationModel canned .* has 0 sessions, not one: nothing"):
        _ = model.session
    with pytest.raises(
        InvalidInputError, match=r"canned models have no session, which ORTModelForSequenceClass.* files"
    ):
        _ = model.ort_model


def test_canned_models_of_each_task() -> None:
    """By name or alias, and with their own options."""
    tokens = np.eye(2)[[0, 1, 0]] * 9
    (entity,) = CannedBackend({"logits": tokens}, labels=("O", "PER")).load("ner")("Ada", aggregation="first")
    assert (entity.label, entity.text) == ("PER", "Ada")
    span = {"start_logits": np.eye(6)[4] * 9, "end_logits": np.eye(6)[4] * 9}
    assert CannedBackend(span).load("question-answering")("who? really?", "Ada").answer == "Ada"
    assert CannedBackend({"last_hidden_state": np.ones((3, 2))}).load("embeddings")("a").tolist() == [1, 1]
    nli = CannedBackend({"logits": [0.0, 1.0]}, labels=("not_entailment", "entailment")).load("zero-shot")
    assert nli("a", ["b", "c"]).ranking == (LabelScore("b", 0.5), LabelScore("c", 0.5))
    assert [one.index for one in CannedBackend({"logits": [0.0]}).load("rerank")("a", ["b", "c"])] == [0, 1]
    chosen = CannedBackend({"logits": [0.0, 9.0, 1.0]}).load("multiple-choice")("a", ["b", "c", "d"])
    assert (chosen.index, chosen.choice) == (1, "c")
    assert CannedBackend({"logits": [[0.0, 1.0, -1.0]] * 3}).load("splade")("a").indices == (1,)


def test_canned_models_fill_masks() -> None:
    """`[MASK]` is a token of every canned tokenizer; words have the ids in which order they were first seen."""
    tokenizer = CannedTokenizer()
    tokenizer.encode(["cat dog"])
    logits = np.zeros((4, 5))
    logits[2, tokenizer.vocabulary["dog"]] = 9
    model = CannedBackend({"logits": logits}, tokenizer=tokenizer).load("fill-mask")
    assert model.mask == "[MASK]"
    ((fill,),) = model("a [MASK]", top_k=1)
    assert (fill.token, fill.text) == ("dog", "a dog")
    ((fill,),) = model("a [MASK]", targets=["cat"])
    assert (fill.token, fill.text) == ("cat", "a cat")
    with pytest.raises(
        TaskMismatchError, match=r"more tokens than the 5 that it has logits for.* have the ids \(\d+,\)"
    ):
        model("a [MASK]", targets=["unheard"])
    unmasked = CannedTokenizer(mask_token_id=None)
    with pytest.raises(TaskMismatchError, match="canned cannot be used for fill-mask: its tokenizer has no mask token"):
        CannedBackend({"logits": logits}, tokenizer=unmasked).load("fill-mask")


def test_a_canned_model_of_arrays() -> None:
    """It has no session whose parts could be listed: it is one model, with the inputs that it was given."""
    model = CannedBackend({"logits": [0.0, 2.0]}).load("custom")
    outputs = model({"input_ids": [[1, 2]], "attention_mask": [[1, 1]]})
    assert outputs["logits"].tolist() == [[0.0, 2.0]]
    with pytest.raises(InvalidInputError, match="the graph also wants attention_mask"):
        model({"input_ids": [[1, 2]]})
