"""The program that writes docs/benchmarks.md: its page, its plots, and what it keeps; it measures nothing here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("benchmarks.sections", reason="not a checkout")

import benchmarks.__main__ as program
from benchmarks import against, measure, models, report
from benchmarks.bench import Bench, require_agreement
from benchmarks.measure import Run
from benchmarks.plots import WIDTH, Axis, Bars, Lines
from benchmarks.report import Section, Table, Target, explained
from benchmarks.sections import SECTIONS
from benchmarks.sources import CHECKOUT, Source, extract_source, find_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.alike

LINES = Lines(
    "curve", "Time & length", Axis("tokens", log=True), Axis("ms", log=True),
    {"onnxhub": [(8.0, 0.3), (64.0, 0.9), (512.0, 5.6)], "by hand": [(8.0, 0.4), (64.0, 0.8), (512.0, 5.2)]},
)  # fmt: skip
GROWTH = Lines(
    "growth", "Memory", Axis("calls"), Axis("MiB"), {"onnxhub": [(n * 100.0, 80 + n) for n in range(1, 101)]}
)
BARS = Bars("bars", "Texts", "texts/s", {"onnxhub": 36.2, "a peer, `batch_size=32`": 6.8, "another": 1234.0})
SECTION = Section(
    "A title", "A text.", ("a machine",),
    [
        Table("first", ("program", "time"), [("onnxhub", "1 s")], [Target("met", 0.5, 0.6)], plots=[LINES, BARS]),
        Table("second", ("program", "time"), [("onnxhub", "9 s")], [Target("short", 3.0, 4.0, True)], "a profile"),
    ],
)  # fmt: skip


@pytest.mark.parametrize("plot", [LINES, GROWTH, BARS], ids=lambda plot: plot.name)
def test_a_plot_is_whole(plot: Lines | Bars) -> None:
    """Well-formed, titled, and all that it draws lies on its paper."""
    root = ET.fromstring(plot.svg())
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width == WIDTH
    assert root.attrib["aria-label"] == plot.title
    for element in root.iter():
        for name, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            assert 0 <= float(element.attrib.get(name, 0)) <= most, element.attrib
        if "width" in element.attrib and "x" in element.attrib:
            assert float(element.attrib["x"]) + float(element.attrib["width"]) <= width
    said = " ".join(element.text or "" for element in root.iter() if element.tag.endswith("text"))
    assert all(name in said for name in (plot.values if isinstance(plot, Bars) else plot.series))


def test_axes_have_numbers_that_one_reads_easily() -> None:
    """Powers of two where the values are; else 1, 2 and 5 by powers of ten; from zero where it is not logarithmic."""
    ticks = re.findall(r">([\d,.]+)</text>", LINES.svg())
    assert [tick for tick in ticks if tick in {"8", "16", "32", "64", "128", "256", "512"}] != []
    assert {"0.2", "0.5", "1", "2", "5"} <= set(ticks)
    assert "0" in re.findall(r">([\d,.]+)</text>", GROWTH.svg())


def test_the_page_says_what_is_met_and_what_falls_short() -> None:
    """With the plots, and a profile where something does."""
    page = report.render([SECTION])
    assert page.startswith("# Benchmarks\n")
    assert "| A title | met | 0.50 | at most 0.60 | met |" in page
    assert "| A title | short | 3.00 | at least 4.00 | **falls short** |" in page
    assert "Falls short: short, 3.00 instead of at least 4.00." in page
    assert "```text\na profile\n```" in page
    assert "![Time & length](images/benchmarks/curve.svg)" in page
    assert set(report.drawings([SECTION])) == {"curve.svg", "bars.svg"}


def test_a_section_that_was_measured_elsewhere_says_so() -> None:
    """The head of the page describes the machine of most sections."""
    other = Section("Another", "A text.", ("another machine",), [])
    page = report.render([SECTION, SECTION, other])
    assert page.count("- a machine") == 1
    assert "Measured apart from the others:\n\n- another machine" in page


def test_a_profile_is_made_only_if_a_target_is_missed() -> None:
    """It takes time."""
    assert explained("t", (), [], [Target("met", 1.0, 2.0)], lambda: pytest.fail("profiled")).why == ""
    assert explained("t", (), [], [Target("short", 3.0, 2.0)], lambda: "profile").why == "profile"


def test_a_page_can_be_read_again() -> None:
    """What was read from a page makes the same page; a section keeps its machine where most others have another."""
    apart = Section("Apart", "A text.\n\n- a list", ("another machine", "its installs"), SECTION.tables[:1])
    same = replace(SECTION, title="The same machine")
    page = report.render([SECTION, apart, same], ["Nothing yet"])
    found = report.read_page(page)
    assert [*found] == ["A title", "Apart", "The same machine"]
    assert report.render([*found.values()], ["Nothing yet"]) == page
    assert found["Apart"].machine == ["another machine", "its installs"]
    assert report.read_page("# Benchmarks\n") == {}


def test_the_page_of_the_documentation_can_be_read_again() -> None:
    """Else the next section that is measured would cost the others."""
    page = program.PAGE.read_text(encoding="utf-8")
    found = report.read_page(page)
    titles = [topic.title for topic in SECTIONS.values()]
    assert report.render([*found.values()], [title for title in titles if title not in found]) == page


def test_a_section_that_is_measured_again_leaves_the_others(tmp_path: Path) -> None:
    """Its plots are drawn anew, and those of no section go; the rest of the page stays as it is."""
    page, images = tmp_path / "page.md", tmp_path / report.IMAGES
    first, second, *_ = SECTIONS.values()
    program.write_page(page, replace(SECTION, title=first.title))
    assert sorted(path.name for path in images.iterdir()) == ["bars.svg", "curve.svg"]
    later = Section(second.title, "Measured later.", ("a machine",), [Table("t", ("a", "b"), [("c", "1")])])
    program.write_page(page, later)
    said = page.read_text(encoding="utf-8")
    assert said.index(f"## {first.title}") < said.index("Measured later.") < said.index("| met | 0.50 |")
    assert sorted(path.name for path in images.iterdir()) == ["bars.svg", "curve.svg"]
    program.write_page(page, replace(later, title=first.title))
    assert "met" not in page.read_text(encoding="utf-8").partition("## Targets")[2]
    assert list(images.iterdir()) == []


def test_each_section_has_models_that_can_be_made() -> None:
    """And a text for the page."""
    assert len(SECTIONS) >= 15
    for topic in SECTIONS.values():
        assert set(topic.models) <= set(models.NAMES)
        assert topic.title
        assert topic.text.endswith(".")


def test_programs_that_disagree_are_not_compared() -> None:
    """Their times would say nothing."""
    require_agreement({"by_onnxhub": [0.1, 0.2], "by_hand": [0.1, 0.20001]})
    with pytest.raises(RuntimeError, match=r"by_hand and by_onnxhub give scores that are 0\.\d+ apart"):
        require_agreement({"by_onnxhub": [0.1, 0.2], "by_hand": [0.1, 0.3]})


def test_a_quick_look_is_quick() -> None:
    """A quarter of the rounds, an eighth of the texts, and never none."""
    quick = Bench("full", "light", "fastembed", quick=True)
    assert [quick.rounds(9), quick.rounds(2), quick.some(256), quick.some(4)] == [2, 2, 32, 1]
    full = Bench("full", "light", "fastembed")
    assert [full.rounds(9), full.some(256)] == [9, 256]


# --- two sources against each other ----------------------------------------------------------------------------------

ends = pytest.mark.skipif(not hasattr(os, "wait4"), reason="a process's memory and time are told by wait4")
QUICK = Bench(sys.executable, sys.executable, "none", quick=True)
PYTHONS = ["--full", "full", "--light", "light", "--fastembed", "fastembed"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose onnxhub says 1 in its first commit, tagged v1, and 2 in the next."""
    folder = tmp_path / "repository"
    module = folder / "src" / "onnxhub" / "__init__.py"
    module.parent.mkdir(parents=True)
    settings = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    for number in (1, 2):
        module.write_text(f"print({number})\n", encoding="utf-8")
        subprocess.run(["git", "-C", folder, "add", "--all"], check=True)
        subprocess.run(["git", "-C", folder, *settings, "commit", "--quiet", "--message", "m"], check=True)
        subprocess.run(["git", "-C", folder, "tag", f"v{number}"], check=True)
    return folder


