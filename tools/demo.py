"""A question of each core task, answered by the bundled models: no model hub, no torch, no transformers."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

started = time.perf_counter()
from rich.console import Console  # noqa: E402
from rich.padding import Padding  # noqa: E402
from rich.text import Text  # noqa: E402

import onnxhub  # noqa: E402
from onnxhub.cli._printing import highlight  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REVIEW = "Using ONNX models with Hugging Face is quite easy!"
LETTER = "Ada Lovelace met Charles Babbage in London, long before IBM was founded."
QUESTION = "Who built the first lighthouse?"
STORY = (
    "The first lighthouse of the island was built by Marta Olsen in 1871. It burned down nine years later, and her "
    "nephew Henrik put up the one that stands there today."
)

SEARCH = "How do I get my money back?"
NOTES = ["Refunds take three days.", "The shop opens at nine.", "Parking is behind the house."]

console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def show(code: str, call: Callable[[], object], drawn: Callable[[object], Text]) -> None:
    """Print the line of Python, the text with what was found in it, the typed result, and how long it took."""
    console.print(Text(f">>> {code}", "bold"))
    before = time.perf_counter()
    result = call()
    first = time.perf_counter() - before
    before = time.perf_counter()
    call()
    again = time.perf_counter() - before
    for entry in result if isinstance(result, list) else [result]:
        console.print(Text(repr(entry)))
    console.print(Padding(drawn(result), (0, 2)) if console.is_terminal else Text("  ").append_text(drawn(result)))
    console.print(Text(f"  {first * 1000:.0f} ms with loading the model, {again * 1000:.1f} ms from then on\n", "dim"))


def marked(text: str, spans: Iterable[tuple[int, int, str]]) -> Text:
    """Return the text with spans in colours, or in brackets if no colours are shown."""
    if console.is_terminal:
        return highlight(text, spans)
    for start, end, label in sorted(spans, reverse=True):
        text = f"{text[:start]}[{text[start:end]}]{label and '(' + label + ')'}{text[end:]}"
    return Text(text)


def main() -> None:
    """Ask the four questions, and say how to ask more, as it can be typed where the demo was started."""
    console.print(f"onnxhub {onnxhub.__version__}, on the CPU, with no model hub in reach\n")
    show(
        f'onnxhub.classify("{REVIEW}", model="builtin:sentiment")',
        lambda: onnxhub.classify(REVIEW, model="builtin:sentiment"),
        lambda result: marked(REVIEW, [(0, len(REVIEW), result.label)]),
    )
    show(
        f'onnxhub.answer("{QUESTION}", story, model="builtin:qa")',
        lambda: onnxhub.answer(QUESTION, STORY, model="builtin:qa"),
        lambda result: marked(STORY, [(result.start, result.end, "")]),
    )
    show(
        f'onnxhub.tag("{LETTER}", model="builtin:ner")',
        lambda: onnxhub.tag(LETTER, model="builtin:ner"),
        lambda result: marked(LETTER, [(entity.start, entity.end, entity.label) for entity in result]),
    )
    show(
        f'onnxhub.similarity("{SEARCH}", {json.dumps(NOTES)}, model="builtin:embed").round(2)',
        lambda: onnxhub.similarity(SEARCH, NOTES, model="builtin:embed").round(2),
        lambda result: marked(NOTES[result.argmax()], [(0, len(NOTES[result.argmax()]), "")]),
    )
    console.print(Text(f"Four models, four answers, {time.perf_counter() - started:.1f} s in all.", "bold"))
    console.print(f'Next: {find_program("onnxhub")} classify --model builtin:sentiment "Worth every penny."')
    console.print(f'  or: {find_program("python")} -c "import onnxhub; help(onnxhub.classify)"')


def find_program(name: str) -> str:
    """Return what starts a program of this environment, typed in the folder of the shell that runs the demo."""
    path = Path(sys.executable).with_name(name)
    folder = Path.cwd()
    if str(path.parent) in os.environ.get("PATH", "").split(os.pathsep):
        return name
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


if __name__ == "__main__":
    main()
