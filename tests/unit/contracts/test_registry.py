"""Which tasks there are, and how another package brings one."""

from __future__ import annotations

import pickle
import re
import sys
from dataclasses import replace
from types import EllipsisType
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, get_args, get_type_hints

import pytest

import onnxhub
from onnxhub._contracts import registry as _registry
from onnxhub._contracts.options import option_names
from onnxhub._contracts.registry import get_task
from onnxhub._contracts.task import check_row
from onnxhub.errors import InvalidOptionError, MissingDependencyError, UnknownTaskError
from onnxhub.tasks.text_classification import TASK

if TYPE_CHECKING:
    from pathlib import Path


class Unbuilt(onnxhub.Preprocessor[Any, Any]):
    """Leaves out for_model."""

    def __call__(self, inputs: Any) -> list[onnxhub.Prepared[Any]]:
        """Nothing."""
        del inputs
        return []


class Undecoded(onnxhub.Postprocessor[Any, Any]):
    """Leaves out decode."""


class Unknown(TypedDict):
    """Options that nobody has."""

    volume: int


MODULE = """
from dataclasses import dataclass, replace
import onnxhub
from onnxhub.tasks.text_classification import TASK

@dataclass(frozen=True)
class Shouting(onnxhub.ClassificationPostprocessor):
    def decode(self, rows, item):
        return super().decode(rows, item).label + "!"

SHOUTING = replace(TASK, name="shouting", aliases=("loud",), postprocessor=Shouting)
"""


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of the test's own."""
    monkeypatch.setattr(_registry, "_TASKS", dict(_registry._TASKS))
    monkeypatch.setattr(_registry, "_REPORTED", set())


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with a task."""
    (tmp_path / "shouting_task.py").write_text(MODULE, encoding="utf-8")
    info = tmp_path / "shouting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[onnxhub.tasks]\nshouting = shouting_task:SHOUTING\nloud = shouting_task:SHOUTING\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shouting_task", raising=False)
    return tmp_path


@pytest.mark.parametrize("task", onnxhub.list_tasks(), ids=lambda task: task.name)
def test_aliases_lead_to_the_same_row(task: onnxhub.Task) -> None:
    """Every alias of a built-in task is that task, and is nobody else's."""
    assert all(get_task(name) is task for name in (task.name, *task.aliases))
    assert task.summary
    assert task.result_name
    assert task.raw == (task.model is onnxhub.ArraysModel)
    assert task.ort_class.startswith("ORTModelFor")


def test_the_built_in_tasks() -> None:
    """The list is sorted, and each task is in it once."""
    names = [task.name for task in onnxhub.list_tasks()]
    assert names == sorted(set(names))
    assert {"text-classification", "question-answering", "token-classification", "feature-extraction"} <= set(names)


@pytest.mark.parametrize("taken", [{"name": "ner"}, {"name": "mine", "aliases": ("sentiment-analysis",)}])
def test_a_name_that_is_taken_is_refused(taken: dict) -> None:
    """Neither a name nor an alias is taken from another task, and nothing is half registered."""
    with pytest.raises(InvalidOptionError, match="a name that is not taken"):
        onnxhub.register(replace(TASK, summary="another", **taken))
    with pytest.raises(UnknownTaskError):
        get_task("mine")
    assert get_task("ner").name == "token-classification"


def test_the_same_task_twice_is_no_error() -> None:
    """A module that is imported again may register again."""
    assert onnxhub.register(TASK) is TASK
    assert onnxhub.register(replace(TASK)) == TASK


def test_an_unknown_task_names_the_nearest() -> None:
    """The message has the name that was meant, and all there are."""
    with pytest.raises(UnknownTaskError, match=r"did you mean 'question-answering'\?.*token-classification") as raised:
        get_task("question-anwsering")
    assert str(raised.value).endswith("; one of another package is there once it is installed or registered")
    assert raised.value.task == "question-anwsering"
    assert "feature-extraction" in raised.value.known


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("text-to-image", "it is not here yet: optimum's ORTDiffusionPipeline"),
        ("language-detection", "that is 'text-classification' here"),
        ("sentence-embedding", "that is 'feature-extraction' here"),
        ("translation_en_to_fr", "that is 'translation' here"),
    ],
)
def test_a_task_of_another_library_is_explained(name: str, said: str) -> None:
    """The message says what there is for it, and guesses no task of another kind."""
    with pytest.raises(UnknownTaskError) as caught:
        get_task(name)
    assert f"unknown task '{name}'; {said}" in str(caught.value)
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("name", ["shouting", "loud"])
def test_an_installed_package_brings_a_task(name: str, distribution: Path, tiny_model) -> None:
    """The entry point group is read when a name is not known, and the task loads like a built-in one."""
    model = onnxhub.load(name, tiny_model())
    assert model.info.task == "shouting"
    assert model(["a good one"])[0] in {"NEGATIVE!", "NEUTRAL!", "POSITIVE!"}


