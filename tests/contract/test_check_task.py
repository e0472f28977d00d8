"""The contract suite for authors of tasks: every built-in task holds it, and what breaks it is told in words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

import onnxhub
from onnxhub.errors import (
    ClosedModelError,
    InvalidInputError,
    InvalidOptionError,
    OnnxHubError,
    TaskContractError,
    TaskMismatchError,
)
from onnxhub.testing import CannedBackend, CannedTokenizer, check_task
from tests import tiny
from tests.images import (
    IMAGES,
    NUMBERS,
    ImagePreprocessor,
    Label,
    LabelModel,
    LabelPostprocessor,
    NumbersPreprocessor,
    PlainItem,
    make_images,
    make_images_model,
    make_numbers_model,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:a text was cut:onnxhub.TruncationWarning")

TEXTS = ["a good film", "the film is bad and bad and a film", "good"]
LISTS = [(text, ["a film", "a good one", "bad"][: place + 2]) for place, text in enumerate(TEXTS)]
CASES: dict[str, tuple[list[Any], dict[str, Any], dict[str, Any]]] = {
    "text-classification": (TEXTS, {"top_k": 1}, {}),
    "question-answering": ([*tiny.PAIRS][:3], {"top_k": 2}, {}),
    "token-classification": (TEXTS, {"aggregation": "none"}, {}),
    "feature-extraction": (TEXTS, {"truncate_dim": 3}, {}),
    "zero-shot-classification": (TEXTS, {"top_k": 1}, {"labels": ["a city", "film"]}),
    "fill-mask": (["a [MASK] film", "[MASK] and [MASK]", "good [MASK]"], {"top_k": 1}, {}),
    "text-ranking": (LISTS, {"top_k": 1}, {}),
    "multiple-choice": (LISTS, {"top_k": 1}, {}),
    "sparse-feature-extraction": (TEXTS, {"top_k": 2}, {}),
}
ROWS = [(1.0, 2.0, 3.0, 4.0), (4.0, -3.0, 2.0, 1.0), (0.0, 0.0, 9.0, 0.0)]


def test_the_table_has_every_built_in_task() -> None:
    """A new task is not forgotten here."""
    tasks = [task for task in onnxhub.list_tasks() if task.model.__module__ == "onnxhub" and not task.raw]
    # Those of images have a table of their own, in tests/contract/test_images.py.
    assert set(CASES) == {task.name for task in tasks if task.modality == "text"}


@pytest.mark.parametrize("name", CASES)
def test_built_in_tasks_hold_the_contracts(name: str, tiny_model: Callable[..., Path]) -> None:
    """All of them, with an option of each."""
    inputs, options, always = CASES[name]
    model = onnxhub.load(name, tiny_model(name)).with_options(**always)
    check_task(name, model=model, inputs=inputs, options=options)


def test_a_task_of_images_holds_the_contracts(tmp_path: Path) -> None:
    """Of another package, without a tokenizer, on a real session."""
    options = {"temperature": 3.0}
    check_task(
        IMAGES,
        model=onnxhub.load(IMAGES, make_images_model(tmp_path)),
        inputs=make_images(5),
        bad_input="text",
        options=options,
    )


def test_a_task_of_numbers_holds_the_contracts(tmp_path: Path) -> None:
    """Over a real session, and over canned outputs, which have no tokenizer for it."""
    check_task(
        NUMBERS, model=onnxhub.load(NUMBERS, make_numbers_model(tmp_path)), inputs=ROWS, options={"temperature": 3.0}
    )
    canned = CannedBackend(lambda batch: {"logits": batch["x"]}, input_names=("x",), row={"x": np.zeros(4, np.float32)})
    check_task(NUMBERS, model=canned.load(NUMBERS), inputs=ROWS)


def test_raw_arrays_hold_the_contracts(tmp_path: Path) -> None:
    """Whose graph runs on each input as it is."""
    inputs = [{"x": np.full((rows, 4), rows, np.float32)} for rows in (1, 3, 2)]
    check_task("custom", model=onnxhub.load("custom", make_numbers_model(tmp_path)), inputs=inputs)


def test_a_canned_model_has_the_tokenizer_that_it_needs() -> None:
    """One for a graph of tokens, none for another, unless it is given one."""
    assert CannedBackend({}).tokenizer.mask_token_id == 2
    tokenizer = CannedTokenizer(max_length=5)
    assert CannedBackend({}, input_names=("x",), tokenizer=tokenizer).tokenizer is tokenizer
    with pytest.raises(TaskMismatchError, match="no input_ids, and it was given no tokenizer"):
        _ = CannedBackend({}, input_names=("x",)).tokenizer
    assert repr(CannedBackend({}, input_names=("x",))).startswith("CannedBackend(")


# --- what breaks a contract ------------------------------------------------------------------------------------------


class TwiceRows(NumbersPreprocessor):
    """Two rows for items of one."""

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Each row twice."""
        return [replace(entry, rows=[*entry.rows] * 2) for entry in super().__call__(inputs)]


