"""Entries that somebody clears away between the moment they are found and the moment their files are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import onnxhub
from onnxhub._backend.kept import housekeeping as kept
from onnxhub._backend.kept.building import make
from onnxhub._backend.kept.entries import TRIES, retry_if_cleared
from onnxhub._backend.kept.store import find
from onnxhub._backend.runtime import compiled
from onnxhub.errors import IntegrityError
from tests.runtime import compiles

if TYPE_CHECKING:
    from pathlib import Path

    from onnxhub._backend.kept.entries import Entry
    from onnxhub._backend.runtime.session import Session


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))


def build(folder: Path) -> None:
    """Write what the tests look for."""
    (folder / "data").write_bytes(b"data")


def entry_of(key: str = "key") -> Entry:
    """The entry, found or made."""
    return find("things", key) or make("things", key, {}, build)


@pytest.mark.parametrize("raised", [FileNotFoundError, IntegrityError])
def test_what_was_cleared_away_is_made_once_more(raised: type[OSError]) -> None:
    """Whether it was found or made, and whatever its user says of it."""
    tries: list[int] = []

    @retry_if_cleared
    def use() -> bytes:
        entry = entry_of()
        tries.append(1)
        if len(tries) < 3:
            kept.clear("things")
            raise raised("data", "it is not there")
        return (entry.folder / "data").read_bytes()

    assert use() == b"data"
    assert len(tries) == 3


def test_another_failure_is_not_tried_again() -> None:
    """Nor one of an entry that is still there, nor one that has found none."""
    tries: list[int] = []

    @retry_if_cleared
    def use(*, find_one: bool) -> None:
        if find_one:
            entry_of()
        tries.append(1)
        raise IntegrityError("model.onnx", "it is damaged")

    for find_one in (True, False):
        with pytest.raises(IntegrityError, match="it is damaged"):
            use(find_one=find_one)
    assert len(tries) == 2


def test_what_is_always_cleared_away_is_an_error() -> None:
    """That says so, and where."""
    tries: list[int] = []

    @retry_if_cleared
    def use() -> bytes:
        entry = entry_of()
        tries.append(1)
        kept.clear("things")
        return (entry.folder / "data").read_bytes()

    with pytest.raises(IntegrityError, match=r"things.key: it is cleared away whenever it has been made"):
        use()
    assert len(tries) == TRIES


@compiles
def test_a_model_is_loaded_though_its_compiled_graph_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the find and the session: the answer comes from the graph as it is."""
    with onnxhub.load("ner", "builtin:ner") as model:
        expected = model("Ada lived in London.")
        assert model.info.compiled
    opened = compiled.Compile.open

    def clear_and_open(step: compiled.Compile) -> Session:
        assert step.entry is not None
        kept.clear("compiled")
        return opened(step)

    monkeypatch.setattr(compiled.Compile, "open", clear_and_open)
    with onnxhub.load("ner", "builtin:ner") as model:
        assert model("Ada lived in London.") == expected
