"""``onnxhub answer``: the span of a context that answers a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Unpack

import typer
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from onnxhub.cli._options import Json, ModelOptions, load_model
from onnxhub.cli._printing import Line, Printer, format_score, highlight
from onnxhub.cli._reading import decode_argument, read_whole
from onnxhub.tasks.question_answering import TASK

if TYPE_CHECKING:
    from onnxhub import Answer

__all__ = ["answer"]

AROUND = 160
"""Characters of the context that are shown on either side of an answer."""


def answer(
    question: Annotated[str, typer.Argument(help="The question.", show_default=False)],
    context: Annotated[
        str | None,
        typer.Argument(
            help="The text that has the answer, of any length; none: all of --file, or of standard input.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            "-f",
            metavar="PATH",
            help="Read the context from a file; - is standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    top_k: Annotated[int, typer.Option(min=1, help="Answers, best first.")] = 1,
    max_answer_tokens: Annotated[int, typer.Option(min=1, help="The longest answer.")] = 15,
    allow_no_answer: Annotated[
        bool, typer.Option("--allow-no-answer", help="Let 'there is none' be an answer.")
    ] = False,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Answer a question with a span of a text.

    Example: onnxhub answer --model builtin:qa "Who wrote it?" "It was written by Ada in London."

    In a pipe, a row is: answer, score, start, end.
    """
    if context is not None and file is not None:
        raise typer.BadParameter("the context comes as an argument or from --file, not both.")
    text = read_whole(file) if context is None else decode_argument(context)
    printer = Printer(json)
    loaded = load_model(TASK, **given)
    reader = loaded.with_options(top_k=top_k, max_answer_tokens=max_answer_tokens, allow_no_answer=allow_no_answer)
    asked = decode_argument(question)
    best = reader(asked, text)
    answers = (best, *best.alternatives)
    printer.show(
        {"question": asked, **best.to_dict()},
        [(entry.answer, format_score(entry.score), entry.start, entry.end) for entry in answers],
        lambda: Group(*[part for entry in answers for part in (Text(), _draw(entry, text))][1:]),
    )


def _draw(entry: Answer, context: str) -> Group:
    said = Text(entry.answer or "(no answer)", "bold green" if entry.found else "bold red")
    head = Line(entry.score, said)
    if not entry.found:
        return Group(head)
    first, last = max(0, entry.start - AROUND), min(len(context), entry.end + AROUND)
    near = highlight(context[first:last], [(entry.start - first, entry.end - first, "")])
    shown = Text("…" * (first > 0)).append(near).append("…" * (last < len(context)))
    return Group(head, Padding(shown, (0, 0, 0, 2)))
