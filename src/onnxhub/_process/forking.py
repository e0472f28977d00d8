"""What a forked child must not use, nor free: its parent's threads do not exist in it, and their locks stay as they were."""

from __future__ import annotations

# Whose hooks must be there before a fork waits for imports, or they would end what they never began.
import concurrent.futures.thread  # noqa: F401
import ctypes
import gc
import logging  # noqa: F401
import os
import sys
import threading
from functools import partial
from importlib import import_module
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Inherited", "Lock", "keep_forever", "watch"]


LONGEST_IMPORT: Final = 10.0
"""Seconds after which a fork goes on: whoever imports may be waiting for the thread that forks."""


class Inherited(Protocol):
    """Something that has to know when it finds itself in a forked child."""

    def forked(self) -> None:
        """Let go of what belongs to the parent; called in the child, before its own code goes on."""
        ...


_watched: WeakSet[Inherited] = WeakSet()
_awaited: list[Lock] = []


def watch(value: Inherited) -> None:
    """Call its ``forked`` in every child that this process forks while the object lives."""
    _watched.add(value)


def keep_forever(value: object) -> None:
    """Never free a value, not even when the interpreter ends: its destructor would wait for the parent's threads."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


def _module_locks() -> dict[str, Callable[[], object]]:
    """Return the locks of modules that are being imported, by name, as far as this Python lets one see them."""
    return getattr(import_module("importlib._bootstrap"), "_module_locks", {})


def _imports_of_others() -> list[str]:
    """Return the modules that other threads are importing."""
    owners = {name: getattr(lock(), "owner", None) for name, lock in _module_locks().copy().items()}
    return [name for name, owner in owners.items() if owner not in (None, threading.get_ident())]


def _begin_imports_anew() -> None:
    """In a child, drop what threads were importing that it does not have: nobody would ever end it."""
    locks = _module_locks()
    for name, lock in locks.copy().items():
        if getattr(lock(), "owner", None) != threading.get_ident():
            del locks[name]
            spec = getattr(sys.modules.get(name), "__spec__", None)
            if getattr(spec, "_initializing", False):
                del sys.modules[name]


class Lock:
    """A lock that is free in a forked child, whichever of the parent's threads held it: ``with lock.plain:``.

    What is entered is Python's own lock, never an object whose ``__enter__`` is written in Python: a signal's handler that
    raises (Ctrl-C, a time limit) may run between any two of its steps, and would leave it held for good.
    """

    def __init__(self, *, forks_wait: bool = False) -> None:
        """Make it, free.

        Args:
            forks_wait: Whether a fork waits for whoever has it: the lock then stands for locks of code that is not
                Python's, which nobody could free in the child.
        """
        self.plain = threading.Lock()
        watch(self)
        if forks_wait:
            _awaited.append(self)

    def forked(self) -> None:
        """Be free."""
        self.plain = threading.Lock()


_for_fork = threading.local()
"""What a thread holds while it forks: ``held``, a list of generators, each of which lets go when it is freed."""
_one_at_a_time = Lock(forks_wait=True)


def _hold(lock: Lock) -> Iterator[None]:
    with lock.plain:
        yield


def _stop_collector() -> Iterator[None]:
    running = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if running:
            gc.enable()


def _begin(holding: Iterator[None]) -> None:
    _for_fork.held.append(holding)  # before it holds anything: Ctrl-C may come at any step
    next(holding)


def _before() -> None:
    """Wait while others build sessions, or import: Python keeps the locks of modules that were being imported."""
    end = monotonic() + LONGEST_IMPORT
    _take()
    while _imports_of_others() and monotonic() < end:
        _for_fork.held = []  # whoever imports may build a session
        sleep(0.001)
        _take()
    # Python's garbage collector must not free a session in the child, before that could put it aside.
    _begin(_stop_collector())


def _take() -> None:
    _for_fork.held = []
    for lock in _awaited:
        _begin(_hold(lock))


_let_go = partial(setattr, _for_fork, "held", None)
"""Not a function of Python's: an interrupt would end it before it has begun, and all would stay held."""


def _in_child() -> None:
    for value in list(_watched):
        value.forked()
    # Another module's hook may have waited after ours, while a thread began to import.
    _begin_imports_anew()
    # Whoever insists on threads would wait for the parent's: tokenizers starts none of its own in a child.
    if os.environ.get("TOKENIZERS_PARALLELISM"):
        os.environ["TOKENIZERS_PARALLELISM"] = "false"


if hasattr(os, "register_at_fork"):  # where there is no fork, there is nothing to do
    os.register_at_fork(before=_before, after_in_parent=_let_go, after_in_child=_in_child)
    # Once more, for what an interrupt kept it from: Python goes on after a hook that raises.
    os.register_at_fork(after_in_child=_in_child)
    os.register_at_fork(after_in_child=_let_go)
