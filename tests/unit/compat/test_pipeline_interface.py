"""What code written for transformers' pipelines uses beside the call: attributes, scikit-learn's names, loading options."""

from __future__ import annotations

import copy
import pickle
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxhub
from onnxhub._contracts.registry import get_task
from onnxhub.compat import PIPELINES
from onnxhub.errors import InvalidInputError, InvalidOptionError, OfflineError, UnclearTaskError, UnknownOptionError
from onnxhub.tasks.custom import suggest_pipeline
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
    assert (pipe.task, pipe.device, pipe.dtype, pipe.torch_dtype) == ("text-classification", "cpu", "fp32", "fp32")
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
        {"model_kwargs": None}, {"model_kwargs": {"low_cpu_mem_usage": True, "use_safetensors": True}},
        {"model_kwargs": {"local_files_only": True, "torch_dtype": TorchDtype("float32")}}, {"model_kwargs": {"dtype": "fp32"}},
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
        ({"model_kwargs": {"load_in_8bit": True}}, r"load_in_8bit: load\(\.\.\., dtype='int8'\)"),
        ({"model_kwargs": {"attention": "own"}}, r"cache_dir, dtype, local_files_only, torch_dtype are taken, and all else .*load$"),
        ({"model_kwargs": "sdpa"}, r"model_kwargs='sdpa': expected \{\}"),
        ({"model_kwargs": {"dtype": "fp16"}, "torch_dtype": "fp32"}, r"model_kwargs=.*: expected \{\}"),
        ({"model_kwargs": {"dtype": "fp16"}, "dtype": "fp32"}, r"torch_dtype='fp16': expected None beside dtype='fp32'"),
        ({"cache_dir": "x"}, r"cache_dir='x': expected it in the constructor's model_kwargs, .*\{'cache_dir': \.\.\.\}"),
        ({"attn_implementation": "sdpa"}, r"an option of TextClassificationPipeline: .* \(how attention is computed is part"),
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


def test_the_arguments_of_load_in_model_kwargs(folder: Path, tmp_path: Path) -> None:
    """They reach it: nothing is fetched, and the cache is another."""
    given = {"cache_dir": tmp_path, "local_files_only": True}
    with pytest.raises(OfflineError, match="org/name"):
        onnxhub.pipeline("text-classification", "org/name", model_kwargs=given)
    assert onnxhub.pipeline("text-classification", folder, model_kwargs=given)("a")


@pytest.mark.parametrize("task", [task for task in PIPELINES if get_task(task).modality == "text"])
def test_a_pipeline_without_a_task(task: str, tmp_path: Path) -> None:
    """The model tells it: by its architecture, or by its card where several tasks share that."""
    model = make_model(tmp_path / "model", task)
    (model / "README.md").write_text(f"---\npipeline_tag: {task}\n---\n", encoding="utf-8")
    options: dict[str, Any] = {"candidate_labels": ["a", "b"]} if task == "zero-shot-classification" else {}
    found = onnxhub.pipeline(model=model, batch_size=2, **options)
    assert type(found) is PIPELINES[task]
    assert type(found.model.postprocessor) is type(pipeline(task, model).model.postprocessor)


def test_a_pipeline_of_nothing(folder: Path, tmp_path: Path) -> None:
    """A task or a model is wanted, a model that tells its task, and options that the task has."""
    with pytest.raises(InvalidOptionError, match=r"task=None: expected a task, or a model that tells its own"):
        pipeline()
    with pytest.raises(InvalidOptionError, match=r"model=3: expected a Hub id or a folder, not a int"):
        pipeline(model=3)
    with pytest.raises(InvalidOptionError, match=r"stride=3: expected an option of TextClassificationPipeline"):
        pipeline(model=folder, stride=3)
    with pytest.raises(InvalidOptionError, match="tokenizer='org/other': expected the model's own"):
        pipeline(model=folder, tokenizer="org/other")
    shutil.copy(folder / "tokenizer.json", tmp_path)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows"]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(UnclearTaskError, match="its task cannot be told"):
        pipeline(model=tmp_path)


