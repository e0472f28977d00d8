"""What code written for transformers' pipelines uses beside the call: attributes, scikit-learn's names, loading options."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import onnxhub
from onnxhub._contracts.registry import get_task
from onnxhub.compat import PIPELINES
from onnxhub.errors import InvalidInputError, InvalidOptionError
from onnxhub.testing import CannedBackend
from tests.tiny import TEXTS, make_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pipeline: Any = onnxhub.pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier."""
    return make_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture(scope="module")
def qa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that answers questions."""
    return make_model(tmp_path_factory.mktemp("models") / "qa", "question-answering")


class TorchDtype:
    """What ``str`` makes of torch's dtypes, without torch."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


def test_the_attributes_of_a_pipeline(folder: Path) -> None:
    """Task, tokenizer with its special tokens, device, dtype, and the configuration with its labels by number."""
    pipe = onnxhub.pipeline("sentiment-analysis", folder)
    assert (pipe.task, pipe.device, pipe.dtype) == ("text-classification", "cpu", "fp32")
    tokenizer = pickle.loads(pickle.dumps(pipe)).tokenizer
    assert (tokenizer.mask_token, tokenizer.cls_token, tokenizer.pad_token) == ("[MASK]", "[CLS]", "[PAD]")
    assert (tokenizer.unk_token, tokenizer.model_max_length, tokenizer.padding_side) == ("[UNK]", 64, "right")
    config = pipe.model.config
    assert config.id2label == {0: "NEGATIVE", 1: "NEUTRAL", 2: "POSITIVE"}
    assert config.label2id["POSITIVE"] == 2
    assert (config.model_type, config["model_type"], len(config) > 3) == ("bert", "bert", True)
    assert dict(pickle.loads(pickle.dumps(config))) == dict(config)
    with pytest.raises(AttributeError, match=r"config.json has no 'model_typ'.*did you mean 'model_type'"):
        _ = config.model_typ


def test_the_names_of_scikit_learn(folder: Path) -> None:
    """Predict and transform are the call."""
    pipe = onnxhub.pipeline("text-classification", folder)
    texts = list(TEXTS[:3])
    assert pipe.predict(texts) == pipe.transform(texts) == pipe(texts)


def test_a_pipeline_is_saved_into_a_folder(folder: Path, tmp_path: Path) -> None:
    """Which gives the same; other files of it stay, and a model without files says so."""
    (tmp_path / "mine.txt").write_text("mine")
    pipe = onnxhub.pipeline("text-classification", folder)
    pipe.save_pretrained(tmp_path)
    assert onnxhub.pipeline("text-classification", tmp_path)("a") == pipe("a")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    canned = CannedBackend({"logits": [0.0, 1.0]}).load("text-classification")
    with pytest.raises(InvalidOptionError, match="a model of files"):
        PIPELINES["text-classification"](canned).save_pretrained(tmp_path)


@pytest.mark.parametrize("task", [task for task in PIPELINES if get_task(task).modality == "text"])
def test_the_size_of_a_batch_at_the_call(task: str, tmp_path: Path) -> None:
    """It is that of a generator's reading, and no result depends on it; workers do nothing."""
    given: Any = {"question-answering": {"question": "Who?", "context": "Ada"}, "fill-mask": "a [MASK]"}.get(
        task, "a good one"
    )
    options = {"candidate_labels": ["a", "b"]} if task == "zero-shot-classification" else {}
    pipe = pipeline(task, make_model(tmp_path / "model", task), num_workers=2, **options)
    read: list[int] = []

    def source() -> Iterator[Any]:
        for number in range(5):
            read.append(number)
            yield given

    first = next(iter(pipe(source(), batch_size=3, num_workers=0)))
    assert read == [0, 1, 2]
    assert str(pipe([given] * 2, batch_size=8)[0])[:12] == str(first)[:12]
    with pytest.raises(InvalidOptionError, match="batch_size=0"):
        pipe(given, batch_size=0)
    with pytest.raises(InvalidOptionError, match="num_workers=-1"):
        pipe(given, num_workers=-1)


