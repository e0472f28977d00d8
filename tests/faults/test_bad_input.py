"""Everything bad that one can hand to the library: one table, each row with its own error of the tree."""
# ruff: noqa: PLW0108  # every row's lambda takes the world

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import onnxhub
from onnxhub.errors import (
    AmbiguousFileError,
    ExportError,
    GatedModelError,
    IntegrityError,
    InvalidInputError,
    InvalidOptionError,
    ModelNotFoundError,
    NonFiniteOutputError,
    NoOnnxFileError,
    OfflineError,
    ProviderUnavailableError,
    TaskMismatchError,
    UnknownTaskError,
    UnsafeModelError,
    VariantNotFoundError,
)
from tests import tiny
from tests.hub_server import HubServer, run_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CLASSIFY, ANSWER, TAG, EMBED = "text-classification", "question-answering", "token-classification", "feature-extraction"
TASKS = (CLASSIFY, ANSWER, TAG, EMBED)
ZERO, FILL, RANK, CHOOSE, SPARSE = (
    "zero-shot-classification", "fill-mask", "text-ranking", "multiple-choice", "sparse-feature-extraction",
)  # fmt: skip
MORE_TASKS = (ZERO, FILL, RANK, CHOOSE, SPARSE)
GOOD = {
    CLASSIFY: "a good one", ANSWER: ("What?", "Paris"), TAG: "Ada in London", EMBED: "a good one",
    ZERO: "a good one", FILL: "a [MASK]", RANK: ("What?", ["Paris", "a cat"]), CHOOSE: ("What?", ["Paris", "a cat"]),
    SPARSE: "a good one",
}  # fmt: skip
NEEDED = {ZERO: {"labels": ["good", "bad"]}}
"""Options without which a task cannot be called."""
SURROGATE = "a \ud83d b"
TOKEN = "hf_CANARYcanaryCANARY"


class World:
    """Good models, and folders to spoil."""

    def __init__(
        self, path: Path, tiny_model: Callable[..., Path], hub_errors: dict[str, tuple[str, str, str]]
    ) -> None:
        self.path = path
        self.tiny_model = tiny_model
        self.hub_errors = hub_errors
        self.used: list[tuple[Any, Any, Any]] = []

    def model(self, task: str, **made: Any) -> Any:
        """A good model, of which it is known what it gives for a good input."""
        model = onnxhub.load(task, self.tiny_model(task, **made)).with_options(**NEEDED.get(task, {}))
        self.used.append((model, GOOD[task], repr(model(GOOD[task]))))
        return model

    def folder(self, task: str = CLASSIFY, **made: Any) -> Path:
        """A folder that may be spoilt."""
        return tiny.make_model(self.path / "spoilt", task, **made)

    def without(self, *names: str, task: str = CLASSIFY, **made: Any) -> Path:
        """A folder that lacks files."""
        folder = self.folder(task, **made)
        for name in names:
            (folder / name).unlink()
        return folder

    def with_file(self, name: str, content: bytes, task: str = CLASSIFY) -> Path:
        """A folder with one file of other content."""
        folder = self.folder(task)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
        return folder

    def with_other_weights(self, name: str) -> Path:
        """A folder with a file of weights in the place of its ONNX file."""
        folder = self.without("model.onnx")
        (folder / name).write_bytes(b"weights")
        return folder

    def cut(self, name: str = "model.onnx", part: float = 0.5, **made: Any) -> Path:
        """A folder in which a file ends too early."""
        folder = self.folder(**made)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * part)])
        return folder

    def graph(self, change: Callable[[onnx.GraphProto], object], task: str = CLASSIFY, **made: Any) -> Path:
        """A folder whose graph was changed."""
        folder = self.folder(task, **made)
        model = onnx.load(folder / "model.onnx")
        change(model.graph)
        onnx.save(model, folder / "model.onnx")
        return folder

    def hub(self, name: str) -> None:
        """What came of one of HUB_CALLS, in a process of its own."""
        kind, data, _ = self.hub_errors[name]
        raise getattr(onnxhub.errors, kind)(*json.loads(data))

    def check_that_all_is_well(self) -> None:
        """Every model that was used gives what it gave before."""
        for model, good, expected in self.used:
            assert repr(model(good)) == expected


def dynamic_labels(graph: onnx.GraphProto) -> None:
    """Let the graph not say how many labels it has, nor ONNX Runtime find out: the number comes from the input."""
    graph.node[-1].output[0] = "all_logits"
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([value]), name)
            for name, value in (("none", 0), ("many", 10**6), ("last", -1))
        ]
    )
    graph.node.extend(
        [
            helper.make_node("ReduceMax", ["input_ids"], ["largest"], keepdims=0),
            helper.make_node("Add", ["largest", "many"], ["end"]),
            helper.make_node("Slice", ["all_logits", "none", "end", "last"], ["logits"]),
        ]
    )
    graph.output[0].type.tensor_type.shape.dim[-1].dim_param = "labels"


def extra_input(graph: onnx.GraphProto) -> None:
    """Let the graph want an input that no text gives."""
    graph.input.append(helper.make_tensor_value_info("bbox", onnx.TensorProto.INT64, ["batch", "sequence", 4]))


def custom_operator(graph: onnx.GraphProto) -> None:
    """Let the graph want an operator of a library that comes with it."""
    graph.node[0].op_type, graph.node[0].domain = "Evil", "com.evil"


@dataclass(frozen=True)
class Row:
    """A bad thing, and the error that it gets."""

    name: str
    do: Callable[[World], object]
    error: type[Exception]
    message: str


def called(
    name: str, task: str, bad: Any, message: str, error: type[Exception] = InvalidInputError, **options: Any
) -> Row:
    """A bad input of a good model."""
    return Row(f"{task}: {name}", lambda world: world.model(task)(bad, **options), error, message)


def not_loaded(
    name: str, make: Callable[[World], Path], error: type[Exception], message: str, task: str = CLASSIFY, **options: Any
) -> Row:
    """A folder that is no good model."""
    return Row(f"load: {name}", lambda world: onnxhub.load(task, make(world), **options), error, message)


