"""``onnxhub answer``: the span of a context that answers a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Unpack

import typer
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from onnxhub.cli._options import Format, Json, ModelOptions, load_model
from onnxhub.cli._printing import Line, Printer, format_score, highlight
from onnxhub.cli._reading import add_fields, answer_lines, check_no_table, decode_argument, read_pairs, read_whole
from onnxhub.tasks.question_answering import TASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onnxhub import Answer
    from onnxhub.cli._reading import FileFormat, Given, Lines
    from onnxhub.tasks.question_answering import QuestionAnsweringOptions

__all__ = ["answer"]

AROUND = 160
"""Characters of the context that are shown on either side of an answer."""
FIELDS = ("answer", "score", "start", "end", "found", "alternatives")
"""Of an answer in JSON."""


def answer(
    question: Annotated[
        str | None, typer.Argument(help="The question; none: that of --question-column.", show_default=False)
    ] = None,
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
            help="Read the context from a file, or a table of them by --context-column; - is standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    question_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column of questions, where --file is a table.", show_default=False),
    ] = None,
    context_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column of contexts, where --file is a table.", show_default=False),
    ] = None,
    file_format: Format = None,
    top_k: Annotated[int, typer.Option(min=1, help="Answers, best first.")] = 1,
    max_answer_tokens: Annotated[int, typer.Option(min=1, help="The longest answer.")] = 15,
    allow_no_answer: Annotated[
        bool, typer.Option("--allow-no-answer", help="Let 'there is none' be an answer.")
    ] = False,
    json: Json = False,
    **given: Unpack[ModelOptions],
) -> None:
    """Answer a question with a span of a text; or those of a table, row by row.

    Example: onnxhub answer --model builtin:qa "Who wrote it?" "It was written by Ada in London."

    In a pipe, a row is: answer, score, start, end.
    """
    asked = None if question is None else decode_argument(question)
    printer = Printer(json)
    options: QuestionAnsweringOptions = {
        "top_k": top_k,
        "max_answer_tokens": max_answer_tokens,
        "allow_no_answer": allow_no_answer,
    }
    if question_column is None and context_column is None:
        pair = _read_pair(asked, context, file, file_format)
        reader = load_model(TASK, **given).with_options(**options)
        _show(printer, reader(pair), {"question": pair[0]}, pair[1], [])
        return
    chunks = _read_table(asked, context, file, question_column, context_column, file_format)
    reader = load_model(TASK, **given).with_options(**options)

    def show(row: Given[tuple[str, str]], best: Answer) -> None:
        _show(printer, best, row.record({}, None), row.text[1], row.beside())

    answer_lines(reader.attempt, chunks, printer, show, FIELDS)


def _read_pair(
    question: str | None, context: str | None, file: str | None, file_format: FileFormat | None
) -> tuple[str, str]:
    if question is None:
        raise typer.BadParameter("a question is needed; those of a table are named by --question-column.")
    if context is not None and file is not None:
        raise typer.BadParameter("the context comes as an argument or from --file, not both.")
    if context is None:
        check_no_table(file, file_format)
    return question, read_whole(file) if context is None else decode_argument(context)


def _read_table(
    question: str | None,
    context: str | None,
    file: str | None,
    question_column: str | None,
    context_column: str | None,
    file_format: FileFormat | None,
) -> Iterator[Lines[tuple[str, str]]]:
    if context is not None or file is None or context_column is None:
        raise typer.BadParameter("the contexts of a table come from --file, by --context-column.")
    if (question is None) == (question_column is None):
        raise typer.BadParameter("the question is an argument, or each row has its own in --question-column.")
    columns = [name for name in (question_column, context_column) if name is not None]
    return read_pairs([file], columns, file_format, question)


def _show(
    printer: Printer, best: Answer, record: Mapping[str, object], context: str, columns: Sequence[object]
) -> None:
    answers = (best, *best.alternatives)
    printer.show(
        add_fields(record, best.to_dict()),
        [[*columns, entry.answer, format_score(entry.score), entry.start, entry.end] for entry in answers],
        lambda: Group(*[part for entry in answers for part in (Text(), _draw(entry, context))][1:]),
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
