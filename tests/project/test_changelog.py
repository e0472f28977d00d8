"""The entries of changelog.d, and the program that puts them into CHANGELOG.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("tools.changelog", reason="not a checkout")

from tools.changelog import ROOT, collect, find_section, insert, list_entries, read_entry

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.alike

PAGE = """# Changelog

## [0.2.0] - unreleased

### Added

- One.

### Security

- Two,
  on two lines.

## [0.1.0] - 2026-12-01

### Added

- Three.
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a changelog and no entry."""
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "changelog.d" / "README.md").write_text("# Entries\n", encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(PAGE, encoding="utf-8")
    return tmp_path


def test_the_entries_of_this_project_can_be_read() -> None:
    """Each has a section and one entry, and the changelog stays as it is where there is none."""
    for path in list_entries(ROOT / "changelog.d"):
        assert find_section(path)
        assert read_entry(path)
    page = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert insert(page, "Added", "- x").replace("- x\n", "", 1) == page


def test_entries_come_at_the_end_of_their_sections(project: Path) -> None:
    """In the order of their names, in the newest version only; a missing section gets its place, and the files go."""
    for name, text in {"b.added.md": "Four.\n", "a.added.md": "Five,\nlong.\n", "c.fixed.md": "Six.\n"}.items():
        (project / "changelog.d" / name).write_text(text, encoding="utf-8")
    assert collect(project) == 3
    assert (project / "CHANGELOG.md").read_text(encoding="utf-8") == PAGE.replace(
        "- One.\n", "- One.\n- Five,\n  long.\n- Four.\n\n### Fixed\n\n- Six.\n", 1
    )
    assert [path.name for path in (project / "changelog.d").iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.md", "Text.", "such as last-window.fixed.md"),
        ("x.mended.md", "Text.", "with one of added, changed"),
        ("x.fixed.txt", "Text.", "such as last-window.fixed.md"),
        ("x.fixed.md", "- Text.", "without a dash"),
        ("x.fixed.md", "\n", "one entry"),
    ],
)
def test_an_entry_that_cannot_be_read_changes_nothing(project: Path, name: str, text: str, message: str) -> None:
    """The error names the file and what is expected; the sound ones beside it stay where they are."""
    (project / "changelog.d" / "a.added.md").write_text("Sound.", encoding="utf-8")
    (project / "changelog.d" / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        collect(project)
    assert (project / "CHANGELOG.md").read_text(encoding="utf-8") == PAGE
    assert len(list_entries(project / "changelog.d")) == 2