def test_installed_tasks_are_listed(distribution: Path) -> None:
    """`list_tasks` knows the tasks of installed packages."""
    assert "shouting" in [task.name for task in onnxhub.list_tasks()]


def test_a_known_name_does_not_import_other_packages(distribution: Path) -> None:
    """Entry points are read on a miss only."""
    get_task("ner")
    assert "shouting_task" not in sys.modules


def test_an_alias_needs_no_entry_point_of_its_own(distribution: Path) -> None:
    """`load` is asked for a task by its name or an alias, whatever the entry point is called."""
    info = distribution / "shouting-1.0.dist-info"
    (info / "entry_points.txt").write_text("[onnxhub.tasks]\nother = shouting_task:SHOUTING\n", encoding="utf-8")
    assert get_task("loud").name == "shouting"
    assert get_task("shouting") is get_task("loud")


def test_a_package_that_is_broken_is_its_own_affair(distribution: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where another task was asked for, it is passed over, and the log names it with the reason."""
    (distribution / "shouting_task.py").write_text("import no_such_module_anywhere\n", encoding="utf-8")
    with pytest.raises(onnxhub.errors.UnknownTaskError, match="did you mean 'shouting'"):
        get_task("shoutin")
    assert {record.name for record in caplog.records} == {"onnxhub"}
    assert re.search(r"left out: shouting_task:SHOUTING: ModuleNotFoundError: .*no_such_module", caplog.text)


def test_a_package_that_is_broken_says_so(distribution: Path) -> None:
    """An error of the other package's module is not swallowed: it is one of the library's, with the module's as cause."""
    (distribution / "shouting_task.py").write_text("import no_such_module_anywhere\n", encoding="utf-8")
    message = "the task shouting needs no_such_module_anywhere, which is not installed: mend or reinstall shouting"
    with pytest.raises(MissingDependencyError, match=message) as caught:
        get_task("shouting")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("", "shouting fails at shouting_task:SHOUTING: AttributeError: .*SHOUTING"),
        ("raise RuntimeError('a\\nb')", "shouting fails at shouting_task:SHOUTING: RuntimeError: a b$"),
        ("SHOUTING = None", "expected an onnxhub.Task"),
    ],
)
def test_a_package_that_fails_in_another_way_says_so(module: str, reason: str, distribution: Path) -> None:
    """With the package's name, the place and the error, in one line."""
    (distribution / "shouting_task.py").write_text(module + "\n", encoding="utf-8")
    with pytest.raises(InvalidOptionError, match=reason):
        get_task("shouting")


def test_an_entry_point_of_another_name_is_told(distribution: Path) -> None:
    """Its name is none of the task's: the message says which package brings which task by it, and suggests no name twice."""
    points = "[onnxhub.tasks]\nwrong-name = shouting_task:SHOUTING\n"
    (distribution / "shouting-1.0.dist-info" / "entry_points.txt").write_text(points, encoding="utf-8")
    message = "unknown task 'wrong-name'; the entry point 'wrong-name' of shouting brings the task 'shouting'"
    with pytest.raises(UnknownTaskError, match=message) as caught:
        get_task("wrong-name")
    assert "wrong-name" not in caught.value.known
    assert "shouting" in caught.value.known


