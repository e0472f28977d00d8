"""Put the entries of changelog.d into the newest version of CHANGELOG.md: `python -m tools.changelog`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SECTIONS: Final = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
"""As Keep a Changelog names and orders them."""


def list_entries(folder: Path) -> list[Path]:
    """Return the files with an entry, by name; README.md says what they are, and is none."""
    return [path for path in sorted(folder.iterdir()) if path.name != "README.md"]


def find_section(path: Path) -> str:
    """Return the heading that an entry belongs under.

    Raises:
        ValueError: the file's name has none.
    """
    parts = path.name.split(".")
    section = parts[-2].capitalize() if len(parts) == 3 and parts[-1] == "md" else ""
    if section not in SECTIONS:
        known = ", ".join(section.lower() for section in SECTIONS)
        raise ValueError(f"{path.name}: expected a name such as last-window.fixed.md, with one of {known}")
    return section


def read_entry(path: Path) -> str:
    """Return the entry as an item of a list.

    Raises:
        ValueError: it is empty, or a list or a heading of its own.
    """
    text = path.read_text(encoding="utf-8").strip()
    if not text or text.startswith(("- ", "* ", "#")):
        raise ValueError(f"{path.name}: expected one entry in whole sentences, without a dash or a heading")
    return "- " + text.replace("\n", "\n  ")


def insert(changelog: str, section: str, entry: str) -> str:
    """Return the changelog with an entry at the end of a section of its newest version; a missing section is added."""
    versions = [match.start() for match in re.finditer(r"^## \[", changelog, re.MULTILINE)]
    end = versions[1] if len(versions) > 1 else len(changelog)
    older = changelog[end:]
    head, *parts = re.split(r"^(?=### )", changelog[versions[0] : end].rstrip() + "\n", flags=re.MULTILINE)
    contents = {part.partition("\n")[0].removeprefix("### "): part.partition("\n")[2].strip() for part in parts}
    contents[section] = f"{contents[section]}\n{entry}" if section in contents else entry
    order = sorted(contents, key=lambda name: SECTIONS.index(name) if name in SECTIONS else len(SECTIONS))
    body = "\n".join(f"### {name}\n\n{contents[name]}\n" for name in order)
    return changelog[: versions[0]] + head.rstrip() + "\n\n" + body + ("\n" + older if older else "")


def collect(root: Path) -> int:
    """Move every entry into CHANGELOG.md, and return how many there were; nothing is written if one cannot be read."""
    page, paths = root / "CHANGELOG.md", list_entries(root / "changelog.d")
    text = page.read_text(encoding="utf-8")
    for path in paths:
        text = insert(text, find_section(path), read_entry(path))
    page.write_text(text, encoding="utf-8")
    for path in paths:
        path.unlink()
    return len(paths)


if __name__ == "__main__":
    print(f"{collect(ROOT)} entries are now in CHANGELOG.md", file=sys.stderr)
