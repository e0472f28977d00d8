"""The program around the commands: which there are, and what becomes of their errors."""

from __future__ import annotations

import logging
import os
import re
import shlex
import sys
import traceback
import warnings
from dataclasses import dataclass, replace
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.main import get_command
from typer.models import ArgumentInfo, OptionInfo

import onnxhub
from onnxhub._contracts.registry import list_tasks
from onnxhub._process.logs import make_clean_record
from onnxhub._strings.plain_text import plain, to_text
from onnxhub.cli import cache
from onnxhub.cli._completion import complete_for_bash
from onnxhub.cli._default import make_command, takes_texts
from onnxhub.cli._options import write_out_options
from onnxhub.cli._printing import tell
from onnxhub.cli._usage import CleanGroup
from onnxhub.cli.bench import bench
from onnxhub.cli.compile import compile  # noqa: A004  # the command
from onnxhub.cli.export import export
from onnxhub.cli.inspect import inspect
from onnxhub.cli.providers import providers
from onnxhub.cli.tasks import tasks
from onnxhub.cli.verify import verify
from onnxhub.errors import AmbiguousFileError, InvalidOptionError, OnnxHubError, VariantNotFoundError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from onnxhub._contracts.registry import Task

__all__ = ["build", "run"]

logger = logging.getLogger("onnxhub")

WRITTEN = {"model_id": "model", "file": "onnx_file", "outputs": "output_name"}
"""Argument of the library -> name of the command line's, where that is another one."""
OF_THE_ROW = "the row"
"""In the place of a command's: the task brings none."""
MOST_OF_A_TRACEBACK = 200_000
"""Characters: all of it, unless something is quoted whole."""
ORDER_OF_TASKS = (
    "text-classification",
    "question-answering",
    "token-classification",
    "feature-extraction",
    "zero-shot-classification",
    "text-ranking",
    "fill-mask",
    "multiple-choice",
    "sparse-feature-extraction",
    "image-classification",
    "image-feature-extraction",
)
"""The tasks whose commands the help lists first, in the order of the README; the commands of other tasks follow by name."""
CACHE = "See, check and clear away what is kept on this machine."


@dataclass
class Settings:
    """What was said before the command, of the one that a process runs."""

    debug: bool = False
    """Show the traceback of an error."""


_settings = Settings()


def run() -> None:
    """Run the command line with the process's own arguments, and exit."""
    for name in ("stdout", "stderr"):
        # Results are UTF-8 whatever the locale: a pipe into a file must not depend on who runs it. A stream that was
        # closed (None) is one that nobody reads.
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: PTH123, SIM115
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        setattr(sys, name, stream)
    warnings.showwarning = _show_warning
    warnings.simplefilter("default", onnxhub.TruncationWarning)
    # Other packages log in this process, too, and some by handlers of their own.
    logging.setLogRecordFactory(make_clean_record)
    logging.basicConfig(level=logging.WARNING, format="onnxhub: %(message)s")
    try:
        sys.exit(_exit_code())
    except KeyboardInterrupt:
        sys.exit(130)


def _exit_code() -> int | str | None:
    """Of the program, once it has run; what it says of itself, such as its help, is written as results are."""
    code: int | str | None = 0
    try:
        try:
            with complete_for_bash(os.environ):
                build()(prog_name="onnxhub")
        except SystemExit as end:
            if isinstance(end.__context__, BrokenPipeError):  # which is an error, 1, to typer and rich
                raise end.__context__ from None
            code = end.code
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
    except OSError as error:
        code = _fail(str(error)).exit_code
    return code


def build() -> typer.Typer:
    """Build the program, with the commands of all registered tasks."""
    app = typer.Typer(
        cls=CleanGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        callback=_start,
    )
    for task in sorted(list_tasks(), key=_rank_in_help):
        for place in task.commands or ((OF_THE_ROW,) if takes_texts(task) else ()):
            _add_by_place(app, place, task)
    _add(app, inspect, "Look around")
    _add(app, bench, "Look around")
    _add(app, verify, "Look around")
    _add(app, export, "Keep a model")
    _add(app, compile, "Keep a model")
    _add(app, tasks, "Look around")
    _add(app, providers, "Look around")
    app.add_typer(_group(cache.COMMANDS), name="cache", help=CACHE, rich_help_panel="Keep a model")
    return app


def _rank_in_help(task: Task[Any]) -> int:
    """Return the place of a task's commands in the help; the same for all tasks that have none of their own."""
    return ORDER_OF_TASKS.index(task.name) if task.name in ORDER_OF_TASKS else len(ORDER_OF_TASKS)


def _group(commands: Iterable[Callable[..., None]]) -> typer.Typer:
    group = typer.Typer(cls=CleanGroup, no_args_is_help=True)
    for command in commands:
        _add(group, command, "Commands")
    return group


