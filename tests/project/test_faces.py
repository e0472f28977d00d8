"""What follows from the rows: exports, overloads, tables; and that a new task is one file and `make faces`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import onnxhub
from tools.faces import public_names, read_rows, render, render_all

ROOT = Path(__file__).resolve().parent.parent.parent
NEW_TASK = '''"""loudness: how loud a text is."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import Self, Unpack

from onnxhub._calls.model import Model
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._contracts.options import CallOptions
from onnxhub._contracts.task import Task
from onnxhub._process.public import publish
from onnxhub.tasks.results import LabelScore
from onnxhub.tasks.text_classification import ClassificationItem, TextClassificationPreprocessor

__all__ = ["Loudness", "LoudnessModel", "LoudnessPostprocessor"]


@dataclass(frozen=True, slots=True)
class Loudness:
    """How loud a text is."""

    level: float
    """A logit."""
    loudest: LabelScore
    """Of a label."""


@dataclass(frozen=True)
class LoudnessPostprocessor(Postprocessor[ClassificationItem, Loudness]):
    """Logits to a level."""

    gain: float = 1.0
    """What the level is multiplied with."""

    def decode(self, rows, item):
        """Take the largest."""
        return Loudness(self.gain * float(rows["logits"].max()), LabelScore("loud", 1.0))


class LoudnessOptions(CallOptions, total=False):
    """The options of a call."""

    gain: float | EllipsisType


class LoudnessModel(Model[str, Loudness, "list[Loudness]"]):
    """Says how loud a text is."""

    def __call__(self, inputs, **options: Unpack[LoudnessOptions]):
        """Say how loud it is."""
        return self.call_with(inputs, options)

    def with_options(self, **options: Unpack[LoudnessOptions]) -> Self:
        """Return a model with other defaults."""
        return self.copy_with(options)


TASK = Task(
    name="loudness",
    aliases=("volume",),
    summary="how loud a text is",
    options=LoudnessOptions,
    result=list[Loudness],
    model=LoudnessModel,
    preprocessor=TextClassificationPreprocessor,
    postprocessor=LoudnessPostprocessor,
    outputs=({"logits": 2},),
    ort_class="ORTModelForSequenceClassification",
)

publish(globals(), *__all__)
'''


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a copy of the project."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the tool reads and writes."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(onnxhub.__file__).parent, tmp_path / "src" / "onnxhub", ignore=ignored)
    shutil.copytree(ROOT / "docs", tmp_path / "docs", ignore=ignored)
    (tmp_path / "tools").mkdir()
    for name in ("faces.py", "markers.py", "task_table.py"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    return tmp_path


def test_what_follows_from_the_rows_is_written() -> None:
    """`make faces` would change no file."""
    assert [path for path, text in render_all().items() if path.read_text(encoding="utf-8") != text] == []


def test_a_task_is_one_file(project: Path) -> None:
    """With it and `make faces`, all names, loading, types, the table and a command are there, with no other edit."""
    (project / "src/onnxhub/tasks/loudness.py").write_text(NEW_TASK, encoding="utf-8")
    stale = run(project, "-m", "tools.faces")
    assert stale.returncode == 1
    assert "src/onnxhub/__init__.py" in stale.stderr
    assert run(project, "-m", "tools.faces", "--write").returncode == 0
    assert run(project, "-m", "tools.faces").returncode == 0
    code = (
        "import onnxhub, pickle; model = onnxhub.load('volume', 'builtin:sentiment'); found = model('a', gain=0.0)\n"
        "assert isinstance(model, onnxhub.LoudnessModel) and isinstance(found, onnxhub.Loudness), found\n"
        "assert pickle.loads(pickle.dumps(found)) == found; print(found.level, type(found).__module__)"
    )
    done = run(project, "-c", code)
    assert (done.stdout, done.stderr) == ("0.0 onnxhub\n", "")
    page = (project / "docs/tasks.md").read_text(encoding="utf-8")
    assert "| [loudness](tasks/loudness.md) | `list[Loudness]` |" in page
    assert "| loudness | `volume` |" in page
    overloads = (project / "src/onnxhub/_api/load.py").read_text(encoding="utf-8")
    assert 'task: Literal["loudness", "volume"],' in overloads
    assert "**options: Unpack[LoadOptions[list[Loudness]]],\n) -> LoudnessModel: ..." in overloads
    shown = run(project, "-m", "onnxhub", "loudness", "--model", "builtin:sentiment", "--gain", "0", "a text")
    assert (shown.returncode, shown.stdout) == (0, "0.0000\n"), shown.stderr


def test_the_published_names_are_the_exported_ones() -> None:
    """There is one list of public names: the lines that make them public."""
    published = [name for names in public_names().values() for name in names]
    assert sorted([*published, *onnxhub._MODULES]) == sorted(onnxhub.__all__)
    assert {row.task.name for row in read_rows()} <= {task.name for task in onnxhub.list_tasks()}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("publish(globals(), *NAMES)", "takes names as literals"),
        ('publish(globals(), "Model")\n', "Model is published by another module, too"),
    ],
)
def test_a_publish_line_that_cannot_be_followed_is_an_error(lines: str, message: str, tmp_path: Path) -> None:
    """It names the file; nothing is guessed."""
    (tmp_path / "a.py").write_text('publish(globals(), "Model")\n', encoding="utf-8")
    (tmp_path / "b.py").write_text(lines, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"b\.py: .*{message}"):
        public_names(tmp_path)


@pytest.mark.parametrize("text", ["", "# faces: begin names\n", "# faces: end names\n# faces: begin names\n"])
def test_a_file_without_its_markers_is_an_error(text: str) -> None:
    """Nothing is written in a place that was not meant."""
    with pytest.raises(ValueError, match="once each and in this order"):
        render(text, "names", "made\n")
