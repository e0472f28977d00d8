"""What is made here and kept: whole or not at all, made once, and found to be damaged where it is."""

from __future__ import annotations

import errno
import logging
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from onnxhub._backend.kept import building, locking, store, unfinished
from onnxhub._backend.kept.assets import assets_dir
from onnxhub._backend.kept.building import make, make_unless_busy
from onnxhub._backend.kept.digests import forget
from onnxhub._backend.kept.store import find, find_newest
from onnxhub._backend.kept.unfinished import sweep_folder
from onnxhub.errors import GatedModelError

if TYPE_CHECKING:
    from pathlib import Path

DATA = random.Random(0).randbytes(1000)
MAKER = """
import sys, time
from pathlib import Path
from onnxhub._backend.kept.building import make

def build(folder):
    (folder / "data").write_bytes(bytes(500))
    Path(sys.argv[1]).open("a").write("x")
    time.sleep(float(sys.argv[2]))
    (folder / "more").write_bytes(bytes(500))

entry = make("things", "key", {}, build)
print(sorted(entry.files))
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))


def build(folder: Path) -> None:
    """Write what the tests look for."""
    (folder / "data").write_bytes(DATA)
    (folder / "deep").mkdir()
    (folder / "deep" / "more").write_bytes(DATA[::-1])


def build_large(folder: Path) -> None:
    """Write a file whose digest is worth to be remembered."""
    (folder / "large").write_bytes(bytes(2**18))


def half_written() -> list[str]:
    """What somebody began and did not end."""
    return [path.name for path in assets_dir("things").iterdir() if path.name.startswith(".") and path.name != ".locks"]


def processes(count: int, log: Path, seconds: float) -> list[subprocess.Popen[str]]:
    """Processes that make the same entry, each of which takes so long and leaves a sign."""
    command = [sys.executable, "-c", MAKER, str(log), str(seconds)]
    return [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]


def test_an_entry_is_made_once_and_found_after() -> None:
    """With all its files, and with nothing left beside it."""
    assert find("things", "key") is None
    made = make("things", "key", {"of": "this"}, build)
    again = make("things", "key", {"of": "this"}, lambda _: pytest.fail("made twice"))
    assert made == again == find("things", "key")
    assert (again.folder / "deep" / "more").read_bytes() == DATA[::-1]
    assert again.made_of == {"of": "this"}
    assert half_written() == []


def test_anew_takes_the_place_of_what_is_there() -> None:
    """Once it is finished: what fails leaves the old one, and ``build`` may say more of what it was made of."""
    make("things", "key", {"of": "this"}, build)

    def failing(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        make("things", "key", {}, failing, replace=True)
    assert find("things", "key").made_of == {"of": "this"}
    made_of: dict[str, object] = {"of": "that"}

    def other(folder: Path) -> None:
        (folder / "other").write_bytes(DATA)
        made_of["more"] = 1

    made = make("things", "key", made_of, other, replace=True)
    assert find("things", "key") == made
    assert list(made.files) == ["other"]
    assert made.made_of == {"of": "that", "more": 1}
    assert half_written() == []


def test_the_newest_of_those_whose_keys_begin_alike() -> None:
    """By when they were made; a damaged one is passed over, and others do not count."""
    assert find_newest("things", "a-") is None
    for age, key in enumerate(("b-1", "a-3", "a-1", "a-2")):
        folder = make("things", key, {"key": key}, build).folder
        os.utime(folder, (10**9 - age, 10**9 - age))
    assert find_newest("things", "a-").made_of == {"key": "a-3"}
    (assets_dir("things") / "a-3" / "data").write_bytes(b"damaged")
    assert find_newest("things", "a-").made_of == {"key": "a-1"}
    assert find_newest("things", "c-") is None


def test_what_fails_leaves_nothing() -> None:
    """The error goes to the caller, and the next one makes it."""

    def failing(folder: Path) -> None:
        build(folder)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        make("things", "key", {}, failing)
    assert find("things", "key") is None
    assert half_written() == []
    assert make("things", "key", {}, build)


@pytest.mark.alike
@pytest.mark.slow
@pytest.mark.parametrize("name", ["data", "deep/more", "manifest.json"])
def test_every_flipped_bit_is_found(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """In each kind of file: the entry is dropped, the log names the file, and the next one makes it anew."""
    chance = random.Random(3)
    for _ in range(200):
        path = make("things", "key", {"of": "this"}, build).folder / name
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        caplog.clear()
        assert find("things", "key") is None
        assert str(path) in caplog.text
        assert not path.exists()


@pytest.mark.parametrize("name", ["data", "manifest.json"])
def test_a_missing_file_is_found(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Half an entry is none."""
    path = make("things", "key", {}, build).folder / name
    path.unlink()
    assert find("things", "key") is None
    assert str(path) in caplog.text