class Misnamed(NumbersPreprocessor):
    """Names an input that the graph has not."""

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """One more input."""
        return [replace(entry, rows=[{**entry.rows[0], "y": np.zeros(1)}]) for entry in super().__call__(inputs)]


class Unchecked(NumbersPreprocessor):
    """Checks nothing."""

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Fails by a TypeError."""
        return [
            onnxhub.Prepared([{"x": np.array([float(part) for part in value], np.float32)}], PlainItem())
            for value in inputs
        ]


class Forgiving(NumbersPreprocessor):
    """Takes anything for zeros."""

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        """Never fails."""
        return super().__call__([value if isinstance(value, tuple) else (0.0,) * 4 for value in inputs])


class AllMany(NumbersPreprocessor):
    """Takes one input for many."""

    def as_many(self, inputs: object) -> Any:
        """As many, always."""
        return list(inputs)  # type: ignore[call-overload]


class Free(NumbersPreprocessor):
    """Has no budget."""

    def batching(self, backend: onnxhub.Backend) -> onnxhub.Batching:
        """Nothing to spend."""
        return replace(super().batching(backend), budget=0)


@dataclass(frozen=True)
class Item:
    """One row, of another task."""

    rows: int = 1


@dataclass(frozen=True)
class Same(LabelPostprocessor):
    """Says the same of all."""

    def decode(self, rows: Any, item: Any) -> Any:
        """Always that."""
        return replace(super().decode(rows, item), label="same", score=1.0)


@dataclass(frozen=True)
class Unserialisable(LabelPostprocessor):
    """Gives numpy's numbers in a dict."""

    def decode(self, rows: Any, item: Any) -> Any:
        """No JSON."""
        return {"score": rows["logits"][0].max(), "label": super().decode(rows, item).label}


@dataclass(frozen=True)
class Forgetful(LabelPostprocessor):
    """Remembers how often it was called."""

    calls: list[int] = field(default_factory=list)

    def decode(self, rows: Any, item: Any) -> Any:
        """Another score each time."""
        self.calls.append(1)
        return replace(super().decode(rows, item), score=float(len(self.calls)))


class Unshared(LabelModel):
    """Options that are not those of the call."""

    def with_options(self, **_options: Any) -> Any:  # type: ignore[override]
        """Always others."""
        return self.copy_with({"temperature": 9.0})


