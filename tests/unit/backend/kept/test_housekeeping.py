"""What is kept: listed as it is, cleared away by last use, and nothing else is touched."""

from __future__ import annotations

import mmap
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from onnxhub._backend.kept import digests, unfinished
from onnxhub._backend.kept import housekeeping as kept
from onnxhub._backend.kept.assets import assets_dir, read_sealed, write_sealed
from onnxhub._backend.kept.building import make
from onnxhub._backend.kept.digests import REMEMBERED
from onnxhub._backend.kept.entries import MANIFEST
from onnxhub._backend.kept.housekeeping import LIMIT, clear, find_damage, list_entries, measure_digests, prune
from onnxhub._backend.kept.store import find
from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 10_000
DAY = 86400


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))


def made(kind: str, key: str, days: float = 1.0, size: int = SIZE) -> Path:
    """An entry that was used so many days ago; its folder."""

    def build(folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / "data").write_bytes(random.Random(key).randbytes(size))

    folder = make(kind, key, {"model": f"org/{key}", "version": 3}, build).folder
    unused(folder, days)
    return folder


def unused(folder: Path, days: float) -> None:
    """Set the last use back."""
    then = time.time() - days * DAY
    os.utime(folder / MANIFEST, (then, then))


def names() -> list[str]:
    """The keys of all that is kept."""
    return [entry.key for entry in list_entries()]


def test_what_something_was_made_with_names_no_nothing() -> None:
    """A folder has no revision, and nobody reads about one."""
    make("exported", "a", {"model": "folder", "revision": None, "with": {"optimum": "2.1"}}, lambda _: None)
    assert [entry.made_with for entry in list_entries()] == ["optimum 2.1"]


def test_everything_is_listed_with_its_facts() -> None:
    """By kind, then by model; sizes are those on disk."""
    for kind, key in (("tokenizers", "b"), ("compiled", "z"), ("tokenizers", "a"), ("new kind", "y")):
        made(kind, key, days=2)
    found = list_entries()
    assert [(entry.kind, entry.model) for entry in found] == [
        ("compiled", "org/z"), ("new kind", "org/y"), ("tokenizers", "org/a"), ("tokenizers", "org/b"),
    ]  # fmt: skip
    assert {entry.made_with for entry in found} == {"version 3"}
    for entry in found:
        assert entry.size == sum(path.stat().st_size for path in entry.folder.rglob("*") if path.is_file()) > SIZE
        assert abs(time.time() - entry.used - 2 * DAY) < 60
    assert [entry.key for entry in list_entries(["tokenizers"])] == ["a", "b"]


def test_finding_an_entry_is_using_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its files are not touched by it: their digests stay remembered."""
    made("things", "key", days=5, size=REMEMBERED)
    monkeypatch.setattr(digests, "_compute", lambda path, _: pytest.fail(f"{path} was read again"))
    assert find("things", "key")
    (found,) = list_entries()
    assert time.time() - found.used < 60


def test_the_least_recently_used_go_first() -> None:
    """Over all kinds together, and no more of them than need be."""
    for kind, key, days in (("a", "old", 9), ("b", "older", 10), ("a", "newer", 1), ("b", "new", 2)):
        made(kind, key, days)
    total = sum(entry.size for entry in list_entries())
    assert prune(total).removed == []
    assert [entry.key for entry in prune(total - 1).removed] == ["older"]
    assert [entry.key for entry in prune(2 * SIZE + SIZE // 2).removed] == ["old"]
    assert names() == ["newer", "new"]
    assert [entry.key for entry in prune(0).removed] == ["new", "newer"]
    assert list_entries() == []


def test_what_was_not_used_for_long_goes() -> None:
    """Whatever its size; what was found in between stays."""
    for key, days in (("a", 40), ("b", 31), ("c", 29), ("d", 50)):
        made("things", key, days)
    find("things", "d")
    assert [entry.key for entry in prune(older_than=30 * DAY).removed] == ["a", "b"]
    assert names() == ["c", "d"]


def test_a_limit_of_the_environment_is_kept_to_when_something_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was just made stays, and so does what somebody may be about to open."""
    made("things", "old", 9)
    made("things", "just used", 0)
    monkeypatch.setenv(LIMIT, "1kB")
    assert (make("things", "new", {}, lambda folder: (folder / "data").touch() or None).folder / "data").exists()
    assert names() == ["new", "just used"]
    unused(assets_dir("things") / "just used", 1)
    make("other", "newest", {}, lambda _: None)
    assert sorted(names()) == ["new", "newest"]


def test_a_limit_that_is_none_is_said_and_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Making something must not fail for it."""
    monkeypatch.setenv(LIMIT, "a lot")
    assert made("things", "key").is_dir()
    assert "ONNXHUB_CACHE_LIMIT is not kept to: " in caplog.text
    assert "'a lot': expected a size such as 20GB" in caplog.text


def test_what_is_not_an_entry_stays(tmp_path: Path) -> None:
    """Files and folders of other people, what is being made, locks; and links are not followed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (outside / MANIFEST).write_text("{}")
    folder = made("things", "key").parent
    mine = folder / f".making.{unfinished._HOST}.{os.getpid()}.{unfinished._TOKEN}00000000"
    other = folder / f".making.{unfinished._HOST}.{os.getppid()}.1234567812345678"
    for path in (mine, other, folder / "somebody's"):
        path.mkdir()
        (path / "part").write_text("x")
    (folder / "notes.txt").write_text("x")
    (folder / "link").symlink_to(outside)
    inside = made("things", "with a link")
    (inside / "deep" / "out").symlink_to(outside)
    assert sorted(entry.key for entry in prune(0).removed) == ["key", "with a link"]
    made("things", "key")
    assert [entry.key for entry in clear().removed] == ["key"]
    left = {path.name for path in folder.iterdir()}
    assert left == {mine.name, other.name, "somebody's", "notes.txt", "link", ".locks"}
    assert (outside / "precious").read_text() == "x"


