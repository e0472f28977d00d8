"""Bars and waits are drawn where somebody looks: at a terminal, and in a notebook, whose stderr is no terminal."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Self

import pytest

from onnxhub._process import progress
from onnxhub._process.progress import ProgressBar, waiting

if TYPE_CHECKING:
    from collections.abc import Callable

KERNEL = SimpleNamespace(kernel=object())
TERMINAL = SimpleNamespace(kernel=None)


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that makes this process one of IPython with the given shell, with ipywidgets or without."""

    def enter_shell(shell: object, *, widgets: bool) -> None:
        ipython = ModuleType("IPython")
        ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        monkeypatch.setattr(progress, "find_spec", lambda name: object() if widgets else None)

    return enter_shell


def draw() -> None:
    """Draw a bar and a wait."""
    bar = ProgressBar(2)
    bar.add(2, tokens=10)
    bar.close()
    with waiting("converting org/name"):
        pass


@pytest.mark.parametrize("shell", [None, TERMINAL])
def test_nothing_is_drawn_where_nobody_looks(shell: object, enter: Callable[..., None], capfd) -> None:
    """IPython without a kernel is a terminal, whose stderr says whether it is one; here it goes to a file."""
    enter(shell, widgets=True)
    draw()
    assert capfd.readouterr() == ("", "")


def test_a_notebook_without_widgets_gets_text(enter: Callable[..., None], capfd) -> None:
    """The bar with its inputs, and the line that says what is waited for; and no warning of tqdm's about widgets."""
    enter(KERNEL, widgets=False)
    draw()
    out, drawn = capfd.readouterr()
    assert out == ""
    assert "2/2" in drawn
    assert "converting org/name ... 00:00" in drawn


def test_a_notebook_with_widgets_gets_those(enter: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """They are made by tqdm.auto, which is imported there alone."""
    asked: list[dict[str, object]] = []

    class Widget:
        disable = True

        def __init__(self, **options: object) -> None:
            asked.append(options)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *exc_info: object) -> None:
            pass

        def update(self, items: int) -> None:
            asked.append({"items": items})

        def close(self) -> None:
            pass

    auto = ModuleType("tqdm.auto")
    auto.tqdm = Widget  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tqdm.auto", auto)
    enter(KERNEL, widgets=True)
    draw()
    assert [entry.get("total", entry.get("items", entry.get("desc"))) for entry in asked] == [
        2,
        2,
        "converting org/name",
    ]
    assert [entry["disable"] for entry in asked if "disable" in entry] == [False, False]