@pytest.mark.parametrize(
    "task", [task for task in onnxhub.list_tasks() if task.name not in PIPELINES], ids=lambda task: task.name
)
def test_a_task_without_a_pipeline(task: onnxhub.Task[Any]) -> None:
    """The error says what gives typed results, or arrays and then the dicts, by each of its names."""
    for name in (task.name, *task.aliases):
        with pytest.raises(InvalidOptionError) as caught:
            pipeline(name, "org/name")
        said = str(caught.value)
        assert "did you mean" not in said
        assert f"onnxhub.load({name!r}, 'org/name') gives {'arrays' if task.raw else 'typed results'}" in said
        line = suggest_pipeline(name, "org/name") or suggest_pipeline(task.name, "org/name") if task.raw else ""
        assert f"{line} the dicts" in said if line else "the dicts" not in said


def test_a_model_of_a_task_without_a_pipeline(folder: Path, tmp_path: Path) -> None:
    """The task that it tells is refused as one that was named, before a session is opened."""
    shutil.copy(folder / "model.onnx", tmp_path)
    (tmp_path / "config.json").write_text('{"architectures": ["BertForMultipleChoice"]}', encoding="utf-8")
    with pytest.raises(InvalidOptionError, match=r"task='multiple-choice': .*gives typed results$"):
        onnxhub.pipeline(model=tmp_path)


def test_attributes_that_are_elsewhere(folder: Path) -> None:
    """What transformers' pipelines have besides is an error that says where it is; copies are as they were."""
    pipe: Any = onnxhub.pipeline("text-classification", folder)
    with pytest.raises(AttributeError, match=r"no attribute 'forward'; pipe\.model\.outputs\(inputs\)") as caught:
        _ = pipe.forward
    assert caught.value.name == "forward"
    with pytest.raises(AttributeError, match=r"no attribute 'modelcard'; pipe\.model is the onnxhub Model underneath$"):
        _ = pipe.modelcard
    assert not hasattr(pipe, "_forward")
    assert copy.deepcopy(pipe)("a") == copy.copy(pipe)("a") == pipe("a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trust_remote_code": True}, r"\(code of a repository is never run\)"),
        ({"model_kwargs": {}}, r"\(load takes each by its own name"),
        ({"tokenizer": "org/other"}, r"\(it is the model's own; another's files go into the model's folder\)"),
        ({"image_processor": None}, r"\(what prepares inputs is the model's own\)"),
        ({"load_in_8bit": True}, r"\(load\(\.\.\., dtype='int8'\)"),
        ({"attn_implementation": "sdpa"}, r"\(how attention is computed is part of the graph\)"),
    ],
)
def test_arguments_of_transformers_elsewhere(folder: Path, options: dict[str, Any], message: str) -> None:
    """Loading, one line and a call refuse them with the same reason, and guess no other argument."""
    model: Any = onnxhub.load("text-classification", folder)
    classify: Any = onnxhub.classify
    for call in (
        lambda: onnxhub.load("text-classification", folder, **options),
        lambda: classify("a", model=folder, **options),
        lambda: model("a", **options),
    ):
        with pytest.raises(UnknownOptionError, match=message) as caught:
            call()
        assert "did you mean" not in str(caught.value)


def test_arguments_of_load_in_one_line(folder: Path) -> None:
    """The error says that a model that is loaded takes them; what the function takes itself is guessed."""
    classify: Any = onnxhub.classify
    for name in ("token", "cache_dir", "file", "threads"):
        with pytest.raises(
            UnknownOptionError, match=rf"takes it: load\('text-classification', \.\.\., {name}=\.\.\.\)"
        ):
            classify("a", model=folder, **{name: None})
    with pytest.raises(UnknownOptionError, match=r"dtipe='q8': expected .* \(did you mean 'dtype'\?\)"):
        classify("a", model=folder, dtipe="q8")


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
