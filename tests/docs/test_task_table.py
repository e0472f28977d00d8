"""The table of tasks: it is what the registry gives, names every class of optimum, and leads to a page for each task."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from onnxhub._contracts.built_in import ABSENT, BUILT_IN
from onnxhub.tasks.custom import PROCESSORS
from tools.task_table import (
    BEGIN,
    END,
    GONE,
    MOVING,
    PAGE,
    TRANSFORMERS,
    Parity,
    built_in,
    page_of,
    read_parity,
    render,
    render_pipelines,
)

if TYPE_CHECKING:
    from pathlib import Path

    from onnxhub import Task


def test_the_page_is_what_the_registry_gives() -> None:
    """`python -m tools.task_table --write` writes it."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == render(page, read_parity())


@pytest.mark.skipif(find_spec("optimum") is None, reason="it needs optimum")
def test_every_class_of_optimum_is_in_the_table() -> None:
    """Diffusion pipelines excepted, which are no ORTModelForXXX."""
    import optimum.onnxruntime

    classes = {name for name in dir(optimum.onnxruntime) if name.startswith("ORTModelFor")}
    assert len(classes) >= 20
    named = set(re.findall(r"`(ORTModelFor\w+)`", PAGE.read_text(encoding="utf-8")))
    assert classes <= named


def test_the_table_of_pipelines_is_what_the_registry_gives() -> None:
    """Each pipeline of transformers has a row: it is here, or gives arrays, or there is something else in its place."""
    page = MOVING.read_text(encoding="utf-8")
    assert page == render_pipelines(page)
    assert TRANSFORMERS.keys() <= BUILT_IN.keys() | ABSENT.keys()
    assert TRANSFORMERS.keys() >= GONE | PROCESSORS.keys()


@pytest.mark.skipif(find_spec("optimum") is None, reason="it needs the version of transformers that optimum does")
def test_the_pipelines_are_those_of_transformers() -> None:
    """With their aliases, and with what each is given beside a model that is an object."""
    from transformers import pipelines

    assert TRANSFORMERS.keys() == pipelines.SUPPORTED_TASKS.keys()
    aliases = {alias: name for name, others in TRANSFORMERS.items() for alias in others}
    assert aliases == pipelines.TASK_ALIASES
    for name, parts in PROCESSORS.items():
        kind: Any = pipelines.SUPPORTED_TASKS[name]["impl"]
        known = ("tokenizer", "feature_extractor", "image_processor", "processor")
        assert {part for part in known if getattr(kind, f"_load_{part}")} == {*parts}


@pytest.mark.parametrize("task", built_in(), ids=lambda task: task.name)
def test_each_task_has_a_page(task: Task[Any]) -> None:
    """One of its own, or, over arrays, that of all such tasks."""
    page = PAGE.parent / page_of(task)
    assert page.is_file()
    written = page.read_text(encoding="utf-8")
    assert task.name in written
    assert [name for name in task.aliases if f"`{name}`" not in written] == []


@pytest.mark.parametrize("task", [task for task in built_in() if not task.raw], ids=lambda task: task.name)
def test_each_page_shows_the_one_liners(task: Task[Any]) -> None:
    """As one writes them."""
    written = (PAGE.parent / page_of(task)).read_text(encoding="utf-8")
    assert task.one_liners
    assert [name for name in task.one_liners if f"{name}(" not in written] == []


def test_the_rest_of_the_page_is_kept() -> None:
    """Only what is between the markers is written anew."""
    now = render(f"before\n\n{BEGIN}\nan old table\n{END}\n\nafter\n", {})
    before, _, rest = now.partition(f"{BEGIN}\n")
    made, _, after = rest.partition(f"{END}\n")
    assert (before, after) == ("before\n\n", "\nafter\n")
    assert "an old table" not in made
    assert now == render(now, {})


def test_the_page_on_models_has_every_default_model() -> None:
    """And the bundled one of the same task beside it."""
    page = (PAGE.parent / "models.md").read_text(encoding="utf-8")
    for task in (task for task in built_in() if task.default_model):
        bundled = f"`{task.bundled_model}` " if task.bundled_model else ""
        assert f"| {task.name} | `{task.default_model}` | {bundled}|" in page


@pytest.mark.parametrize("page", ["", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n"])
def test_a_page_without_its_markers_is_an_error(page: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="once each and in this order"):
        render(page, {})


def test_a_parity_figure_is_shown_in_the_row_of_its_task() -> None:
    """Where there is none, the row says so."""
    now = render(f"{BEGIN}\n{END}\n", {"fill-mask": Parity(3, 1200, 2.44e-6)})
    rows = {match[1]: line for line in now.splitlines() if (match := re.match(r"\| ([\w-]+) \|", line))}
    assert rows["fill-mask"].endswith("| 3 architectures, 1,200 comparisons, within 2.4e-06 |")
    assert rows["text-ranking"].endswith("| not compared |")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"fill-masks": {"architectures": 3, "comparisons": 9, "largest_difference": 0.0}},
            "there is no task fill-masks",
        ),
        ({"fill-mask": {"architectures": 3, "comparisons": 9}}, "largest_difference"),
        ({"fill-mask": {"architectures": 3, "comparisons": 9, "largest_difference": 0.0, "of": 1}}, "of"),
    ],
)
def test_parity_that_cannot_be_read_is_an_error(said: dict[str, object], message: str, tmp_path: Path) -> None:
    """It names what is wrong."""
    path = tmp_path / "parity.json"
    path.write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_parity(path)
