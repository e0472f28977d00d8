"""Errors that the handler of a signal raises in the midst of other work, which has done nothing wrong."""

from __future__ import annotations

import signal
from traceback import walk_tb
from types import FunctionType, MethodType

__all__ = ["is_from_handler"]


def is_from_handler(error: BaseException) -> bool:
    """Tell whether a signal's handler raised an error: a time limit, say, that ran out while a file was read.

    It concerns whoever set the handler, and must reach them as it is.
    """
    codes = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    return bool(codes) and any(frame.f_code in codes for frame, _ in walk_tb(error.__traceback__))


def _code_of(handler: object) -> object:
    """Return the code of a handler that Python runs; None of one that it does not, and of what is no function."""
    function = handler.__func__ if isinstance(handler, MethodType) else handler
    if not isinstance(function, FunctionType):
        function = getattr(type(function), "__call__", None)  # noqa: B004  # what it runs, not whether it can
    return function.__code__ if isinstance(function, FunctionType) else None
