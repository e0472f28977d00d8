"""Arguments that a function does not take: said with the names that it has, and what is meant by another library's."""

from __future__ import annotations

from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from onnxhub._contracts.options import check_names, field_names
from onnxhub._loading.request import LoadRequest
from onnxhub.errors import UnknownOptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = ["check_one_liner", "explain_arguments"]

OWN: Final = frozenset({"dtype", "model", "postprocessor", "provider", "revision"})
"""What every one-line function takes beside the options of its task."""
LOADING: Final = (field_names(LoadRequest) | {"refresh", "token"}) - OWN - {"model_id", "task"}
"""What ``load`` takes besides."""

P = ParamSpec("P")
T = TypeVar("T")


def explain_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function raise ``UnknownOptionError`` where it is called with arguments that it does not take."""

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> T:
        try:
            return function(*args, **options)
        except TypeError as error:
            # Python raises it before the first line of the function runs; others come from further down.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            unknown = error
        _check_arguments(function, args, options)
        raise unknown  # one is missing, and Python's own error says which

    return call


def check_one_liner(given: Mapping[str, object], known: Collection[str], task: str) -> None:
    """Raise ``UnknownOptionError`` for an option of a one-line function that neither it nor its task takes.

    Args:
        given: The options that are left when the function has taken its own.
        known: The options of the task's call.
        task: Its name.
    """
    for name, value in given.items():
        if name not in known and name in LOADING:
            expected = f"an option of {task}; a model that is loaded takes it: load({task!r}, ..., {name}=...)"
            raise UnknownOptionError(name, value, expected)
    check_names(given, {*known, *OWN}, f"an option of {task}")


def _check_arguments(function: Callable[..., object], args: tuple[object, ...], options: Mapping[str, object]) -> None:
    """Raise ``UnknownOptionError`` for an argument that the function does not take."""
    name, places = function.__name__, signature(function).parameters.values()
    if all(place.kind is not Parameter.VAR_KEYWORD for place in places):  # else the function checks them itself
        check_names(options, [place.name for place in places], f"an argument of {name}")
    positional = [place.name for place in places if place.kind is Parameter.POSITIONAL_OR_KEYWORD]
    if len(args) > len(positional):
        expected = f"{', '.join(positional)} alone by position, and all others by name: {name}(..., model=...)"
        raise UnknownOptionError("argument", args[len(positional)], expected)