@pytest.mark.parametrize(
    ("changes", "contract"),
    [
        ({"preprocessor": TwiceRows}, "item.rows counts the rows. Input 0 has 2 rows, and its item.rows is 1"),
        ({"preprocessor": Misnamed}, "rows for the graph"),
        ({"preprocessor": Unchecked}, "an error of onnxhub.errors about that input.*raised TypeError"),
        ({"preprocessor": Forgiving}, r"An input that cannot be used is an error.*attempt\(\[good"),
        ({"preprocessor": AllMany}, "tells one input from many.*for several inputs"),
        ({"preprocessor": Free}, "gives a budget.*The budget is 0"),
        ({"postprocessor": Same}, "Different inputs give different results"),
        ({"postprocessor": Unserialisable}, "ready for JSON"),
        ({"postprocessor": Forgetful}, "A list gives what each input gives alone"),
        ({"model": Unshared}, "with_options gives what a call with these options gives"),
        ({"preprocessor": NumbersPreprocessor()}, "Its row says what load needs.*preprocessor"),
        ({"outputs": "logits"}, "Its row says what load needs.*outputs"),
    ],
)
def test_a_broken_contract_is_told_in_words(changes: dict[str, Any], contract: str, tmp_path: Path) -> None:
    """By the name of the task, what should hold, and what was found; an AssertionError of the library's tree."""
    model = onnxhub.load(NUMBERS, make_numbers_model(tmp_path))
    broken = replace(NUMBERS, name="test-broken", **changes)
    if not isinstance(changes.get("preprocessor"), NumbersPreprocessor) and "outputs" not in changes:
        model = onnxhub.load(broken, tmp_path)
    with pytest.raises(OnnxHubError, match=f"(?s){contract}") as caught:
        check_task(broken, model=model, inputs=ROWS, options={"temperature": 3.0})
    if isinstance(caught.value, InvalidInputError):
        return  # found before there was anything to compare
    assert isinstance(caught.value, TaskContractError)
    assert isinstance(caught.value, AssertionError)
    assert str(caught.value).startswith("the task test-broken breaks a contract: ")


class Altered(NumbersPreprocessor):
    """Its rows and items are not those of the contract: each case says how."""

    alter: ClassVar[Any] = staticmethod(lambda entry: entry)
    change: ClassVar[dict[str, Any]] = {}

    def __call__(self, inputs: Sequence[Any]) -> Any:
        """The entries, altered."""
        return [type(self).alter(entry) for entry in super().__call__(inputs)]

    def batching(self, backend: onnxhub.Backend) -> Any:
        """The batching, changed; None of None."""
        return replace(super().batching(backend), **self.change) if self.change is not None else None

    def weight(self, value: Any) -> Any:
        """A text."""
        return "heavy" if self.change == {"padding": {"x": 1}} else super().weight(value)


@dataclass(frozen=True)
class Rowless:
    """Counts nothing."""


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (
            lambda entry: replace(entry, item=None),
            "item.rows counts the rows. The item of input 0 is None, which has no",
        ),
        (lambda entry: replace(entry, item=Rowless()), r"The item of input 0 is Rowless\(\), which has no rows"),
        (lambda entry: replace(entry, item=PlainItem(2)), "Input 0 has 1 row, and its item.rows is 2"),
        (lambda entry: replace(entry, item=Item()), r"That of input 0 is Item\(rows=1\), and .* takes a PlainItem"),
        (lambda entry: replace(entry, rows=[{"y": entry.rows[0]["x"]}]), "Input 0 has y, and the graph takes x"),
        (lambda entry: replace(entry, rows=[{"x": [1.0] * 4}]), "x of input 0 is a list, and not a numpy array"),
        (lambda entry: replace(entry, rows=[]), "Input 0 has none"),
        (lambda entry: replace(entry, rows=entry.rows[0]), "The rows of input 0 are a dict, and not a list"),
        (lambda entry: replace(entry, rows=[entry.rows[0]["x"]]), "A row of input 0 is array.*, and not a mapping"),
        (lambda entry: entry.rows[0], "Input 0 has .*, and not a Prepared"),
    ],
)
def test_rows_that_are_not_as_they_must_be_are_told_before_the_graph_runs(
    alter: Callable[[Any], Any], message: str, tmp_path: Path
) -> None:
    """By the input and the part that is wrong; a run would fail with words of another room."""
    kind = type("AlteredRows", (Altered,), {"alter": staticmethod(alter)})
    _refuse(replace(NUMBERS, preprocessor=kind), message, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "It gave None, and not an onnxhub.Batching"),
        ({"budget": "16"}, "The budget is '16'"),
        ({"cost": lambda row: 0 * len(row)}, "A row costs 0, and not at least 1"),
        ({"cost": lambda row: row["z"]}, "gives a budget, and a cost and a group of each row. KeyError: 'z'"),
        ({"group": lambda row: [*row]}, r"The group \['x'\] cannot be hashed"),
        ({"group": lambda row: ([*row],)}, r"The group \(\['x'\],\) cannot be hashed"),
        ({"padding": {"x": 1}}, "weight counts the bytes of an input. .* weighs 'heavy'"),
    ],
)
def test_a_batching_that_is_not_as_it_must_be_is_told(change: Any, message: str, tmp_path: Path) -> None:
    """Before the graph runs; so is a weight that is no number."""
    _refuse(replace(NUMBERS, preprocessor=type("AlteredBatching", (Altered,), {"change": change})), message, tmp_path)


