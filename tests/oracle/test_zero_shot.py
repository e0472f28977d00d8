"""zero-shot-classification beside transformers' pipeline over torch: equal in compat; the typed API goes by names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxhub
from tests.oracle.peers import COUNTS, close, difference, torch_reference, zoo

TASK = "zero-shot-classification"
LABELS = ("film", "a good book", "London", "состояние", "don't")
COMPAT: Sequence[Mapping[str, Any]] = (
    {"candidate_labels": LABELS[:3]},
    {"candidate_labels": " film,London , ,a, good book"},
    {"candidate_labels": ["film", "film", "river"], "hypothesis_template": "{}?"},
    {"candidate_labels": list(LABELS), "multi_label": True},
    {"candidate_labels": "Paris", "hypothesis_template": "It is about {0} ({0})."},
    {"candidate_labels": ["one", "two"], "multi_class": True},
    {"candidate_labels": [1, 2.5], "multi_class": False, "multi_label": True},
)


def _cases() -> list[tuple[str, zoo.Flavour]]:
    """List the architectures, in both flavours."""
    return [(name, flavour) for name, _ in zoo.cases([TASK]) for flavour in zoo.FLAVOURS]


@pytest.mark.parametrize(("architecture", "flavour"), _cases())
def test_compat(zoo_root: Path, architecture: str, flavour: zoo.Flavour) -> None:
    """Labels, their order and their scores are equal under every option, whatever the model's own labels."""
    folder = zoo.build(zoo_root, architecture, TASK, flavour)
    theirs, ours = torch_reference(folder, TASK), onnxhub.pipeline(TASK, folder)
    inputs = zoo.texts(51, 4)
    for options in COMPAT:
        for given, one, other in zip(inputs, theirs(inputs, **options), ours(inputs, **options), strict=True):
            assert not difference(one, other, tolerance=1e-4), (difference(one, other), given, options)
            close(one["scores"], other["scores"], f"compat, {TASK}")
            COUNTS[f"compat, {TASK}: equal"] += 1
    bound = onnxhub.pipeline(TASK, folder, **COMPAT[0])
    assert not difference(theirs(inputs[0], **COMPAT[0]), bound(inputs[0]), tolerance=1e-4)


SHAPES: Sequence[tuple[Any, tuple[Any, ...], Mapping[str, Any]]] = (
    ("good", ("a, b",), {}),
    (["good"], (["a", "b"],), {}),
    (["good", "bad"], (("a", "b"),), {}),
    ([], ("a",), {}),
    ("", ("a",), {}),
    (["good", ""], ("a",), {}),
    ("good", (), {}),
    ("good", ([],), {}),
    ("good", (" , ",), {}),
    ("good", (["", "b"],), {}),
    ("good", ("a",), {"candidate_labels": "a"}),
    ("good", ("a", "b"), {}),
    ("good", ("a",), {"hypothesis_template": "no place"}),
    ("good", ("a",), {"hypothesis_template": "{} {}"}),
    ("good", ("a",), {"hypothesis_template": "{x}"}),
    ("good", ("{}",), {"hypothesis_template": "{}"}),
    ("good", ("a{1}, b}",), {"hypothesis_template": "{{}} {}"}),
    ("good", ("a, b",), {"truncation": True}),
    ("good", ("a, b",), {"multi_class": None}),
    ("good", ("very " * 100,), {"multi_label": True}),
    (3, ("a",), {}),
)


@pytest.mark.parametrize(("sequences", "labels", "options"), SHAPES, ids=str)
def test_shapes(zoo_root: Path, sequences: Any, labels: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    """Every way to ask is answered, or refused, as transformers does."""
    folder = zoo.build(zoo_root, "bert", TASK)
    theirs, ours = torch_reference(folder, TASK), onnxhub.pipeline(TASK, folder)
    outcomes = [_outcome(call, sequences, *labels, **options) for call in (theirs, ours)]
    assert not difference(*outcomes, tolerance=1e-4), outcomes


def _outcome(call: Any, *args: Any, **options: Any) -> Any:
    """Give the result, or only that there is none."""
    try:
        return call(*args, **options)
    except (ValueError, LookupError, TypeError, RuntimeError):
        return "refused"


def test_without_a_label_for_entailment(zoo_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Compat takes the last label for it and says so, as transformers does; the typed API refuses the model."""
    folder = zoo.build(zoo_root, "distilbert", TASK)
    pipe = onnxhub.pipeline(TASK, folder)
    assert "the last one is taken" in caplog.text
    expected = torch_reference(folder, TASK)("good", "a, b, c")
    typed = pipe.model("good", ["a", "b", "c"])
    assert [entry.label for entry in typed.ranking] == expected["labels"]
    with pytest.raises(onnxhub.errors.TaskMismatchError, match="none of its labels begins with 'entail'"):
        onnxhub.load(TASK, folder)


@pytest.mark.parametrize("multi_label", [False, True], ids=["one", "several"])
@pytest.mark.parametrize(("architecture", "flavour"), [case for case in _cases() if case[0] != "distilbert"])
def test_typed(zoo_root: Path, architecture: str, flavour: zoo.Flavour, multi_label: bool) -> None:
    """Scores are those of transformers' own tokens and logits, with entailment and contradiction found by name."""
    folder = zoo.build(zoo_root, architecture, TASK, flavour)
    theirs, ours = torch_reference(folder, TASK), onnxhub.load(TASK, folder)
    names = [theirs.model.config.id2label[index].lower() for index in range(theirs.model.config.num_labels)]
    entailed = names.index("entailment")
    refuted = names.index("contradiction" if "contradiction" in names else "not_entailment")
    by_position = refuted == (-1 % len(names) if entailed == 0 else 0)
    inputs = zoo.texts(52, 6)
    for text, result in zip(inputs, ours(inputs, LABELS, multi_label=multi_label), strict=True):
        rows = [theirs.forward(row) for row in theirs.preprocess(text, LABELS)]
        logits = np.concatenate([row["logits"].numpy() for row in rows])
        chosen = logits[:, [refuted, entailed]] if multi_label else logits[:, entailed]
        odds = np.exp(chosen - chosen.max(axis=-1, keepdims=True))
        scores = odds[:, 1] / odds.sum(axis=1) if multi_label else odds / odds.sum()
        order = np.argsort(-scores, kind="stable")
        assert [entry.label for entry in result.ranking] == [LABELS[index] for index in order]
        close(scores[order], [entry.score for entry in result.ranking], f"typed, {TASK}")
        if by_position or not multi_label:
            expected = theirs(text, LABELS, multi_label=multi_label)
            # Not the labels again: of equal scores (of words that are unknown alike) theirs has the last first.
            close(expected["scores"], [entry.score for entry in result.ranking], f"typed, {TASK}")
        COUNTS[f"typed, {TASK}: equal"] += 1
