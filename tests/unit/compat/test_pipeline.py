"""``onnxhub.pipeline``: nesting, options, devices and refusals; the oracle tests compare its values."""

import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxhub
from onnxhub._contracts.registry import get_task
from onnxhub.compat import PIPELINES, Pipeline
from onnxhub.errors import (
    InvalidInputError,
    InvalidOptionError,
    ProviderUnavailableError,
    TaskMismatchError,
    UnknownTaskError,
)
from tests import tiny

TASKS = tuple(task for task in PIPELINES if get_task(task).modality == "text")
QUESTION, CONTEXT = tiny.PAIRS[0]
LONG = tiny.TEXTS[-1]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give one tiny model for each task."""
    root = tmp_path_factory.mktemp("models")
    return {task: tiny.make_model(root / task, task) for task in TASKS}


def _input(task: str) -> Any:
    """Give an input of the task."""
    inputs = {"question-answering": {"question": QUESTION, "context": CONTEXT}, "fill-mask": f"[MASK] {CONTEXT}"}
    return inputs.get(task, CONTEXT)


def _options(task: str) -> dict[str, Any]:
    """Give the options that the task cannot do without."""
    return {"candidate_labels": ["a", "b"]} if task == "zero-shot-classification" else {}


def _rounded(result: Any) -> Any:
    """Round the scores of a result: those of a batch differ from those of one in the last bits."""
    if isinstance(result, dict):
        return {key: _rounded(value) for key, value in result.items()}
    if isinstance(result, list):
        return [_rounded(value) for value in result]
    return round(result, 5) if isinstance(result, float) else result


@pytest.mark.parametrize("task", TASKS)
def test_a_list_is_a_loop_and_a_generator_is_lazy(folders: dict[str, Path], task: str) -> None:
    """A list gives what its inputs give one by one, and a generator gives an iterator over the same."""
    pipe: Any = onnxhub.pipeline(task, folders[task], **_options(task))  # type: ignore[call-overload]
    one = pipe([_input(task), _input(task)])
    assert len(one) == 2
    stream = pipe(_input(task) for _ in range(2))
    assert isinstance(stream, Iterator)
    assert _rounded(list(stream)) == _rounded(one)


@pytest.mark.parametrize("task", TASKS)
def test_pickles_with_its_options(folders: dict[str, Path], task: str) -> None:
    """A pipeline pickles as the recipe to make it again."""
    pipe: Any = onnxhub.pipeline(task, folders[task], batch_size=3, **_options(task))  # type: ignore[call-overload]
    again = pickle.loads(pickle.dumps(pipe))
    assert isinstance(again, type(pipe))
    assert again(_input(task)) == pipe(_input(task))


@pytest.mark.parametrize("task", TASKS)
def test_an_option_of_another_task_is_refused(folders: dict[str, Path], task: str) -> None:
    """An option that the task does not have is an error that names those it has, at both places."""
    make: Any = onnxhub.pipeline
    for options in ({"question_template": "{}"}, {"labels": ["a"]}):
        with pytest.raises(InvalidOptionError, match="expected an option of"):
            make(task, folders[task], **options)
        with pytest.raises(InvalidOptionError, match="expected an option of"):
            make(task, folders[task])(_input(task), **_options(task), **options)


def test_text_classification_nesting(folders: dict[str, Path]) -> None:
    """A text is wrapped in a list unless the call says top_k; a dict never is; the constructor's top_k nests twice."""
    pipe = onnxhub.pipeline("text-classification", folders["text-classification"])
    best = pipe("a")[0]
    assert list(best) == ["label", "score"]
    assert type(best["score"]) is float
    assert pipe({"text": "a"}) == best
    assert pipe(["a"]) == [best]
    assert pipe("a", top_k=1) == [best]
    assert pipe(["a"], top_k=1) == [[best]]
    ranked = pipe("a", top_k=None)
    assert [entry["score"] for entry in ranked] == sorted((entry["score"] for entry in ranked), reverse=True)
    assert onnxhub.pipeline("sentiment-analysis", folders["text-classification"], top_k=None)("a") == [ranked]
    unsorted = pipe("a", return_all_scores=True)[0]
    assert tuple(entry["label"] for entry in unsorted) == tiny.LABELS["text-classification"]