def _refuse(task: onnxhub.Task[Any], message: str, folder: Path, **options: Any) -> None:
    model = onnxhub.load(task, make_numbers_model(folder))
    with pytest.raises(TaskContractError, match=f"the task test-numbers breaks a contract: .*{message}"):
        check_task(task, model=model, inputs=ROWS, options=options)


def test_options_that_change_nothing_are_told(tmp_path: Path) -> None:
    """They would not show whether the task takes them."""
    message = r"Options change what a call gives. With \{'temperature': 1.0\} all results are as without"
    _refuse(NUMBERS, message, tmp_path, temperature=1.0)


def test_options_that_are_unknown_are_told(tmp_path: Path) -> None:
    """With the contract, and what Python says of them."""
    _refuse(NUMBERS, "with_options takes the options of a call. TypeError: .*'warmth'", tmp_path, warmth=1.0)


class Optionless(onnxhub.Model[Any, Label, "list[Label]"]):
    """Has no options of its own."""


def test_a_model_that_takes_no_options_is_told(tmp_path: Path) -> None:
    """Where some were to be tried; without them it is a sound model."""
    task = replace(NUMBERS, model=Optionless)
    _refuse(task, "with_options takes the options of a call. TypeError: ", tmp_path, temperature=3.0)
    check_task(task, model=onnxhub.load(task, tmp_path), inputs=ROWS)


def test_a_model_of_another_task_is_told(tmp_path: Path) -> None:
    """Of another class, or of the same class by the row of another task."""
    other = onnxhub.load("text-classification", "builtin:sentiment")
    for task, model in ((NUMBERS, other), (replace(other.task, name="mine"), other)):
        with pytest.raises(
            TaskContractError, match=r"The model is one of the task. It is <TextCl.* text-classification;"
        ):
            check_task(task, model=model, inputs=ROWS)
    with pytest.raises(TaskContractError, match=r"Its model is a subclass of onnxhub\.Model\. It is 3"):
        check_task(NUMBERS, model=3, inputs=ROWS)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Bare:
    """A result that is a dataclass, and no more."""

    label: str
    score: float


@dataclass(frozen=True)
class BarePostprocessor(LabelPostprocessor):
    """Gives it."""

    def decode(self, rows: Any, item: Any) -> Any:
        """The best label."""
        best = super().decode(rows, item)
        return Bare(best.label, best.score)


def test_a_plain_dataclass_is_a_result(tmp_path: Path) -> None:
    """Commands write it to JSON by its fields, and so does the check."""
    task = replace(NUMBERS, postprocessor=BarePostprocessor)
    check_task(task, model=onnxhub.load(task, make_numbers_model(tmp_path)), inputs=ROWS)


