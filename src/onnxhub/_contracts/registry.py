"""Which tasks there are: a dict and three functions."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from onnxhub._contracts.built_in import BUILT_IN
from onnxhub._contracts.evaluation import Evaluation
from onnxhub._contracts.rows import check_row
from onnxhub._process import logs as _logs  # noqa: F401  # so that whatever is logged is printable
from onnxhub.errors import InvalidOptionError, UnknownTaskError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.metadata import EntryPoint, EntryPoints

    from onnxhub._contracts.postprocessor import Postprocessor
    from onnxhub._contracts.preprocessor import Preprocessor

__all__ = ["Task", "get_task", "list_foreign_tasks", "list_tasks", "register"]

logger = logging.getLogger("onnxhub")

ENTRY_POINTS = "onnxhub.tasks"
ANY_NAME = "*"
"""In ``Task.outputs``: the only output of a graph, whatever its name, unless the name or the architecture is one of
another task's."""

ModelT_co = TypeVar("ModelT_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Task(Generic[ModelT_co]):
    """One row of the registry: what ``load`` needs to make a model for a task.

    A package brings its own by the entry point group ``onnxhub.tasks``, or at run time by ``register``; or it passes
    the object to ``load``, which then is typed like a built-in name.
    """

    name: str
    """The canonical name, such as ``"text-classification"``."""
    summary: str
    """One line for lists of tasks."""
    model: type[ModelT_co]
    """What ``load`` returns."""
    preprocessor: type[Preprocessor[Any, Any]]
    """Inputs to rows of graph inputs, and items."""
    postprocessor: type[Postprocessor[Any, Any]]
    """Graph outputs and items to results."""
    outputs: tuple[Mapping[str, int], ...]
    """Graph outputs that the task can work with, and their rank, the best first: ``({"logits": 2},)``; ``"*"`` is an only
    output of any name. None at all: any graph of the task's modality will do."""
    ort_class: str
    """The class of ``optimum.onnxruntime`` for the same task."""
    ort_classes: Mapping[str, str] = field(default_factory=dict)
    """Where that depends on the model: end of an architecture's name -> its class."""
    architectures: tuple[str, ...] = ()
    """Ends of the names of transformers' classes that are for it, such as ``"ForSequenceClassification"``: how
    ``load("auto")`` finds it. Of all that fit a class, the longest counts, and a built-in task before others."""
    aliases: tuple[str, ...] = ()
    """Other names."""
    modality: Literal["text", "image", "audio", "arrays"] = "text"
    """What the model is given; ``"arrays"``: anything."""
    result: str = ""
    """What one result is, for lists of tasks: ``"Classification"``."""
    default_model: str | None = None
    """The Hub model that is loaded when none is named."""
    bundled_model: str | None = None
    """One that comes with the package, such as ``"builtin:sentiment"``: what to use where the Hub cannot be asked."""
    one_liners: tuple[str, ...] = ()
    """Functions that load a model of the task and call it, as one writes them: ``("onnxhub.classify",)``."""
    commands: tuple[str, ...] = ()
    """Commands of the command line, by where they are found: ``("onnxhub.cli.classify:classify",)``."""
    evaluation: Evaluation = field(default_factory=Evaluation)
    """How ``onnxhub bench`` and ``onnxhub verify`` try it on plain texts; a copy of a row whose results are of another
    kind needs its own."""

    def __post_init__(self) -> None:
        if isinstance(self.architectures, str) or "" in self.architectures:
            expected = "a tuple of ends of class names, such as ('ForSequenceClassification',)"
            raise InvalidOptionError("architectures", self.architectures, expected)

    @property
    def raw(self) -> bool:
        """Whether it takes and gives arrays, of any graph."""
        return not self.outputs

    def ort_class_of(self, config: Mapping[str, object]) -> str:
        """The class of ``optimum.onnxruntime`` for a model with this ``config.json``."""
        named = config.get("architectures")
        names = tuple(map(str, named)) if isinstance(named, list) else ()
        found = (kind for end, kind in self.ort_classes.items() if any(name.endswith(end) for name in names))
        return next(found, self.ort_class)


_TASKS: dict[str, Task[Any]] = {}
_TOLD: set[EntryPoint] = set()
"""Of which a warning has said that they are broken: once is enough."""


def register(task: Task[ModelT_co]) -> Task[ModelT_co]:
    """Add a task under its name and aliases, for ``load`` to find.

    Raises:
        InvalidOptionError: a name or alias belongs to another task; a field of the row is not what it must be.
    """
    for name in (task.name, *task.aliases):
        _register_built_in(name)
        if _TASKS.get(name, task) != task:
            raise InvalidOptionError("task", name, f"a name that is not taken (by {_TASKS[name].name})")
    check_row(task)
    _TASKS.update(dict.fromkeys((task.name, *task.aliases), task))
    return task


def get_task(name: str) -> Task[Any]:
    """The task of this name or alias; of installed packages, one with an entry point of that name is asked before others.

    Raises:
        UnknownTaskError: there is none; the message has the nearest name.
    """
    _register_built_in(name)
    if name not in _TASKS:
        for point in _entry_points().select(name=name):
            register(point.load())
    if name not in _TASKS:
        _register_installed()  # it may be an alias
    if name not in _TASKS:
        known = {*_TASKS, *BUILT_IN, *(point.name for point in _entry_points())}
        raise UnknownTaskError(name, tuple(sorted(known)))
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


def _register_installed() -> None:
    for point in _entry_points():
        try:
            register(point.load())
        except Exception as error:  # noqa: BLE001  # another package's code, which must not take the others along
            if point not in _TOLD:
                _TOLD.add(point)
                logger.warning(
                    "the task %s of another package is left out: %s: %s: %s",
                    point.name, point.value, type(error).__name__, one_line(error),
                )  # fmt: skip


def _entry_points() -> EntryPoints:
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINTS)
