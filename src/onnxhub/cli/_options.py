"""The arguments and options that several commands have."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypedDict, TypeVar, Unpack, get_args, get_type_hints

import typer

import onnxhub
from onnxhub import builtin
from onnxhub.cli._completion import complete_from, list_dtypes, list_models, list_providers, list_tasks
from onnxhub.cli._reading import FileFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxhub import Task

__all__ = [
    "AllowPickle",
    "Column",
    "Dtype",
    "File",
    "Format",
    "InputSide",
    "Json",
    "Model",
    "ModelArgument",
    "ModelOptions",
    "OnnxPath",
    "OnnxPaths",
    "OutputNames",
    "PromptName",
    "Provider",
    "Revision",
    "TaskName",
    "Texts",
    "load_model",
    "one_or_parts",
    "output_names",
    "write_out_options",
]

_MODEL = "The model"
_ROLES = ("encoder=", "decoder=", "decoder_with_past=")

Texts = Annotated[
    list[str] | None,
    typer.Argument(help="Texts; none: each line of --file, or of standard input, is one.", show_default=False),
]
File = Annotated[
    list[str] | None,
    typer.Option(
        "--file",
        "-f",
        metavar="PATH",
        help="Read texts from a file, one a line, or of a table by --column; - is standard input.",
        show_default=False,
    ),
]
Column = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The column of texts, where --file is a table: .csv, .tsv, .jsonl, .parquet.",
        show_default=False,
    ),
]
Format = Annotated[
    FileFormat | None,
    typer.Option("--format", help="What --file holds.", show_default="by its name; lines of standard input"),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="ID",
        rich_help_panel=_MODEL,
        show_default=False,
        autocompletion=complete_from(list_models),
        help=f"Id on the Hub, folder, or a bundled model: {', '.join(builtin.names())}. Default: the task's own (see `onnxhub tasks`).",
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        help="Id on the Hub, folder, or a bundled model.", show_default=False, autocompletion=complete_from(list_models)
    ),
]
TaskName = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="What it is loaded for; auto asks the model.", autocompletion=complete_from(list_tasks)
    ),
]
Provider = Annotated[
    str,
    typer.Option(
        "--provider",
        "-p",
        metavar="NAME",
        rich_help_panel=_MODEL,
        autocompletion=complete_from(list_providers),
        help="What runs it: cpu, cuda, cuda:1, tensorrt, ...; auto takes the best (see `onnxhub providers`).",
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="NAME",
        rich_help_panel=_MODEL,
        autocompletion=complete_from(list_dtypes),
        help="The precision of the file: fp32, fp16, q8, int8, q4, ...; auto takes full precision where it is.",
    ),
]
Revision = Annotated[
    str | None,
    typer.Option(
        "--revision",
        metavar="NAME",
        rich_help_panel=_MODEL,
        show_default=False,
        help="Branch, tag or commit hash on the Hub.",
    ),
]
OnnxPath = Annotated[
    str | None,
    typer.Option(
        "--onnx-file",
        metavar="PATH",
        rich_help_panel=_MODEL,
        show_default=False,
        help="An .onnx file by its path in the model, instead of --dtype: where several fit, or it has a name of its own.",
    ),
]
PromptName = Annotated[
    str | None, typer.Option(metavar="NAME", help="One of the model's prompts, such as query.", show_default=False)
]
InputSide = Annotated[
    Literal["query", "document"] | None,
    typer.Option(
        "--input-type",
        help="The side of a search that the texts are on, for models that treat queries and documents differently.",
        show_default=False,
    ),
]
OnnxPaths = Annotated[
    list[str] | None,
    typer.Option(
        "--onnx-file",
        metavar="PATH",
        rich_help_panel=_MODEL,
        show_default=False,
        help="An .onnx file by its path in the model, instead of --dtype: where several fit, or it has a name of its own. Of "
        "a model in parts, ROLE=PATH, once for each: encoder=..., decoder=..., decoder_with_past=...",
    ),
]
OutputNames = Annotated[
    list[str] | None,
    typer.Option(
        "--output-name",
        metavar="NAME=OUTPUT",
        rich_help_panel=_MODEL,
        show_default=False,
        help="What the graph calls an output of the task, such as logits=463; once for each.",
    ),
]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Convert weights that are pickles (.bin), which can run code.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.", rich_help_panel="Output")]


ModelT = TypeVar("ModelT", bound="onnxhub.Model[Any, Any, Any]")


class ModelOptions(TypedDict):
    """The options of a command that loads a model, as it takes them: ``**given: Unpack[ModelOptions]``."""

    model: Model
    provider: Provider
    dtype: Dtype
    revision: Revision
    onnx_file: OnnxPath
    output_name: OutputNames


DEFAULTS: Final = {"provider": "cpu", "dtype": "auto"}
"""Of ``ModelOptions``; None for all others."""


def load_model(task: Task[ModelT], **given: Unpack[ModelOptions]) -> ModelT:
    """Load the model that the options of a command name.

    Raises:
        typer.BadParameter: none is named, and the task has no default one; or ``--output-name`` is no NAME=OUTPUT.
    """
    if given["model"] is None and task.default_model is None:
        raise typer.BadParameter("this task has no default model: name one with --model.")
    return onnxhub.load(
        task,
        given["model"],
        given["provider"],
        dtype=given["dtype"],
        revision=given["revision"],
        file=given["onnx_file"],
        outputs=output_names(given["output_name"]),
    )


def write_out_options(command: Callable[..., None], shown: Callable[..., None]) -> None:
    """Let typer see each option of ``**given: Unpack[ModelOptions]``, before those of the output.

    Args:
        command: As it was written.
        shown: What typer calls, and whose signature it reads.
    """
    parameters = list(inspect.signature(command).parameters.values())
    if not parameters or parameters[-1].kind is not inspect.Parameter.VAR_KEYWORD:
        return
    hints: dict[str, Any] = get_type_hints(command, include_extras=True)
    (options,) = get_args(hints.pop(parameters.pop().name))
    written: dict[str, Any] = get_type_hints(options, include_extras=True)
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=DEFAULTS.get(name), annotation=hint)
        for name, hint in written.items()
    ]
    place = next((index for index, entry in enumerate(parameters) if entry.name == "json"), len(parameters))
    own = [entry.replace(annotation=hints[entry.name]) for entry in parameters]
    shown.__signature__ = inspect.Signature([*own[:place], *more, *own[place:]])  # type: ignore[attr-defined]
    shown.__annotations__ = {**hints, **written}


def one_or_parts(given: list[str] | None) -> str | dict[str, str] | None:
    """Return the path of a model in one file, or the paths of several files by their roles.

    Raises:
        typer.BadParameter: they are several without roles, or a role is there twice.
    """
    paths = given or []
    if len(paths) < 2 and not any(path.startswith(_ROLES) for path in paths):
        return paths[0] if paths else None
    if not all(path.startswith(_ROLES) for path in paths):
        raise typer.BadParameter(
            "several files are parts of one model: --onnx-file encoder=PATH --onnx-file decoder=PATH."
        )
    return _pairs("--onnx-file", paths)


def output_names(given: list[str] | None) -> dict[str, str] | None:
    """Return the task's name of an output -> the graph's.

    Raises:
        typer.BadParameter: one is no NAME=OUTPUT, or a name is there twice.
    """
    return _pairs("--output-name", given) if given else None


def _pairs(option: str, given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    found = {name: value for name, _, value in pairs}
    if not all(name and value for name, value in found.items()) or len(found) < len(given):
        raise typer.BadParameter(f"{option} takes NAME=VALUE, each name once.")
    return found