def option(name: str, value: Any, message: str, error: type[Exception] = InvalidOptionError) -> Row:
    """A bad option of `load`."""
    return Row(
        f"load: {name}={value!r}",
        lambda world: onnxhub.load(CLASSIFY, world.tiny_model(), **{name: value}),
        error,
        message,
    )


def call_option(task: str, message: str, **bad: Any) -> list[Row]:
    """A bad option of a call, and of `with_options`."""
    return [
        Row(f"{task}: call {bad}", lambda world: world.model(task)(GOOD[task], **bad), InvalidOptionError, message),
        Row(
            f"{task}: with_options {bad}",
            lambda world: world.model(task).with_options(**bad),
            InvalidOptionError,
            message,
        ),
    ]


class Table:
    """As a data frame or an Arrow table: it has columns, iterates over something else than rows, and becomes dicts."""

    columns = ("text", "label")
    shape = (2, 2)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def to_pylist(self) -> list[dict[str, str]]:
        """The rows."""
        return [{"text": "a", "label": "b"}]


NO_TEXT: dict[str, Any] = {
    "None": None, "int": 5, "float": 2.5, "bool": True, "bytes": b"text", "dict": {"text": "a"}, "set": {"a"},
    "object": object(), "generator": iter(["a"]), "numpy scalar": np.float32(1), "numpy 0-d": np.array("a"),
}  # fmt: skip

INPUTS = [
    *(called(name, task, bad, r"^expected a str as text.*, got \w+: ")
      for name, bad in NO_TEXT.items() for task in (CLASSIFY, TAG, EMBED)),
    *(called(name, ANSWER, bad, r"^expected a tuple \(question, context\), got \w+") for name, bad in NO_TEXT.items()),
    *(called(f"{name} in a list", task, [GOOD[task], bad], r"^item 1: expected a (str|tuple)")
      for name, bad in NO_TEXT.items() for task in TASKS),
    *(called("nested list", task, [GOOD[task], [GOOD[task]]], r"^item 1: expected a (str|tuple).*got list") for task in TASKS),
    *(called("list of lists", task, [[GOOD[task]]], r"^item 0: expected a (str|tuple).*got list") for task in TASKS),
    *(called("2-d array", task, np.array([["a", "b"]]), r"^item 0: expected a (str|tuple).*got list") for task in TASKS),
    called("bytes, with what to do", CLASSIFY, b"text", r"decode it first, bytes.decode\('utf-8'\)"),
    called("a long bad value is cut", CLASSIFY, b"x" * 10_000, r"^expected .{0,200}$"),
    *(called("lone surrogate", task, SURROGATE, r"^the text.* has a lone surrogate '\\ud83d' at character 2.*text.encode")
      for task in (CLASSIFY, TAG, EMBED)),
    *(called("lone surrogate in a list", task, ["a", SURROGATE], "^item 1: the text.* has a lone surrogate")
      for task in (CLASSIFY, TAG, EMBED)),
    called("lone surrogate in the question", ANSWER, (SURROGATE, "Paris"), "^the question has a lone surrogate"),
    called("lone surrogate in the context", ANSWER, [GOOD[ANSWER], ("What?", SURROGATE)], "^item 1: the context has a lone"),
    called("pair of three", CLASSIFY, ("a", "b", "c"), "a tuple is a pair of texts, but this one has 3 elements; several texts go in a list"),
    called("pair of one", CLASSIFY, [("a",)], "^item 0: a tuple is a pair of texts, but this one has 1 elements"),
    called("pair with a number", CLASSIFY, ("a", 5), "expected a str as second text, got int: 5"),
    called("pair", TAG, ("a", "b"), r"expected a str as text, got tuple"),
    called("pair", EMBED, ("a", "b"), r"expected a str as text, got tuple"),
    called("question alone", ANSWER, "Who?", r"expected a tuple \(question, context\), got str; several such tuples go in a list"),
    called("questions alone", ANSWER, ["Who?"], r"^item 0: expected a tuple \(question, context\), got str"),
    called("three", ANSWER, ("a", "b", "c"), r"expected a tuple \(question, context\)"),
    called("no context", ANSWER, ("Who?", None), "expected a str as context, got NoneType: None"),
    called("no question", ANSWER, (None, "Paris"), "expected a str as question, got NoneType: None"),
    *(called(f"empty question {blank!r}", ANSWER, [GOOD[ANSWER], (blank, "Paris")], "^item 1: the question is empty")
      for blank in ("", " ", "\n\t", "\u3000")),
    *(called(f"empty context {blank!r}", ANSWER, [GOOD[ANSWER], ("Who?", blank)], "^item 1: the context is empty")
      for blank in ("", " ", "\n\t", "\u3000")),
    *(called(f"context without tokens {blank!r}", ANSWER, [GOOD[ANSWER], ("Who?", blank)], "^item 1: the context has no tokens")
      for blank in ("\0", "\u200b", "\ufeff")),
    called("question longer than the window", ANSWER, [GOOD[ANSWER], ("who " * 100, "Paris " * 100)],
           r"^item 1: the question has 100 tokens and leaves no room for the context in a window of 64"),
    *(called(name, task, bad, r"^expected a str as text, got \w+: ")
      for name, bad in NO_TEXT.items() for task in (ZERO, FILL, SPARSE)),
    *(called(name, task, bad, r"^expected a tuple \((query, documents|prompt, choices)\), got \w+")
      for name, bad in NO_TEXT.items() for task in (RANK, CHOOSE)),
    *(called(f"{name} in a list", task, [GOOD[task], bad], r"^item 1: expected a (str|tuple)")
      for name, bad in NO_TEXT.items() for task in MORE_TASKS),
    *(called("nested list", task, [GOOD[task], [GOOD[task]]], r"^item 1: expected a (str|tuple).*got list") for task in MORE_TASKS),
    *(called("lone surrogate in a list", task, [GOOD[task], SURROGATE + "[MASK]"], "^item 1: the text has a lone surrogate")
      for task in (ZERO, FILL, SPARSE)),
    *(called("lone surrogate in one of the others", task, [GOOD[task], ("a", ["b", SURROGATE])],
             "^item 1: the (document|choice) 1 has a lone surrogate") for task in (RANK, CHOOSE)),
    *(called("others alone", task, "What?", "^expected a tuple .*, got str") for task in (RANK, CHOOSE)),
    *(called("three", task, ("a", ["b", "c"], "d"), "^expected a tuple .*, got a tuple of 3") for task in (RANK, CHOOSE)),
    *(called("a list in place of a tuple", task, [["a", ["b", "c"]]], "^item 0: expected a tuple .*, got list") for task in (RANK, CHOOSE)),
    *(called("one text for the others", task, ("a", "b"), r"^the (document|choice)s are a list of texts, not a str") for task in (RANK, CHOOSE)),
    *(called("a generator for the others", task, ("a", iter("bc")), r"^the (document|choice)s are a list of texts, not a str_") for task in (RANK, CHOOSE)),
    *(called("None among the others", task, [GOOD[task], ("a", ["b", None])], "^item 1: expected a str as (document|choice) 1, got NoneType")
      for task in (RANK, CHOOSE)),
    *(called("no text for the first", task, (None, ["b", "c"]), "^expected a str as (query|prompt), got NoneType") for task in (RANK, CHOOSE)),
    called("no documents", RANK, [GOOD[RANK], ("a", [])], "^item 1: there must be at least 1 document, got none"),
    called("an empty array of documents", RANK, ("a", np.array([])), "^there must be at least 1 document, got none"),
    called("no choices", CHOOSE, ("a", []), "^there must be at least 2 choices, got none"),
    called("one choice", CHOOSE, [GOOD[CHOOSE], ("a", ["b"])], "^item 1: there must be at least 2 choices, got 1"),
    called("a choice that fills the window", CHOOSE, [GOOD[CHOOSE], ("a", ["b", "bad " * 90])], "^item 1: the choice 1 alone fills the 64 tokens that the model takes"),
    called("a label that fills the window", ZERO, ["a", "a cat"], r"^item 0: the template with the label 'good good .*… \(400 characters\) alone fills the 64 tokens",
           labels=["bad", "good " * 80]),
    called("no mask", FILL, [GOOD[FILL], "a cat"], r"^item 1: the text has no mask; this model's is written \[MASK\]"),
    called("the mask of another model", FILL, "a <mask>", r"^the text has no mask; this model's is written \[MASK\]"),
    called("an empty text", FILL, "", "^the text has no mask"),
    called("a text longer than the model takes", FILL, [GOOD[FILL], "bad " * 90 + "[MASK]"],
           "^item 1: the text has 93 tokens, the model takes 64; pass the part around the mask"),
    Row("zero-shot: no labels", lambda world: onnxhub.load(ZERO, world.tiny_model(ZERO))("a"), InvalidOptionError,
        r"^labels=\(\): expected at least one label to choose from"),
    Row("classify_zero_shot: no labels", lambda world: onnxhub.classify_zero_shot("a", [], model=world.tiny_model(ZERO)), InvalidOptionError,
        r"^labels=\(\): expected at least one label to choose from"),
    Row("choose: no model", lambda world: onnxhub.choose("a", ["b", "c"]), InvalidOptionError,
        "^model=None: expected .*, for multiple-choice has no default model"),
    called("bad item after many", CLASSIFY, ["a"] * 2100 + [None], "^item 2100: expected a str"),
    Row("stream: bad item after many", lambda world: list(world.model(CLASSIFY).stream(iter(["a"] * 2100 + [None]))),
        InvalidInputError, "^item 2100: expected a str"),
    Row("outputs: bad item", lambda world: world.model(CLASSIFY).outputs(["a", None]), InvalidInputError, "^item 1: expected"),
    Row("similarity: None", lambda world: world.model(EMBED).similarity("a", None), InvalidInputError, "expected a str"),
    called("too long, and to be refused", CLASSIFY, ["a", "bad " * 100], "^item 1: the text has 102 tokens, the model takes 64",
           long_text="error"),
    called("both of a pair fill the windows", CLASSIFY, ["a", ("bad " * 100, "bad " * 70)], "^item 1: the shorter text of the pair alone fills",
           long_text="window"),
]  # fmt: skip

