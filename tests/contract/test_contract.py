"""What holds for every task: one table over the whole registry, on real sessions over tiny models."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import json
import pickle
import random
import subprocess
import sys
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest

import onnxhub
from onnxhub._backend.runtime.threads import count_usable_cores
from onnxhub._calls.batches import collate
from onnxhub._calls.streams import LOOK_AHEAD
from onnxhub.errors import (
    ClosedModelError,
    InvalidInputError,
    InvalidOptionError,
    MissingDependencyError,
    TaskMismatchError,
    VariantNotFoundError,
)
from tests import tiny

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onnxhub import Model

WORDS = [word for text in tiny.TEXTS for word in text.split()]
TOKENIZER = tiny.make_tokenizer()
SOURCE = Path(onnxhub.__file__).parent.parent


def made_up(count: int, seed: int = 0) -> list[str]:
    """Texts of 1 to 40 words of the tiny vocabulary."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, 40))) for _ in range(count)]


def asked(text: str) -> tuple[str, str]:
    """A question for a text."""
    return "Where was Mozart born?", text


def first_words(text: str, tokens: int) -> list[str]:
    """As many words of the text as do not have more tokens."""
    words = text.split()
    while len(TOKENIZER.encode(" ".join(words))) > tokens:
        words.pop()
    return words


