"""How far a reader has to go: the calls, functions, files and moves between files of the journeys through onnxhub.

    python -m tools.journeys                   # a table in Markdown: the checkout
    python -m tools.journeys --against v0.1    # a revision, or a folder with `onnxhub` in it, before the checkout
    python -m tools.journeys --against v0.1 --write    # write the table into docs/architecture.md

Each source is traced in a process of its own, by ``sys.setprofile`` in the thread that calls. Functions of onnxhub count;
what runs while a module is imported does not, nor does the walk through a protobuf, whose length is that of the graph.
A journey that needs PyTorch is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.sources import CHECKOUT, REPOSITORY, find_source
from tools.markers import replace_between

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import CodeType, FrameType

    from benchmarks.sources import Source

__all__ = ["COLUMNS", "Journey", "Tracer", "insert", "render", "trace"]

TEXT: Final = "Quite easy!"
STORY: Final = "The lighthouse was built by Marta Olsen in 1871. It burned down nine years later."
PAGE: Final = REPOSITORY / "docs" / "architecture.md"
BEGIN: Final = "<!-- journeys: begin -->"
END: Final = "<!-- journeys: end -->"
UNCOUNTED: Final = "protobuf.py"
"""The module that walks through a graph, field by field."""
COLUMNS: Final = ("calls", "functions", "files entered", "moves between files", "frames above the preprocessor")


@dataclass(frozen=True)
class Journey:
    """What one call goes through."""

    calls: int
    functions: int
    """Different ones."""
    files: int
    moves: int
    """How often a call, or a return, leads to another file."""
    frames: int | None = None
    """Functions of onnxhub on the stack when the preprocessor begins; None if it is not called."""
    frame_files: int = 0
    """The files of these functions."""

    @property
    def cells(self) -> tuple[str, ...]:
        """The values in the order of ``COLUMNS``."""
        plural = "" if self.frame_files == 1 else "s"
        above = "-" if self.frames is None else f"{self.frames}, in {self.frame_files} file{plural}"
        return (f"{self.calls:,}", f"{self.functions}", f"{self.files}", f"{self.moves:,}", above)


@dataclass
class Tracer:
    """A profile function that follows the calls of one package."""

    folder: str
    """The package's; a function counts if its file is in it."""
    preprocessor: CodeType | None = None
    """The code of the function whose callers are counted."""
    calls: int = 0
    moves: int = 0
    functions: set[CodeType] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    above: list[str] | None = None
    """The files of the frames above the preprocessor at its first call."""
    _stack: list[str] = field(default_factory=list)
    _imports: int = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Count an event of ``sys.setprofile``."""
        code = frame.f_code
        if event not in {"call", "return"} or not code.co_filename.startswith(self.folder):
            return
        if code.co_name == "<module>" or (self._imports and event == "return"):
            self._imports += 1 if event == "call" else -1
        elif self._imports:
            self._imports += 1
        elif Path(code.co_filename).name != UNCOUNTED:
            self._enter(frame) if event == "call" else self._leave()

    def _enter(self, frame: FrameType) -> None:
        code = frame.f_code
        self.calls += 1
        self.functions.add(code)
        self.files.add(code.co_filename)
        self.moves += bool(self._stack) and self._stack[-1] != code.co_filename
        if code is self.preprocessor and self.above is None:
            self.above = [*self._find_callers(frame)]
        self._stack.append(code.co_filename)

    def _leave(self) -> None:
        if self._stack:
            left = self._stack.pop()
            self.moves += bool(self._stack) and self._stack[-1] != left

    def _find_callers(self, frame: FrameType) -> Iterator[str]:
        above = frame.f_back
        while above is not None:
            if above.f_code.co_filename.startswith(self.folder):
                yield above.f_code.co_filename
            above = above.f_back

    @property
    def journey(self) -> Journey:
        """What was counted."""
        above = self.above
        journey = Journey(self.calls, len(self.functions), len(self.files), self.moves)
        return journey if above is None else replace(journey, frames=len(above), frame_files=len(set(above)))


def trace(call: Callable[[], object], folder: str, preprocessor: CodeType | None = None) -> Journey:
    """Return the journey of a call through the package of a folder."""
    tracer = Tracer(folder + os.sep, preprocessor)
    sys.setprofile(tracer)
    try:
        call()
    finally:
        sys.setprofile(None)
    return tracer.journey


def render(traced: Sequence[Mapping[str, Journey]]) -> str:
    """Return a table in Markdown: a row a journey; of several sources, a cell has the values of each, in their order."""
    lines: list[Sequence[str]] = [("journey", *COLUMNS), ("---", *["---:"] * len(COLUMNS))]
    for title in traced[-1]:
        rows = [found[title].cells if title in found else ["?"] * len(COLUMNS) for found in traced]
        lines.append([title, *(" → ".join(cells) for cells in zip(*rows, strict=True))])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def insert(page: str, table: str) -> str:
    """Return the page with the table between its markers.

    Raises:
        ValueError: the markers are not there, once each.
    """
    return replace_between(page, BEGIN, END, table)


def main() -> None:
    """Print the table or write it into the page; as a child, print the journeys of the source that is imported."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--against", metavar="REVISION", help="another source, a revision or a folder, to put beside it"
    )
    parser.add_argument("--write", action="store_true", help="write the table into docs/architecture.md")
    parser.add_argument("--child", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps({title: asdict(found) for title, found in _trace_all(Path(options.child))}))
        return
    sources = [*([find_source(options.against)] if options.against else []), CHECKOUT]
    table = render([_trace_source(source) for source in sources])
    if options.write:
        PAGE.write_text(insert(PAGE.read_text(encoding="utf-8"), table), encoding="utf-8")
    else:
        print(f"{' → '.join(source.name for source in sources)}\n\n{table}", end="")


