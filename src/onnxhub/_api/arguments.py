"""Arguments that a function does not take: said with the names that it has, and what is meant by another library's."""

from __future__ import annotations

from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from onnxhub._contracts.options import explain_name
from onnxhub.errors import UnknownOptionError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["explain_arguments"]

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
            explained = _explain(function, args, options)
            if explained is None:
                raise
        raise explained

    return call


def _explain(function: Callable[..., object], args: object, options: object) -> UnknownOptionError | None:
    """Return the error about the arguments, or None where one is missing: Python's own error says which."""
    name, places = function.__name__, signature(function).parameters.values()
    known = [place.name for place in places if place.kind is not Parameter.VAR_KEYWORD]
    for option, value in options.items() if isinstance(options, dict) else ():
        if option not in known:
            return UnknownOptionError(option, value, f"an argument of {name}{explain_name(option, known)}")
    positional = [place.name for place in places if place.kind is Parameter.POSITIONAL_OR_KEYWORD]
    if isinstance(args, tuple) and len(args) > len(positional):
        expected = f"{', '.join(positional)} alone by position, and all others by name: {name}(..., model=...)"
        return UnknownOptionError("argument", args[len(positional)], expected)
    return None