def test_text_classification_pairs(folders: dict[str, Path]) -> None:
    """A pair is a dict, or the older list of lists; anything else is refused with its index."""
    pipe = onnxhub.pipeline("text-classification", folders["text-classification"])
    assert pipe([{"text": QUESTION, "text_pair": CONTEXT}]) == pipe([[[QUESTION, CONTEXT]]])
    with pytest.raises(InvalidInputError, match="item 1: expected a str, or a pair") as caught:
        pipe(["a", ["b", "c"]])
    assert caught.value.index == 1
    with pytest.raises(InvalidInputError, match="expected a str"):
        pipe({"text": "a", "other": "b"})


def test_text_classification_cuts_only_if_asked(folders: dict[str, Path]) -> None:
    """A text that is too long fails in the model, and is cut by truncation or max_length."""
    pipe = onnxhub.pipeline("text-classification", folders["text-classification"])
    with pytest.raises(InvalidInputError, match="the model failed"):
        pipe(LONG)
    assert pipe(LONG, truncation=True) == pipe(LONG, max_length=64) != pipe(LONG, max_length=8)
    assert pipe({"text": LONG, "text_pair": "a"}, truncation="only_first", max_length=9)
    with pytest.raises(InvalidInputError, match="too short"):
        pipe({"text": LONG, "text_pair": "a"}, truncation="only_second", max_length=9)


@pytest.mark.parametrize(
    "options", [{"top_k": "3"}, {"function_to_apply": "max"}, {"truncation": "left"}, {"function_to_apply": 1}], ids=str
)
def test_text_classification_refuses(folders: dict[str, Path], options: dict[str, Any]) -> None:
    """A value that an option cannot have is an error."""
    pipe: Any = onnxhub.pipeline("text-classification", folders["text-classification"])
    with pytest.raises(InvalidOptionError):
        pipe("a", **options)


def test_token_classification_keys(folders: dict[str, Path]) -> None:
    """Tokens have an index, groups have an entity_group; words are the tokenizer's, spans the text's."""
    pipe = onnxhub.pipeline("ner", folders["token-classification"], ignore_labels=[])
    token = pipe("Ada in London")[0]
    assert list(token) == ["entity", "score", "index", "word", "start", "end"]
    assert (token["index"], token["word"], token["start"], token["end"]) == (1, "ada", 0, 3)
    for strategy in ("simple", "FIRST", "average", "max"):
        group = pipe("Ada in London", aggregation_strategy=strategy)[0]
        assert list(group) == ["entity_group", "score", "word", "start", "end"]
    assert pipe("Ada", grouped_entities=True) == pipe("Ada", aggregation_strategy="simple")
    assert pipe("Ada", grouped_entities=True, ignore_subwords=True) == pipe("Ada", aggregation_strategy="first")


def _renamed(folder: Path, to: Path, **entries: Any) -> Path:
    """Give a copy of a model whose configuration has these entries about labels alone."""
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_bytes())
    kept = {key: value for key, value in config.items() if key not in {"id2label", "label2id"}}
    (to / "config.json").write_text(json.dumps({**kept, **entries}))
    return to


def test_token_classification_takes_labels_of_two_schemes(folders: dict[str, Path], tmp_path: Path) -> None:
    """As transformers does, for which they are plain; the typed model in the pipeline then gives tokens alone."""
    count = len(onnxhub.pipeline("ner", folders["token-classification"]).model.info.labels)
    names = ["B-PER", "I-PER", "B_LOC", "I_LOC", *(f"X{index}" for index in range(count))][:count]
    labels = {str(index): name for index, name in enumerate(names)}
    folder = _renamed(folders["token-classification"], tmp_path / "mixed", id2label=labels)
    pipe = onnxhub.pipeline("ner", folder)
    assert {token["entity"] for token in pipe(LONG)} <= set(names)
    assert {entity.label for entity in pipe.model(LONG)} <= set(names)
    with pytest.raises(TaskMismatchError, match="tags of two schemes"):
        onnxhub.load("token-classification", folder)


