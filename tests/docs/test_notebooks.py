"""The notebook of the documentation runs in a kernel, and shows bars and rich results; the page shows the same."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from tests.hub_server import clean_environment
from tools.documentation import same
from tools.notebooks import PAGE, ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.alike,
    pytest.mark.skipif(
        any(find_spec(name) is None for name in ("nbclient", "ipykernel")), reason="it needs nbclient and ipykernel"
    ),
]

EXECUTE = """
import json
from tools.notebooks import draw_cells, execute, read_notebook, tell_outputs
stored, notebook = read_notebook(), execute(read_notebook())
print(json.dumps({
    "stored": tell_outputs(stored), "now": tell_outputs(notebook), "page": draw_cells(stored),
    "cells": [cell.outputs for cell in notebook.cells if cell.cell_type == "code"],
}))
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The notebook, executed in a home of its own: its outputs of today, those that are stored, and the page's part."""
    home: Path = tmp_path_factory.mktemp("home")
    env = clean_environment(home, {"IPYTHONDIR": str(home), "JUPYTER_RUNTIME_DIR": str(home), "HF_HUB_OFFLINE": "1"})
    command = [sys.executable, "-c", EXECUTE]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_stored_outputs_are_those_of_today(executed: dict[str, Any]) -> None:
    """A reader of the repository or of the site sees what a kernel gives; `python -m tools.notebooks --write` stores it."""
    assert len(executed["now"]) == len(executed["stored"]) > 4
    for stored, now in zip(executed["stored"], executed["now"], strict=True):
        assert same(stored, now), now


def test_the_page_shows_the_stored_notebook(executed: dict[str, Any]) -> None:
    """Cell by cell, and nothing else between the markers."""
    assert executed["page"] in PAGE.read_text(encoding="utf-8")


def test_a_kernel_gets_bars_and_rich_results(executed: dict[str, Any]) -> None:
    """A stream's bar though stderr is no terminal, scores as bars, a model as a table, entities marked in their text."""
    bars = [output["text"] for cell in executed["cells"] for output in cell if output["output_type"] == "stream"]
    assert ["400/400" in bar and "tokens/s" in bar for bar in bars] == [True]
    pages = [
        output["data"]["text/html"]
        for cell in executed["cells"]
        for output in cell
        if "text/html" in output.get("data", {})
    ]
    model, result, entities, answers, answer = pages
    assert "TextClassificationModel" in model
    assert "builtin:sentiment" in model
    assert result.count("aria-hidden") == 2
    assert entities.count("<mark") == 4
    assert answers.count("<tr") == 3
    assert answer.count("<mark") == 1
