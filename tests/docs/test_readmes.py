"""The two READMEs say the same."""

from __future__ import annotations

import re

from tools.documentation import ROOT, blocks

ENGLISH, JAPANESE = ROOT / "README.md", ROOT / "README.ja.md"
ALIKE = {"docs/ja/from-the-how-to.md": "docs/moving/from-the-how-to.md"}
"""Japanese page -> the English one that it stands for, where that is not of the same name."""


def links(source: str) -> set[str]:
    """What a README links to, Japanese pages as the English ones that they stand for; not each other."""
    found = re.findall(r"\]\(([^)]+)\)", source)
    return {ALIKE.get(link, link.replace("docs/ja/", "docs/")) for link in found} - {"README.md", "README.ja.md"}


def code(text: str) -> str:
    """A block without comments, and with no text of any language but ASCII."""
    lines = [re.sub(r" *#.*", "", line).rstrip() for line in text.splitlines()]
    return "\n".join(re.sub(r'"[^"]*[^\x00-\x7f][^"]*"', '"..."', line) for line in lines if line)


def test_both_have_the_same_sections_and_links() -> None:
    """There are as many headings in both, and the same pages are linked to."""
    english, japanese = (path.read_text(encoding="utf-8") for path in (ENGLISH, JAPANESE))
    assert len(re.findall(r"^## ", japanese, re.MULTILINE)) == len(re.findall(r"^## ", english, re.MULTILINE))
    assert links(japanese) == links(english)


def test_both_have_the_same_blocks_and_tables() -> None:
    """Code is the same but for comments and Japanese texts, and tables have as many rows."""
    english, japanese = blocks(ENGLISH), blocks(JAPANESE)
    assert [block.language for block in japanese] == [block.language for block in english]
    for ours, theirs in zip(japanese, english, strict=True):
        if "embed(" not in theirs.text:
            assert code(ours.text) == code(theirs.text)
    rows = [len(re.findall(r"^\|", path.read_text(encoding="utf-8"), re.MULTILINE)) for path in (ENGLISH, JAPANESE)]
    assert rows[0] == rows[1]