def test_processes_that_start_together_make_it_once(tmp_path: Path) -> None:
    """One makes it, and seven wait for it."""
    running = processes(8, tmp_path / "log", 0.3)
    answers = [process.communicate(timeout=60)[0] for process in running]
    assert answers == ["['data', 'more']\n"] * 8
    assert (tmp_path / "log").read_text() == "x"
    assert half_written() == []


@pytest.mark.skipif(sys.platform == "win32", reason="no flock")
@pytest.mark.parametrize(
    "problem", [None, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO, errno.EINVAL, errno.EPERM, errno.ESTALE]
)
def test_a_lock_that_holds_nobody_does_no_harm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, problem: int | None
) -> None:
    """Where the file system has none, or pretends to: who comes second finds the place taken, and uses what is there."""

    def flock(_descriptor: int, _how: int) -> None:
        if problem is not None:
            raise OSError(problem, os.strerror(problem))

    monkeypatch.setattr("fcntl.flock", flock)
    monkeypatch.setattr(locking._files, "is_reported", False)
    caplog.set_level(logging.INFO, "onnxhub")
    first: list[object] = []

    def overtaken(folder: Path) -> None:
        first.append(make("things", "key", {}, build))
        build(folder)

    assert make("things", "key", {}, overtaken) == first[0]
    assert make_unless_busy("things", "key", {}, build) == first[0]
    assert make_unless_busy("things", "other", {}, build)
    assert half_written() == []
    assert caplog.text.count("has no locks") == (problem is not None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_does_not_hold_its_parents_locks() -> None:
    """One that lives on, as a server's worker does, is in nobody's way when its parent has made what it was making."""
    children: list[int] = []
    heard, said = os.pipe()

    def forking(folder: Path) -> None:
        build(folder)
        children.append(os.fork())
        if not children[0]:
            os.write(said, b"here")
            signal.pause()
            os._exit(0)
        os.read(heard, 4)  # its own code has begun: what it did first is done

    make("things", "key", {}, forking)
    try:
        assert make_unless_busy("things", "key", {}, build)
    finally:
        os.kill(children[0], signal.SIGKILL)
        os.waitpid(children[0], 0)
        os.close(heard)
        os.close(said)


def test_who_does_not_wait_gets_nothing_while_another_is_at_it(tmp_path: Path) -> None:
    """Not a part of an entry, and at once; the finished entry when it is there."""
    (other,) = processes(1, tmp_path / "log", 1.0)
    end = time.monotonic() + 60
    while not (tmp_path / "log").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert make_unless_busy("things", "key", {}, lambda _: pytest.fail("made twice")) is None
    assert other.communicate(timeout=60)[0] == "['data', 'more']\n"
    assert make_unless_busy("things", "key", {}, build) == find("things", "key") is not None


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.3])
def test_a_process_that_is_killed_does_no_harm(tmp_path: Path, delay: float) -> None:
    """The next one makes the entry, and clears away what the other had begun."""
    (killed,) = processes(1, tmp_path / "log", 60)
    end = time.monotonic() + 60
    while not (tmp_path / "log").exists() and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(delay)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert find("things", "key") is None
    assert len(half_written()) == 1
    assert (make("things", "key", {}, build).folder / "data").read_bytes() == DATA
    assert half_written() == []


def test_what_can_neither_be_used_nor_replaced_is_made_for_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As another user's damaged entry in a folder that both may write: it stays, and nothing is built twice."""
    place = make("things", "key", {}, build).folder
    (place / "data").write_bytes(b"damaged")
    monkeypatch.setattr(store, "discard", lambda _kind, _key: False)
    built: list[Path] = []

    def counted(folder: Path) -> None:
        built.append(folder)
        build(folder)

    entry = make("things", "key", {}, counted)
    assert entry.folder != place
    assert (entry.folder / "data").read_bytes() == (entry.folder / "deep" / "more").read_bytes()[::-1] == DATA
    assert make("things", "key", {}, counted) == entry
    assert len(built) == 1
    assert (place / "data").read_bytes() == b"damaged"
    assert "can be neither used nor replaced" in caplog.text
    assert half_written() == []


def test_small_files_that_a_killed_process_was_writing_are_swept() -> None:
    """Once nobody can be writing them any more."""
    make("things", "key", {}, build)
    old, new = (assets_dir("things") / f".{name}.tmp" for name in ("0" * 32, "1" * 32))
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    sweep_folder(assets_dir("things"))
    assert (old.exists(), new.exists()) == (False, True)


