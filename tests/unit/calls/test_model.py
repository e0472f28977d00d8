"""How a Model batches its rows, and what another Model over the same session shares with it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import onnxhub
from onnxhub.errors import InvalidOptionError
from onnxhub.testing import CannedBackend
from tests import tiny
from tests.images import NUMBERS


def test_options_share_the_session(tmp_path: Path) -> None:
    """Another Model with other options is no second load: it has the same backend and session."""
    model = onnxhub.load("text-classification", tiny.make_model(tmp_path))
    other = model.with_options(top_k=1)
    assert other is not model
    assert other.backend is model.backend
    assert other.session is model.session


def test_rows_of_encoder_decoders_are_told_apart_by_their_end_tokens(tmp_path: Path) -> None:
    """A text and a pair, with one end token and two, never share a batch of a classifier of BART's kind."""
    kind = {"is_encoder_decoder": True}
    for extra, kinds in (
        ({**kind, "eos_token_id": 3}, [(1, 0), (2, 0)]),
        ({**kind, "eos_token_id": [3, 99]}, [(1, 0), (2, 0)]),
        (kind, [(0, 0), (0, 0)]),
        ({"eos_token_id": 3}, [(0, 0), (0, 0)]),
    ):
        model = onnxhub.load("text-classification", tiny.make_model(tmp_path, config_extra=extra))
        encoded = model.encode(["a b c", ("a", "b")])
        assert [model.backend.kind(one.rows[0]) for one in encoded] == kinds


def test_rows_are_of_one_length_where_the_graph_cannot_tell_padding(tmp_path: Path) -> None:
    """Decoders that name no padding token look for the last token that is not padding: theirs would be padding."""
    for extra, kinds in (
        ({"model_type": "gpt2", "pad_token_id": None}, 2),
        ({"model_type": "gpt2", "pad_token_id": 0}, 1),
    ):
        model = onnxhub.load("text-classification", tiny.make_model(tmp_path, config_extra=extra))
        encoded = model.encode(["a b c", "a"])
        assert len({model.backend.kind(one.rows[0]) for one in encoded}) == kinds


def test_rows_are_filled_with_what_the_model_takes_for_padding(tmp_path: Path) -> None:
    """The configuration's padding token counts before the tokenizer's."""
    model = onnxhub.load("text-classification", tiny.make_model(tmp_path, config_extra={"pad_token_id": 7}))
    assert model.backend.tokenizer.padding["input_ids"] == 7


def test_a_stream_reads_little_at_first(tmp_path: Path) -> None:
    """The first result of a live source does not wait for thousands of inputs, nor do long documents pile up."""
    model = onnxhub.load("text-classification", tiny.make_model(tmp_path)).with_options(long_text="window")
    read = 0

    def source(text: str) -> Iterator[str]:
        nonlocal read
        for _ in range(5000):
            read += 1
            yield text

    next(model.stream(source("a")))
    assert read <= 32
    read = 0
    next(model.stream(source("good " * 100_000)))
    assert read <= 3


def test_similarity_of_no_texts(tmp_path: Path) -> None:
    """An empty list gives an empty axis, on either side."""
    model = onnxhub.load("feature-extraction", tiny.make_model(tmp_path, "feature-extraction"))
    assert model.similarity([], ["a"]).shape == (0, 1)
    assert model.similarity("a", []).shape == (0,)
    assert model.similarity([], []).shape == (0, 0)


def test_options_may_be_numpy_integers(tmp_path: Path) -> None:
    """A whole number is one, wherever it comes from."""
    model = onnxhub.load("text-classification", tiny.make_model(tmp_path))
    assert len(model("a", top_k=np.int64(2)).ranking) == 2


def test_one_liners_know_a_folder_by_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same relative name in another working directory is another model."""
    for name, labels in (("first", ("A", "B")), ("second", ("C", "D"))):
        tiny.make_model(tmp_path / name / "model", labels=labels)
    monkeypatch.chdir(tmp_path / "first")
    assert onnxhub.classify("a", model="model").label in {"A", "B"}
    monkeypatch.chdir(tmp_path / "second")
    assert onnxhub.classify("a", model="model").label in {"C", "D"}
    onnxhub.unload()


def test_a_graph_that_pools_needs_none_of_the_modules(tmp_path: Path) -> None:
    """They are in it, so that one which is not known here, or whose weights are pickled, is no reason to refuse it."""
    folder = tiny.make_model(tmp_path, "feature-extraction", sentence_outputs=True)
    model = onnxhub.load("feature-extraction", folder)
    expected = model("a cat")
    np.testing.assert_array_equal(expected, model.outputs("a cat")["sentence_embedding"][0])
    (folder / "modules.json").write_text(
        '[{"path": "1_LSTM", "type": "a.LSTM"}, {"path": "2_Dense", "type": "a.Dense"}]'
    )
    np.testing.assert_array_equal(onnxhub.load("feature-extraction", folder)("a cat"), expected)


def test_an_option_that_no_part_has_is_told_with_those_there_are() -> None:
    """By the model's class, with the one that was meant: of a row that says its options, and of one that does not."""
    row = {"x": np.zeros(4, np.float32)}
    numbers = CannedBackend({"logits": [1.0, 0.0]}, input_names=("x",), row=row).load(NUMBERS)
    message = r"temperture=2: expected an option of LabelModel: progress, temperature \(did you mean 'temperature'\?\)"
    with pytest.raises(InvalidOptionError, match=message):
        numbers.copy_with({"temperture": 2})
    texts = onnxhub.load("text-classification", "builtin:sentiment")
    with pytest.raises(InvalidOptionError, match=r"topk=1: .* TextClassificationModel: .*top_k.* mean 'top_k'\?"):
        texts.copy_with({"topk": 1})


def test_a_model_without_a_file_is_shown_without_one() -> None:
    """No place is left for it between its name and its precision."""
    row = {"x": np.zeros(4, np.float32)}
    canned = CannedBackend({"logits": [1.0, 0.0]}, input_names=("x",), row=row).load(NUMBERS)
    assert repr(canned) == "<LabelModel canned (fp32) on canned>"
