"""Disks out of order: full, read-only, somebody else's, half-written, of another version, under a clock that jumps.

Every kind of thing that is kept goes through all of it: ``KINDS`` has a snippet for each, whose ``use()`` makes or finds
an entry, and gives what must be the same whatever the disk does.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from onnxhub._backend.kept.assets import read_sealed, write_sealed
from onnxhub._backend.kept.entries import MANIFEST
from tests import tiny
from tests.hub_server import run_python
from tests.runtime import compiles

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("resource", reason="quotas, users and mounts are POSIX's")

STORE = """
from onnxhub._backend.kept.building import make

def build(folder):
    (folder / "deep").mkdir()
    for name in ("data", "deep/more"):
        (folder / name).write_bytes(bytes(range(250)) * 2000)

def use():
    entry = make("things", "key", {"model": "a model"}, build)
    assert all((entry.folder / name).read_bytes() == bytes(range(250)) * 2000 for name in ("data", "deep/more"))
    return sorted(entry.files)
"""
TOKENIZER = """
import onnxhub

def use():
    with onnxhub.load("text-classification", MODEL) as model:
        return repr(model("a good one"))
"""
KINDS = {"things": STORE, "tokenizers": TOKENIZER}
NEEDS = {"tokenizers": "transformers"}
PRELUDE = """
import json, logging, os, sys, time
logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
MODEL, HOME, PLACE = {model!r}, {home!r}, {place!r}
"""
RUN = """
try:
    answer, error = use(), None
except OSError as raised:
    answer, error = None, [type(raised).__name__, raised.errno, str(raised)]
print(json.dumps([answer, error]))
"""


class Kind:
    """A kind, with what its use gives on a good disk, in a folder that every user may read."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.home = folder / "home"
        self.place = folder / "place"
        self.model = tiny.make_model(folder / "model")
        if name == "tokenizers":
            vocabulary = json.loads((self.model / "tokenizer.json").read_text())["model"]["vocab"]
            (self.model / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)), encoding="utf-8")
            (self.model / "tokenizer.json").unlink()
        self.expected, _ = self.use(HF_HOME=str(folder / "good"))
        assert self.expected

    def use(self, before: str = "", **env: str) -> tuple[Any, list[Any] | None]:
        """What comes of it, and the error, in a process of its own; ``before`` runs in that process before."""
        prelude = PRELUDE.format(model=str(self.model), home=str(self.home), place=str(self.place))
        done = run_python(
            prelude + KINDS[self.name] + before + RUN,
            self.folder,
            {"HF_HOME": str(self.place), "PYTHONWARNINGS": "ignore", **env},
        )
        self.said = done.stderr
        assert done.returncode == 0, done.stderr
        answer, error = json.loads(done.stdout.splitlines()[-1])
        return answer, error

    @property
    def kept(self) -> Path:
        """Where its entries are."""
        return self.place / "assets" / "onnxhub" / self.name

    def entries(self) -> list[Path]:
        """Its entries, and whatever else was left beside them."""
        return sorted(path for path in self.kept.glob("*") if path.name != ".locks")


@pytest.fixture(scope="module", params=KINDS)
def good_kind(request: pytest.FixtureRequest) -> Iterator[Kind]:
    """Each kind in turn, in the folder of temporary files, since pytest's own is closed to other users."""
    needed = NEEDS.get(request.param)
    if needed and find_spec(needed) is None:
        pytest.skip(f"making {request.param} needs {needed}")
    folder = Path(tempfile.mkdtemp(prefix="onnxhub-disk-"))
    folder.chmod(0o755)
    yield Kind(request.param, folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def kind(good_kind: Kind) -> Kind:
    """A kind with an empty place for its cache."""
    shutil.rmtree(good_kind.place, ignore_errors=True)
    good_kind.place.mkdir(mode=0o755)
    return good_kind


@pytest.fixture
def small_disk(kind: Kind) -> Iterator[Path]:
    """A disk of 64 KiB in the place of the cache."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", kind.place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield kind.place
    subprocess.run(["umount", kind.place], check=True)


def test_a_full_disk(kind: Kind, small_disk: Path) -> None:
    """It is told, and nothing is left behind; where there is room again, the next one succeeds."""
    (small_disk / "full").write_bytes(bytes(60_000))
    answer, error = kind.use()
    assert answer is None
    assert error is not None
    assert "No space left on device" in error[2]
    assert kind.entries() == []
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    assert kind.use() == (kind.expected, None)
    assert len(kind.entries()) == 1


QUOTA = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
"""


def test_a_quota(kind: Kind) -> None:
    """As a full disk; also where one may not mount any."""
    answer, error = kind.use(QUOTA)
    assert answer is None
    assert error is not None
    assert "File too large" in error[2]
    assert kind.entries() == []
    assert kind.use() == (kind.expected, None)


def test_a_disk_that_is_read_only(kind: Kind, small_disk: Path) -> None:
    """Nothing can be kept, and the log says so once; what is there already is used."""
    subprocess.run(["mount", "-o", "remount,ro,size=64m", small_disk], check=True)
    assert kind.use() == (kind.expected, None)
    assert kind.said.count("the cache cannot be written") == 1
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert kind.use() == (kind.expected, None)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert kind.use() == (kind.expected, None)
    assert kind.said == ""


@compiles
def test_compile_fails_where_nothing_is_kept(tmp_path: Path) -> None:
    """A graph that goes with the command is of no use to later loads, which the recipe of an image must hear of."""
    pytest.importorskip("typer", reason="the command line needs it")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", tmp_path], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a disk")
    try:
        code = "import sys; sys.argv[1:] = ['compile', 'builtin:sentiment']; from onnxhub.cli._app import run; run()"
        done = run_python(code, tmp_path, {"HF_HOME": str(tmp_path)})
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no graph was kept: {tmp_path}/assets/onnxhub/compiled cannot be written" in done.stderr


