"""Values that are made when they are first asked for: in a bounded cache, each once; or as an attribute."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload
from weakref import WeakValueDictionary

from onnxhub._process.forking import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["OnceCache", "lazy"]

T = TypeVar("T")


class OnceCache(Generic[T]):
    """The values that were used last; ``functools.lru_cache`` would make one several times over."""

    def __init__(self, size: int) -> None:
        """Keep at most ``size`` values."""
        self._size = size
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._makers: WeakValueDictionary[Hashable, _Maker] = WeakValueDictionary()
        self._lock = threading.Lock()
        watch(self)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of ``key``; the first to ask makes it, others wait. After a failure, the next in line tries."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            maker = self._makers.setdefault(key, _Maker())
        with maker.lock:
            found = self._values.get(key)
            return self._make(key, make) if found is None else found

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._values.clear()

    def forked(self) -> None:
        """Keep the values, and forget who of the parent's threads was making one."""
        self._lock = threading.Lock()
        self._makers = WeakValueDictionary()

    def _make(self, key: Hashable, make: Callable[[], T]) -> T:
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


class _Maker:
    """The lock of a key that is being made: it is freed with the last who wants it, interrupted or not."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class lazy(Generic[T]):  # noqa: N801  # a decorator, named like functools.cached_property
    """``functools.cached_property`` as it is from Python 3.12 on: without a lock that a forked child may find held."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        """Decorate the method that makes the value."""
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        value = self._make(instance)
        vars(instance)[self._make.__name__] = value  # found before this descriptor from now on
        return value
