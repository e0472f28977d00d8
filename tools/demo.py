"""One question of each core task, answered by the bundled models: no model hub, no torch, no transformers."""

from __future__ import annotations

import sys
import time
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
    """Ask the three questions."""
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
    console.print(Text(f"Three models, three answers, {time.perf_counter() - started:.1f} s in all.", "bold"))
    console.print("Next: onnxhub classify --help, or in Python: import onnxhub")


if __name__ == "__main__":
    main()