def test_a_kind_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    """It may be another program's; its entries are listed, and stay."""
    folder = made("things", "key").parent
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert names() == ["key"]
    for removal in (prune(0), clear("things")):
        assert removal.removed == []
        ((entry, reason),) = removal.skipped
        assert entry.key == "key"
        assert reason.endswith("things is a link to another place")
    assert find("things", "key")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_stays() -> None:
    """Also for root, which could."""
    theirs, mine = made("things", "theirs", 9), made("things", "mine", 1)
    os.chown(theirs, 54321, 54321)
    removal = prune(0)
    assert [entry.key for entry in removal.removed] == ["mine"]
    assert [(entry.key, reason) for entry, reason in removal.skipped] == [
        ("theirs", "it belongs to another user (54321)")
    ]
    assert theirs.is_dir()
    assert not mine.exists()


def test_whoever_has_an_entry_open_goes_on_with_it() -> None:
    """A file that is mapped stays readable after it was cleared away."""
    folder = made("things", "key")
    with (folder / "deep" / "data").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert len(prune(0).removed) == 1
        assert not folder.exists()
        assert data[:] == random.Random("key").randbytes(SIZE)


def test_digests_of_files_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    """The others stay; clearing takes them all, and they are taken anew."""
    for name in ("gone", "here", "touched"):
        (tmp_path / name).write_bytes(bytes(REMEMBERED))
        digests.sha256(tmp_path / name)
    (tmp_path / "gone").unlink()
    (tmp_path / "touched").write_bytes(b"other")
    (assets_dir("digests") / "1-1-sha256.json").write_text("?")
    assert measure_digests()[0] == 4
    prune(10**12)
    (memo,) = assets_dir("digests").glob("*.json")
    assert read_sealed(memo)["file"] == str(tmp_path / "here")
    clear("digests")
    assert measure_digests() == (0, 0)


def test_damage_is_found_though_a_digest_is_remembered() -> None:
    """A disk that changes a byte by itself leaves the file's times alone: then only a look at the bytes finds it."""
    folder = made("things", "key", size=REMEMBERED)
    data = folder / "deep" / "data"
    (memo,) = assets_dir("digests").glob("*.json")
    whole = read_sealed(memo)["digest"]
    with data.open("r+b") as file:
        file.write(b"?")
    write_sealed(memo, {"file": str(data), "state": digests._state(data), "digest": whole})
    assert find("things", "key")
    (entry,) = list_entries()
    (error,) = find_damage(entry)
    assert (error.path, error.reason) == (str(data), "it is not as it was written")
    assert find("things", "key") is None


@pytest.mark.parametrize("name", ["deep/data", MANIFEST])
def test_all_damaged_entries_are_named(name: str) -> None:
    """200 flipped bits, one an entry; the others are sound."""
    chance = random.Random(5)
    for number in range(200):
        path = made("things", f"{number:03}", size=500) / name
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
    made("things", "sound")
    found = {entry.key: [error.path for error in find_damage(entry)] for entry in list_entries()}
    assert found.pop("sound") == []
    assert found == {key: [str(assets_dir("things") / key / name)] for key in found}
    assert len(found) == 200


def test_an_unknown_kind_is_an_error() -> None:
    """With what there is; a kind of which nothing is there is none."""
    made("things", "key")
    with pytest.raises(InvalidOptionError, match=r"kind='thing': expected one of .*things.*did you mean 'things'"):
        clear("thing")
    assert clear("compiled").removed == []
    assert names() == ["key"]


def test_nothing_is_kept_yet() -> None:
    """Where no folder is, nothing is made."""
    assert list_entries() == kept.list_kinds() == prune(0).removed == clear().removed == []
    assert not assets_dir("things").parent.exists()


PRUNER = """
import sys
from onnxhub._backend.kept.building import make
from onnxhub._backend.kept.housekeeping import prune

def build(folder):
    for number in range(40):
        (folder / str(number)).write_bytes(bytes(1000))

while True:
    for key in "abcdef":
        make("things", key, {"model": key}, build)
    print("begun", flush=True)
    prune(100_000)
    prune(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_process_that_is_killed_while_it_prunes_does_no_harm(seed: int) -> None:
    """Five times each: every entry is whole or not there, and what was left behind is cleared away by the next one."""
    chance = random.Random(seed)
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", PRUNER], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.random() * 0.15)
            process.send_signal(signal.SIGKILL)
        assert [find_damage(entry) for entry in list_entries()] == [[]] * len(list_entries())
        prune(0)
        assert [path.name for path in assets_dir("things").iterdir()] == [".locks"]
        assert made("things", "a").is_dir()
        clear()
