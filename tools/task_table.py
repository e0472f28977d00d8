"""The tables of docs/tasks.md and docs/moving/from-transformers.md, from the registry and docs/parity.json.

    python -m tools.task_table            # say whether the pages are up to date
    python -m tools.task_table --write    # write the tables into them

What is before and after a table's markers is written by hand, and kept. ``docs/parity.json`` holds what the tests
against other libraries (tests/oracle) have measured: task -> ``{"architectures": 4, "comparisons": 1200,
"largest_difference": 2.4e-06}``. A task that is not in it is "not compared".

The second table has a row for each pipeline of transformers, whose names are listed here; tests compare them with its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import onnxhub
from onnxhub._contracts.built_in import ABSENT, BUILT_IN
from onnxhub._contracts.registry import get_task
from onnxhub.cli._app import ORDER_OF_TASKS
from onnxhub.compat import PIPELINES
from onnxhub.tasks.custom import PROCESSORS
from tools.markers import replace_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from onnxhub import Task

__all__ = [
    "GONE",
    "MOVING",
    "PAGE",
    "PARITY",
    "TRANSFORMERS",
    "Parity",
    "built_in",
    "page_of",
    "read_parity",
    "render",
    "render_pipelines",
    "table",
]

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
PAGE: Final = DOCS / "tasks.md"
MOVING: Final = DOCS / "moving" / "from-transformers.md"
PARITY: Final = DOCS / "parity.json"
BEGIN: Final = "<!-- table: begin -->"
END: Final = "<!-- table: end -->"
COLUMNS: Final = ("task", "one result", "one line", "class of optimum")
MORE_COLUMNS: Final = ("task", "other names", "parity")
"""A table of their own: in one, names would break at the width of a screen."""
RAW_PAGE: Final = "custom"
"""The page of all tasks over arrays."""
PIPELINES_BEGIN: Final = "<!-- pipelines: begin -->"
PIPELINES_END: Final = "<!-- pipelines: end -->"
PIPELINE_COLUMNS: Final = ("pipeline of transformers", "`onnxhub.pipeline`", "`onnxhub.load`", "what there is instead")
TRANSFORMERS: Final[Mapping[str, tuple[str, ...]]] = {
    "text-classification": ("sentiment-analysis",),
    "token-classification": ("ner",),
    "question-answering": (),
    "feature-extraction": (),
    "fill-mask": (),
    "zero-shot-classification": (),
    "text-generation": (),
    "text2text-generation": (),
    "summarization": (),
    "translation": (),
    "table-question-answering": (),
    "document-question-answering": (),
    "visual-question-answering": ("vqa",),
    "image-classification": (),
    "image-segmentation": (),
    "object-detection": (),
    "depth-estimation": (),
    "image-feature-extraction": (),
    "image-to-image": (),
    "image-to-text": (),
    "image-text-to-text": (),
    "keypoint-matching": (),
    "mask-generation": (),
    "video-classification": (),
    "zero-shot-image-classification": (),
    "zero-shot-object-detection": (),
    "automatic-speech-recognition": (),
    "audio-classification": (),
    "text-to-audio": ("text-to-speech",),
    "zero-shot-audio-classification": (),
}
"""The pipelines of transformers 4.57.6 -> their aliases: text first, then images, then sound."""
GONE: Final = frozenset(
    {
        "question-answering",
        "visual-question-answering",
        "summarization",
        "translation",
        "text2text-generation",
        "image-to-text",
        "image-to-image",
    }
)
"""Those that transformers 5.24 has no more."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How a task compares with other libraries."""

    architectures: int
    """Kinds of models that were compared."""
    comparisons: int
    """Results that were compared, all of them equal."""
    largest_difference: float
    """Between two numbers that should be the same."""

    def __str__(self) -> str:
        plural = "" if self.architectures == 1 else "s"
        furthest = f"within {self.largest_difference:.1e}" if self.largest_difference else "all equal"
        return f"{self.architectures} architecture{plural}, {self.comparisons:,} comparisons, {furthest}"


def built_in() -> list[Task[Any]]:
    """Return the tasks of this package, those with typed results first, without those of other packages."""
    found = [task for task in onnxhub.list_tasks() if task.name in BUILT_IN]
    return sorted(found, key=lambda task: (task.raw, task.name != RAW_PAGE, _rank(task.name), task.name))