NOT_FINITE = [
    Row(f"{task}: {value} for one of several", lambda world, task=task, value=value: onnxhub.load(
        task, tiny.nan_model(world.path / "nan", task, value=value))([GOOD[task], spoilt(task)]), NonFiniteOutputError,
        "^item 1: the model gave NaN or infinite (scores|logits|embeddings); is its ONNX file intact")
    for task in TASKS for value in (float("nan"),)
] + [
    Row(f"{task}: nan for one of several", lambda world, task=task, bad=bad: onnxhub.load(
        task, tiny.nan_model(world.path / "nan", task)).with_options(**NEEDED.get(task, {}))([GOOD[task], bad]), NonFiniteOutputError,
        "^item 1: the model gave NaN or infinite (scores|logits|weights); is its ONNX file intact")
    for task, bad in {ZERO: "all is kaputt", FILL: "all is kaputt [MASK]", SPARSE: "all is kaputt", RANK: ("a", ["b", "kaputt"]),
                      CHOOSE: ("a", ["b", "kaputt"])}.items()
]  # fmt: skip


def spoilt(task: str) -> Any:
    """An input for which a nan_model gives NaN."""
    return ("What?", "all is kaputt") if task == ANSWER else "all is kaputt"


OPTIONS = [
    *call_option(CLASSIFY, "top_k=0: expected a whole number of at least 1, or None for all", top_k=0),
    *call_option(CLASSIFY, "top_k='all': expected a whole number", top_k="all"),
    *call_option(CLASSIFY, "long_text='bar': expected 'truncate', 'window' or 'error'", long_text="bar"),
    *call_option(CLASSIFY, r"long_text='windows'.*did you mean 'window'\?", long_text="windows"),
    *call_option(ANSWER, "top_k=0: expected a whole number of at least 1", top_k=0),
    *call_option(ANSWER, "top_k=None: expected a whole number of at least 1", top_k=None),
    *call_option(ANSWER, "max_answer_tokens=-1: expected a whole number", max_answer_tokens=-1),
    *call_option(TAG, "aggregation='foo': expected one of 'none', 'simple', 'first', 'average', 'max'", aggregation="foo"),
    *call_option(TAG, "aggregation=None: expected one of", aggregation=None),
    *call_option(TAG, "ignore_labels='O': expected", ignore_labels="O"),
    *call_option(EMBED, "prompt_name='query': expected None, for the model has no prompts", prompt_name="query"),
    *call_option(EMBED, "pooling='avg': expected one of 'cls', 'mean'", pooling="avg"),
    *(row for bad in (["mean"], (["mean"],), {"mean"}, 5)
      for row in call_option(EMBED, "pooling=.*: expected one of 'cls', .*, or several in a tuple", pooling=bad)),
    *call_option(EMBED, "truncate_dim=0: expected a whole number", truncate_dim=0),
    *(Row(f"{task}: with_options {bad}", lambda world, task=task, bad=bad: world.model(task).with_options(**bad),
          InvalidOptionError, f"{next(iter(bad))}=") for task in (ANSWER, TAG)
      for bad in ({"max_length": 0}, {"overlap": -1}, {"max_length": "64"})),
    *(row for bad in ("sport", 5, None, {"sport"}, ["a", 5], ["a", ""], ["a", " "])
      for row in call_option(ZERO, "labels=.*: expected a list of different labels, none of them empty", labels=bad)),
    *call_option(ZERO, r"labels='a,b': expected a list of .*, not a str$", labels="a,b"),
    *call_option(ZERO, r"labels=\['a', None\]: expected .*; label 1 is None, a missing value; leave it out, as dropna\(\) does$", labels=["a", None]),
    *call_option(ZERO, r"labels=\['a', ' '\]: expected .*; label 1 is ' '$", labels=["a", " "]),
    *call_option(ZERO, r"labels=\['a\\ud800'\]: expected .*; the label 0 has a lone surrogate '\\ud800' at character 1", labels=["a\ud800"]),
    *call_option(ZERO, r"template='\{\}\\ud800': expected .*; the template has a lone surrogate", template="{}\ud800"),
    *call_option(ZERO, "labels=.*: expected .*; 'law' is there twice", labels=["law", "sport", "law"]),
    *(row for bad in ("about sport", "", "{label}", None, 5)
      for row in call_option(ZERO, r"template=.*: expected a text with \{\} for the label, such as 'This example", template=bad)),
    *(row for task in (ZERO, RANK, CHOOSE, SPARSE) for row in call_option(task, "top_k=0: expected a whole number of at least 1, or None", top_k=0)),
    *call_option(FILL, "top_k=None: expected a whole number of at least 1$", top_k=None),
    *(row for bad in ("cat", [], [""], [5], 5)
      for row in call_option(FILL, "targets=.*: expected a list of words, or None for the whole vocabulary", targets=bad)),
    *call_option(FILL, r"targets=\['good', 'zzz'\]: expected words that are one token .* each; 'zzz' is 'z', '##z', '##z'", targets=["good", "zzz"]),
    *call_option(FILL, r"targets=\['\u20aa'\]: expected words .*; '\u20aa' is '\[UNK\]'", targets=["\u20aa"]),
    *call_option(FILL, r"targets=\['good', 'a\\ud800'\]: expected .*; the word 1 has a lone surrogate", targets=["good", "a\ud800"]),
    *call_option(FILL, r"targets=\[' '\]: expected words .*; ' ' is no token", targets=[" "]),
    option("dtype", "q9", "dtype='q9': expected one of auto, fp32, "),
    option("dtype", "fp61", r"dtype='fp61': expected one of auto, fp32, .*did you mean 'fp16'\?"),
    option("dtype", None, "dtype=None: expected one of auto"),
    option("dtype", "q4", r"no ONNX file for dtype='q4'; it has: model.onnx \(fp32\)", VariantNotFoundError),
    option("threads", 0, "threads=0: expected"),
    option("threads", -1, "threads=-1: expected"),
    option("threads", "2", "threads='2': expected"),
    option("threads", True, "threads=True: expected"),
    option("threads", 1_000_000, "threads=1000000: expected at most 1,024, or None for all cores"),
    option("batch_tokens", 0, "batch_tokens=0: expected"),
    option("batch_tokens", 1.5, "batch_tokens=1.5: expected"),
    option("session_options", {"enable_mem_arena": False}, r"session_options='enable_mem_arena'.*did you mean 'enable_(mem_|cpu_mem_)"),
    option("session_options", {"enable_cpu_mem_arena": "yes"}, "session_options='yes': expected a bool for enable_cpu_mem_arena"),
    option("session_options", {"graph_optimization_level": 1}, "session_options=1: expected for graph_optimization_level: one of ORT_DISABLE_ALL, "),
    option("session_options", {"add_session_config_entry": "x"}, "session_options='add_session_config_entry': expected an attribute"),
    option("session_options", {3: 1}, r"session_options=\{3: 1\}: expected a mapping of attributes of .*, by their names"),
    option("provider_options", {3: 1}, r"provider_options=\{3: 1\}: expected a mapping of the provider's options, by their names"),
    option("session_options", ["enable_cpu_mem_arena"], "session_options=\\['enable_cpu_mem_arena'\\]: expected"),
    option("provider_options", [1], "provider_options=\\[1\\]: expected"),
    option("provider", "cpuu", r"provider='cpuu'.*did you mean 'cpu'\?"),
    option("provider", "", "provider='': expected one of"),
    option("provider", (), r"provider=\(\): expected a name, or at least one"),
    option("provider", None, "provider=None: expected"),
    option("provider", 5, "provider=5: expected"),
    option("provider", "cpu:1", "provider='cpu:1': expected 'cpu' alone, which has no devices to number"),
    option("provider", "cuda:", "provider='cuda:': expected a device as a number"),
    option("provider", b"cpu", "provider=b'cpu': expected a provider's name, as a str"),
    option("provider", ["auto", "cpu"], "provider='auto': expected 'auto' by itself, neither in a sequence nor with a device$"),
    option("provider", "cuda", "provider 'cuda' cannot run here: it needs the CUDA build", ProviderUnavailableError),
    option("provider", "openvino", "pip install onnxruntime-openvino", ProviderUnavailableError),
    option("file", "none.onnx", r"no ONNX file for file='none.onnx'; it has: model.onnx", VariantNotFoundError),
    option("file", "../model.onnx", r"no ONNX file for file='../model.onnx'", VariantNotFoundError),
    option("file", "model.ort", "model.ort is refused: only .onnx files are loaded", UnsafeModelError),
    option("file", 5, "file=5: expected"),
    option("revision", "main", "revision='main': expected None, since .* is a local folder"),
    option("postprocessor", 5, "postprocessor=5: expected"),
    option("postprocessor", dict, "postprocessor=<class 'dict'>: expected"),
    *(Row(f"load: task={bad!r}", lambda world, bad=bad: onnxhub.load(bad, world.tiny_model()), InvalidOptionError,
          "task=.*: expected the name of a task, or a Task") for bad in (None, 5, [CLASSIFY], str)),
    *(Row(f"load: model_id={bad!r}", lambda world, bad=bad: onnxhub.load(CLASSIFY, bad), InvalidOptionError,
          "model_id=.*: expected an id of the Hub such as 'org/name', or a local folder") for bad in (5, b"x", "", "a b", "a--b", ["a"])),
    Row("load: unknown task", lambda world: onnxhub.load("text-clasification", world.tiny_model()), UnknownTaskError,
        r"unknown task 'text-clasification' \(did you mean 'text-classification'\?\); the tasks are: .*token-classification"),
    Row("load: a log level that does not exist", lambda world: onnxhub.load(CLASSIFY, world.tiny_model(), session_options={"log_severity_level": 99}),
        IntegrityError, "ONNX Runtime cannot load it"),
    Row("load: an endless entry", lambda world: onnxhub.load(CLASSIFY, world.tiny_model(), session_options={"a." + "b" * 2000: "1"}),
        InvalidOptionError, "an entry that ONNX Runtime takes"),
    Row("tag: a window of special tokens", lambda world: world.model(TAG).with_options(max_length=2)("a b c d e f g"), InvalidOptionError,
        "max_length=2: expected more tokens"),
    Row("classify: a generator", lambda world: world.model(CLASSIFY)(text for text in "ab"), InvalidInputError,
        r"got generator: .*several inputs go in a list, or through stream\(\)"),
    Row("stream: a text", lambda world: world.model(CLASSIFY).stream("ab"), InvalidInputError, "an iterable of inputs, got str"),
    Row("stream: one text of numpy", lambda world: world.model(CLASSIFY).stream(np.array("a")), InvalidInputError, "an iterable of inputs, got ndarray"),
    Row("stream: a dict of columns", lambda world: world.model(CLASSIFY).stream({"text": ["a"]}), InvalidInputError,
        "an iterable of inputs, got dict; pass one of its columns"),
    Row("stream: a table", lambda world: world.model(CLASSIFY).stream(Table()), InvalidInputError,
        "an iterable of inputs, got Table; pass one of its columns"),
    *(Row(f"{call}: a table", lambda world, call=call: getattr(world.model(CLASSIFY), call)(Table()), InvalidInputError,
        "Table.*; ") for call in ("attempt", "astream")),
    called("a table", CLASSIFY, Table(), "expected a str as text .*, got Table: .*; pass one of its columns$"),
    Row("stream: None", lambda world: world.model(CLASSIFY).stream(None), InvalidInputError, "an iterable of inputs, got NoneType"),
    *(Row(f"classify: model={bad!r}", lambda world, bad=bad: onnxhub.classify("a", model=bad), InvalidOptionError,
          "^model=.*: expected an? ") for bad in (["x"], 5)),
    Row("classify: provider=5", lambda world: onnxhub.classify("a", model=world.tiny_model(), provider=5), InvalidOptionError, "provider=5"),
    Row("load: a task of transformers", lambda world: onnxhub.load("visual-qa", world.tiny_model()), UnknownTaskError, "the tasks are"),
    *(Row(f"load: export={bad!r}", lambda world, bad=bad: onnxhub.load(CLASSIFY, world.tiny_model(), export=bad), InvalidOptionError,
          "export=.*: expected 'auto', True or False") for bad in ("always", None, 1, [])),
    *(Row(f"load: token={bad!r}", lambda world, bad=bad: onnxhub.load(CLASSIFY, "org/name", token=bad), InvalidOptionError,
          r"token='\*\*\*': expected a Hub token") for bad in ("", "a b", "hf_ü", "hf\n", 5, b"hf")),
    *(Row(f"load: revision={bad!r}", lambda world, bad=bad: onnxhub.load(CLASSIFY, "org/name", revision=bad), InvalidOptionError,
          "revision=.*: expected a branch, a tag or a commit hash") for bad in ("", "../x", 5)),
]  # fmt: skip

