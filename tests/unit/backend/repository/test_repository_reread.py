"""The files of a cached model: compared with the Hub's digests, and how often."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from onnxhub._backend.kept import digests
from onnxhub._backend.kept.assets import write_sealed
from onnxhub._backend.repository import repository as repositories
from onnxhub._backend.repository.repository import Repository, open_repository
from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "c" * 40
DATA = b"weights of a model"


class Clock:
    """A clock that a test moves on: seconds since the files were written."""

    def __init__(self) -> None:
        self.start = time.time()
        self.now = 60.0

    def time(self) -> float:
        """The time of day."""
        return self.start + self.now

    def monotonic(self) -> float:
        """The same, from some time on."""
        return self.now


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository in the Hub's cache with one file, found offline by its stored listing."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder, digest = tmp_path / "hub" / "models--org--name", hashlib.sha256(DATA).hexdigest()
    for name in ("blobs", f"snapshots/{COMMIT}", "onnxhub"):
        (folder / name).mkdir(parents=True)
    (folder / "blobs" / digest).write_bytes(DATA)
    (folder / "snapshots" / COMMIT / "model.onnx").symlink_to(f"../../blobs/{digest}")
    files = {"model.onnx": (len(DATA), digest)}
    listing = {"format": 2, "repository": folder.name, "commit": COMMIT, "files": files}
    write_sealed(folder / "onnxhub" / "main.json", listing)
    return open_repository("org/name")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the repositories."""
    clock = Clock()
    monkeypatch.setattr(repositories, "time", SimpleNamespace(time=clock.time, monotonic=clock.monotonic))
    return clock


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read to be compared."""
    paths: list[Path] = []
    compute = digests._compute

    def count(path: Path, kind: str) -> str:
        paths.append(path)
        return compute(path, kind)

    monkeypatch.setattr(digests, "_compute", count)
    return paths


def test_a_file_is_compared_once_for_the_questions_of_a_load(
    repository: Repository, clock: Clock, read: list[Path]
) -> None:
    """Whoever asks again within seconds gets the same path, and the file is read once; later it is read again."""
    paths = {repository.path("model.onnx") for _ in range(5)}
    assert (len(paths), len(read)) == (1, 1)
    clock.now += 60
    assert repository.path("model.onnx") in paths
    assert len(read) == 2


def test_a_file_that_was_changed_just_now_is_compared_each_time(
    repository: Repository, clock: Clock, read: list[Path]
) -> None:
    """Its times would not tell another change."""
    clock.now = 1.0
    for _ in range(3):
        repository.path("model.onnx")
    assert len(read) == 3


@pytest.mark.parametrize("same_size", [True, False])
def test_a_file_that_changes_between_two_questions_is_found(
    repository: Repository, clock: Clock, same_size: bool
) -> None:
    """Though it was compared a moment ago, and has its old date again."""
    path = repository.path("model.onnx")
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # two changes within a tick of the clock have the same time
        path.write_bytes(DATA[::-1] if same_size else DATA * 2)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(IntegrityError, match="does not have the digest" if same_size else "36 bytes where 18 are"):
        repository.path("model.onnx")


def test_a_file_that_takes_the_place_of_another_is_compared(repository: Repository, clock: Clock) -> None:
    """A new file under the old name has another inode."""
    path = repository.path("model.onnx")
    other = path.with_name("other")
    other.write_bytes(DATA[::-1])
    other.replace(path)
    with pytest.raises(IntegrityError, match="does not have the digest"):
        repository.path("model.onnx")


def test_a_pickled_repository_compares_its_files_anew(repository: Repository, clock: Clock, read: list[Path]) -> None:
    """It may be read on another machine, with other files and another clock."""
    repository.path("model.onnx")
    pickle.loads(pickle.dumps(repository)).path("model.onnx")
    assert len(read) == 2