@pytest.mark.parametrize("module", ["import no_such_module_anywhere", "SHOUTING = None", "raise ImportError('a\\nb')"])
def test_a_package_that_is_broken_is_left_out_of_the_list(
    module: str, distribution: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are listed; one line of the log for each of its entry points says which, and why; once."""
    (distribution / "shouting_task.py").write_text(module + "\n", encoding="utf-8")
    names = [task.name for task in onnxhub.list_tasks()]
    assert "shouting" not in names
    assert {"text-classification", "custom"} <= set(names)
    onnxhub.list_tasks()
    assert [(record.name, record.levelname) for record in caplog.records] == [("onnxhub", "WARNING")] * 2
    assert "the task shouting of another package is left out: shouting_task:SHOUTING: " in caplog.messages[0]
    assert all("Error: " in message and "\n" not in message for message in caplog.messages)


def test_a_task_object_needs_no_registration(tiny_model) -> None:
    """`load` takes the row itself."""
    mine = replace(TASK, name="mine", aliases=())
    model = onnxhub.load(mine, tiny_model())
    assert isinstance(model, onnxhub.TextClassificationModel)
    assert (model.info.task, model.task) == ("mine", mine)
    with pytest.raises(UnknownTaskError):
        get_task("mine")


@pytest.mark.parametrize("task", onnxhub.list_tasks(), ids=lambda task: task.name)
def test_a_row_can_be_pickled(task: onnxhub.Task[Any]) -> None:
    """As models can that were loaded by the row itself."""
    assert pickle.loads(pickle.dumps(task)) == task


@pytest.mark.parametrize("task", onnxhub.list_tasks(), ids=lambda task: task.name)
def test_a_row_says_what_goes_in_and_what_comes_out(task: onnxhub.Task[Any]) -> None:
    """Its options have types that can be read at run time, and it keeps its own promises."""
    check_row(task)
    assert set(get_type_hints(task.options)) == option_names(task.options)
    if not task.raw:
        assert all(EllipsisType in get_args(hint) for hint in get_type_hints(task.options).values())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"name": "auto"}, r"\)\.name='auto': expected a name such as .*a text without white space, other than 'auto'"),
        ({"name": "two words"}, r"\)\.name='two words'"),
        ({"aliases": "loud"}, r"\)\.aliases='loud': expected a tuple of texts"),
        ({"inputs": ("text", "text")}, r"\)\.inputs=.*different names"),
        ({"inputs": ("a text",)}, r"\)\.inputs=.*different names"),
        ({"inputs": ()}, r"\)\.inputs=.*different names"),
        ({"modality": "smell"}, r"\)\.modality='smell': expected one of text"),
        ({"commands": ["my_package.cli:mine"]}, r"\)\.commands=.*a tuple of texts"),
        ({"result": "Classification"}, r"\)\.result='Classification': expected the type of one result"),
        ({"options": dict}, r"\)\.options=.*a TypedDict, or None"),
        ({"options": Unknown}, r"\)\.options='volume': expected a field of TextClassificationPreprocessor or "),
        ({"preprocessor": dict}, r"\)\.preprocessor=.*a subclass of onnxhub.Preprocessor"),
        ({"postprocessor": str}, r"\)\.postprocessor=.*a subclass of onnxhub.Postprocessor"),
        ({"model": dict}, r"\)\.model=.*a subclass of onnxhub.Model"),
        ({"outputs": {"logits": 2}}, r"\)\.outputs=.*a tuple of mappings"),
        ({"summary": ""}, r"\)\.summary='': expected a text of one line"),
        ({"summary": "two\nlines"}, r"\)\.summary=.*expected a text of one line"),
        ({"evaluation": 3}, r"\)\.evaluation=3: expected an onnxhub.Evaluation"),
        ({"default_model": 3}, r"\)\.default_model=3: expected the name of a model, or None"),
        ({"bundled_model": " "}, r"\)\.bundled_model=' ': expected the name of a model, or None"),
        (
            {"preprocessor": Unbuilt},
            r"\)\.preprocessor='Unbuilt': expected a class that defines for_model, as onnxhub.Pre",
        ),
        (
            {"postprocessor": Undecoded},
            r"\)\.postprocessor='Undecoded': expected a class that defines decode, as onnxhub",
        ),
    ],
)
def test_a_row_that_breaks_a_promise_is_refused(broken: dict[str, Any], message: str) -> None:
    """By the name of the field, when it is registered; and nothing is half registered."""
    row = replace(TASK, **{"name": "mine", "aliases": (), **broken})
    with pytest.raises(InvalidOptionError, match=message):
        onnxhub.register(row)
    with pytest.raises(UnknownTaskError):
        get_task("mine")


def test_what_is_no_row_is_refused() -> None:
    """A class in the place of its row, for example."""
    with pytest.raises(InvalidOptionError, match=r"expected an onnxhub\.Task"):
        onnxhub.register(onnxhub.TextClassificationModel)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (onnxhub.Classification, "Classification"),
        (list[onnxhub.Entity], "list[Entity]"),
        (dict[str, list[onnxhub.Entity]], "dict[str, list[Entity]]"),
        (Annotated[dict[str, int], "counts by name"], "counts by name"),
    ],
)
def test_the_name_of_a_result(result: object, name: str) -> None:
    """As lists of tasks print it: without modules."""
    assert replace(TASK, result=result).result_name == name


@pytest.mark.parametrize("call", ["call", "with_options", "one_liner"])
def test_an_unknown_option_is_refused_before_anything_runs(call: str) -> None:
    """As a ``TypeError``, with the option that was meant; fields that are no options are refused, too."""
    model = onnxhub.load("text-classification", "builtin:sentiment")
    calls = {
        "call": lambda **options: model("a", **options),
        "with_options": model.with_options,
        "one_liner": lambda **options: onnxhub.classify("a", model="no/such-model", **options),
    }
    with pytest.raises(
        TypeError, match=r"^topk=1: expected an option of .*: (dtype, )?long_text, .*top_k \(did you mean 'top_k'\?\)$"
    ):
        calls[call](topk=1)
    with pytest.raises(TypeError, match=r"^labels=.*: expected an option of "):
        calls[call](labels=("x", "y"))
