"""Every example of the documentation runs, and gives what the page says: blocks of pages, doctests of docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest

import onnxhub
from tests.hub_server import clean_environment, run_python
from tools.documentation import ROOT, blocks, is_pasted, pages, ran, same

if TYPE_CHECKING:
    from pathlib import Path

    from tests.workplace import Workplace

PAGES = pages()
EXAMPLES = {block.name: block.text for page in PAGES for block in blocks(page) if block.language == "python"}
PASTED = {block.name for page in PAGES if is_pasted(page) for block in blocks(page)}
WITH_OUTPUT = [page for page in PAGES if any(block.language in {"pycon", "console"} for block in blocks(page))]
ADDING_A_TASK = ROOT / "docs" / "adding-a-task.md"
PACKAGE = "my_package"
"""The package that the page on adding a task describes: its later examples import it."""
MODULES = ["onnxhub", *(info.name for info in pkgutil.walk_packages(onnxhub.__path__, "onnxhub."))]


def needs(example: str) -> list[str]:
    """Packages that an example imports and this environment lacks."""
    imported = re.findall(r"^\s*(?:from|import) (\w+)", example, re.MULTILINE)
    return [name for name in imported if name != PACKAGE and find_spec(name) is None]


def write_package(folder: Path) -> None:
    """Write the task of the page on adding a task as the module that the page names."""
    task = next(block.text for block in blocks(ADDING_A_TASK) if block.language == "python")
    (folder / PACKAGE).mkdir(exist_ok=True)
    (folder / PACKAGE / "moderation.py").write_text(task, encoding="utf-8")


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_python_block_of_the_documentation_runs(name: str, workplace: Workplace, tmp_path: Path) -> None:
    """A reader can paste it, those of the first pages into an empty folder; what models of the Hub give is not compared."""
    example = EXAMPLES[name]
    compile(example, name, "exec")
    if '"cuda"' in example:
        pytest.skip("it asks for a GPU")
    if missing := needs(example):
        pytest.skip(f"it needs {', '.join(missing)}")
    if PACKAGE in example:
        write_package(workplace.folder)
    env = {"HF_ENDPOINT": workplace.endpoint, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "ignore"}
    done = run_python(example, tmp_path if name in PASTED else workplace.folder, env)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", WITH_OUTPUT, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_sessions_and_commands_of_the_documentation_give_what_they_say(page: Path, workplace: Workplace) -> None:
    """`make docs-refresh` writes what they give now."""
    now = ran(page, workplace)
    wrong = [f"{one.name}\nexpected:\n{one.text}\nactual:\n{text}" for one, text in now if not same(one.text, text)]
    assert not wrong, "\n".join(wrong)


def test_what_the_demo_advises_can_be_typed_as_it_stands(workplace: Workplace) -> None:
    """In the shell that started the demo, with nothing activated."""
    env = clean_environment(workplace.folder, {"PATH": "/usr/bin:/bin", "HF_ENDPOINT": "http://127.0.0.1:9"})
    demo = [sys.executable, str(ROOT / "tools" / "demo.py")]
    said = subprocess.run(demo, cwd=workplace.folder, env=env, capture_output=True, text=True, check=True).stdout
    advised = re.findall(r"^ *(?:Next|or): (.*)$", said, re.MULTILINE)
    assert len(advised) == 2
    for command in advised:
        shell = ["bash", "-c", command]
        done = subprocess.run(shell, cwd=workplace.folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "onnxhub" in done.stdout or "POSITIVE" in done.stdout


@pytest.mark.parametrize(
    ("expected", "actual", "equal"),
    [
        ("score=0.98, start=3", "score=0.99, start=3", True),
        ("score=0.99", "score=1", True),
        ("score=0.98", "score=0.95", False),
        ("start=3", "start=4", False),
        ("0.98  █████████▊  easy", "0.97 █████████▋ easy", True),
        ("a  b\n", "a b", True),
        ("[0.1, 0.2]", "[0.1]", False),
        ("found", "not found", False),
    ],
)
def test_what_counts_as_the_same_output(expected: str, actual: str, *, equal: bool) -> None:
    """Numbers may differ a little, white space and bars at all; nothing else may."""
    assert same(expected, actual) is equal


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_docstrings(module: str, workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """They run, and give what they say."""
    monkeypatch.chdir(workplace.folder)
    loaded = importlib.import_module(module)
    if loaded is onnxhub:  # to which all public classes belong, once they are imported
        for name in onnxhub.__all__:
            getattr(onnxhub, name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    names = {**vars(loaded), "onnxhub": onnxhub, "np": np}
    report: list[str] = []
    for test in doctest.DocTestFinder().find(loaded, module, globs=names):
        runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_there_are_examples() -> None:
    """The patterns above find something: no test here is empty by mistake."""
    assert len(EXAMPLES) >= 4
    assert len(WITH_OUTPUT) >= 10
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for module in MODULES for test in finder.find(importlib.import_module(module)) if test.examples]
    assert len(found) >= 8
