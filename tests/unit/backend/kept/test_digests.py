"""Digests of files: right, remembered, and taken anew once a file was touched."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import random
import tempfile
import time
from pathlib import Path

import pytest

from onnxhub._backend.kept import digests
from onnxhub._backend.kept.assets import assets_dir, read_sealed, write_sealed
from onnxhub._backend.kept.digests import REMEMBERED, matches, sha256


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file whose digest is worth remembering, and a cache of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(digests, "notes_changes", lambda *_: True)  # wherever the tests keep their files
    path = tmp_path / "large.bin"
    path.write_bytes(random.Random(0).randbytes(REMEMBERED + 1))
    return path


def memo() -> Path:
    """Where the one digest that was taken is remembered."""
    (path,) = assets_dir("digests").glob("*.json")
    return path


def test_a_digest_is_that_of_hashlib(large: Path) -> None:
    """SHA-256, and git's blob id for files that are not large."""
    data = large.read_bytes()
    assert sha256(large) == hashlib.sha256(data).hexdigest()
    assert matches(large, hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest())
    assert not matches(large, "0" * 40)


def test_a_digest_is_looked_up_the_second_time(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are read once; also under a new name, since a made file is moved into place."""
    first = sha256(large)
    monkeypatch.setattr(digests, "_compute", lambda *_: pytest.fail("read again"))
    assert sha256(large) == first
    os.link(large, large.with_name("other.bin"))
    monkeypatch.undo()


@pytest.mark.alike
@pytest.mark.slow
def test_every_flipped_bit_is_found_though_size_and_date_stay(large: Path) -> None:
    """200 random bits of a remembered file."""
    whole, times, chance = large.read_bytes(), large.stat(), random.Random(1)
    first = sha256(large)
    for _ in range(200):
        place, bit = chance.randrange(len(whole)), chance.randrange(8)
        with large.open("r+b") as file:
            file.seek(place)
            file.write(bytes([whole[place] ^ 1 << bit]))
        os.utime(large, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert sha256(large) != first
        with large.open("r+b") as file:
            file.seek(place)
            file.write(whole[place : place + 1])
        assert sha256(large) == first


def test_a_damaged_memory_is_not_believed(large: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each of 200 flipped bits in what is remembered leads to a new look at the file, and the log says so."""
    first, chance = sha256(large), random.Random(2)
    path, whole = memo(), memo().read_bytes()
    for _ in range(200):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        caplog.clear()
        assert sha256(large) == first
        assert f"{path} is damaged" in caplog.text
        assert read_sealed(path)["digest"] == first


def test_a_memory_of_another_file_is_not_believed(large: Path) -> None:
    """Only the very state of the file counts."""
    first = sha256(large)
    write_sealed(memo(), {**read_sealed(memo()), "state": [1, 2, 3, 4, 5], "digest": "0" * 64})
    assert sha256(large) == first


def test_nothing_is_remembered_under_a_clock_that_was_set_back(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change to come could get the same time."""
    now = time.time()
    monkeypatch.setattr(digests.time, "time", lambda: now - 3600)
    assert sha256(large) == hashlib.sha256(large.read_bytes()).hexdigest()
    assert not assets_dir("digests").exists()


def test_a_cache_that_cannot_be_written_is_no_obstacle(large: Path) -> None:
    """The digest is taken each time."""
    assets_dir("digests").parent.mkdir(parents=True)
    assets_dir("digests").write_text("in the way, even of root")
    assert sha256(large) == sha256(large) == hashlib.sha256(large.read_bytes()).hexdigest()


def test_a_file_that_vanishes_while_it_is_read_gives_its_digest(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when another process deletes a damaged file: nothing is remembered, and nothing is raised."""
    expected, take = hashlib.sha256(large.read_bytes()).hexdigest(), digests._compute

    def taken(path: Path, kind: str) -> str:
        found = take(path, kind)
        path.unlink()
        return found

    monkeypatch.setattr(digests, "_compute", taken)
    assert sha256(large) == expected
    assert not assets_dir("digests").exists()
    digests.remember_moved(large)


def test_where_times_tell_little_the_digest_is_taken_each_time(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in memory that is written through a mapping keeps all its times."""
    monkeypatch.setattr(digests, "notes_changes", lambda *_: False)
    first = sha256(large)
    assert not assets_dir("digests").exists()
    with large.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        data[0] ^= 1
    assert sha256(large) != first


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="no file system in memory")
def test_a_change_through_a_mapping_is_found_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On tmpfs, where it changes no time, in all of 20 places."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder, "large")
        path.write_bytes(bytes(REMEMBERED))
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
            for place in range(0, REMEMBERED, REMEMBERED // 20):
                before = sha256(path)
                data[place] ^= 1
                assert sha256(path) != before


def test_a_page_that_was_written_before_the_digest_is_known_to_be_written_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a mapping that stays open, again and again: on a disk, the second change of a page in memory has no time."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    path = tmp_path / "large"
    path.write_bytes(bytes(REMEMBERED))
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        for _ in range(20):
            data[0] = (data[0] + 1) % 256
            before = sha256(path)
            time.sleep(digests.TICK)
            data[0] = (data[0] + 1) % 256
            assert sha256(path) == hashlib.sha256(data).hexdigest() != before


def test_what_cannot_be_written_out_is_remembered_only_where_it_is_never_written(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only image cannot, and need not; a disk that fails may lose what is in memory."""
    for problem, kept in ((errno.EIO, 0), (errno.EROFS, 1), (errno.EINVAL, 1)):
        digests.forget(every=True)

        def fail(_: int, problem: int = problem) -> None:
            raise OSError(problem, os.strerror(problem))

        monkeypatch.setattr(os, "fsync", fail)
        assert sha256(large) == hashlib.sha256(large.read_bytes()).hexdigest()
        assert len(list(assets_dir("digests").glob("*.json"))) == kept


def test_what_a_killed_process_was_writing_is_swept(large: Path) -> None:
    """A small file that was not moved into place; not one of just now, nor one of another name."""
    sha256(large)
    folder = assets_dir("digests")
    old, new, other = (folder / f".{name}.tmp" for name in ("0" * 32, "1" * 32, "mine"))
    for path in (old, new, other):
        path.write_bytes(b"")
    for path in (old, other):
        os.utime(path, (0, 0))
    digests.forget()
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)