@pytest.mark.parametrize(
    "options",
    [
        {"device_map": None}, {"framework": "pt"}, {"trust_remote_code": False}, {"use_fast": True}, {"model_kwargs": {}},
        {"config": None}, {"feature_extractor": None}, {"num_workers": 0}, {"torch_dtype": None}, {"dtype": None},
        {"torch_dtype": "auto"}, {"torch_dtype": TorchDtype("float32")}, {"dtype": TorchDtype("float32")},
        {"dtype": np.dtype(np.float32)}, {"dtype": "fp32"},
    ],
    ids=str,
)  # fmt: skip
def test_options_that_ask_for_nothing(folder: Path, options: dict[str, Any]) -> None:
    """They are taken, and change nothing."""
    assert pipeline("text-classification", folder, **options)("a") == pipeline("text-classification", folder)("a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device_map": "auto"}, r"device_map='auto': expected None: device= or provider="),
        ({"framework": "tf"}, r"framework='tf': expected 'pt' or None"),
        ({"trust_remote_code": True}, r"trust_remote_code=True: expected False: code of a repository is never run"),
        ({"use_fast": False}, r"use_fast=False: expected True"),
        ({"model_kwargs": {"load_in_8bit": True}}, r"expected \{\}: .*options of onnxhub\.load"),
        ({"config": "other"}, r"config='other': expected None"),
        ({"dtype": TorchDtype("bfloat16")}, r"dtype=torch\.bfloat16: expected torch\.float32, torch\.float16"),
        ({"torch_dtype": "bfloat16"}, r"torch_dtype='bfloat16': expected torch\.float32"),
        ({"dtype": 16}, r"dtype=16: expected torch\.float32"),
        ({"dtype": "fp32", "torch_dtype": "fp16"}, r"torch_dtype='fp16': expected None beside dtype='fp32'"),
        ({"max_seq_length": 3}, r"max_seq_length=3: expected an option of TextClassificationPipeline \(did you mean 'max_length'\?\)"),
    ],
)  # fmt: skip
def test_options_that_ask_for_something(folder: Path, options: dict[str, Any], message: str) -> None:
    """They are refused by their names, with what to do."""
    with pytest.raises(InvalidOptionError, match=message):
        pipeline("text-classification", folder, **options)


def test_a_loading_option_at_the_call(folder: Path) -> None:
    """It belongs to the constructor."""
    with pytest.raises(InvalidOptionError, match=r"device=0: expected it at the constructor, onnxhub\.pipeline"):
        pipeline("text-classification", folder)("a", device=0)


def test_the_tokenizer_may_be_named_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the same folder, however it is written."""
    monkeypatch.chdir(folder.parent)
    for model, tokenizer in ((folder, str(folder)), (str(folder), f"{folder}/"), (folder, "model"), ("model", folder)):
        assert pipeline("text-classification", model, tokenizer=tokenizer)("a")
    with pytest.raises(InvalidOptionError, match="tokenizer='org/other': expected the model's own"):
        pipeline("text-classification", folder, tokenizer="org/other")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"question": "Who?"}, "got one without context"),
        ({"context": "Ada"}, "got one without question"),
        ({}, "got one without question and context"),
    ],
)
def test_a_question_without_its_context(qa: Path, given: dict[str, str], message: str) -> None:
    """The key that is missing is named, with the input's index."""
    with pytest.raises(InvalidInputError, match=f"^item 1: .*{message}"):
        onnxhub.pipeline("question-answering", qa)([{"question": "Who?", "context": "Ada"}, given])


def test_small_slips(qa: Path, tmp_path: Path) -> None:
    """Each error is about what was given: a stride below 0, a similar name, labels in one text, an unknown key."""
    answer = pipeline("question-answering", qa)
    with pytest.raises(InvalidOptionError, match="doc_stride=-1: expected 0 to max_seq_len"):
        answer(question="Who?", context="Ada", doc_stride=-1)
    with pytest.raises(InvalidOptionError, match=r"did you mean 'max_seq_len'"):
        answer(question="Who?", context="Ada", max_seq_length=9)
    tagger = make_model(tmp_path / "ner", "token-classification")
    with pytest.raises(InvalidOptionError, match=r"ignore_labels='B-PER': expected a list of labels"):
        pipeline("ner", tagger, ignore_labels="B-PER")
    embedder = pipeline("feature-extraction", make_model(tmp_path / "embedder", "feature-extraction"))
    with pytest.raises(
        InvalidOptionError, match=r"tokenize_kwargs=\{'add_special_tokens': False\}: expected no key 'add_special"
    ):
        embedder("a", tokenize_kwargs={"add_special_tokens": False})
    with pytest.raises(InvalidOptionError, match="tokenize_kwargs='truncation': expected a dict"):
        embedder("a", tokenize_kwargs="truncation")


def test_names_of_outputs_reach_load(folder: Path) -> None:
    """As those of load do."""
    with pytest.raises(InvalidOptionError, match="outputs of the graph: logits"):
        onnxhub.pipeline("text-classification", folder, outputs={"logits": "463"})