def _add_by_place(app: typer.Typer, place: str, task: Task[Any]) -> None:
    module, _, name = place.partition(":")
    try:
        command = make_command(task) if place == OF_THE_ROW else getattr(import_module(module), name)
        if not module.startswith("onnxhub."):
            alone = typer.Typer()
            _add(alone, command, "")
            get_command(alone)  # typer looks at signatures for all commands at once, and fails for all
        _add(app, command, "Run a model")
    except Exception as error:  # noqa: BLE001  # another package's code, which must not take the other commands along
        said = one_line(error)
        logger.warning("a command of %s is left out: %s: %s: %s", task.name, place, type(error).__name__, said)


def _add(app: typer.Typer, command: Callable[..., None], panel: str) -> None:
    name = command.__name__.replace("_", "-")
    app.command(name, rich_help_panel=panel, no_args_is_help=False)(_guard(command))


def _start(
    version: Annotated[  # noqa: ARG001  # its callback shows it
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=lambda on: _show_version(on=on), is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error: onnxhub --debug COMMAND ...")
    ] = False,
) -> None:
    """Run ONNX models of the Hugging Face Hub, of a folder, or bundled ones: texts in, typed results out.

    For people on a terminal, as tab-separated rows in a pipe, or as JSON lines with --json.
    """
    _settings.debug = debug


def _show_version(*, on: bool) -> None:
    if on:
        sys.stdout.write(f"onnxhub {onnxhub.__version__}\n")
        raise typer.Exit


def _guard(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with its errors as one line on stderr and an exit code; with ``--debug``, all of them."""

    @wraps(command)
    def guarded(**arguments: object) -> None:
        try:
            command(**arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            _drop_output()  # whoever reads has enough, as `head` has: no error
        except InvalidOptionError as error:
            usage = _as_typed(error, guarded)
            raise _fail(str(usage), code=1 if usage is error else 2) from error
        except (AmbiguousFileError, VariantNotFoundError) as error:
            raise _fail(_explain_choice(error, guarded)) from error
        except (OnnxHubError, OSError) as error:
            raise _fail(str(error)) from error
        except MemoryError as error:
            raise _fail("out of memory") from error
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            unexpected = f"{type(error).__name__}: {to_text(error)} (a bug in onnxhub; onnxhub --debug shows where)"
            raise _fail(unexpected) from error

    write_out_options(command, guarded)
    return guarded


def _as_typed(error: InvalidOptionError, command: Callable[..., None]) -> InvalidOptionError:
    """Return the error with the option as it is typed on the command line; the same error if the command has no such option."""
    hints = get_type_hints(command, include_extras=True)
    name = WRITTEN.get(error.option, error.option)
    # What the library takes as a list, such as labels, is written here once for each.
    hint = hints.get(name) or hints.get(name.removesuffix("s"))
    for info in getattr(hint, "__metadata__", ()):
        if isinstance(info, ArgumentInfo):
            return replace(error, option=name.upper())
        if isinstance(info, OptionInfo):
            # Where typer is given names alone, the first one stands in the place of the default.
            names = (info.default, *(info.param_decls or ()))
            written = [name for name in names if isinstance(name, str) and name.startswith("--")]
            return replace(error, option=next(iter(written), f"--{name.replace('_', '-')}"))
    return error


def _explain_choice(error: AmbiguousFileError | VariantNotFoundError, command: Callable[..., None]) -> str:
    """Return the message of an error, with what to do on the command line in the place of what to do in Python."""
    said, advice, _ = str(error).rpartition("; choose one with file=")
    if not advice:
        return str(error)
    if "onnx_file" not in get_type_hints(command):
        return f"{said}; this command cannot choose one of them"
    path = error.candidates[0] if isinstance(error, AmbiguousFileError) else error.variants[0].rpartition(" (")[0]
    return f"{said}; choose one with --onnx-file {shlex.quote(path)}"


def _fail(message: str, *, code: int = 1) -> typer.Exit:
    if _settings.debug:
        # Of causes from other packages as well, whose texts nobody has cleaned.
        sys.stderr.write(plain(traceback.format_exc(), MOST_OF_A_TRACEBACK, lines=True))
    try:
        sys.stdout.flush()  # what was answered before comes before the error
    except OSError:
        _drop_output()
    tell(message)
    return typer.Exit(code)


def _drop_output() -> None:
    """Discard what cannot be written; else the interpreter would try once more, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    said = to_text(message)
    if issubclass(category, onnxhub.TruncationWarning):  # it advises options, as one writes them in Python
        said = re.sub(r"\b(\w+)='(\w+)'", lambda option: f"--{option[1].replace('_', '-')} {option[2]}", said)
    tell(said)