FOLDERS = [
    not_loaded("no such folder", lambda world: world.path / "none", ModelNotFoundError, "none: no such folder"),
    not_loaded("a file", lambda world: world.folder() / "model.onnx", ModelNotFoundError, r"pass its folder, and file='model\.onnx'"),
    not_loaded("empty folder", lambda world: world.path, ModelNotFoundError, "the folder is empty"),
    not_loaded("no ONNX file", lambda world: world.without("model.onnx"), NoOnnxFileError,
               "has no ONNX file; it has: config.json.*; and no weights of PyTorch to convert: neither model.safetensors nor pytorch_model.bin"),
    *(not_loaded(f"{framework} alone", lambda world, name=name: world.with_other_weights(name), ExportError,
                 rf"could not be converted to ONNX: its weights are for {framework} \({name}\) alone")
      for name, framework in (("tf_model.h5", "TensorFlow"), ("flax_model.msgpack", "Flax"))),
    *(not_loaded(f"pickled weights: {name}", lambda world, name=name: world.with_other_weights(name), UnsafeModelError,
                 f"{name} is refused: to unpickle weights can run code; .*allow_pickle=True allows it")
      for name in ("pytorch_model.bin", "pytorch_model.bin.index.json")),
    not_loaded("no tokenizer", lambda world: world.without("tokenizer.json"), TaskMismatchError, "it has no tokenizer"),
    *(not_loaded(f"broken {name}", lambda world, name=name: world.with_file(name, b'{"a": '), IntegrityError,
                 rf"{name}: .*not valid JSON: .*char 6") for name in ("config.json", "tokenizer_config.json", "special_tokens_map.json")),
    not_loaded("broken tokenizer.json", lambda world: world.with_file("tokenizer.json", b'{"a": '), IntegrityError, "tokenizer.json: no tokenizer"),
    *(not_loaded(f"broken {name}", lambda world, name=name: world.with_file(name, b"{", EMBED), IntegrityError, rf"{name}: .*not valid JSON", EMBED)
      for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/config.json")),
    not_loaded("an unknown module", lambda world: world.with_file("modules.json", b'[{"path": "1_LSTM", "type": "a.LSTM"}]', EMBED),
               TaskMismatchError, "modules.json has LSTM; known are Transformer, Pooling", EMBED),
    *(not_loaded(f"an unknown pooling {bad!r}", lambda world, bad=bad: world.with_file("1_Pooling/config.json", bad, EMBED),
                 TaskMismatchError, "its pooling is .*known are cls, mean", EMBED) for bad in (b'{"pooling_mode": "best"}', b'{"pooling_mode": [{}]}')),
    not_loaded("an unknown default prompt", lambda world: world.with_file(
        "config_sentence_transformers.json", b'{"default_prompt_name": "query"}', EMBED), TaskMismatchError, "default prompt 'query'", EMBED),
    not_loaded("id2label that is a list", lambda world: world.folder(config_extra={"id2label": ["a", "b", "c"]}), TaskMismatchError,
               "id2label in config.json is a list"),
    not_loaded("config.json that is a list", lambda world: world.with_file("config.json", b"[]"), IntegrityError, "holds a list, not a dict"),
    not_loaded("config.json that is not UTF-8", lambda world: world.with_file("config.json", b"\xff{}"), IntegrityError, "config.json"),
    *(not_loaded(f"ONNX file cut to {part}", lambda world, part=part: world.cut(part=part), IntegrityError, r"model\.onnx")
      for part in (0, 0.001, 0.5, 0.999)),
    not_loaded("no ONNX at all", lambda world: world.with_file("model.onnx", b"<html>" * 99), IntegrityError, r"model\.onnx"),
    not_loaded("Git LFS pointer", lambda world: world.with_file("model.onnx", b"version https://git-lfs.github.com/spec/v1\n"), IntegrityError, "git lfs pull"),
    not_loaded("missing shard", lambda world: world.without("model.onnx_data_2", external_data="shards"), IntegrityError,
               "its weights are in model.onnx_data_2, which does not exist"),
    not_loaded("cut shard", lambda world: world.cut("model.onnx_data_1", external_data="shards"), IntegrityError, r"model\.onnx"),
    not_loaded("two files that fit", lambda world: world.folder(file="onnx/model.onnx") and world.folder(), AmbiguousFileError,
               r"2 ONNX files fit dtype='auto': model.onnx, onnx/model.onnx; choose one with file='model.onnx'"),
    not_loaded("an operator of a library", lambda world: world.graph(custom_operator), UnsafeModelError, "needs operators that ONNX Runtime does not have"),
    not_loaded("labels that are not as many as the logits", lambda world: world.folder(config_extra={"id2label": {"0": "A", "1": "B"}}),
               TaskMismatchError, "its graph gives 3 logits, but there are 2 labels: A, B; config.json says that it is a BertForSequence"),
    not_loaded("labels with a gap", lambda world: world.folder(config_extra={"id2label": {"0": "A", "1": "B", "3": "C"}}),
               TaskMismatchError, r"id2label in config.json is numbered 0, 1, 3, not 0 to 2"),
    not_loaded("labels without numbers", lambda world: world.folder(config_extra={"id2label": {"A": "0", "B": "1"}}),
               TaskMismatchError, "id2label in config.json is numbered A, B, not 0 to 1"),
    Row("call: labels that are not as many as the logits, of a graph that does not say", lambda world: onnxhub.load(
        CLASSIFY, world.graph(dynamic_labels, config_extra={"id2label": {"0": "A", "1": "B"}}))("a good one"),
        TaskMismatchError, r"2 labels \('A', 'B'\) for logits of shape \(1, 3\)"),
    Row("call: token labels that are not as many as the logits", lambda world: onnxhub.load(
        TAG, world.graph(dynamic_labels, TAG, config_extra={"id2label": {"0": "O", "1": "B-X"}}))("a good one"),
        TaskMismatchError, r"2 labels .* for logits of shape"),
    not_loaded("an input that no text gives", lambda world: world.graph(extra_input), TaskMismatchError, "its graph wants the inputs bbox, which a text"),
    *(not_loaded(f"a model for {made}, as one for {task}", lambda world, made=made: world.folder(made), TaskMismatchError,
                 f"cannot be used for {task}: its graph gives .*(not|labels).*; config.json says that it is a Bert", task)
      for made in (*TASKS, "fill-mask") for task in TASKS if made != task),
    *(not_loaded(f"a model for {made}, as one for {task}", lambda world, made=made: world.folder(made), TaskMismatchError,
                 f"cannot be used for {task}: {message}", task)
      for made, task, message in (
          (CLASSIFY, ZERO, r"none of its labels begins with 'entail': NEGATIVE, NEUTRAL, POSITIVE; if it was trained .* name them"),
          (TAG, ZERO, "its graph gives logits of 3 axes, not logits of 2 axes"),
          (ZERO, RANK, "it gives 3 logits for a pair of texts, where a ranking needs one"),
          (ANSWER, RANK, "its graph gives start_logits of 2 axes, end_logits of 2 axes, not logits of 2 axes"),
          (CLASSIFY, CHOOSE, "its graph wants input_ids of 2 axes, and this task gives 3"),
          (CHOOSE, CLASSIFY, "its graph wants input_ids of 3 axes, and this task gives 2"),
          (CHOOSE, RANK, "its graph wants input_ids of 3 axes, and this task gives 2"),
          (TAG, FILL, r"its graph gives 5 logits for a token, and its vocabulary has \d+ words"),
          (TAG, SPARSE, r"its graph gives 5 logits for a token, and its vocabulary has \d+ words"),
          (EMBED, FILL, "its graph gives last_hidden_state of 3 axes, not logits of 3 axes"),
          (EMBED, SPARSE, "its graph gives last_hidden_state of 3 axes, not logits of 3 axes"),
      )),
    *(not_loaded(f"{task}: an input that no text gives", lambda world, task=task: world.graph(extra_input, task), TaskMismatchError,
                 f"cannot be used for {task}: its graph wants the inputs bbox, which a text does not give", task) for task in MORE_TASKS),
    not_loaded("a cross-encoder of an unknown activation", lambda world: world.folder(
        RANK, config_extra={"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Tanh"}}), TaskMismatchError,
        r"activation torch\.nn\.modules\.activation\.Tanh, and only Sigmoid and Identity are known; .*activation='none'", RANK),
    not_loaded("a tokenizer without a mask", lambda world: unmasked(world), TaskMismatchError, "its tokenizer has no mask token", FILL),
    not_loaded("a dense layer of pickled weights", lambda world: dense(world, "model.safetensors"), TaskMismatchError,
               r"its dense layer 2_Dense has no model.safetensors with linear.weight \(pickled weights are not read\)", EMBED),
    not_loaded("a dense layer that is cut", lambda world: dense(world), IntegrityError, "model.safetensors", EMBED),
]  # fmt: skip


