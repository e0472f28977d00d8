"""``onnxhub.pipeline`` gives what ``transformers.pipeline`` gives: structure, labels, words, spans, order, scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import onnxhub
from tests.oracle.peers import COUNTS, difference, reference, transformers, zoo

Options = Mapping[str, Any]

TEXT_OPTIONS: Sequence[Options] = (
    {},
    {"top_k": None},
    {"top_k": 1},
    {"top_k": 2},
    {"return_all_scores": True},
    {"function_to_apply": "sigmoid"},
    {"function_to_apply": "NONE", "top_k": None},
    {"max_length": 12},
)
TOKEN_OPTIONS: Sequence[Options] = (
    {},
    {"ignore_labels": []},
    {"aggregation_strategy": "simple"},
    {"aggregation_strategy": "first"},
    {"aggregation_strategy": "average"},
    {"aggregation_strategy": "MAX"},
    {"aggregation_strategy": "simple", "stride": 5, "ignore_labels": []},
    {"aggregation_strategy": "max", "stride": 17},
)
ANSWER_OPTIONS: Sequence[Options] = (
    {},
    {"top_k": 3, "handle_impossible_answer": True},
    {"top_k": 10, "max_answer_len": 4},
    {"top_k": 3, "align_to_words": False},
    {"top_k": 5, "max_seq_len": 48, "doc_stride": 12},
    {"top_k": 10, "max_seq_len": 40, "doc_stride": 10, "align_to_words": False, "handle_impossible_answer": True},
)


def _cases(task: str) -> list[tuple[str, str]]:
    """List the architectures of a task, in both flavours."""
    return [(name, flavour) for name, _ in zoo.cases([task]) for flavour in zoo.FLAVOURS]


def _compare(expected: Sequence[Any], actual: Sequence[Any], inputs: Sequence[Any], what: str) -> None:
    """Assert that results are equal, one by one."""
    assert len(expected) == len(actual) == len(inputs)
    for one, other, given in zip(expected, actual, inputs, strict=True):
        assert not difference(one, other), (difference(one, other), given)
        COUNTS[f"compat, {what}: equal"] += 1


@pytest.mark.parametrize(("architecture", "flavour"), _cases("text-classification"))
def test_text_classification(zoo_root: Path, architecture: str, flavour: str) -> None:
    """Labels and scores are equal under every option, for texts and pairs, given to the call or the constructor."""
    folder = zoo.build(zoo_root, architecture, "text-classification", flavour)
    theirs, ours = reference(folder, "text-classification"), onnxhub.pipeline("text-classification", folder)
    pairs = [{"text": context, "text_pair": question} for question, context in zoo.qa_pairs(21, 10)]
    inputs = [*zoo.texts(21, 20), *pairs]
    for options in TEXT_OPTIONS:
        given = options if "max_length" in options else {"truncation": True, **options}
        _compare(theirs(inputs, **given), ours(inputs, **given), inputs, "text-classification")
        bound = onnxhub.pipeline("text-classification", folder, **given)
        again = transformers.pipeline(
            "text-classification", model=theirs.model, tokenizer=theirs.tokenizer, device="cpu", **given
        )
        _compare([again(one) for one in inputs[:3]], [bound(one) for one in inputs[:3]], inputs[:3], "constructor")


@pytest.mark.parametrize(("architecture", "flavour"), _cases("token-classification"))
def test_token_classification(zoo_root: Path, architecture: str, flavour: str) -> None:
    """Words, spans, groups and scores are equal under every strategy and stride."""
    folder = zoo.build(zoo_root, architecture, "token-classification", flavour)
    theirs, ours = reference(folder, "token-classification"), onnxhub.pipeline("ner", folder)
    inputs = zoo.texts(22, 24)
    for options in TOKEN_OPTIONS:
        _compare(theirs(inputs, **options), ours(inputs, **options), inputs, "token-classification")


@pytest.mark.parametrize(("architecture", "flavour"), _cases("question-answering"))
def test_question_answering(zoo_root: Path, architecture: str, flavour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers, spans and scores are equal under every option, whatever the number of windows."""
    folder = zoo.build(zoo_root, architecture, "question-answering", flavour)
    theirs, ours = reference(folder, "question-answering"), onnxhub.pipeline("question-answering", folder)
    if (architecture, flavour) == ("bart", "real"):
        monkeypatch.setattr(theirs, "get_indices", _without_the_space_before_a_window(theirs))
    inputs = [{"question": question, "context": context} for question, context in zoo.qa_pairs(23, 14)]
    for options in ANSWER_OPTIONS:
        _compare(theirs(inputs, **options), ours(inputs, **options), inputs, "question-answering")


def _without_the_space_before_a_window(theirs: Any) -> Any:
    """Take out the one deviation in windows: a prefix space that tokenizers does not trim at a window's first token."""
    original = type(theirs).get_indices

    def get_indices(enc: Any, s: int, e: int, sequence_index: int, align_to_words: bool) -> tuple[int, int]:
        start, end = original(theirs, enc, s, e, sequence_index, align_to_words)
        first = enc.sequence_ids.index(sequence_index)
        cut = enc.offsets[first][0] > 0 and enc.tokens[first].startswith("Ġ")
        return start + (cut and start == enc.offsets[first][0]), end

    return get_indices