def test_the_source_of_a_revision_is_laid_out_once(repository: Path, tmp_path: Path) -> None:
    """Under the name of its commit, as it was then; the checkout is not touched, and a folder is taken as it is."""
    found = extract_source("v1", repository, tmp_path / "sources")
    assert (found.path / "onnxhub" / "__init__.py").read_text(encoding="utf-8") == "print(1)\n"
    assert found.name == f"v1 ({found.path.name[:10]})"
    (found.path / "kept").touch()
    assert extract_source(found.path.name[:7], repository, tmp_path / "sources").path == found.path
    assert (found.path / "kept").exists()
    assert [path.name for path in (tmp_path / "sources").iterdir()] == [found.path.name]
    assert find_source(str(repository / "src"), repository).path == repository / "src"
    assert (repository / "src" / "onnxhub" / "__init__.py").read_text(encoding="utf-8") == "print(2)\n"


@pytest.mark.parametrize("revision", ["v3", "--all", ""])
def test_a_revision_that_there_is_not_is_refused(revision: str, repository: Path, tmp_path: Path) -> None:
    """With what git says, and nothing is left under .cache."""
    with pytest.raises(RuntimeError, match="git rev-parse"):
        extract_source(revision, repository, tmp_path / "sources")
    assert not (tmp_path / "sources").exists()