def unmasked(world: World) -> Path:
    """A masked-LM whose tokenizer does not say what a mask is."""
    folder = world.folder(FILL, tokenizer_extra={"mask_token": None, "tokenizer_class": "PreTrainedTokenizerFast"})
    (folder / "special_tokens_map.json").write_text("{}")
    return folder


def dense(world: World, missing: str = "") -> Path:
    """A sentence-transformers model whose dense layer is no good."""
    folder = tiny.write_sentence_transformers(world.folder(EMBED), dense=True)
    weights = folder / "2_Dense" / "model.safetensors"
    if missing:
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:-9])
    return folder


HUB_CALLS = {
    "mistyped": "onnxhub.load('text-classification', 'org/mistyped')",
    "mistyped, with a token": f"onnxhub.load('text-classification', 'org/mistyped', token='{TOKEN}')",
    "no such revision": "onnxhub.load('text-classification', 'org/open', revision='v9')",
    "gated": "onnxhub.load('text-classification', 'org/gated')",
    "gated, with another token": "onnxhub.load('text-classification', 'org/gated', token='hf_other')",
    "private": "onnxhub.load('text-classification', 'org/private')",
    "private, with another token": "onnxhub.load('text-classification', 'org/private', token='hf_other')",
    "not cached": "onnxhub.load('text-classification', 'org/open', local_files_only=True)",
    "no ONNX file": "onnxhub.load('text-classification', 'org/torch', export=False)",
    "default model": "onnxhub.classify('a')",
    "missing shard": "onnxhub.load('text-classification', 'org/shards')",
    "out of order": "onnxhub.load('text-classification', 'org/order')",
}
OTHER_WORLDS = {
    "no network": {"HF_ENDPOINT": "http://127.0.0.1:9"},
    "HF_HUB_OFFLINE": {"HF_HUB_OFFLINE": "1"},
}
HUB_CODE = """
import json, time
time.sleep = lambda seconds: None
import onnxhub
found = {}
for name, call in CALLS.items():
    try:
        eval(call)
    except onnxhub.errors.OnnxHubError as error:
        found[name] = [type(error).__name__, json.dumps(error.args), str(error)]
loaded = onnxhub.load('text-classification', 'org/private', token=TOKEN) if TOKEN else None
print(json.dumps([found, None if loaded is None else repr(loaded('a good one'))]))
"""