@pytest.mark.parametrize(("architecture", "flavour"), _cases("feature-extraction"))
def test_feature_extraction(zoo_root: Path, architecture: str, flavour: str) -> None:
    """The vectors of all tokens are equal, in the same nesting."""
    folder = zoo.build(zoo_root, architecture, "feature-extraction", flavour)
    theirs, ours = reference(folder, "feature-extraction"), onnxhub.pipeline("feature-extraction", folder)
    inputs = zoo.texts(24, 12)
    for options in ({"truncation": True}, {"tokenize_kwargs": {"max_length": 9}}):
        _compare(theirs(inputs, **_copied(options)), ours(inputs, **options), inputs, "feature-extraction")
    assert ours(inputs[0], truncation=True, return_tensors=True).shape[0] == 1


def _copied(options: Options) -> dict[str, Any]:
    """Copy options that transformers writes into."""
    return {name: dict(value) if isinstance(value, dict) else value for name, value in options.items()}


PAIR = {"text": "a very good film", "text_pair": "was it good?"}
QA = {"question": "Who wrote it?", "context": "Ada Lovelace wrote the book in London, not in Paris."}
TEXT_SHAPES: Sequence[Any] = (
    "good",
    ["good"],
    ["good", "bad"],
    [],
    {"text": "good"},
    PAIR,
    [PAIR, "bad"],
    [[["good", "bad"]]],
    {"text": "good", "text_pair": ""},
    [["good", "bad"]],
    3,
)
ANSWER_SHAPES: Sequence[tuple[tuple[Any, ...], Options]] = (
    ((QA,), {}),
    (([QA],), {}),
    (([QA, QA],), {}),
    ((QA, QA), {}),
    ((QA["question"], QA["context"]), {}),
    (([],), {}),
    ((), QA),
    ((), {"question": ["Who?", "Where?"], "context": QA["context"]}),
    ((), {"question": ["Who?"], "context": [QA["context"]]}),
    (({"question": ["Who?", "Where?"], "context": [QA["context"]] * 2},), {}),
    ((QA,), {"topk": 3}),
    (([QA, QA],), {"top_k": 2}),
    (({"question": " ", "context": " "},), {"top_k": 4}),
    (({"question": "a", "context": "b"},), {"top_k": 30, "handle_impossible_answer": True}),
    ((), {"question": "Who?", "context": [QA["context"]]}),
    ((), {"question": ["Who?"], "context": []}),
    ((), {}),
    (({"question": "Who?"},), {}),
    (({"question": "", "context": "b"},), {}),
    ((["Who?"],), {}),
    ((QA,), {"top_k": 0}),
    ((QA,), {"max_answer_len": 0}),
    ((QA,), {"max_seq_len": 20, "doc_stride": 30}),
)


def _outcome(call: Any, *args: Any, **options: Any) -> Any:
    """Give the result, or only that there is none."""
    try:
        return call(*args, **options)
    except (ValueError, KeyError):
        return "refused"


@pytest.mark.parametrize("bound", TEXT_OPTIONS[:6], ids=str)
def test_text_shapes(zoo_root: Path, bound: Options) -> None:
    """The nesting is equal for every kind of input, every option of the call, and every option of the constructor."""
    folder = zoo.build(zoo_root, "bert-cased", "text-classification")
    parts = reference(folder, "text-classification")
    theirs = transformers.pipeline(
        "text-classification", model=parts.model, tokenizer=parts.tokenizer, device="cpu", **bound
    )
    ours = onnxhub.pipeline("text-classification", folder, **bound)
    for options in ({}, {"top_k": None}, {"top_k": 1}, {"top_k": ""}, {"top_k": -1}, {"return_all_scores": False}):
        for given in TEXT_SHAPES:
            expected, actual = _outcome(theirs, given, **options), _outcome(ours, given, **options)
            assert not difference(expected, actual), (given, options)


@pytest.mark.parametrize(("args", "options"), ANSWER_SHAPES, ids=str)
def test_answer_shapes(zoo_root: Path, args: tuple[Any, ...], options: Options) -> None:
    """Every way to ask is answered, or refused, as transformers does."""
    folder = zoo.build(zoo_root, "bert-cased", "question-answering")
    theirs, ours = reference(folder, "question-answering"), onnxhub.pipeline("question-answering", folder)
    assert not difference(_outcome(theirs, *args, **options), _outcome(ours, *args, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"grouped_entities": True},
        {"grouped_entities": False},
        {"grouped_entities": True, "ignore_subwords": True},
        {"ignore_subwords": True},
        {"stride": 3},
        {"stride": 3, "aggregation_strategy": "none"},
        {"stride": 500, "aggregation_strategy": "simple"},
        {"aggregation_strategy": "nope"},
        {"ignore_labels": ["B-PER", "O"]},
    ],
    ids=str,
)
def test_entity_shapes(zoo_root: Path, options: Options) -> None:
    """Older options, and those that do not go together, do what they do in transformers."""
    folder = zoo.build(zoo_root, "bert-cased", "token-classification")
    theirs, ours = reference(folder, "token-classification"), onnxhub.pipeline("ner", folder)
    for given in ("Ada in London", ["Ada"], [], "", "Ada Lovelace visited Paris. " * 30):
        assert not difference(_outcome(theirs, given, **options), _outcome(ours, given, **options)), given


def test_generators_and_data_sets(zoo_root: Path) -> None:
    """A generator or a data set gives an iterator, which reads no further than it must."""
    from transformers.pipelines.pt_utils import KeyDataset

    folder = zoo.build(zoo_root, "bert-cased", "text-classification")
    theirs, ours = reference(folder, "text-classification"), onnxhub.pipeline("text-classification", folder)
    data = KeyDataset([{"text": "good"}, {"text": "bad"}], "text")
    assert not difference(list(theirs(data)), list(ours(data)))
    read: list[str] = []
    results = ours(read.append(text) or text for text in ("good", "bad"))
    assert not read
    assert not difference(theirs(["good"])[0], next(results))
    assert read == ["good"]