@dataclass(frozen=True)
class ArrayPostprocessor(LabelPostprocessor):
    """Gives a dataclass with an array."""

    def decode(self, rows: Any, item: Any) -> Any:
        """No JSON."""
        return Bare(rows["logits"][0], super().decode(rows, item).score)


def test_a_plain_dataclass_of_arrays_is_told(tmp_path: Path) -> None:
    """Its fields have to be ready for JSON."""
    _refuse(replace(NUMBERS, postprocessor=ArrayPostprocessor), "ready for JSON.*ndarray is not JSON", tmp_path)


class Columnless(NumbersPreprocessor):
    """Takes no column."""

    def as_many(self, inputs: object) -> Sequence[object] | None:
        """Lists only."""
        return inputs if isinstance(inputs, list) else None


class Failing(NumbersPreprocessor):
    """Fails where it is asked what is many."""

    def as_many(self, inputs: object) -> Sequence[object] | None:
        """Never."""
        raise KeyError(type(inputs).__name__)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            Columnless,
            "A column gives what a list gives. InvalidInputError: expected a tuple of four numbers, got ndarray",
        ),
        (Failing, "as_many of its preprocessor tells one input from many. KeyError: 'list'"),
    ],
)
def test_an_error_of_a_check_comes_with_its_contract(kind: type[Any], message: str, tmp_path: Path) -> None:
    """Whatever is raised: it is a TaskContractError that has the error for its cause."""
    _refuse(replace(NUMBERS, preprocessor=kind), message, tmp_path)


@pytest.mark.parametrize("command", ["nope", "my package:moderate", "my_package:", "my_package.:moderate"])
def test_a_command_that_cannot_be_found_is_told(command: str, tmp_path: Path) -> None:
    """By its form: the command line would leave it out."""
    task = replace(NUMBERS, commands=("my_package.commands:moderate", command))
    _refuse(task, f"Its commands are named by a module and its function. It has '{command}'", tmp_path)


def test_a_closed_model_breaks_no_contract(tmp_path: Path) -> None:
    """The error about it is as everywhere."""
    model = onnxhub.load(NUMBERS, make_numbers_model(tmp_path))
    model.close()
    with pytest.raises(ClosedModelError):
        check_task(NUMBERS, model=model, inputs=ROWS)


def test_one_input_says_nothing(tmp_path: Path) -> None:
    """Two are the least that can be told apart."""
    with pytest.raises(InvalidOptionError, match="at least two inputs"):
        check_task(NUMBERS, model=onnxhub.load(NUMBERS, make_numbers_model(tmp_path)), inputs=ROWS[:1])


@pytest.mark.parametrize(
    ("field_name", "value", "expected"),
    [
        ("name", "", "a name such as"),
        ("aliases", "ner", "a tuple of texts; one alone is written"),
        ("summary", None, "a text of one line"),
        ("modality", "video", "one of text, image, audio, arrays"),
        ("model", "Model", "a subclass of onnxhub.Model"),
        ("preprocessor", LabelPostprocessor, "a subclass of onnxhub.Preprocessor, the class itself"),
        ("postprocessor", ImagePreprocessor, "a subclass of onnxhub.Postprocessor, the class itself"),
        ("outputs", {"logits": 2}, "a tuple of mappings"),
        ("outputs", ({"logits": "2"},), "a tuple of mappings"),
        ("ort_class", 3, "the name of a class"),
    ],
)
def test_a_broken_row_is_not_registered(field_name: str, value: object, expected: str) -> None:
    """The error names the task and the field, at the registration and not at the first load."""
    broken = replace(NUMBERS, **{"name": "test-row", field_name: value})  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match=rf"Task\('.*'\)\.{field_name}=.*{expected}"):
        onnxhub.register(broken)
    assert "test-row" not in {task.name for task in onnxhub.list_tasks()}