def _trace_source(source: Source) -> dict[str, Journey]:
    """Trace a source in a new process, with caches of its own."""
    with tempfile.TemporaryDirectory() as folder:
        left = ("HF_", "HUGGINGFACE_", "ONNXHUB_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left)}
        paths = os.pathsep.join((str(source.path), str(REPOSITORY)))
        quiet = {"PYTHONWARNINGS": "ignore", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1"}
        environment = {**kept, **quiet, "PYTHONPATH": paths, "HF_HOME": str(Path(folder, "home"))}
        command = [sys.executable, "-m", "tools.journeys", "--child", folder]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return {title: Journey(**found) for title, found in json.loads(done.stdout.splitlines()[-1]).items()}


def _trace_all(folder: Path) -> Iterator[tuple[str, Journey]]:
    """Trace each journey; calls are traced on a model that has answered before, so that what is done once is not counted."""
    import onnxhub

    package = str(Path(onnxhub.__file__).parent)
    load = partial(onnxhub.load, "text-classification", "builtin:sentiment")
    classifier, answerer = load(), onnxhub.load("question-answering", "builtin:qa")
    calls: dict[str, tuple[Any, Callable[[], object]]] = {
        "one text: `model(text)`": (classifier, partial(classifier, TEXT)),
        "in one line: `classify(text)`": (classifier, partial(onnxhub.classify, TEXT, model="builtin:sentiment")),
        "a list: `model([a, b])`": (classifier, partial(classifier, [TEXT, "Far too slow."])),
        "a question: `model(question, context)`": (answerer, partial(answerer, "Who built the lighthouse?", STORY)),
    }
    for title, (model, call) in calls.items():
        call()
        yield title, trace(call, package, _find_preprocessor(model))
    yield "`load` of a bundled model", trace(load, package)
    if find_spec("torch") and find_spec("optimum"):
        _write_weights(folder / "model")
        load = partial(onnxhub.load, "text-classification", folder / "model", export="auto")
        yield "`load` of PyTorch's weights, converted", trace(load, package)
        yield "`load` of the same, found again", trace(load, package)


def _find_preprocessor(model: Any) -> CodeType:
    """Return the code that a call begins with; older sources called it an encoder."""
    preprocessor = getattr(model, "preprocessor", None) or model.encoder
    return type(preprocessor).__call__.__code__


def _write_weights(folder: Path) -> None:
    """Write a tiny classifier with PyTorch's weights alone."""
    from transformers import BertConfig, BertForSequenceClassification

    from tests.tiny import make_model

    make_model(folder)
    (folder / "model.onnx").unlink()
    config = BertConfig.from_pretrained(folder)
    BertForSequenceClassification(config).save_pretrained(folder)


if __name__ == "__main__":
    main()
