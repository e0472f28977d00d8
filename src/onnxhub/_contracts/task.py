"""The row of a task: data only, and what makes a row a sound one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import isabstract
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    TypeVar,
    get_args,
    get_origin,
    is_typeddict,
)

from onnxhub._contracts.evaluation import Evaluation
from onnxhub._contracts.options import field_names, own_option_names
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._contracts.preprocessor import Preprocessor
from onnxhub._process.public import publish
from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ANY_NAME", "AUTO", "Modality", "Task", "check_row"]

ANY_NAME: Final = "*"
"""In ``Task.outputs``: the only output of a graph, whatever its name, unless the name or the architecture is one of
another task's."""
AUTO: Final = "auto"
"""What ``load`` takes in place of a name, for the model to say what it is for: no task can be called so."""
Modality = Literal["text", "image", "audio", "arrays"]
MODULE: Final = re.compile(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])")

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
    modality: Modality = "text"
    """What the model is given; ``"arrays"``: anything."""
    inputs: tuple[str, ...] = ("text",)
    """The names of what one input is made of, as columns of a file have them: ``("question", "context")``."""
    options: type[Any] | None = None
    """A ``TypedDict`` of the options of a call, each a field of the preprocessor or the postprocessor; None: the row does
    not say which there are."""
    result: Any = object
    """The type of one result: ``Classification``, ``list[Entity]``; ``Annotated[type, "a name"]`` where lists of tasks
    are to call it something else."""
    default_model: str | None = None
    """The Hub model that is loaded when none is named."""
    bundled_model: str | None = None
    """One that comes with the package, such as ``"builtin:sentiment"``: what to use where the Hub cannot be asked."""
    one_liners: tuple[str, ...] = ()
    """Functions that load a model of the task and call it, as one writes them: ``("onnxhub.classify",)``."""
    commands: tuple[str, ...] = ()
    """Commands of the command line, by where they are found: ``("onnxhub.cli.classify:classify",)``. None at all: one of
    the task's name is made of the row, if it takes texts."""
    evaluation: Evaluation = field(default_factory=Evaluation)
    """How ``onnxhub bench`` and ``onnxhub verify`` try it on plain texts; a copy of a row whose results are of another
    kind needs its own."""

    def __repr__(self) -> str:
        return f"Task({self.name!r}, result={self.result_name}, inputs={self.inputs!r})"

    @property
    def raw(self) -> bool:
        """Whether it takes and gives arrays, of any graph."""
        return not self.outputs

    @property
    def result_name(self) -> str:
        """What one result is, as lists of tasks call it: ``"list[Entity]"``."""
        if get_origin(self.result) is Annotated:
            return str(get_args(self.result)[1])
        if get_origin(self.result) is None and isinstance(self.result, type):
            return self.result.__qualname__
        return MODULE.sub("", repr(self.result))

    def ort_class_of(self, config: Mapping[str, object]) -> str:
        """Return the class of ``optimum.onnxruntime`` for a model with this ``config.json``."""
        architectures = config.get("architectures")
        names = tuple(map(str, architectures)) if isinstance(architectures, list) else ()
        matches = (kind for end, kind in self.ort_classes.items() if any(name.endswith(end) for name in names))
        return next(matches, self.ort_class)


def check_row(task: Task[Any]) -> None:
    """Check what the fields of a row promise to each other.

    Raises:
        InvalidOptionError: one is broken; it names the field.
    """
    if not isinstance(task, Task):
        raise InvalidOptionError("task", task, "an onnxhub.Task")
    for name, value, expected in _find_broken_fields(task):
        raise InvalidOptionError(f"Task({task.name!r}).{name}", value, expected)


def _find_broken_fields(task: Task[Any]) -> Iterator[tuple[str, object, str]]:
    """Yield field, value and what was expected, for each field that breaks a promise."""
    names = (task.name, *task.aliases) if isinstance(task.aliases, tuple) else (task.name,)
    for name in names:
        if not isinstance(name, str) or not name or name == AUTO or any(map(str.isspace, name)):
            yield "name", name, f"a name such as 'text-classification': a text without white space, other than {AUTO!r}"
    for name in ("aliases", "architectures", "inputs", "one_liners", "commands"):
        value = getattr(task, name)
        if not isinstance(value, tuple) or not all(isinstance(text, str) and text for text in value):
            yield name, value, "a tuple of texts; one alone is written ('text',)"
    yield from _find_broken_texts(task)
    if task.modality not in get_args(Modality):
        yield "modality", task.modality, f"one of {', '.join(get_args(Modality))}"
    if not task.inputs or len({*task.inputs}) < len(task.inputs) or not all(map(str.isidentifier, task.inputs)):
        yield "inputs", task.inputs, "different names, such as ('question', 'context')"
    if not isinstance(task.result, type) and get_origin(task.result) is None:
        yield "result", task.result, "the type of one result, such as a dataclass"
    if not isinstance(task.evaluation, Evaluation):
        yield "evaluation", task.evaluation, "an onnxhub.Evaluation"
    yield from _find_broken_classes(task)


def _find_broken_texts(task: Task[Any]) -> Iterator[tuple[str, object, str]]:
    if not isinstance(task.summary, str) or len(task.summary.strip().splitlines()) != 1:
        yield "summary", task.summary, "a text of one line"
    if not isinstance(task.ort_class, str):
        yield "ort_class", task.ort_class, "the name of a class of optimum.onnxruntime"
    for name in ("default_model", "bundled_model"):
        value = getattr(task, name)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            yield name, value, "the name of a model, or None"


def _find_broken_classes(task: Task[Any]) -> Iterator[tuple[str, object, str]]:
    for name, kind in (("preprocessor", Preprocessor), ("postprocessor", Postprocessor)):
        value = getattr(task, name)
        if not isinstance(value, type) or not issubclass(value, kind):
            yield name, value, f"a subclass of onnxhub.{kind.__name__}, the class itself"
        elif isabstract(value):
            missing = " and ".join(sorted(value.__abstractmethods__))
            yield name, value.__name__, f"a class that defines {missing}, as onnxhub.{kind.__name__} describes"
    if not isinstance(task.model, type) or not callable(getattr(task.model, "with_options", None)):
        yield "model", task.model, "a subclass of onnxhub.Model"
    outputs = task.outputs
    if not isinstance(outputs, tuple) or not all(map(_has_ranks, outputs)):
        yield "outputs", outputs, "a tuple of mappings of outputs to their ranks, ({'logits': 2},)"
    if task.options is None:
        return
    if not is_typeddict(task.options):
        yield "options", task.options, "a TypedDict, or None"
        return
    known = {name for kind in (task.preprocessor, task.postprocessor) for name in field_names(kind)}
    for name in sorted(own_option_names(task.options) - known):
        yield "options", name, f"a field of {task.preprocessor.__name__} or {task.postprocessor.__name__}"


def _has_ranks(wanted: object) -> bool:
    if not isinstance(wanted, Mapping) or not wanted:
        return False
    return all(isinstance(name, str) and isinstance(rank, int) and rank > 0 for name, rank in wanted.items())


publish(globals(), "Task")