LOAD = """
import json, onnxhub
try:
    with onnxhub.load("ner", "builtin:ner", compiled=HOW) as model:
        print(json.dumps([model.info.compiled, None]))
except OSError as error:
    print(json.dumps([type(error).__name__, error.errno, str(error)]))
"""


@compiles
@pytest.mark.parametrize("size", ["64k", "512k", "1m", "2m"])
def test_a_disk_that_is_too_full_for_a_compiled_graph(tmp_path: Path, size: str) -> None:
    """Asked for, it is an error that blames the disk and not the model; unasked, the answer comes from the graph as it is."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", tmp_path]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a disk")
    try:
        asked, unasked = (
            json.loads(run_python(f"HOW = {how!r}\n{LOAD}", tmp_path, {"HF_HOME": str(tmp_path)}).stdout)
            for how in (True, "auto")
        )
        left = [path for path in tmp_path.glob("assets/onnxhub/compiled/*") if path.name != ".locks"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert asked[:2] == ["OSError", errno.ENOSPC]
    assert "No space left on device" in asked[2]
    assert unasked == [False, None]
    assert left == []


PRUNE = """
from onnxhub._backend.kept.housekeeping import clear, prune
for removal in (prune(0), clear()):
    assert removal.removed == []
    assert [reason for _, reason in removal.skipped] == [REASON]
"""
REASON = "it cannot be moved: it is in use, or its folder cannot be written"


def test_what_is_on_a_read_only_disk_cannot_be_cleared_away(kind: Kind, small_disk: Path) -> None:
    """It is told why, and all of it stays."""
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    kind.use()
    before = sorted(small_disk.rglob("*"))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert kind.use(f"REASON = {REASON!r}\n{PRUNE}") == (kind.expected, None)
    assert sorted(small_disk.rglob("*")) == before


DROP = """
import shutil
import onnxhub._backend.making.tokenizer_conversion as conversion
from onnxhub.errors import ExportError

def start_nothing(*_, **__):
    raise ExportError("", "no process could be started") from PermissionError("of Python")

conversion.run_child = start_nothing  # another user may be unable to start this Python
shutil.rmtree(HOME, ignore_errors=True)
os.environ["HF_HOME"] = HOME
use()  # makes one, and so imports all that it needs, which another user may be unable to
os.setgid(65534)
os.setuid(65534)
os.environ["HF_HOME"] = PLACE
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_a_cache_that_is_somebody_elses(kind: Kind, mode: int) -> None:
    """One that may be read is used; of one that may not, nothing is known; both are left as they are."""
    kind.place.chmod(mode)
    assert kind.use(DROP) == (kind.expected, None)
    assert kind.said.count("the cache cannot be written") == 1
    assert kind.entries() == []
    kind.use()
    (entry,) = kind.entries()
    before = {path: path.stat().st_mtime_ns for path in entry.rglob("*")}
    assert kind.use(DROP) == (kind.expected, None)
    assert kind.said.count("the cache cannot be written") == (mode == 0o700)
    assert {path: path.stat().st_mtime_ns for path in entry.rglob("*")} == before


def cut_file(entry: Path) -> None:
    """A file that ends in the middle."""
    largest = max((path for path in entry.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)


def cut_manifest(entry: Path) -> None:
    """A manifest that ends in the middle."""
    os.truncate(entry / MANIFEST, 40)


def no_manifest(entry: Path) -> None:
    """A copy that came to an end before the manifest."""
    (entry / MANIFEST).unlink()


def empty(entry: Path) -> None:
    """A folder, and nothing in it."""
    shutil.rmtree(entry)
    entry.mkdir()


def of_the_future(entry: Path) -> None:
    """A manifest as a later version may write it, and this one cannot read."""
    value = read_sealed(entry / MANIFEST)
    write_sealed(entry / MANIFEST, {"format": 2, "blobs": value["files"]})


def zeros(entry: Path) -> None:
    """What some file systems leave of a file after a crash: its size, and no content."""
    for path in entry.rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("damage", [cut_file, cut_manifest, no_manifest, empty, of_the_future, zeros])
def test_an_entry_that_cannot_be_used_is_made_anew(kind: Kind, damage: Any) -> None:
    """It is never used, the log names it, and nothing is left for anybody to clean."""
    shutil.copytree(kind.folder / "good" / "assets", kind.place / "assets")
    (entry,) = kind.entries()
    damage(entry)
    assert kind.use() == (kind.expected, None)
    assert str(entry) in kind.said
    assert kind.entries() == [entry]
    assert kind.use() == (kind.expected, None)
    assert kind.said == ""


JUMP = """
now = time.time
time.time = lambda: now() - 3 * 86400
"""


def test_a_clock_that_was_set_back(kind: Kind) -> None:
    """What was made in the future is found; what is made in the past is found in the future."""
    assert kind.use() == (kind.expected, None)
    assert kind.use(JUMP) == (kind.expected, None)
    (entry,) = kind.entries()
    shutil.rmtree(kind.place / "assets")
    assert kind.use(JUMP) == (kind.expected, None)
    assert kind.use() == (kind.expected, None)
    assert kind.entries() == [entry]
    assert kind.said == ""
