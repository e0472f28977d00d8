"""The check of the words in the code (``tools/words.py``): what it counts, and what it lets through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.words import check_module, is_participle, main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.alike

CLEAN = "def read_rows(rows):\n    return [row for row in rows]\n"


@pytest.mark.parametrize("name", ["_made", "told", "opened_file", "found_of", "_written", "Cleaned"])
def test_participles_are_known(name: str) -> None:
    """The first word decides, whatever the underscores before it and the words behind it."""
    assert is_participle(name)


@pytest.mark.parametrize(
    "name", ["embed", "feed", "needs", "read_made", "is_found", "cut", "split_words", "__enter__", "_"]
)
def test_verbs_are_no_participles(name: str) -> None:
    """Verbs in "ed", predicates, and words that look like their verb pass."""
    assert not is_participle(name)


def test_what_is_no_function_name_of_its_own_does_not_count() -> None:
    """Properties are nouns, overloads are the same function again, and magic methods have their names from Python."""
    text = """
class Box:
    @property
    def made(self): ...
    @functools.cached_property
    def told(self): ...
    @made.setter
    def made(self, value): ...
    @overload
    def opened(self): ...
    def __init_subclass__(cls): ...
    def open(self): ...
"""
    findings = check_module(text)
    assert (findings.functions, findings.participles) == (1, ())


@pytest.mark.parametrize(
    "text",
    [
        "one = 1",
        "[x for one in ()]",
        "def f(one): ...",
        "lambda one: 0",
        "(one := 1)",
        "for index, one in (): ...",
        "try: ...\nexcept E as one: ...",
        "match x:\n    case [one]: ...",
    ],
)
def test_one_is_found_wherever_it_is_bound(text: str) -> None:
    """Each way to bind a name is looked at."""
    assert [name for _, name in check_module(text).ones] == ["one"]


def test_a_word_in_a_text_is_no_variable() -> None:
    """Docstrings, comments and attributes may say "one"."""
    assert check_module('"""One."""\nx.one  # one\n').ones == ()


def test_unformatted_lines_are_found_in_comments_alone() -> None:
    """A text that quotes the mark is no mark."""
    assert check_module("x = 1  # fmt: skip\n# fmt: off\ny = '# fmt: skip'\n").skips == (
        (1, "# fmt: skip"),
        (2, "# fmt: off"),
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (CLEAN, 0),
        (CLEAN * 39 + "def made(): ...\n", 0),
        (CLEAN * 38 + "def made(): ...\n", 1),
        (CLEAN + "one = 1\n", 1),
        (CLEAN + "x = 1  # fmt: skip\n", 1),
        ("", 0),
    ],
)
def test_the_exit_code_says_whether_a_rule_is_broken(
    text: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One function of 40 may be named by a participle, and nothing else is let through."""
    (tmp_path / "module.py").write_text(text, encoding="utf-8")
    assert main(tmp_path) == code
    assert ("module.py:" in capsys.readouterr().out) == (text not in {CLEAN, ""})
