"""What the READMEs say of speed and memory is what the page of the benchmarks has."""

from __future__ import annotations

import re

import pytest

from tools.documentation import ROOT

FIRST = "first answer, full install"
FIGURES = [
    (
        f"{FIRST}, against by hand",
        0.55,
        "little more than half the time of a script by hand",
        "手書きスクリプトの半分あまり",
    ),
    (f"{FIRST}, optimum's time in times of onnxhub's", 13, "a thirteenth of optimum's", "optimum の 13 分の 1"),
    (
        "distilbert-classifier, 256 texts, against optimum's `pipeline`, `batch_size=32`",
        5,
        "a fifth of the time of optimum's batches of 32",
        "バッチサイズ 32 の 5 分の 1",
    ),
    (
        "memory of four processes, against by hand",
        0.3,
        "four processes have less than a third of the memory",
        "3 分の 1 以下",
    ),
]


def page(name: str) -> str:
    """The text of a page, in one line."""
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(("target", "said", "english", "japanese"), FIGURES)
def test_a_figure_of_the_readme_was_measured(target: str, said: float, english: str, japanese: str) -> None:
    """By `make bench`, within an eighth of what is said in words."""
    found = re.search(rf"\| {re.escape(target)} \| ([\d.]+) \|", page("docs/benchmarks.md"))
    assert found is not None
    assert float(found[1]) == pytest.approx(said, rel=1 / 8)
    assert english in page("README.md")
    assert japanese in page("README.ja.md")
