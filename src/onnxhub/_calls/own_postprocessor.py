"""A postprocessor in the place of a task's own: a class, an instance, or a class with values for some of its fields."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from onnxhub._contracts.options import check_names, field_names
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._strings.plain_text import shorten
from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    from typing import TypeAlias, TypeVar

    from onnxhub._contracts.protocols import Backend
    from onnxhub._contracts.task import Task

    ResultT = TypeVar("ResultT")
    PostprocessorOf: TypeAlias = (
        type[Postprocessor[Any, ResultT]] | Postprocessor[Any, ResultT] | partial[Postprocessor[Any, ResultT]]
    )
    AnyPostprocessor: TypeAlias = PostprocessorOf[Any]

__all__ = ["build_postprocessor", "check_postprocessor", "explain_build", "extra_names"]


def check_postprocessor(task: Task[Any], given: object) -> None:
    """Raise ``InvalidOptionError`` unless it is None, or makes results of the items of the task.

    Raises:
        InvalidOptionError: It is no postprocessor, or one for items of another task.
        UnknownOptionError: A partial names a field that its class has not.
    """
    if given is None:
        return
    kind = _class_of(given)
    if kind is None:
        raise InvalidOptionError("postprocessor", given, "a subclass of onnxhub.Postprocessor, or an instance")
    own = task.postprocessor
    if own.item is not None and kind.item is not None and not issubclass(own.item, kind.item):
        expected = f"one for the items of {task.name}, such as {own.__name__} and its subclasses"
        raise InvalidOptionError("postprocessor", kind.__name__, expected)
    if isinstance(given, partial):
        if given.args:
            raise InvalidOptionError("postprocessor", given, f"a partial of {kind.__name__} with fields by their names")
        check_names(given.keywords, field_names(kind), f"a field of {kind.__name__}")


def build_postprocessor(task: Task[Any], given: AnyPostprocessor | None, backend: Backend) -> Postprocessor[Any, Any]:
    """Return the postprocessor of a model: the task's own, or what was given in its place.

    Raises:
        InvalidOptionError: It cannot be built, or ``for_model`` of a class gives no instance of it.
    """
    if given is None:
        built = task.postprocessor.for_model(backend)
    elif isinstance(given, Postprocessor):
        built = given
    elif isinstance(given, partial):
        base: Any = _build(given.func, backend)
        built = replace(base, **given.keywords)
    else:
        built = _build(given, backend)
    if not isinstance(built, Postprocessor):
        raise explain_build("postprocessor", task.postprocessor if given is None else given, built)
    return built


def explain_build(option: str, kind: object, built: object) -> InvalidOptionError:
    """Return the error about a class whose ``for_model`` gives something else than an instance."""
    name = getattr(kind, "__name__", type(kind).__name__)
    return InvalidOptionError(option, name, f"a class whose for_model gives an instance; it gave {shorten(built)}")


def extra_names(task: Task[Any], given: object) -> frozenset[str]:
    """Return the fields that a postprocessor of one's own has beside those of the task's: they are options, too."""
    kind = _class_of(given)
    return frozenset() if kind is None else field_names(kind) - field_names(task.postprocessor)


def _class_of(given: object) -> type[Postprocessor[Any, Any]] | None:
    kind = given.func if isinstance(given, partial) else given if isinstance(given, type) else type(given)
    return kind if isinstance(kind, type) and issubclass(kind, Postprocessor) else None


def _build(kind: Any, backend: Backend) -> Postprocessor[Any, Any]:
    try:
        built: Postprocessor[Any, Any] = kind.for_model(backend)
    except TypeError as error:
        expected = f"a frozen dataclass whose extra fields have defaults ({error})"
        raise InvalidOptionError("postprocessor", kind.__name__, expected) from error
    return built