@pytest.mark.parametrize("task", ["text-classification", "token-classification"])
def test_a_pipeline_does_not_read_label2id(folders: dict[str, Path], tmp_path: Path, task: str) -> None:
    """Without id2label, transformers numbers the labels; the typed model has their names."""
    labels = onnxhub.load(task, folders[task]).info.labels
    by_name = {name: index for index, name in enumerate(labels)}
    folder = _renamed(folders[task], tmp_path / "inverse", label2id=by_name, num_labels=len(labels))
    pipe: Any = onnxhub.pipeline(task, folder)  # type: ignore[call-overload]
    entry = pipe("Ada in London")[0]
    assert entry.get("label", entry.get("entity")).startswith("LABEL_")
    assert pipe.model.info.labels == labels


def test_token_classification_stride(folders: dict[str, Path]) -> None:
    """Without a stride a long text loses its end, with one it is read whole."""
    pipe = onnxhub.pipeline("ner", folders["token-classification"], aggregation_strategy="simple", ignore_labels=[])
    assert pipe(LONG)[-1]["end"] < 0.7 * len(LONG)
    assert pipe(LONG, stride=8)[-1]["end"] > len(LONG) - 10
    for options in ({"stride": 64}, {"stride": 3, "aggregation_strategy": "none"}, {"aggregation_strategy": "all"}):
        with pytest.raises(InvalidOptionError):
            pipe("a", **options)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="leaves no room"):
        pipe(LONG, stride=63)
    with pytest.raises(InvalidInputError, match="at least one"):
        pipe([])


def test_question_answering_ways_to_ask(folders: dict[str, Path]) -> None:
    """One question gives a dict, or a list if there are several answers; several give a list."""
    pipe = onnxhub.pipeline("question-answering", folders["question-answering"])
    example = {"question": QUESTION, "context": CONTEXT}
    answer = pipe(question=QUESTION, context=CONTEXT)
    assert list(answer) == ["score", "start", "end", "answer"]
    assert CONTEXT[answer["start"] : answer["end"]] == answer["answer"]
    assert pipe(example) == pipe([example]) == pipe(QUESTION, CONTEXT) == answer
    several = (
        pipe(example, example),
        pipe([example] * 2),
        pipe(question=[QUESTION] * 2, context=CONTEXT),
        pipe(question=[QUESTION] * 2, context=[CONTEXT] * 2),
        pipe({"question": [QUESTION] * 2, "context": [CONTEXT] * 2}),
    )
    assert all(_rounded(one) == _rounded([answer, answer]) for one in several)
    assert len(pipe(example, top_k=3)) == 3
    assert pipe(example, topk=3) == pipe(example, top_k=3, max_question_len=1, padding="longest")
    assert pipe([]) == []


@pytest.mark.parametrize(
    ("args", "options", "error"),
    [
        ((), {}, InvalidInputError),
        ((), {"question": "a", "context": ["b"]}, InvalidInputError),
        (({"question": "a"},), {}, InvalidInputError),
        (({"question": "", "context": "b"},), {}, InvalidInputError),
        ((["a"],), {}, InvalidInputError),
        ((3,), {}, InvalidInputError),
        (("a", "b"), {"top_k": 0}, InvalidOptionError),
        (("a", "b"), {"max_answer_len": 0}, InvalidOptionError),
        (("a", "b"), {"max_seq_len": 0}, InvalidOptionError),
        (("a", "b"), {"max_seq_len": 8, "doc_stride": 9}, InvalidOptionError),
        (("who wrote the first program", LONG), {"max_seq_len": 10, "doc_stride": 4}, InvalidInputError),
    ],
    ids=str,
)
def test_question_answering_refuses(folders: dict[str, Path], args: Any, options: Any, error: type[Exception]) -> None:
    """What cannot be answered is an error, which is a ValueError as in transformers."""
    pipe = onnxhub.pipeline("question-answering", folders["question-answering"])
    with pytest.raises(error) as caught:
        pipe(*args, **options)
    assert isinstance(caught.value, ValueError)


def test_feature_extraction_lists_and_arrays(folders: dict[str, Path]) -> None:
    """Vectors of all tokens come in a batch of one, as lists or as an array."""
    pipe = onnxhub.pipeline("feature-extraction", folders["feature-extraction"])
    lists, array = pipe("Ada in London"), pipe("Ada in London", return_tensors=True)
    assert isinstance(lists[0][0][0], float)
    assert isinstance(array, np.ndarray)
    assert array.shape == (1, 5, 16)
    assert np.array_equal(np.array(lists, np.float32), array)
    assert [len(one[0]) for one in pipe(["a", "Ada in London"])] == [3, 5]
    assert len(pipe(LONG, truncation=True)[0]) == 64
    assert len(pipe(LONG, tokenize_kwargs={"max_length": 7})[0]) == 7
    for options in ({"truncation": True, "tokenize_kwargs": {"truncation": True}}, {"tokenize_kwargs": {"x": 1}}):
        with pytest.raises(InvalidOptionError):
            pipe("a", **options)  # type: ignore[arg-type]