@pytest.fixture(scope="module")
def hub_errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, str]]:
    """Call -> class, arguments and message of the error that it raises with a Hub on this machine."""
    home = tmp_path_factory.mktemp("home")
    folder = tiny.make_model(home / "model")
    shards = tiny.make_model(home / "shards", external_data="shards")
    (shards / "model.onnx_data_1").unlink()
    found: dict[str, tuple[str, str, str]] = {}
    with HubServer() as hub:
        hub.add("org/open", folder)
        hub.add("org/gated", folder, gated=True, token=TOKEN)
        hub.add("org/private", folder, private=True, token=TOKEN)
        hub.add("org/torch", {"config.json": b"{}", "model.safetensors": b"x"})
        hub.add("org/shards", shards)
        hub.add("org/order", {"config.json": b"{}", "onnx/model.onnx": b"x"})
        hub.fail("onnx/model.onnx", status=500)
        for world, env in {"": {"HF_ENDPOINT": hub.endpoint}, **OTHER_WORLDS}.items():
            token = "" if world else TOKEN
            calls = {world: "onnxhub.load('text-classification', 'org/other')"} if world else HUB_CALLS
            done = run_python(f"CALLS, TOKEN = {calls!r}, {token!r}\n{HUB_CODE}", home, env)
            assert done.returncode == 0, done.stderr
            assert TOKEN not in done.stdout + done.stderr
            errors, loaded = json.loads(done.stdout)
            found |= {name: tuple(error) for name, error in errors.items()}
            assert world or loaded.startswith("Classification(label=")
    return found