HOMELESS = """
import os, sys, tempfile
from pathlib import Path
os.path.expanduser = lambda path: path  # as for a user that is a number alone
from onnxhub._backend.kept.assets import assets_dir
from onnxhub.errors import InvalidOptionError
folder = assets_dir("things")
assert folder == assets_dir("things") and folder.is_relative_to(tempfile.gettempdir())
folder.mkdir(parents=True)
process = os.fork()
if process == 0:
    assert assets_dir("things") != folder
    sys.exit(0)
assert os.waitpid(process, 0)[1] == 0 and folder.is_dir()
os.environ["HF_HOME"] = "~nobody-of-this-name/cache"
try:
    assets_dir("things")
except InvalidOptionError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_user_without_a_home_folder_gets_one_for_the_process(tmp_path: Path) -> None:
    """With a warning, and no folder that is named ~; the home of a user that there is not is an error."""
    environment = {name: value for name, value in os.environ.items() if name != "HF_HOME"} | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "there is no user 'nobody-of-this-name' here" in done.stdout
    assert "this user has no home folder" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_others_are_making_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that lives, or another machine; but not what has been lying there for days, or this process's namesake."""
    folder = assets_dir("things")
    host, pid = unfinished._HOST, os.getpid()
    parent = f".key.{host}.{os.getppid()}.1234567812345678"
    places = [
        parent,
        ".key.e15e3e5e.1.1234567812345678",
        ".key.01d01d01.1.1234567812345678",
        f".key.{host}.{pid}.1234567812345678",
    ]
    for name in places:
        (folder / name).mkdir(parents=True)
    os.utime(folder / ".key.01d01d01.1.1234567812345678", (0, 0))
    make("things", "key", {}, build)
    assert sorted(half_written()) == sorted([parent, ".key.e15e3e5e.1.1234567812345678"])


def test_a_cache_that_cannot_be_written_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The entry is kept for the process alone, and the log says so."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(building, "_open_lock", refused)
    entry = make("things", "key", {}, build)
    assert (entry.folder / "data").read_bytes() == DATA
    assert "the cache cannot be written" in caplog.text
    assert make("things", "key", {}, build) == entry  # which is not made twice
    assert make("things", "key", {}, build, replace=True) != entry


def test_an_error_of_what_is_made_is_not_one_of_the_cache() -> None:
    """A model that is gated is a PermissionError, too; it is not asked for a second time."""
    asked = []

    def gated(_: Path) -> None:
        asked.append(True)
        raise GatedModelError("org/name", "accept its licence", "")

    with pytest.raises(GatedModelError):
        make("things", "key", {}, gated)
    assert len(asked) == 1


def test_a_container_of_the_same_name_is_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose processes have numbers of their own; and so is one whose numbers cannot be told apart."""
    hosts = set()
    for numbers in ("pid:[1]", "pid:[2]", None):

        def told(_: object, told: str | None = numbers) -> str:
            if told is None:
                raise OSError
            return told

        monkeypatch.setattr(os, "readlink", told)
        hosts.add(unfinished._identify_host())
    assert len(hosts) == 3


FOR_ITSELF = """
import os, sys
from onnxhub._backend.kept import building

def refused(*_, **__):
    raise PermissionError(13, "Permission denied")

building._open_lock = refused
entry = building.make("things", "key", {}, lambda folder: (folder / "data").touch())
process = os.fork()
if process == 0:
    sys.exit(0)  # as a server's worker does, with all that Python does when it ends
os.waitpid(process, 0)
print((entry.folder / "data").is_file())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_what_is_kept_for_a_process_outlives_its_children(tmp_path: Path) -> None:
    """A temporary folder goes with the process that made it, not with one that it forked."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", FOR_ITSELF], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
    assert not list(tmp_path.glob("onnxhub-*"))


def test_what_was_finished_meanwhile_is_not_in_the_way() -> None:
    """Another machine's folder may be moved into its place between the look and the question how old it is."""
    folder = assets_dir("things")
    folder.mkdir(parents=True)
    (folder / ".key.e15e3e5e.1.1234567812345678").symlink_to("moved")  # it is listed, and its age cannot be told
    assert make("things", "key", {}, build).made_of == {}


def test_no_newest_of_what_cannot_be_listed() -> None:
    """It is as if there were none."""
    assets_dir("things").parent.mkdir(parents=True)
    assets_dir("things").write_bytes(b"")
    assert find_newest("things", "a") is None


def test_the_digests_of_what_was_made_are_not_forgotten() -> None:
    """They were taken before it was moved into its place, and are known under its name there: no file is read again."""
    make("things", "key", {}, build_large)
    forget()
    assert len(list(assets_dir("digests").glob("*.json"))) == 1
