"""Labels, ids and sizes that the settings of a model say, and that cannot be: errors when it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
import pytest

import onnxhub
from onnxhub import compat
from onnxhub._toolkit import label_names as _label_names
from onnxhub.errors import IntegrityError, TaskMismatchError
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

CLASSIFY = "text-classification"


def labelled(folder: Path, labels: dict[str, Any], **config: Any) -> onnxhub.TextClassificationModel:
    """A model with these labels."""
    return onnxhub.load(CLASSIFY, tiny.make_model(folder, config_extra={"id2label": labels, **config}))


def test_labels_that_are_numbers(tmp_path: Path) -> None:
    """Some models name their classes by numbers; results have them as texts, in the order of the keys."""
    assert labelled(tmp_path, {"2": 5, "0": 1, "1": True}).info.labels == ("1", "True", "5")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"0": "a", "1": "b", "9" * 5000: "c"}, r"id2label in config.json is numbered 0, 1, 9+\.\.\., not 0 to 2"),
        ({"0": "a", "1": "b", "2": {}}, "id2label in config.json has a dict for the label 2, not a text"),
        ({"0": "a", "1": ["b"], "2": "c"}, "has a list for the label 1, not a text"),
        ({"0": {}, "1": "b", "2": "c"}, "has a dict for the label 0, not a text"),
        ({"0": "a" * 10_001, "1": "b", "2": "c"}, "has 10,001 letters in the label 0; 10,000 are the most"),
    ],
)
def test_labels_that_are_none(labels: dict[str, Any], message: str, tmp_path: Path) -> None:
    """The error tells which, and does not quote thousands of letters."""
    with pytest.raises(TaskMismatchError, match=message) as caught:
        labelled(tmp_path, labels)
    assert len(str(caught.value)) < 1000


def test_the_number_of_labels_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far above what models have."""
    monkeypatch.setattr(_label_names, "MOST_LABELS", 2)
    with pytest.raises(TaskMismatchError, match=r"id2label in config.json has 3 labels; 2 are the most"):
        labelled(tmp_path, {"0": "a", "1": "b", "2": "c"})


@pytest.mark.parametrize(
    ("key", "value"),
    [("pad_token_id", 2**63), ("pad_token_id", True), ("pad_token_id", "0"), ("pad_token_id", [0]),
     ("eos_token_id", [[1], [1, 2]]), ("eos_token_id", "a"), ("eos_token_id", 2**64)],
)  # fmt: skip
def test_ids_that_no_graph_could_be_given(key: str, value: object, tmp_path: Path) -> None:
    """They are refused when the model is loaded, and not in the first batch that needs them."""
    folder = tiny.make_model(tmp_path, config_extra={key: value, "is_encoder_decoder": True})
    with pytest.raises(IntegrityError, match=f"config.json: {key} is .*, not the id of a token"):
        onnxhub.load(CLASSIFY, folder)


@pytest.mark.parametrize("value", [-1, None])
def test_no_padding_id(value: int | None, tmp_path: Path) -> None:
    """A number below 0 is none, as early configurations of Llama have it; the tokenizer's padding token is taken."""
    model = onnxhub.load(CLASSIFY, tiny.make_model(tmp_path, config_extra={"pad_token_id": value}))
    assert model.backend.tokenizer.padding == {"input_ids": 0}


@pytest.mark.parametrize("kind", [["bert"], {"a": 1}, 5, True])
def test_a_model_type_that_is_no_text(kind: object, tmp_path: Path) -> None:
    """It tells nothing, and the model answers as one of a type that is not known."""
    folder = tiny.make_model(tmp_path, config_extra={"model_type": kind})
    assert onnxhub.load("auto", folder)(["good", "a good one"])


@pytest.mark.parametrize("tokens", [1, 2])
def test_a_graph_of_fixed_size_without_room_for_a_token(tokens: int, tmp_path: Path) -> None:
    """The special tokens alone would fill it, so that no answer would depend on its text."""
    tiny.make_model(tmp_path)
    graph = onnx.load(tmp_path / "model.onnx")
    for port in graph.graph.input:
        port.type.tensor_type.shape.dim[1].dim_value = tokens
    onnx.save(graph, tmp_path / "model.onnx")
    message = f"its graph takes {tokens} tokens of each text, and 2 special ones are added to it"
    with pytest.raises(TaskMismatchError, match=message):
        onnxhub.load(CLASSIFY, tmp_path)


@pytest.mark.parametrize("position", ["2", None, [2], 0.5, True, 3, -4, 10**30, float("nan")])
def test_a_position_of_entailment_that_is_none(position: object, tmp_path: Path) -> None:
    """The pipelines take it from label2id, as transformers does; what is no position there is refused."""
    folder = tiny.make_model(
        tmp_path, "zero-shot-classification", config_extra={"label2id": {"x": 0, "entailment": position}}
    )
    with pytest.raises(TaskMismatchError, match=r"label2id in config.json has no position among its 3 labels for 'ent"):
        compat.pipeline("zero-shot-classification", model=str(folder))