HUB = [
    Row("hub: mistyped", lambda world: world.hub("mistyped"), ModelNotFoundError,
        r"^org/mistyped: http://\S+ has no such model; if it is private, pass token= or log in"),
    Row("hub: mistyped, with a token", lambda world: world.hub("mistyped, with a token"), ModelNotFoundError,
        "has no such model, or the token gives no access to it"),
    Row("hub: no such revision", lambda world: world.hub("no such revision"), ModelNotFoundError, "no branch, tag or commit 'v9'"),
    Row("hub: gated", lambda world: world.hub("gated"), GatedModelError, r"is gated; accept its licence on its page, .*: http://\S+/org/gated"),
    Row("hub: gated, with another token", lambda world: world.hub("gated, with another token"), GatedModelError, "is gated; accept"),
    Row("hub: private", lambda world: world.hub("private"), ModelNotFoundError, "if it is private, pass token="),
    Row("hub: private, with another token", lambda world: world.hub("private, with another token"), ModelNotFoundError,
        "or the token gives no access"),
    Row("hub: not cached", lambda world: world.hub("not cached"), OfflineError,
        "which local_files_only=True forbids, and there is no folder org/open in /.*; load it once without"),
    Row("hub: no ONNX file", lambda world: world.hub("no ONNX file"), NoOnnxFileError,
        "has no ONNX file; it has: config.json, model.safetensors; export='auto' converts PyTorch's weights"),
    Row("hub: default model out of reach", lambda world: world.hub("default model"), ModelNotFoundError, "Xenova/distilbert"),
    Row("hub: missing shard", lambda world: world.hub("missing shard"), IntegrityError, "model.onnx_data_1, which does not exist"),
    Row("hub: out of order", lambda world: world.hub("out of order"), OfflineError, r"onnx/model.onnx could not be fetched from \S+ \(HTTP 500\)"),
    Row("hub: no network and nothing cached", lambda world: world.hub("no network"), OfflineError,
        r"could not be fetched from http://127.0.0.1:9 \(.*Connection refused\), and there is no folder org/other in /.*; try again later"),
    Row("hub: HF_HUB_OFFLINE and nothing cached", lambda world: world.hub("HF_HUB_OFFLINE"), OfflineError, "HF_HUB_OFFLINE=1 forbids"),
]  # fmt: skip

