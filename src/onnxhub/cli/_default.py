"""A command of a task that brings none of its own: made of its row, at the start of the program."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import partial
from types import EllipsisType, NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, Unpack, get_args, get_origin, get_type_hints

import numpy as np
import typer
from rich.text import Text

from onnxhub.cli._options import Column, File, Format, Json, ModelOptions, Texts, load_model
from onnxhub.cli._printing import Printer, format_score
from onnxhub.cli._reading import Given, answer_lines, decode_argument, read_lines

if TYPE_CHECKING:
    from onnxhub import Model, Task

__all__ = ["make_command", "takes_texts"]

SIMPLE = (str, int, float, bool)
"""Types of options that the command line can spell."""


def takes_texts(task: Task[Any]) -> bool:
    """Return whether a command can be made of a row: each part of an input is a text, and it says its options."""
    return not task.raw and task.modality == "text" and task.options is not None


def make_command(task: Task[Any]) -> Any:
    """Return a function like those of the other files here, with the signature that the row asks for."""
    options = _read_options(task)
    several = len(task.inputs) > 1

    def command(json: bool = False, **given: Any) -> None:
        chosen = {name: value for name in options if (value := given.pop(name)) is not None}
        # What can be checked of the inputs is checked before the model is loaded.
        inputs = tuple(decode_argument(given.pop(name)) for name in task.inputs) if several else ()
        chunks = None if several else read_lines(*map(given.pop, ("texts", "file", "column", "file_format")))
        printer = Printer(json)
        model: Model[Any, Any, Any] = load_model(task, **given).with_options(**chosen)
        if chunks is None:
            _show(printer, dict(zip(task.inputs, inputs, strict=True)), model(inputs))
        else:

            def show(text: Given[str], result: Any) -> None:
                rows = _cells_of(result)
                printer.show(
                    text.record({"result": _as_json(result)}, task.inputs[0]),
                    [text.beside(*row) for row in rows],
                    partial(Text, _write_line(rows)),
                )

            answer_lines(model.attempt, chunks, printer, show, ("result",))
        printer.flush()

    command.__name__ = command.__qualname__ = task.name
    command.__doc__ = f"Give each input its result: {task.summary}."
    _sign(command, task, options, several=several)
    return command


def _sign(command: Any, task: Task[Any], options: Mapping[str, Any], *, several: bool) -> None:
    """Write the signature that typer reads."""
    kind = inspect.Parameter
    if several:
        hint = Annotated[str, typer.Argument(help="A part of the input.", show_default=False)]
        places = [kind(name, kind.POSITIONAL_OR_KEYWORD, annotation=hint) for name in task.inputs]
    else:
        places = [
            kind("texts", kind.POSITIONAL_OR_KEYWORD, default=None, annotation=Texts),
            kind("file", kind.POSITIONAL_OR_KEYWORD, default=None, annotation=File),
            kind("column", kind.POSITIONAL_OR_KEYWORD, default=None, annotation=Column),
            kind("file_format", kind.POSITIONAL_OR_KEYWORD, default=None, annotation=Format),
        ]
    places += [kind(name, kind.KEYWORD_ONLY, default=None, annotation=hint) for name, hint in options.items()]
    places.append(kind("json", kind.KEYWORD_ONLY, default=False, annotation=Json))
    places.append(kind("given", kind.VAR_KEYWORD, annotation=Unpack[ModelOptions]))
    command.__signature__ = inspect.Signature(places)
    command.__annotations__ = {place.name: place.annotation for place in places}


def _read_options(task: Task[Any]) -> dict[str, Any]:
    """Return the options of the row that a command line can spell, with typer's annotations."""
    found = {}
    for name, hint in get_type_hints(task.options).items():
        kinds = [kind for kind in _members(hint) if kind not in (EllipsisType, NoneType)]
        kind = next((spelt for spelt in map(_spell, kinds) if spelt is not None), None)
        if kind is not None:
            found[name] = Annotated[kind | None, typer.Option(show_default=False)]
    return found


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _spell(kind: Any) -> Any:
    """Return a type as typer takes it; None if the command line cannot spell it."""
    if kind in SIMPLE or get_origin(kind) is Literal:
        return kind
    if get_origin(kind) in (list, tuple, Sequence) and get_args(kind)[0] is str:
        return list[str]
    return None


def _show(printer: Printer, inputs: Mapping[str, str], result: Any) -> None:
    rows = _cells_of(result)
    printer.show({**inputs, "result": _as_json(result)}, rows, partial(Text, _write_line(rows)))


def _cells_of(result: Any) -> list[list[Any]]:
    """Return a result as rows: a list as one for each entry."""
    return [_cells(entry) for entry in (result if isinstance(result, list) else [result])]


def _write_line(rows: Sequence[Sequence[Any]]) -> str:
    return " ".join(str(cell) for row in rows for cell in row)


def _cells(result: Any) -> list[Any]:
    """Return a result as the cells of a row: a dataclass by those of its fields that are one value, an array by all."""
    if is_dataclass(result):
        values = [getattr(result, entry.name) for entry in fields(result)]
        return [_cell(value) for value in values if isinstance(value, SIMPLE)]
    if isinstance(result, np.ndarray):
        return [f"{value:.6g}" for value in result.ravel().tolist()]
    return [_cell(result)]


def _cell(value: Any) -> Any:
    return format_score(value) if isinstance(value, float) else value if isinstance(value, str | int) else str(value)


def _as_json(result: Any) -> Any:
    if isinstance(result, list | tuple):
        return [_as_json(entry) for entry in result]
    if isinstance(result, np.ndarray):
        return result.tolist()
    if is_dataclass(result) and not isinstance(result, type):
        return asdict(result)
    return result