@ends
def test_programs_import_the_onnxhub_of_the_source_that_they_are_given(repository: Path) -> None:
    """In an environment whose caches are the source's own; else one would find what the other has made."""
    source = Source("another", repository / "src")
    assert measure.run([sys.executable, "-c", "import onnxhub"], source).output == "2"
    assert measure.environment(source)["HF_HOME"] != measure.environment()["HF_HOME"]
    assert measure.environment() == measure.environment(CHECKOUT)


@ends
def test_an_interpreter_with_another_onnxhub_is_refused(tmp_path: Path) -> None:
    """Else an installed package would be measured twice."""
    with pytest.raises(RuntimeError, match=r"imports onnxhub from .*, not from"):
        against._require_source(Source("empty", tmp_path), sys.executable)


def test_two_sources_run_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unrecorded round, then rounds of which every other one begins with the other source."""
    ran: list[str] = []

    def run(_: Sequence[str], source: Source) -> Run:
        ran.append(source.name)
        return Run(float(len(ran)), 1.0, "")

    monkeypatch.setattr(against, "run", run)
    monkeypatch.setattr(against, "wait_for_calm", lambda _: None)
    sources = [Source(name, CHECKOUT.path) for name in "ab"]
    then, now = against.alternate(QUICK, [], sources, 2)
    assert "".join(ran) == "ab" + "ba" + "ab"
    assert ([took.seconds for took in then], [took.seconds for took in now]) == ([4.0, 5.0], [3.0, 6.0])


def test_a_figure_is_a_ratio_of_medians_with_its_spread() -> None:
    """The checkout's in times of the other's, with the number of rounds; less is better in all of them."""
    figure = against.Figure("a call", "ms", [0.010, 0.020, 0.030], [0.012, 0.010, 0.030])
    assert figure.cells == ("a call", "3", "20 ms", "12 ms", "0.600", "0.750 to 1.100")
    single = against.Figure("a call", "MiB", [1.0], [2.0])
    assert single.cells == ("a call", "1", "1.0 MiB", "2.0 MiB", "2.000", "2.000 to 2.000")


def test_sources_whose_scores_differ_are_not_compared() -> None:
    """The ceiling gives none, and is left out."""
    against._require_same([{"scores": [0.1]}, {"scores": [0.10001]}, {"scores": []}])
    with pytest.raises(RuntimeError, match="two sources give scores that are"):
        against._require_same([{"scores": [0.1]}, {"scores": [0.2]}, {"scores": []}])


def test_a_section_that_cannot_tell_sources_apart_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """All that can are the default; without a revision, all sections are."""
    assert program.read_options(PYTHONS).only == list(SECTIONS)
    assert program.read_options([*PYTHONS, "--against", "v1"]).only == list(against.SECTIONS)
    assert set(against.SECTIONS) <= set(SECTIONS)
    for arguments, wrong in ((["--against", "v1", "--only", "cold,rerank"], "rerank"), (["--only", "hot"], "hot")):
        with pytest.raises(SystemExit):
            program.read_options([*PYTHONS, *arguments])
        assert f"no section {wrong}; there are cold, " in capsys.readouterr().err
