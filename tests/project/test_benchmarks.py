"""The program that writes docs/benchmarks.md: its page, its plots, and what it keeps; it measures nothing here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("benchmarks.sections", reason="not a checkout")

from benchmarks import models, report, results
from benchmarks.bench import Bench, require_agreement
from benchmarks.plots import WIDTH, Axis, Bars, Lines
from benchmarks.report import Section, Table, Target, explained
from benchmarks.sections import SECTIONS

if TYPE_CHECKING:
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
    page = report.render({"a": SECTION})
    assert page.startswith("# Benchmarks\n")
    assert "| met | 0.50 | at most 0.60 | met |" in page
    assert "| short | 3.00 | at least 4.00 | **falls short** |" in page
    assert "Falls short: short, 3.00 instead of at least 4.00." in page
    assert "```text\na profile\n```" in page
    assert "![Time & length](images/benchmarks/curve.svg)" in page
    assert set(report.drawings({"a": SECTION})) == {"curve.svg", "bars.svg"}


def test_a_section_that_was_measured_elsewhere_says_so() -> None:
    """The head of the page describes the machine of most sections."""
    other = Section("Another", "A text.", ("another machine",), [])
    page = report.render({"a": SECTION, "b": SECTION, "c": other})
    assert page.count("- a machine") == 1
    assert "Measured apart from the others:\n\n- another machine" in page


def test_a_profile_is_made_only_if_a_target_is_missed() -> None:
    """It takes time."""
    assert explained("t", (), [], [Target("met", 1.0, 2.0)], lambda: pytest.fail("profiled")).why == ""
    assert explained("t", (), [], [Target("short", 3.0, 2.0)], lambda: "profile").why == "profile"


def test_results_are_kept_as_they_are(tmp_path: Path) -> None:
    """The page of what was read again is the same."""
    assert results.kept(tmp_path, "a") is None
    results.keep(tmp_path, "a", SECTION)
    again = results.kept(tmp_path, "a")
    assert again is not None
    assert report.render({"a": again}) == report.render({"a": SECTION})
    assert report.drawings({"a": again}) == report.drawings({"a": SECTION})


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
