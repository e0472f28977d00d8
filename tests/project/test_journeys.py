"""The program that counts what a reader goes through: what it counts, on a package whose journey is known."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

journeys = pytest.importorskip("tools.journeys", reason="not a checkout")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

FILES = {
    "__init__.py": "",
    "api.py": """
from journeyed.inner import prepare, rows

def call():
    return [helper(row) for row in rows(prepare)]

def helper(row):
    return row

def load():
    from journeyed import late
    return late.make()
""",
    "inner.py": """
def rows(prepare):
    for number in range(2):
        yield prepare(number)

def prepare(number):
    return number
""",
    "late.py": """
from journeyed import protobuf

def setting():
    return 1

VALUE = setting()

def make():
    return protobuf.walk()
""",
    "protobuf.py": """
def walk():
    return sum(field() for _ in range(100))

def field():
    return 1
""",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of a few functions."""
    folder = tmp_path / "journeyed"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "journeyed"]:
        del sys.modules[name]


def imported(name: str) -> ModuleType:
    """A module of the package."""
    return importlib.import_module(f"journeyed.{name}")


def test_calls_functions_files_and_moves_are_counted(package: Path) -> None:
    """A generator that is resumed is entered again, a move is a call or a return that leads to another file."""
    api, inner = imported("api"), imported("inner")
    found = journeys.trace(api.call, str(package), inner.prepare.__code__)
    comprehension = sys.version_info < (3, 12)  # a frame of its own until then
    # The generator is entered three times, and left as often; prepare and helper run twice each.
    assert (found.calls, found.functions) == (8 + comprehension, 4 + comprehension)
    assert (found.files, found.moves) == (2, 6)
    assert (found.frames, found.frame_files) == (2 + comprehension, 2)


def test_imports_and_the_walk_through_a_graph_do_not_count(package: Path) -> None:
    """Else the numbers would say what is imported already, and how large the graph is."""
    found = journeys.trace(imported("api").load, str(package))
    assert (found.calls, found.files, found.moves, found.frames) == (2, 2, 2, None)


def test_the_profile_function_is_gone_after_an_error(package: Path) -> None:
    """A call that raises does not leave the interpreter traced."""
    before = sys.getprofile()
    with pytest.raises(ZeroDivisionError):
        journeys.trace(lambda: 1 / 0, str(package))
    assert sys.getprofile() is None
    sys.setprofile(before)


def test_the_table_has_the_values_of_each_source_in_their_order() -> None:
    """A journey that another source has not is a question mark there."""
    old = {"a call": journeys.Journey(1_200, 20, 3, 40, 5, 2)}
    new = {"a call": journeys.Journey(600, 10, 2, 4, 3, 1), "a load": journeys.Journey(7, 6, 5, 4)}
    table = journeys.render([old, new])
    assert "| a call | 1,200 → 600 | 20 → 10 | 3 → 2 | 40 → 4 | 5, in 2 files → 3, in 1 file |" in table
    assert "| a load | ? → 7 | ? → 6 | ? → 5 | ? → 4 | ? → - |" in table
    assert "| a load | 7 | 6 | 5 | 4 | - |" in journeys.render([new])


def test_the_table_is_written_between_its_markers() -> None:
    """What is around them is kept, and a page without them is refused."""
    page = f"before\n{journeys.BEGIN}\nold\n{journeys.END}\nafter\n"
    assert journeys.insert(page, "| new |\n") == f"before\n{journeys.BEGIN}\n\n| new |\n\n{journeys.END}\nafter\n"
    with pytest.raises(ValueError, match="once each and in this order"):
        journeys.insert("before\nafter\n", "| new |\n")
