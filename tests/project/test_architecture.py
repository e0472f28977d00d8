"""The page on how onnxhub is built, and the tree: the rooms that it names are there, all of them, and in the rules' order."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

import onnxhub

ROOT = Path(__file__).resolve().parent.parent.parent
# A source distribution has the pages, and not the rules; the wheel is tested beside a checkout without its source.
pytestmark = pytest.mark.skipif(not (ROOT / ".importlinter").is_file(), reason="not a checkout")
SOURCE = Path(onnxhub.__file__).parent
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
A_FILE_EACH = {"tasks", "cli", "compat"}
"""Rooms that have a file for each task, or for each command."""


def page() -> str:
    """The page."""
    return (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def named(head: str) -> list[set[str]]:
    """What the first column of a table names, row by row; the table whose first cell is this one."""
    _, _, table = page().partition(f"| {head} |")
    rows = re.findall(r"^\| (`.*?) \|", table.partition("\n\n")[0], re.MULTILINE)
    return [set(re.findall(r"`([\w.]+)`", row)) for row in rows]


def layers(contract: str, package: str) -> list[set[str]]:
    """The layers of a contract of import-linter, from the top."""
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter", encoding="utf-8")
    lines = rules[f"importlinter:contract:{contract}"]["layers"].split("\n")
    return [{name.strip().removeprefix(f"{package}.") for name in line.split("|")} for line in lines if line.strip()]


def modules(folder: Path) -> set[str]:
    """The rooms and modules in a folder of the package."""
    rooms = {path.parent.name for path in folder.glob("*/*.py")}
    return rooms | {path.stem for path in folder.glob("*.py") if not path.stem.startswith("__")}


def test_the_page_names_all_rooms_and_no_others() -> None:
    """Those of the package, and those behind the door, with the modules that stand beside them."""
    assert set().union(*named("storey")) == modules(SOURCE)
    assert set().union(*named("behind the door")) == modules(SOURCE / "_backend")


def test_the_page_has_the_rooms_in_the_order_of_the_rules() -> None:
    """A row is a layer: rooms of one row do not import each other, and each imports only what lies below it."""
    assert named("storey") == layers("rooms", "onnxhub")
    assert named("behind the door") == layers("door-rooms", "onnxhub._backend")


def test_the_picture_has_the_rooms_from_the_top_to_the_ground() -> None:
    """As the rules have them, and what is behind the door is on the door."""
    picture = (ROOT / "docs" / "images" / "house.svg").read_text(encoding="utf-8")
    heights = {name: float(y) for y, name in re.findall(r'y="([\d.]+)" class="title start">(\w+)', picture)}
    rooms = layers("rooms", "onnxhub")
    assert set(heights) == set().union(*rooms)
    drawn = [{heights[name] for name in layer} for layer in rooms]
    assert all(len(layer) == 1 for layer in drawn)
    assert [*map(min, drawn)] == sorted(map(min, drawn))
    assert {name for name in modules(SOURCE / "_backend") if not re.search(rf"\b{name}\b", picture)} == set()


def test_the_root_has_few_files() -> None:
    """What has no room goes to the root, for ever, unless something says no."""
    files = [path.name for path in SOURCE.iterdir() if path.is_file()]
    assert len(files) <= 6, files


def test_a_room_has_few_files() -> None:
    """Fifteen are read at a glance; rooms with a file for each task or command have as many as there are."""
    crowded = {}
    for folder in {path.parent for path in SOURCE.rglob("*.py")} - {SOURCE}:
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        if folder.relative_to(SOURCE).parts[0] not in A_FILE_EACH and len(files) > 15:
            crowded[folder.name] = len(files)
    assert crowded == {}


def test_every_decision_is_a_short_record_and_is_listed() -> None:
    """Context, measurement, decision, in at most a screen; numbered without a gap, and with a row of the list."""
    index = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    assert [path.name[:3] for path in DECISIONS] == [f"{number:03}" for number in range(1, len(DECISIONS) + 1)]
    for path in DECISIONS:
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"^#+ (.+)$", text, re.MULTILINE)[1:] == ["Context", "Measurement", "Decision"], path.name
        assert len(text.split()) <= 300, path.name
        title = re.search(r"^# (\d{3}): (.+)$", text, re.MULTILINE)
        assert title is not None
        assert f"| [{title[1]}](decisions/{path.name}) | {title[2]} | " in index
