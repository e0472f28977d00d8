"""What the Makefile begins its environments with: a Python that is new enough, and nothing half made."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

environment = pytest.importorskip("tools.environment", reason="not a checkout")

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.alike


def test_every_environment_of_the_makefile_is_begun_alike() -> None:
    """No recipe takes a folder that is there for an environment, and none makes one by itself."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "test -d" not in makefile
    assert "-m venv" not in makefile
    stamps = re.findall(r"^(\.venv[\w-]*)/(?:\.demo|\.pip|\.dev)(?: [^:]*)?:(?! PINS)", makefile, re.MULTILINE)
    begun = makefile.count("@$(PYTHON) tools/environment.py $(@D)")
    # The light ones share a recipe, and that of .venv/.dev goes on where .venv/.pip has begun.
    assert (len(stamps), begun) == (5, 4)


def test_the_oldest_python_is_said_once() -> None:
    """The Makefile's check and the package's metadata agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={'.'.join(map(str, environment.OLDEST))}"


def test_an_old_python_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is made: which Python it is, which is needed, and how to name another."""
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    with pytest.raises(SystemExit) as raised:
        environment.main(str(tmp_path / "env"))
    said = str(raised.value)
    assert said.startswith("onnxhub needs Python 3.11 or later, and ")
    assert said.endswith("is 3.10.13. Name another: make demo PYTHON=python3.12")
    assert not (tmp_path / "env").exists()


@pytest.mark.slow
def test_what_is_half_made_is_made_anew_and_what_is_whole_is_kept(tmp_path: Path) -> None:
    """A folder without a Python goes with all that is in it; an environment of this Python stays as it is."""
    folder = tmp_path / "env"
    (folder / "bin").mkdir(parents=True)
    (folder / "left-behind").touch()
    program = [sys.executable, str(ROOT / "tools" / "environment.py"), str(folder)]
    subprocess.run(program, check=True)
    assert not (folder / "left-behind").exists()
    assert environment.is_whole(folder)
    (folder / "installed").touch()
    subprocess.run(program, check=True)
    assert (folder / "installed").exists()
    (folder / "bin" / "python").unlink()
    assert not environment.is_whole(folder)
