"""The table of built-in tasks: the names by which a module is found are those of the tasks in it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import onnxhub
from onnxhub._contracts.built_in import _OWN_NAMES, ABSENT, BUILT_IN, explain_name, find_own_name


def test_the_table_has_the_names_of_every_task() -> None:
    """Each name and alias once, under its module; no module of the folder is left out but what tasks share."""
    found = {}
    for path in sorted(Path(onnxhub.__file__).parent.glob("tasks/*.py")):
        if path.stem not in {"__init__", "results"}:
            module = import_module(f"onnxhub.tasks.{path.stem}")
            for task in getattr(module, "TASKS", None) or (module.TASK,):
                found |= dict.fromkeys((task.name, *task.aliases), path.stem)
    assert dict(BUILT_IN) == found


def test_one_task_imports_no_other() -> None:
    """A program that tags texts does not wait for what ranks them."""
    code = (
        "import sys; from onnxhub._contracts.registry import get_task; get_task('ner');"
        "print(*sorted(name for name in sys.modules if name.startswith('onnxhub.tasks.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["onnxhub.tasks.token_classification"]


def test_names_of_other_libraries_lead_to_tasks() -> None:
    """What each stands for is a name here, and none is said to be absent as well."""
    assert set(_OWN_NAMES.values()) <= BUILT_IN.keys()
    assert not _OWN_NAMES.keys() & ABSENT.keys()


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("sentence-embedding", "feature-extraction"),
        ("language-detection", "text-classification"),
        ("translation_en_to_fr", "translation"),
        ("Named Entity_Recognition", "token-classification"),
        ("Text_Generation", "text-generation"),
        ("translation_en", None),
        ("text-to-video", None),
        ("zzz", None),
        (7, None),
    ],
)
def test_a_name_of_another_library_is_found(name: object, own: str | None) -> None:
    """However it is written; a name that stands for nothing here is none."""
    assert find_own_name(name) == own


def test_a_task_that_is_not_here_is_explained() -> None:
    """With what there is in its place; a name that nobody has is not explained."""
    for name in ABSENT.keys() - BUILT_IN.keys():
        assert explain_name(name).startswith("it is not here yet: ")
    assert "ORTDiffusionPipeline" in explain_name("Text_to_Image")
    assert explain_name("zzz") == explain_name(7) == ""