def masked(text: str) -> str:
    """A mask in the middle of the text's first words, as many as the tiny models take."""
    words = first_words(text, 60)
    return " ".join([*words[: len(words) // 2], "[MASK]", *words[len(words) // 2 :]])


def with_others(text: str) -> tuple[str, list[str]]:
    """A text with two to five others."""
    draw = random.Random(text)
    return text, made_up(draw.randint(2, 5), draw.randint(0, 1000))


def with_choices(text: str) -> tuple[str, list[str]]:
    """A text of any length with two to five that leave room for some of it."""
    text, others = with_others(text)
    return text, [" ".join(first_words(other, 40)) for other in others]


@dataclass(frozen=True)
class Case:
    """What a task is called with."""

    task: str
    inputs: list[Any]
    options: dict[str, Any]
    """Other options than the default ones."""
    made_of: Callable[[str], Any] = str
    """A text to an input."""
    labels: tuple[str, ...] = ()
    """What the model says of its labels."""
    always: dict[str, Any] = field(default_factory=dict)
    """Options without which it cannot be called, or would warn."""

    def several(self, count: int, seed: int = 0) -> list[Any]:
        """So many inputs of all lengths."""
        return [self.made_of(text) for text in made_up(count, seed)]


CASES = [
    # What long texts do is not what these tests are about, so that nothing is cut and no warning is shown.
    Case("text-classification", [*tiny.TEXTS, ("a good", "text"), ""], {"top_k": 1},
         labels=tiny.LABELS["text-classification"], always={"long_text": "window"}),
    Case("question-answering", list(tiny.PAIRS), {"top_k": 3, "max_answer_tokens": 4}, asked),
    Case("token-classification", [*tiny.TEXTS, ""], {"aggregation": "max"}, labels=tiny.LABELS["token-classification"]),
    Case("feature-extraction", [*tiny.TEXTS, ""], {"truncate_dim": 3, "normalize": True}),
    Case("zero-shot-classification", [*tiny.TEXTS, ""], {"multi_label": True, "top_k": 2, "template": "so {}"},
         labels=tiny.LABELS["zero-shot-classification"], always={"labels": ["a city", "film", "programming in London"]}),
    Case("fill-mask", [*map(masked, tiny.TEXTS), "[MASK]", "[MASK][MASK] good [MASK]"], {"top_k": 2, "targets": ["a", "good"]},
         masked),
    Case("text-ranking", [*map(with_others, tiny.TEXTS), ("", ["a", ""]), ("a", ("b",)), (tiny.TEXTS[0], [*tiny.TEXTS])],
         {"top_k": 1}, with_others),
    Case("multiple-choice", [*map(with_choices, tiny.TEXTS), ("", ["a", ""]), ("a", ("b", "c"))], {"top_k": 1}, with_choices),
    Case("sparse-feature-extraction", [*tiny.TEXTS, ""], {"top_k": 3}),
]  # fmt: skip
# Some of the texts are longer than the tiny models take, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:a text was cut:onnxhub.TruncationWarning")

every_task = pytest.mark.parametrize("case", CASES, ids=lambda case: case.task)


def ready(model: Model[Any, Any, Any]) -> Model[Any, Any, Any]:
    """The model with the options without which its task cannot be called."""
    (case,) = [case for case in CASES if case.task == model.task.name]
    return model.with_options(**case.always)


@pytest.fixture
def load(tiny_model: Callable[..., Path]) -> Callable[..., Model[Any, Any, Any]]:
    """``load(task, folder options, load options)``."""

    def loaded(task: str, made: dict[str, Any] | None = None, **options: Any) -> Model[Any, Any, Any]:
        return ready(onnxhub.load(task, tiny_model(task, **(made or {})), **options))

    return loaded


def close(found: object, expected: object, tolerance: float = 1e-5) -> bool:
    """Equal but for scores, which may differ by the tolerance."""
    if is_dataclass(expected):
        mine = [getattr(found, field.name) for field in fields(expected)]
        return type(found) is type(expected) and close(
            mine, [getattr(expected, field.name) for field in fields(expected)], tolerance
        )
    if isinstance(expected, np.ndarray):
        return (
            isinstance(found, np.ndarray)
            and found.shape == expected.shape
            and bool((np.abs(found - expected) <= tolerance).all())
        )
    if isinstance(expected, list | tuple):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(close(one, other, tolerance) for one, other in pairs)
    if isinstance(expected, float):
        return abs(found - expected) <= tolerance
    return found == expected


def test_the_table_has_every_built_in_task() -> None:
    """A new task on texts is not forgotten here; those on images are in test_images.py."""
    built_in = {
        task.name
        for task in onnxhub.list_tasks()
        if task.model.__module__.partition(".")[0] == "onnxhub"
        and not task.raw
        and task.modality == "text"  # raw: arrays in, arrays out
    }
    assert {case.task for case in CASES} == built_in


# --- one and many ----------------------------------------------------------------------------------------------------


@every_task
def test_a_list_gives_what_each_gives_alone(case: Case, load) -> None:
    """In the order of the list, fp32 within 1e-5, labels and spans identical."""
    model = load(case.task)
    alone = [model(one) for one in case.inputs]
    assert close(list(model(case.inputs)), alone)
    assert not close(list(reversed(alone)), alone)


@every_task
def test_batching_does_not_change_answers(case: Case, load) -> None:
    """Row 26: 120 inputs in lists of 1, 2, 7 and 32, three shuffles of each."""
    model = load(case.task)
    inputs = case.several(120)
    alone = [model(one) for one in inputs]
    for size, seed in itertools.product((2, 7, 32, 120), range(3)):
        order = random.Random(seed).sample(range(len(inputs)), len(inputs))
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            assert close(list(model([inputs[index] for index in chosen])), [alone[index] for index in chosen])


@every_task
def test_a_list_of_one_is_a_list(case: Case, load) -> None:
    """The shape follows the input, not its length and not an option."""
    model = load(case.task)
    one = model(case.inputs[0])
    assert close(list(model(case.inputs[:1])), [one])
    assert len(model(case.inputs[:1], **case.options)) == 1
    assert type(model(case.inputs[0], **case.options)) is type(one)


@every_task
def test_an_empty_list_gives_nothing(case: Case, load) -> None:
    """An empty list, or an array of no rows; outputs of nothing are none."""
    model = load(case.task)
    for nothing in ([], np.array([])):
        found = model(nothing)
        if case.task == "feature-extraction":
            assert (found.shape, found.dtype) == ((0, 16), np.float32)
        else:
            assert found == []
    assert model.outputs([]) == {}
    assert list(model.stream([])) == []


class Series:
    """As pandas' Series: it is no list, but becomes one."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def tolist(self) -> list[Any]:
        """The values."""
        return self.values


class PolarsSeries:
    """As Polars' Series: its word for a list is another."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def to_list(self) -> list[Any]:
        """The values."""
        return self.values


class ArrowColumn:
    """As Arrow's arrays and chunked arrays: theirs is another again."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def to_pylist(self) -> list[Any]:
        """The values."""
        return self.values


class DataSetColumn(Sequence[Any]):
    """As a column of Hugging Face's data sets: a sequence, and no more."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]


COLUMNS = (Series, PolarsSeries, ArrowColumn, DataSetColumn)


@every_task
def test_columns_are_many_inputs(case: Case, load) -> None:
    """A numpy array, and the columns of other libraries, give what a list gives."""
    model = load(case.task)
    texts = case.inputs[:4]
    column = np.empty(len(texts), object)
    column[:] = texts
    columns = [kind(texts) for kind in COLUMNS]
    for many in (*columns, column, *([np.array(texts)] if isinstance(texts[0], str) else [])):
        assert close(list(model(many)), list(model(texts)))


def test_columns_of_labels_and_words(load) -> None:
    """Options that are lists of texts may be columns, too."""
    for task, option, text in (
        ("zero-shot-classification", "labels", "a good one"),
        ("fill-mask", "targets", "a [MASK] one"),
    ):
        model, words = load(task), ["good", "the"]
        expected = model.with_options(**{option: words})(text)
        for column in (np.array(words), tuple(words), *(kind(words) for kind in COLUMNS)):
            assert close(model.with_options(**{option: column})(text), expected)


def test_columns_of_documents_and_choices(load) -> None:
    """What belongs to a text may be a column, too."""
    for task in ("text-ranking", "multiple-choice"):
        model, words = load(task), ["good", "the"]
        expected = model("a good one", words)
        for column in (np.array(words), *(kind(words) for kind in COLUMNS)):
            assert close(model("a good one", column), expected)


def test_a_scalar_of_numpy_is_one_text(load) -> None:
    """What one gets by indexing an array of texts."""
    model = load("text-classification")
    assert model(np.array(["a good one", "b"])[0]) == model("a good one")


# --- results ---------------------------------------------------------------------------------------------------------


def flat(result: object) -> list[Any]:
    """The typed values of a result, which may be a list of lists of them."""
    return [one for part in result for one in flat(part)] if isinstance(result, list) else [result]


@every_task
def test_results_are_ready_for_json(case: Case, load) -> None:
    """`to_dict` of every result survives `json`; no numpy scalar is in it."""
    if case.task == "feature-extraction":
        vectors = load(case.task)(case.inputs)
        assert (vectors.shape, vectors.dtype) == ((len(case.inputs), 16), np.float32)
        return
    for result in load(case.task)(case.inputs):
        for one in flat(result):
            described = one.to_dict()
            assert list(described) == [field.name for field in fields(one)]
            assert json.loads(json.dumps(described, allow_nan=False)) == json.loads(json.dumps(described))
            with pytest.raises((AttributeError, TypeError)):
                setattr(one, fields(one)[0].name, 1.0)
            with pytest.raises((AttributeError, TypeError)):
                one.anything = 1.0
            assert hash(one) == hash(one)
            assert pickle.loads(pickle.dumps(one)) == one


def test_spans_are_slices_of_the_original(load) -> None:
    """Answers and entities of all test texts, whatever they are written in."""
    tag = load("token-classification")
    for aggregation in ("none", "simple", "first", "average", "max"):
        for text, entities in zip(tiny.TEXTS, tag(list(tiny.TEXTS), aggregation=aggregation), strict=True):
            for one in entities:
                assert one.text == text[one.start : one.end] != ""
    answer = load("question-answering")
    for (_, context), found in zip(tiny.PAIRS, answer(list(tiny.PAIRS), top_k=20), strict=True):
        spans = [(one.start, one.end) for one in (found, *found.alternatives)]
        assert len(set(spans)) == len(spans)
        assert all(one.answer == context[one.start : one.end] != "" for one in (found, *found.alternatives))


@every_task
def test_outputs_and_items_are_what_results_are_made_of(case: Case, load) -> None:
    """`postprocessor(outputs(x), items)` is `model(x)`, for one and for many; outputs are float32."""
    model = load(case.task)
    for inputs in (case.inputs, case.inputs[0]):
        outputs, encoded = model.outputs(inputs), model.encode(inputs)
        rows = sum(len(one.rows) for one in encoded)
        assert all(values.dtype == np.float32 and len(values) == rows for values in outputs.values())
        expected = list(model(inputs)) if isinstance(inputs, list) else [model(inputs)]
        assert close(model.postprocessor(outputs, [one.item for one in encoded]), expected)


# --- streams, asyncio, threads ---------------------------------------------------------------------------------------


@every_task
def test_a_stream_gives_what_a_list_gives(case: Case, load) -> None:
    """In order, over more inputs than are read ahead."""
    model = load(case.task)
    few = case.inputs[:3]
    many = [few[index % 3] if index % 500 else case.inputs[4] for index in range(LOOK_AHEAD + 60)]
    found = list(model.stream(iter(many)))
    assert len(found) == len(many)
    assert close(found, list(model(many)))
    assert close(found[:3], [model(one) for one in many[:3]])


def test_a_stream_is_lazy(load) -> None:
    """Nothing is read before it is asked for, and an endless source is read ahead a little only."""
    model = load("text-classification")
    read: list[int] = []

    def endless() -> Iterator[str]:
        for index in itertools.count():
            read.append(index)
            yield "a"

    results = model.stream(endless())
    assert read == []
    assert next(results) == model("a")
    assert len(read) <= LOOK_AHEAD
    assert len(list(itertools.islice(results, 10))) == 10


def test_a_stream_with_progress_keeps_off_stdout(load, capfd: pytest.CaptureFixture[str]) -> None:
    """The bar is for a terminal's stderr."""
    model = load("text-classification")
    assert list(model.stream(["a", "b"], progress=True)) == model(["a", "b"])
    assert capfd.readouterr().out == ""


@every_task
def test_acall_is_the_call(case: Case, load) -> None:
    """For one and for many, also several at once."""
    model = load(case.task)

    async def both() -> list[Any]:
        return await asyncio.gather(*(model.acall(one) for one in case.inputs[:3]), model.acall(case.inputs[:3]))

    *alone, together = asyncio.run(both())
    assert close(alone, [model(one) for one in case.inputs[:3]])
    assert close(list(together), alone)


@dataclass(frozen=True)
class Spy(onnxhub.ClassificationPostprocessor):
    """Remembers which threads decode."""

    threads = set()  # noqa: RUF012

    def scores(self, logits):
        """The base's."""
        self.threads.add(threading.get_ident())
        return super().scores(logits)


def test_acall_leaves_the_loop_to_others(load) -> None:
    """The work is done in another thread than the loop's; its options are the call's."""
    Spy.threads.clear()
    model = load("text-classification", postprocessor=Spy)

    async def ask() -> tuple[int, Any]:
        return threading.get_ident(), await model.acall("a good one")

    loop, _ = asyncio.run(ask())
    assert Spy.threads
    assert loop not in Spy.threads


@every_task
def test_threads_share_a_model(case: Case, load) -> None:
    """Row 14: 32 threads with 20 inputs each get bit for bit what one thread gets."""
    model = load(case.task)
    inputs = case.several(40)
    alone = [model(one) for one in inputs]
    together = threading.Barrier(32)

    def work(seed: int) -> bool:
        together.wait()
        chosen = random.Random(seed).choices(range(len(inputs)), k=20)
        return all(close(model(inputs[index]), alone[index], 0) for index in chosen)

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(work, range(32)))


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of all sessions that models are loaded with; not of the second ones, with one thread, for calls at once."""
    built: list[str] = []
    real = onnxruntime.InferenceSession

    def counting(path: str, settings: onnxruntime.SessionOptions, **options: Any) -> Any:
        if settings.intra_op_num_threads == count_usable_cores():
            built.append(path)
        return real(path, settings, **options)

    monkeypatch.setattr(onnxruntime, "InferenceSession", counting)
    onnxhub.unload()
    return built


def test_many_first_calls_build_one_session(tiny_model, sessions: list[str]) -> None:
    """16 threads that ask a one-liner at once share a model."""
    folder = tiny_model()
    together = threading.Barrier(16)

    def ask(_: int) -> onnxhub.Classification:
        together.wait()
        return onnxhub.classify("a good one", model=folder)

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(ask, range(16)))
    assert len(sessions) == 1
    assert results == [results[0]] * 16


def test_one_liners_keep_their_models_until_unloaded(tiny_model, sessions: list[str]) -> None:
    """One session a model, whatever the options; `unload` lets go of them."""
    folder = tiny_model()
    for top_k in (None, 1, 2):
        assert len(onnxhub.classify("a good one", model=folder, top_k=top_k).ranking) == (top_k or 3)
    assert len(sessions) == 1
    onnxhub.unload()
    onnxhub.classify("a good one", model=folder)
    assert len(sessions) == 2


def test_one_liners_are_their_tasks(tiny_model) -> None:
    """Each gives what the loaded model gives, for one and for a list."""
    names = ("text-classification", "question-answering", "token-classification", "feature-extraction")
    folders = {name: tiny_model(name) for name in names}
    models = {name: onnxhub.load(name, folder) for name, folder in folders.items()}
    short, (question, context) = tiny.TEXTS[0], tiny.PAIRS[0]
    classified, answered, tagged, embedded = (models[name] for name in names)
    assert onnxhub.classify([short], model=folders[names[0]]) == classified([short])
    assert onnxhub.answer(question, context, model=folders[names[1]], top_k=2) == answered(question, context, top_k=2)
    assert onnxhub.answer([(question, context)], model=folders[names[1]]) == answered([(question, context)])
    assert onnxhub.tag(short, model=folders[names[2]], aggregation="none") == tagged(short, aggregation="none")
    assert close(onnxhub.embed(short, model=folders[names[3]], truncate_dim=4), embedded(short)[:4], 0)
    vectors = embedded([short, context])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = onnxhub.similarity([short, context], [short, context], model=folders[names[3]])
    assert close(cosines, vectors @ vectors.T)
    assert onnxhub.similarity(short, context, model=folders[names[3]]).shape == ()
    assert onnxhub.similarity(short, [context] * 3, model=folders[names[3]]).shape == (3,)


def test_one_liners_of_several_arguments_are_their_tasks(tiny_model) -> None:
    """Labels, documents and choices come as an argument of their own, or in tuples where there are several inputs."""
    texts, labels = list(tiny.TEXTS[:2]), ["film", "city"]
    folders = {case.task: tiny_model(case.task) for case in CASES}
    models = {name: onnxhub.load(name, folder) for name, folder in folders.items()}
    for name, one_liner in (("text-ranking", onnxhub.rerank), ("multiple-choice", onnxhub.choose)):
        model, folder = models[name], folders[name]
        assert one_liner(texts[0], labels, model=folder) == model(texts[0], labels) == model((texts[0], labels))
        assert one_liner(texts[0], np.array(labels), model=folder, top_k=1) == model(texts[0], labels, top_k=1)
        pairs = [(text, labels) for text in texts]
        assert close(one_liner(pairs, model=folder), [model(*pair) for pair in pairs])
    model, folder = models["zero-shot-classification"], folders["zero-shot-classification"]
    assert close(onnxhub.classify_zero_shot(texts, labels, model=folder), [model(text, labels) for text in texts])
    options = {"template": "a {}", "multi_label": True, "top_k": 1}
    assert onnxhub.classify_zero_shot(texts[0], labels, model=folder, **options) == model(texts[0], labels, **options)
    model, folder, holes = models["fill-mask"], folders["fill-mask"], [masked(text) for text in texts]
    assert close(onnxhub.fill_mask(holes, model=folder, top_k=1), [model(hole, top_k=1) for hole in holes])
    assert onnxhub.fill_mask(holes[0], model=folder, targets=["a"]) == model(holes[0], targets=["a"])
    model, folder = models["sparse-feature-extraction"], folders["sparse-feature-extraction"]
    assert close(onnxhub.embed_sparse(texts, model=folder), [model(text) for text in texts])
    assert onnxhub.embed_sparse(texts[0], model=folder, top_k=2) == model(texts[0], top_k=2)


# --- models ----------------------------------------------------------------------------------------------------------


@every_task
def test_with_options_leaves_the_original_alone(case: Case, load) -> None:
    """Another model over the same session, whose calls are the original's with the options."""
    model = load(case.task)
    before = model(case.inputs[0])
    other = model.with_options(**case.options)
    assert type(other) is type(model)
    assert other is not model
    assert other.session is model.session
    assert close(other(case.inputs[0]), model(case.inputs[0], **case.options), 0)
    assert close(model(case.inputs[0]), before, 0)
    assert not close(other(case.inputs[0]), before)
    assert close(list(other.stream(case.inputs[:2])), list(other(case.inputs[:2])), 0)


@every_task
def test_the_models_own_description(case: Case, load, tiny_model) -> None:
    """`info` and `repr` say what was loaded."""
    model = load(case.task)
    info = model.info
    assert (info.task, info.model_id, info.file) == (case.task, str(tiny_model(case.task)), "model.onnx")
    assert (info.revision, info.dtype, info.provider, info.max_length) == (None, "fp32", "cpu", 64)
    assert info.labels == case.labels
    assert info.reason
    assert set(model.sessions) == {"model"}
    assert repr(model) == f"<{type(model).__name__} {info.model_id} model.onnx (fp32) on cpu>"


@every_task
def test_a_model_pickles_as_its_recipe(case: Case, load) -> None:
    """It is loaded again with its options, and the token does not travel."""
    model = load(case.task, token="hf_CANARYcanary", threads=2).with_options(**case.options)
    data = pickle.dumps(model)
    assert b"hf_CANARY" not in data
    assert len(data) < 5000
    again = pickle.loads(data)
    assert type(again) is type(model)
    assert again.info == model.info
    assert again.session is not model.session
    assert again.session.get_session_options().intra_op_num_threads == 2
    assert close(list(again(case.inputs)), list(model(case.inputs)), 0)


def test_a_pickle_works_in_another_process(load, tmp_path: Path) -> None:
    """Which has imported nothing yet."""
    model = load("text-classification")
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    code = f"import pickle; print(pickle.load(open({str(tmp_path / 'model.pickle')!r}, 'rb'))('a good one'))"
    command = [
        sys.executable,
        "-W",
        "error::UserWarning",
        "-c",
        f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{code}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == repr(model("a good one"))


@every_task
def test_a_closed_model_says_so(case: Case, load) -> None:
    """It, and all that share its session; closing twice is no error."""
    with load(case.task) as model:
        other = model.with_options(**case.options)
        model(case.inputs[0])
    model.close()
    for closed in (model, other):
        with pytest.raises(ClosedModelError, match="the model was closed; load it again"):
            closed(case.inputs[0])
    with pytest.raises(ClosedModelError, match="closed"):
        _ = model.session


@dataclass(frozen=True)
class Calibrated(onnxhub.ClassificationPostprocessor):
    """A postprocessor of the user's own, with an option."""

    temperature: float = 2.0

    def scores(self, logits):
        """Softer than the base's."""
        return onnxhub.softmax(logits / self.temperature)


def test_a_postprocessor_of_ones_own(load) -> None:
    """A subclass is built from the model, an instance is used as it is; both take part in everything."""
    plain = load("text-classification")
    model = load("text-classification", postprocessor=Calibrated)
    logits = plain.outputs("a good one")["logits"][0]
    assert model("a good one").score == pytest.approx(float(onnxhub.softmax(logits / 2).max()))
    assert model.info.labels == plain.info.labels
    assert len(model("a good one", top_k=1).ranking) == 1
    instance = Calibrated(labels=("a", "b", "c"), temperature=4.0)
    named = load("text-classification", postprocessor=instance)
    assert named("a good one").label in {"a", "b", "c"}
    assert pickle.loads(pickle.dumps(named))("a good one") == named("a good one")
    with pytest.raises(TaskMismatchError, match="3 logits, but there are 2 labels: a, b"):
        load("text-classification", postprocessor=Calibrated(labels=("a", "b")))


@dataclass(frozen=True)
class JustLogits(onnxhub.Postprocessor[Any, list]):
    """A postprocessor from nothing."""

    def decode(self, rows, item):  # noqa: ARG002
        """The numbers."""
        return {name: values.tolist() for name, values in rows.items()}


@every_task
def test_a_postprocessor_from_nothing(case: Case, load) -> None:
    """Any task takes any postprocessor, which sees the outputs as they are."""
    model = load(case.task, postprocessor=JustLogits)
    given = case.made_of("a")
    found = model(*given) if isinstance(given, tuple) else model(given)
    expected = model.outputs(given)
    assert found == {name: values.tolist() for name, values in expected.items()}


@pytest.mark.parametrize("dtype", ["fp16", "int8", "uint8"])
@every_task
def test_smaller_variants(case: Case, dtype: str, tmp_path: Path) -> None:
    """fp16 and int8 files of the same weights load by their dtype and stay near fp32."""
    tiny.make_model(tmp_path, case.task)
    tiny.make_model(tmp_path, case.task, file=f"onnx/model_{dtype}.onnx", dtype=dtype)
    plain, small = (ready(onnxhub.load(case.task, tmp_path, dtype=one)) for one in ("fp32", dtype))
    assert (plain.info.dtype, small.info.dtype, small.info.file) == ("fp32", dtype, f"onnx/model_{dtype}.onnx")
    inputs = case.inputs[:2]
    for name, values in small.outputs(inputs).items():
        assert values.dtype == np.float32
        assert np.abs(values - plain.outputs(inputs)[name]).mean() < (0.05 if dtype == "fp16" else 0.5)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@every_task
def test_a_dynamically_quantised_model_gives_the_same_in_any_batch(case: Case, dtype: str, load) -> None:
    """Bit for bit: its rows are never run together, since they would be scaled together; in either of its sessions."""
    model = load(case.task, {"dtype": dtype, "max_length": 256})
    inputs = case.several(24)
    alone = [model(one) for one in inputs]
    assert model.backend.batch_tokens == 1
    assert close(list(model(inputs)), alone, 0)
    assert close(list(model(inputs[::-1]))[::-1], alone, 0)


@pytest.mark.parametrize("layout", ["single", "shards"])
@every_task
def test_weights_in_files_of_their_own(case: Case, layout: str, load, tiny_model) -> None:
    """External data gives what the same weights inside the graph give."""
    made = {"external_data": layout, "file": "onnx/model.onnx"}
    assert close(list(load(case.task, made)(case.inputs)), list(load(case.task)(case.inputs)))


def test_session_options_reach_the_session(load) -> None:
    """Attributes and configuration entries, of any simple type."""
    options = {
        "enable_mem_pattern": False,
        "enable_cpu_mem_arena": False,
        "inter_op_num_threads": 3,
        "session.set_denormal_as_zero": True,
    }
    built = load("text-classification", session_options=options).session.get_session_options()
    assert (built.enable_cpu_mem_arena, built.inter_op_num_threads) == (False, 3)
    assert built.get_session_config_entry("session.set_denormal_as_zero") == "1"
    assert not built.enable_mem_pattern


def test_an_exact_file(tmp_path: Path) -> None:
    """`file` wins over `dtype`, and a name that is not there lists those that are."""
    tiny.make_model(tmp_path)
    tiny.make_model(tmp_path, file="other/mine.onnx", seed=1)
    model = onnxhub.load("text-classification", tmp_path, file="other/mine.onnx")
    assert model.info.file == "other/mine.onnx"
    assert not close(model("a good one"), onnxhub.load("text-classification", tmp_path)("a good one"))
    with pytest.raises(VariantNotFoundError, match=r"it has: model.onnx"):
        onnxhub.load("text-classification", tmp_path, file="none.onnx")


@pytest.mark.slow
@every_task
def test_optimums_class_over_the_same_session(case: Case, load) -> None:
    """`ort_model` is the ORTModelForXXX of the task where optimum is installed, else an error with the install line."""
    model = load(case.task)
    if importlib.util.find_spec("optimum") is None:
        with pytest.raises(MissingDependencyError, match=r"pip install 'onnxhub\[optimum\]'"):
            _ = model.ort_model
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch and transformers
        ort_model: Any = model.ort_model
    assert type(ort_model).__name__ == model.task.ort_class
    assert ort_model.session is model.session
    assert model.ort_model is ort_model
    # The same batch as the model's own, longest row first, so that not one bit may differ.
    rows = dict(enumerate(model.encode(case.inputs[0])[0].rows))
    order = sorted(rows, key=lambda row: rows[row]["input_ids"].size, reverse=True)
    outputs = ort_model(**collate([rows[row] for row in order], model.backend.tokenizer.padding))
    for name, values in model.outputs(case.inputs[0]).items():
        for found, row in zip(outputs[name], order, strict=True):
            np.testing.assert_array_equal(found, values[row][: len(found)])
    with pytest.raises(TypeError, match=r"load\(..., provider=..., dtype=...\)"):
        ort_model.to("cuda")
    assert ort_model.to("cpu") is ort_model


# --- long texts ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document() -> str:
    """20,000 words of the tiny vocabulary."""
    return " ".join(random.Random(0).choices(WORDS, k=20_000))


def test_a_long_document_is_answered_from_all_of_it(document: str, load) -> None:
    """The answer is the best span of all windows, found again by hand in the outputs; the windows see every token."""
    model = load("question-answering", {"max_length": 256})
    asked = ("Where was Mozart born?", document)
    (encoded,) = model.encode(asked)
    item = encoded.item
    seen = np.unique(np.concatenate(item.windows))
    assert seen.tolist() == list(range(len(item.offsets)))
    assert len(encoded.rows) == len(item.windows) > 50
    assert all(row["input_ids"].size <= 256 for row in encoded.rows)
    outputs = model.outputs(asked)
    best, span = -np.inf, (0, 0)
    for number, window in enumerate(item.windows):
        inside = item.answerable[window]
        starts, ends = (
            np.where(inside, outputs[name][number, : len(window)], -np.inf) for name in ("start_logits", "end_logits")
        )
        for length in range(15):
            scores = starts[: len(window) - length] + ends[length:]
            column = int(scores.argmax())
            if scores[column] > best:
                best, span = scores[column], (int(window[column]), int(window[column + length]))
    found = model(*asked, top_k=5)
    assert found.start <= item.offsets[span[0], 0]
    assert item.offsets[span[1], 1] <= found.end
    assert found.end - found.start < 200
    assert all(document[one.start : one.end] == one.answer for one in (found, *found.alternatives))


def test_a_long_document_is_tagged_to_its_end(document: str, load) -> None:
    """Entities are slices, in order, and as dense in the last words as in the first."""
    model = load("token-classification", {"max_length": 256})
    entities = model(document)
    assert all(document[one.start : one.end] == one.text for one in entities)
    # Neighbours may share a character of which each has a part, such as a Hangul syllable.
    assert all(one.end <= other.start + 1 and one.start < other.end for one, other in itertools.pairwise(entities))
    last = [one for one in entities if one.start >= len(document) - 300]
    first = [one for one in entities if one.end <= 300]
    assert len(last) > len(first) / 3 > 1
    assert max(other.start - one.end for one, other in itertools.pairwise(entities)) < 300
    (encoded,) = model.encode(document)
    assert np.unique(np.concatenate(encoded.item.windows)).tolist() == list(range(len(encoded.item.offsets)))


def test_windows_in_the_middle_agree_with_the_text_alone(load) -> None:
    """A text that just fits is tagged as by a model without a limit."""
    model = load("token-classification", {"max_length": 512})
    text = " ".join(made_up(3))
    whole = model(text)
    assert len(model.encode(text)[0].rows) == 1
    assert close(model.with_options(max_length=512, overlap=1)(text), whole)
    cut = model.with_options(max_length=32, overlap=12)
    assert len(cut.encode(text)[0].rows) > 3
    assert {one.label for one in cut(text)} <= {"PER", "LOC"}


LONG = " ".join(["a good", *["bad"] * 200])


def test_a_long_text_is_cut_with_a_warning(load, tiny_model) -> None:
    """Truncation is the default, and is said; what is left decides."""
    model = onnxhub.load("text-classification", tiny_model())
    with pytest.warns(
        onnxhub.TruncationWarning, match="a text was cut to the 64 tokens that the model takes; long_text='window'"
    ):
        cut = model(LONG)
    words = LONG.split()[:62]
    assert close(cut, model(" ".join(words)))


def test_a_long_text_is_averaged_over_windows(load) -> None:
    """Each window's probabilities count by its tokens."""
    model = load("text-classification")
    (encoded,) = model.encode(LONG)
    sizes = [row["input_ids"].size for row in encoded.rows]
    assert len(sizes) > 2
    scores = np.average(onnxhub.softmax(model.outputs(LONG)["logits"]), axis=0, weights=sizes)
    assert model(LONG).score == pytest.approx(float(scores.max()), abs=1e-6)


def test_a_long_text_is_refused_on_request(load) -> None:
    """The error has the index and both lengths."""
    model = load("text-classification").with_options(long_text="error")
    with pytest.raises(InvalidInputError, match="item 1: the text has 204 tokens, the model takes 64") as raised:
        model(["a good one", LONG])
    assert raised.value.index == 1
    assert model("a good one").label


def test_text_pairs(load) -> None:
    """A pair is not its texts joined, order matters, and pairs and texts may be mixed in a list."""
    model = load("text-classification")
    pair, turned, joined = model(
        [("a good one", "an awful one"), ("an awful one", "a good one"), "a good one an awful one"]
    )
    assert not close(pair, turned)
    assert not close(pair, joined)
    assert close(model(("a good one", "an awful one")), pair)
    (encoded,) = model.encode(("a good", "bad"))
    assert encoded.rows[0]["token_type_ids"].tolist() == [0, 0, 0, 0, 1, 1]
    (cut,) = model.with_options(long_text="truncate").encode(("bad " * 20, "a good one")) or [None]
    assert cut.rows[0]["input_ids"].size <= 64
    (windows,) = model.encode(("a good one", "bad " * 200))
    assert len(windows.rows) > 3


def test_a_tokenizer_that_pads_on_the_left(tiny_model) -> None:
    """QA models of that layout see the context first; batches give the same as each alone all the same."""
    model = onnxhub.load("question-answering", tiny_model("question-answering", padding_side="left"))
    (encoded,) = model.encode(tiny.PAIRS[0])
    answerable = np.flatnonzero(encoded.item.answerable)
    assert answerable[0] == 1
    assert encoded.item.offsets[answerable[-1]].tolist()[1] == len(tiny.PAIRS[0][1])
    alone = [model(one) for one in tiny.PAIRS]
    assert close(model(list(tiny.PAIRS)), alone)
    assert all(one.answer == context[one.start : one.end] for one, (_, context) in zip(alone, tiny.PAIRS, strict=True))
    classifier = onnxhub.load("text-classification", tiny_model(padding_side="left", max_length=256))
    assert close(classifier(list(tiny.TEXTS)), [classifier(text) for text in tiny.TEXTS])


def test_embeddings_are_pooled_as_the_model_says(tmp_path: Path) -> None:
    """The modules of sentence-transformers, in both of its layouts, against the formula."""
    for legacy, dense in itertools.product((True, False), (True, False)):
        folder = tiny.make_model(tmp_path / f"{legacy}{dense}", "feature-extraction")
        tiny.write_sentence_transformers(
            folder, ("cls", "max"), dense=dense, legacy=legacy, prompts={"query": "query: "}, normalize=True
        )
        model = onnxhub.load("feature-extraction", folder)
        vector = model("a good one")
        assert vector.shape == ((8,) if dense else (32,))
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
        assert model([]).shape == (0, len(vector))
        tokens = model.outputs("a good one")["last_hidden_state"][0]
        expected = np.concatenate([tokens[0], tokens.max(axis=0)])
        if not dense:
            assert close(vector, expected / np.linalg.norm(expected))
        assert model.info.max_length == 32
        assert close(model("a good one", prompt_name="query"), model("query: a good one"))
        with pytest.raises(InvalidOptionError, match=r"prompt_name='qery': expected 'query'.*did you mean 'query'"):
            model("a", prompt_name="qery")


def test_a_prompt_is_counted_as_it_is_read(tmp_path: Path) -> None:
    """Where a model lowers its texts, the prompt whose tokens are left out is lowered with them."""
    folder = tiny.make_model(tmp_path, "feature-extraction", tokenizer_extra={"do_lower_case": False})
    tiny.write_sentence_transformers(
        folder, do_lower_case=True, include_prompt=False, prompts={"small": "unknown: ", "large": "UNKNOWN: "}
    )
    small, large = (
        onnxhub.load("feature-extraction", folder).with_options(prompt_name=name).encode("a good one")[0]
        for name in ("small", "large")
    )
    assert small.item == large.item
    assert small.rows[0]["input_ids"].tolist() == large.rows[0]["input_ids"].tolist()


def test_vectors_of_different_lengths(tiny_model) -> None:
    """A postprocessor whose vectors cannot be stacked is named, with what it gave."""

    class Ragged(onnxhub.EmbeddingPostprocessor):
        def pool(self, tokens):
            return tokens[:, 0]

    model = onnxhub.load("feature-extraction", tiny_model("feature-extraction"), postprocessor=Ragged)
    assert model("a").shape == (3,)
    with pytest.raises(
        InvalidOptionError, match=r"expected Ragged to give vectors of one length; it gave \(3,\), \(7,\)"
    ):
        model(["a good one", "a"])


def test_a_graph_that_gives_sentences(tiny_model) -> None:
    """Its `sentence_embedding` is taken as it is; another pooling may be asked for."""
    model = onnxhub.load("feature-extraction", tiny_model("feature-extraction", sentence_outputs=True))
    outputs = model.outputs("a good one")
    assert close(model("a good one"), outputs["sentence_embedding"][0])
    assert close(model("a good one", pooling="cls"), outputs["token_embeddings"][0, 0])
    assert model([]).shape == (0, 16)