def _rank(name: str) -> int:
    """Return the place of a task among those that the README lists, in the order of use."""
    return ORDER_OF_TASKS.index(name) if name in ORDER_OF_TASKS else len(ORDER_OF_TASKS)


def page_of(task: Task[Any]) -> str:
    """Return the page on a task, seen from docs/."""
    return f"tasks/{RAW_PAGE if task.raw else task.name}.md"


def read_parity(path: Path = PARITY) -> dict[str, Parity]:
    """Task -> how it compares; checked.

    Raises:
        ValueError: it names a task that there is not, or says something else of it than ``Parity`` holds.
    """
    known = {task.name for task in built_in()}
    read: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    unknown = sorted(read.keys() - known)
    if unknown:
        raise ValueError(f"{path.name}: there is no task {', '.join(unknown)}")
    try:
        return {task: Parity(**said) for task, said in read.items()}
    except TypeError as error:
        raise ValueError(f"{path.name}: {error}") from error


def table(parity: Mapping[str, Parity]) -> str:
    """Return the two tables, as Markdown."""
    more = [_more_cells(task, parity.get(task.name)) for task in built_in()]
    return _write_table(COLUMNS, map(_cells, built_in())) + "\n" + _write_table(MORE_COLUMNS, more)


def render(page: str, parity: Mapping[str, Parity]) -> str:
    """Return a page with today's table between its markers.

    Raises:
        ValueError: the markers are not there, once each.
    """
    return replace_between(page, BEGIN, END, table(parity))


def render_pipelines(page: str) -> str:
    """Return a page with today's table of transformers' pipelines between its markers.

    Raises:
        ValueError: the markers are not there, once each.
    """
    made = _write_table(PIPELINE_COLUMNS, map(_pipeline_cells, TRANSFORMERS))
    return replace_between(page, PIPELINES_BEGIN, PIPELINES_END, made)


def main() -> None:
    """Check the pages, or write them anew."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    write = parser.parse_args().write
    parity = read_parity()
    renders: dict[Path, Callable[[str], str]] = {PAGE: lambda page: render(page, parity), MOVING: render_pipelines}
    stale = []
    for path, fill in renders.items():
        page = path.read_text(encoding="utf-8")
        now = fill(page)
        if write:
            path.write_text(now, encoding="utf-8")
        elif page != now:
            stale.append(f"{path.relative_to(DOCS.parent)} is not up to date: python -m tools.task_table --write")
    if stale:
        sys.exit("\n".join(stale))


def _write_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (columns, ["---"] * len(columns), *rows))


def _pipeline_cells(name: str) -> tuple[str, ...]:
    """Return the row of a pipeline of transformers."""
    gone = ", not in 5" if name in GONE else ""
    others = f" ({_code(*TRANSFORMERS[name])})" if TRANSFORMERS[name] else ""
    if name not in BUILT_IN:
        instead = ABSENT[name].replace("load('custom', ...)", '[`load("custom", ...)`](../tasks/custom.md)')
        return f"{name}{others}{gone}", "no", "no", instead
    task = get_task(name)
    here = "yes" if task.name in PIPELINES else "no"
    linked = f"[{name}](../{page_of(task)}){others}{gone}"
    if not task.raw:
        return linked, here, _code(task.result_name), "" if here == "yes" else "the typed results"
    parts = ", ".join(f"`{part}=`" for part in PROCESSORS[name])
    return linked, here, "arrays", f"transformers' own over [`model.ort_model`](#over-the-same-session), with {parts}"


def _cells(task: Task[Any]) -> tuple[str, ...]:
    return (
        f"[{task.name}]({page_of(task)})",
        task.result_name if task.raw else _code(task.result_name),
        _code(*(name.removeprefix("onnxhub.") for name in task.one_liners)),
        _code(task.ort_class, *task.ort_classes.values()),
    )


def _more_cells(task: Task[Any], parity: Parity | None) -> tuple[str, ...]:
    return task.name, _code(*task.aliases), "not compared" if parity is None else str(parity)


def _code(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    main()