ROWS = [*INPUTS, *NOT_FINITE, *OPTIONS, *FOLDERS, *HUB]


@pytest.fixture
def world(tmp_path: Path, tiny_model: Callable[..., Path], request: pytest.FixtureRequest) -> Iterator[World]:
    """A world, which must still be well afterwards."""
    row = request.node.callspec.params.get("row")
    hub = request.getfixturevalue("hub_errors") if row in HUB else {}
    made = World(tmp_path, tiny_model, hub)
    yield made
    made.check_that_all_is_well()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_bad_input(row: Row, world: World) -> None:
    """Each gets its own error, which says what is wrong and what would be right, and the model stays usable."""
    with pytest.raises(row.error, match=row.message) as raised:
        row.do(world)
    assert type(raised.value) is row.error
    assert "\n" not in str(raised.value)
    if row.message.startswith("^item "):
        assert f"item {raised.value.index}: " in str(raised.value)  # type: ignore[attr-defined]


# --- what looks bad, and is not --------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", ["", " ", "\n\t ", "\u3000", "\0", "\u200b", "\ufeff"], ids=repr)
def test_blank_texts(blank: str, tiny_model: Callable[..., Path]) -> None:
    """A blank text is classified and embedded, and has no entities; alone and between others."""
    classify, tag, embed = (onnxhub.load(task, tiny_model(task)) for task in (CLASSIFY, TAG, EMBED))
    assert classify(blank).label in tiny.LABELS[CLASSIFY]
    assert classify((blank, blank)).label in tiny.LABELS[CLASSIFY]
    assert tag(blank) == []
    assert tag(["Ada", blank])[1] == []
    assert embed(blank).shape == (16,)
    assert np.isfinite(embed(["a", blank, "b"])).all()


@pytest.mark.parametrize(
    "text", ["a\0good\0one", "\0Ada in London", "Ada in\0 London\0", "a\x01\x02b", "\ud7ff\ue000 b"], ids=repr
)
def test_control_characters_are_text(text: str, tiny_model: Callable[..., Path]) -> None:
    """NUL and its like are characters like any other: spans stay those of the original."""
    assert onnxhub.load(CLASSIFY, tiny_model())(text).label in tiny.LABELS[CLASSIFY]
    assert onnxhub.load(EMBED, tiny_model(EMBED))(text).shape == (16,)
    for aggregation in ("none", "simple", "first"):
        for one in onnxhub.load(TAG, tiny_model(TAG))(text, aggregation=aggregation):
            assert one.text == text[one.start : one.end] != ""
    answer = onnxhub.load(ANSWER, tiny_model(ANSWER))("Wh\0o?", text)
    assert answer.answer == text[answer.start : answer.end] != ""


HUGE = """
import resource, sys, warnings
import onnxhub
warnings.simplefilter("ignore")
text = TEXT
model = onnxhub.load(TASK, FOLDER)
result = model(("What?", text) if TASK == "question-answering" else text)
if TASK == "token-classification":
    assert result[-1].end > len(text) - 500, result[-1]
    assert all(one.text == text[one.start : one.end] for one in result)
assert repr(model(GOOD)) == repr(onnxhub.load(TASK, FOLDER)(GOOD))
scale = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
"""


@pytest.mark.parametrize(
    ("task", "text"),
    [
        *((task, '("good bad text " * 3 + "y" * 101 + " ") * 36_500') for task in TASKS),
        (CLASSIFY, '"a" * 5_250_000'),
        (TAG, '" " * 5_250_000 + "Ada"'),
    ],
)
def test_a_text_of_five_megabytes(task: str, text: str, tiny_model: Callable[..., Path], tmp_path: Path) -> None:
    """It is read to its end where the task promises so, in a process that stays below 1.5 GiB and ends in time."""
    pytest.importorskip("resource")
    folder = tiny_model(task, max_length=512)
    code = f"TASK, FOLDER, GOOD, TEXT = {task!r}, {str(folder)!r}, {GOOD[task]!r}, {text}\n{HUGE}"
    done = run_python(code, tmp_path)  # which gives up after two minutes
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 1.5 * 2**30
