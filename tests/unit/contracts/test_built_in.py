"""The table of built-in tasks: the names by which a module is found are those of the tasks in it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import onnxhub
from onnxhub._contracts.built_in import BUILT_IN


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
