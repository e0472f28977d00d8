"""Which tasks there are: a dict and three functions."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

from onnxhub._contracts.built_in import BUILT_IN, explain_name
from onnxhub._contracts.task import ANY_NAME, Task, check_row
from onnxhub._process import logs as _logs  # noqa: F401  # so that whatever is logged is printable
from onnxhub._process.public import publish
from onnxhub._process.signals import is_from_handler
from onnxhub.errors import InvalidOptionError, MissingDependencyError, OnnxHubError, UnknownTaskError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint, EntryPoints

__all__ = ["ANY_NAME", "Task", "get_task", "list_foreign_tasks", "list_tasks", "register"]

logger = logging.getLogger("onnxhub")

ENTRY_POINTS: Final = "onnxhub.tasks"

ModelT = TypeVar("ModelT")

_TASKS: dict[str, Task[Any]] = {}
_REPORTED: set[EntryPoint] = set()
"""Broken entry points that a warning has named already: once is enough."""


def register(task: Task[ModelT]) -> Task[ModelT]:
    """Add a task under its name and aliases, for ``load`` to find.

    Raises:
        InvalidOptionError: a name or alias belongs to another task, or a field of the row does not keep its promise.
    """
    if not isinstance(task, Task):
        raise InvalidOptionError("task", task, "an onnxhub.Task")
    for name in (task.name, *task.aliases):
        _register_built_in(name)
        if _TASKS.get(name, task) != task:
            raise InvalidOptionError("task", name, f"a name that is not taken (by {_TASKS[name].name})")
    check_row(task)
    _TASKS.update(dict.fromkeys((task.name, *task.aliases), task))
    return task


def get_task(name: str) -> Task[Any]:
    """Return the task of a name or alias; an installed package with an entry point of that name is asked before others.

    Raises:
        UnknownTaskError: there is none; the message has the nearest name, or what the name stands for elsewhere.
        MissingDependencyError: the package that brings it cannot be imported.
        InvalidOptionError: the package fails in another way, or its row is a broken one.
    """
    _register_built_in(name)
    hint = ""
    if name not in _TASKS:
        for point in _entry_points().select(name=name):
            task = register(_load_row(point))
            hint = (
                f"the entry point {name!r} of {_name_package(point)} brings the task {task.name!r}: "
                f"ask for that one; an entry point is named as its task"
            )
    if name not in _TASKS:
        _register_installed()  # it may be an alias
    if name not in _TASKS:
        known = {*_TASKS, *BUILT_IN, *(point.name for point in _entry_points())} - {name}
        raise UnknownTaskError(name, tuple(sorted(known)), hint or explain_name(name))
    return _TASKS[name]


def list_tasks() -> list[Task[Any]]:
    """All tasks, those of installed packages too, by name; one that cannot be imported is left out, with a log warning."""
    for name in BUILT_IN:
        _register_built_in(name)
    _register_installed()
    return sorted({task.name: task for task in _TASKS.values()}.values(), key=lambda task: task.name)


def list_foreign_tasks() -> list[Task[Any]]:
    """List the tasks that are not built in, those of installed packages too; no built-in task is imported for it."""
    _register_installed()
    return list({task.name: task for name, task in _TASKS.items() if name not in BUILT_IN}.values())


def _register_built_in(name: str) -> None:
    """Import the module of a built-in task, if it is one that nobody has asked for yet."""
    if name in _TASKS or name not in BUILT_IN:
        return
    module = import_module(f"onnxhub.tasks.{BUILT_IN[name]}")
    rows: Iterable[Task[Any]] = getattr(module, "TASKS", None) or (module.TASK,)
    for task in rows:
        _TASKS.update(dict.fromkeys((task.name, *task.aliases), task))


def _load_row(point: EntryPoint) -> Task[Any]:
    """Return what an entry point leads to.

    Raises:
        MissingDependencyError: an import fails.
        InvalidOptionError: anything else fails in the package.
    """
    package = _name_package(point)
    try:
        row: Task[Any] = point.load()
    except OnnxHubError:
        raise
    except ImportError as error:
        advice = f"mend or reinstall {package}, which brings the task by {point.value}"
        missing = (error.name or package).partition(".")[0]
        raise MissingDependencyError.of(error, missing, f"the task {point.name}", advice) from error
    except Exception as error:
        if is_from_handler(error):
            raise
        reason = f"{package} fails at {point.value}: {type(error).__name__}: {one_line(error)}"
        raise InvalidOptionError("task", point.name, f"a task whose package can be loaded; {reason}") from error
    return row


def _name_package(point: EntryPoint) -> str:
    """Return the name of the installed package that an entry point belongs to."""
    return "another package" if point.dist is None else point.dist.name


def _register_installed() -> None:
    for point in _entry_points():
        try:
            register(point.load())
        except Exception as error:  # another package's code, which must not take the others along
            if is_from_handler(error):
                raise
            if point not in _REPORTED:
                _REPORTED.add(point)
                logger.warning(
                    "the task %s of another package is left out: %s: %s: %s",
                    point.name,
                    point.value,
                    type(error).__name__,
                    one_line(error),
                )


def _entry_points() -> EntryPoints:
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINTS)


publish(globals(), "list_tasks", "register")