def test_feature_extraction_gives_no_vectors_of_padding(folders: dict[str, Path]) -> None:
    """Padding to the model's length would add some, so it is refused; to the longest of one text it adds none."""
    pipe = onnxhub.pipeline("feature-extraction", folders["feature-extraction"])
    assert len(pipe("a", tokenize_kwargs={"padding": True})[0]) == 3
    with pytest.raises(InvalidOptionError, match="padding='max_length': expected True or False"):
        pipe("a", tokenize_kwargs={"padding": "max_length"})


def test_targets_that_are_no_words(folders: dict[str, Path]) -> None:
    """A lone surrogate, and what is no text, are refused by the name of the option."""
    pipe = onnxhub.pipeline("fill-mask", folders["fill-mask"])
    with pytest.raises(InvalidOptionError, match=r"targets=\['a\\ud800'\]: expected a word, .*; the word 0 has a lone"):
        pipe("a [MASK]", targets=["a\ud800"])
    with pytest.raises(InvalidOptionError, match=r"targets=.*: expected a word, or a list of words; word 1 is None"):
        pipe("a [MASK]", targets=["a", None])


def test_a_call_leaves_the_options_of_the_constructor(folders: dict[str, Path]) -> None:
    """An option of a call holds for that call, and None leaves the constructor's."""
    pipe = onnxhub.pipeline("ner", folders["token-classification"], aggregation_strategy="simple")
    before = pipe(CONTEXT)
    assert "entity" in pipe(CONTEXT, aggregation_strategy="none")[0]
    assert pipe(CONTEXT, aggregation_strategy=None, ignore_labels=None) == before


@pytest.mark.parametrize("device", [None, -1, "cpu", "cpu:0"])
def test_devices_that_are_the_cpu(folders: dict[str, Path], device: object) -> None:
    """Each of transformers' names for the CPU is the CPU."""
    assert onnxhub.pipeline("ner", folders["token-classification"], device=device).model.provider == "cpu"


@pytest.mark.parametrize("device", [0, "cuda", "cuda:1"])
def test_devices_that_are_a_gpu(folders: dict[str, Path], device: object) -> None:
    """A number is a GPU, and a missing one is an error, never the CPU."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(ProviderUnavailableError):
        onnxhub.pipeline("ner", folders["token-classification"], device=device)


@pytest.mark.parametrize(
    "options",
    [
        {"device": "mps"},
        {"device": -1, "provider": "cpu"},
        {"tokenizer": "other/model"},
        {"tokenizer": 3.5},
        {"model": 3.5},
        {"batch_size": 0},
        {"dtype": "torch.int1"},
    ],
    ids=str,
)
def test_loading_refuses(folders: dict[str, Path], options: dict[str, Any]) -> None:
    """What cannot be loaded as asked is an error that says so."""
    make: Any = onnxhub.pipeline
    with pytest.raises((ValueError, FileNotFoundError)):
        make("ner", **{"model": folders["token-classification"], **options})


def test_loading_options(folders: dict[str, Path]) -> None:
    """The model's own id as tokenizer, torch's name of a dtype, a file and a provider are taken."""
    folder = folders["token-classification"]
    pipe = onnxhub.pipeline("ner", folder, tokenizer=folder, dtype="torch.float32", provider=["cpu"], batch_size=2)
    assert isinstance(pipe, Pipeline)
    assert pipe.model.info.dtype == "fp32"
    assert onnxhub.pipeline("ner", folder, file="model.onnx").model.info.file == "model.onnx"
    assert "TokenClassificationPipeline" in repr(pipe)


def test_tasks_without_a_pipeline() -> None:
    """A task that is not known, or has no pipeline here, is an error."""
    make: Any = onnxhub.pipeline
    with pytest.raises(UnknownTaskError):
        make("text-classificaton")
