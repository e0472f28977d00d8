"""Every example of the documentation runs: the pages' Python blocks, and the docstrings' doctests."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import onnxhub
from tests.hub_server import run_python

if TYPE_CHECKING:
    from tests.workplace import Workplace

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "README.ja.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {
    f"{page.relative_to(ROOT)}:{page.read_text(encoding='utf-8')[: match.start()].count(chr(10)) + 2}": match[1]
    for page in PAGES
    for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
}
MODULES = ["onnxhub", *(info.name for info in pkgutil.walk_packages(onnxhub.__path__, "onnxhub."))]


def needs(example: str) -> list[str]:
    """Packages that an example imports and this environment lacks."""
    imported = re.findall(r"^\s*(?:from|import) (\w+)", example, re.MULTILINE)
    return [name for name in imported if find_spec(name) is None]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_python_block_of_the_documentation_runs(name: str, workplace: Workplace) -> None:
    """A reader can paste it; what it prints is not compared, for the models are stand-ins."""
    example = EXAMPLES[name]
    compile(example, name, "exec")
    if '"cuda"' in example:
        pytest.skip("it asks for a GPU")
    if missing := needs(example):
        pytest.skip(f"it needs {', '.join(missing)}")
    env = {"HF_ENDPOINT": workplace.endpoint, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "ignore"}
    done = run_python(example, workplace.folder, env)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_docstrings(module: str, workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """They run, and give what they say."""
    monkeypatch.chdir(workplace.folder)
    loaded = importlib.import_module(module)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    names = {**vars(loaded), "onnxhub": onnxhub, "np": np}
    report: list[str] = []
    for test in doctest.DocTestFinder().find(loaded, module, globs=names):
        runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_there_are_examples() -> None:
    """The patterns above find something: no test here is empty by mistake."""
    assert len(EXAMPLES) >= 4
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for module in MODULES for test in finder.find(importlib.import_module(module)) if test.examples]
    assert len(found) >= 8
