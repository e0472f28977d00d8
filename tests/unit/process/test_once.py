"""The cache behind the one-liners."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from onnxhub._process.once import OnceCache, lazy


def test_many_threads_make_a_value_once() -> None:
    """All that ask at the same time get the one object that one of them made."""
    cache: OnceCache[object] = OnceCache(size=4)
    made: list[int] = []
    together = threading.Barrier(16)
    waiting = threading.Event()

    def make() -> object:
        made.append(1)
        waiting.wait(0.05)  # long enough for the others to be there
        return object()

    def ask(_: int) -> object:
        together.wait()
        return cache.get("key", make)

    with ThreadPoolExecutor(16) as pool:
        values = list(pool.map(ask, range(16)))
    assert len(made) == 1
    assert all(value is values[0] for value in values)


def test_two_keys_are_made_at_the_same_time() -> None:
    """A slow value does not hold up another: each maker waits for the other to have started."""
    cache: OnceCache[str] = OnceCache(size=4)
    both = threading.Barrier(2, timeout=10)

    def make(key: str) -> str:
        both.wait()
        return key

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda key: cache.get(key, lambda: make(key)), "ab")) == ["a", "b"]


def test_the_least_recently_used_goes_first() -> None:
    """The cache keeps `size` values, those that were asked for last."""
    cache: OnceCache[str] = OnceCache(size=2)
    made: list[str] = []

    def get(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key

        return cache.get(key, make)

    assert [get(key) for key in "abacaab"] == list("abacaab")
    assert made == list("abcb")


def test_a_failure_is_not_kept() -> None:
    """The next to ask tries again, also while others wait for the one that fails."""
    cache: OnceCache[int] = OnceCache(size=2)
    attempts: list[int] = []
    together = threading.Barrier(8)

    def make() -> int:
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError("not yet")
        return 42

    def ask(_: int) -> int | None:
        together.wait()
        try:
            return cache.get("key", make)
        except OSError:
            return None

    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(ask, range(8)))
    assert sorted(values, key=str) == [42] * 6 + [None] * 2
    assert len(attempts) == 3


def test_clear_forgets() -> None:
    """After `clear`, values are made anew."""
    cache: OnceCache[object] = OnceCache(size=2)
    first = cache.get("key", object)
    assert cache.get("key", object) is first
    cache.clear()
    assert cache.get("key", object) is not first


def test_an_unhashable_key_is_refused() -> None:
    """As by any mapping."""
    with pytest.raises(TypeError):
        OnceCache(size=1).get([], object)


def test_a_lazy_attribute_is_made_once() -> None:
    """When it is first asked for, for each object."""

    class Thing:
        @lazy
        def value(self) -> list[int]:
            """What it is."""
            return []

    one, other = Thing(), Thing()
    assert "value" not in vars(one)
    assert one.value is one.value is not other.value
    assert Thing.value.__doc__ == "What it is."
