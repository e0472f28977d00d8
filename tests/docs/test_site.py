"""The documentation as a site: it builds strictly, nothing in it leads nowhere, and the reference is whole."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

import onnxhub
from tools.documentation import BLOCK, ROOT, pages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

built = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("mkdocs", "material", "mkdocstrings")), reason="it needs mkdocs"
)


@dataclass
class Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors.add(values.get("id", ""))
        if "href" in values:
            (self.links if tag == "a" else self.loads).append(values["href"])
        if "src" in values:
            self.loads.append(values["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Path, Page]:
    """The built pages."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = {path: Page() for path in folder.rglob("*.html") if path.name != "404.html"}
    for path, page in found.items():
        page.feed(path.read_text(encoding="utf-8"))
    return found


@built
def test_no_link_of_the_site_leads_nowhere(site: Mapping[Path, Page]) -> None:
    """Of links to the site itself, the page exists, and so does the place in it."""
    broken = []
    for path, page in site.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = site[target].anchors if target in site else set()
            wrong = not target.exists() or (parts.fragment and unquote(parts.fragment) not in anchors)
            if not parts.scheme and wrong:
                broken.append(f"{path.name}: {link}")
    assert not broken


@built
def test_the_site_loads_nothing_from_elsewhere(site: Mapping[Path, Page]) -> None:
    """It can be read without a network."""
    assert {load for page in site.values() for load in page.loads if urlsplit(load).netloc} == set()


@built
def test_japanese_pages_say_that_they_are_japanese(site: Mapping[Path, Page]) -> None:
    """In their HTML, and in the index of the search, which cuts Japanese texts into words."""
    languages: dict[str, set[str | None]] = {path.parent.name: set() for path in site}
    for path in site:
        found = re.search(r'<html lang="(\w+)"', path.read_text(encoding="utf-8"))
        languages[path.parent.name].add(found and found[1])
    assert languages.pop("ja") == {"ja"}
    assert set().union(*languages.values()) == {"en"}
    (home,) = [path for path in site if path.name == "index.html"]
    index = json.loads((home.parent / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert index["config"]["lang"] == ["en", "ja"]
    assert any(page["location"].startswith("ja/") and "埋め込み" in page["text"] for page in index["docs"])


@built
def test_every_public_name_is_in_the_reference(site: Mapping[Path, Page]) -> None:
    """With an anchor of its own."""
    (reference,) = [page for path, page in site.items() if path.name == "reference.html"]
    names = {f"onnxhub.{name}" for name in onnxhub.__all__}
    names |= {f"onnxhub.errors.{name}" for name in onnxhub.errors.__all__}
    assert names <= reference.anchors


@built
def test_every_page_is_in_the_navigation(site: Mapping[Path, Page]) -> None:
    """From the home page, every other can be reached."""
    (home,) = [path for path in site if path.name == "index.html"]
    linked = {(home.parent / unquote(urlsplit(link).path)).resolve() for link in site[home].links}
    written = {
        home.parent / page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")
    }
    assert written <= linked | {home}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_link_of_a_page_leads_nowhere(page: Path) -> None:
    """As it is read in the repository: files exist, and headings have the names that links give them."""
    for link in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text(encoding="utf-8"))):
        parts = urlsplit(link)
        target = page.parent / unquote(parts.path) if parts.path else page
        assert parts.scheme or target.exists(), link
        if parts.fragment and target.suffix == ".md":
            titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", target.read_text(encoding="utf-8")), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert parts.fragment in slugs or target.stem == "reference", link
