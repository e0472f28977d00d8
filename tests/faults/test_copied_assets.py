"""What onnxhub keeps, and the Hub's cache, as copies from somebody else: nothing outside is deleted, written or read."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from onnxhub._backend.graphs.safety import check_links, check_place
from onnxhub._backend.kept import housekeeping as kept
from onnxhub._backend.kept import unfinished
from onnxhub._backend.kept.assets import assets_dir, read_sealed, write_sealed
from onnxhub._backend.kept.locking import lock_file
from onnxhub._backend.kept.store import find
from onnxhub._backend.kept.unfinished import sweep_folder
from onnxhub._backend.repository.answers import Limits, call_within
from onnxhub._backend.repository.cache import CachedRepository
from onnxhub._backend.runtime import gathering
from onnxhub._workshop.hub_models import hub_models
from onnxhub.errors import IntegrityError, OfflineError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="links and pipes"), pytest.mark.light]

COMMIT = "c" * 40
DIGEST = "a" * 64
DEEP = "[" * 100_000 + "]" * 100_000
READ: list[str] = []
"""What was opened since the last test began, when its links are followed."""
_watched: list[bool] = []


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's, whose files are like those that onnxhub deletes; the cache is beside it."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    folder = tmp_path / "Documents"
    folder.mkdir()
    names = ("thesis.txt", "data.json", "1-1-sha256.json", f".{'a' * 32}.tmp", ".notes.old.2024.bak", DIGEST)
    for name in names:
        (folder / name).write_text("mine")
        os.utime(folder / name, (0, 0))
    assets_dir("compiled").parent.mkdir(parents=True)
    if not _watched:
        _watched.append(True)
        sys.addaudithook(_note)
    READ.clear()
    return folder


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str) and isinstance(arguments[2], int):
        folder, name = os.path.split(arguments[0])
        follows = not arguments[2] & os.O_NOFOLLOW
        READ.append(os.path.realpath(arguments[0]) if follows else os.path.join(os.path.realpath(folder), name))


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def entry(files: dict[str, Any], key: str = "key") -> Path:
    """An entry whose manifest has a valid seal; its folder."""
    folder = assets_dir("compiled") / key
    folder.mkdir(parents=True)
    write_sealed(folder / "manifest.json", {"made_of": {"model": "m"}, "files": files})
    return folder


def seal(path: Path, text: str) -> None:
    """Write a text with its seal."""
    path.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")


def use() -> list[IntegrityError]:
    """What the commands of ``onnxhub cache`` do, one after the other; what is found damaged."""
    kept.measure_digests()
    found = [error for kind in kept.list_entries() for error in kept.find_damage(kind)]
    for model in hub_models():
        assert model.size >= 0
        assert model.used >= 0
        assert model.revisions
        found += model.damage()
    kept.prune(1, 0.0)
    kept.clear()
    return found


def digests(documents: Path) -> None:
    """The folder of remembered digests."""
    assets_dir("digests").symlink_to(documents)


def kinds(documents: Path) -> None:
    """The folder around all kinds."""
    (documents / "compiled" / "key").mkdir(parents=True)
    write_sealed(documents / "compiled" / "key" / "manifest.json", {"made_of": {}, "files": {}})
    assets_dir("compiled").parent.rmdir()
    assets_dir("compiled").parent.symlink_to(documents)


def one_kind(documents: Path) -> None:
    """The folder of a kind."""
    assets_dir("compiled").symlink_to(documents)


def locks(documents: Path) -> None:
    """The folder of locks."""
    assets_dir("compiled").mkdir()
    (assets_dir("compiled") / ".locks").symlink_to(documents)


@pytest.mark.parametrize("link", [digests, kinds, one_kind, locks])
def test_nothing_is_deleted_behind_a_link(link: Callable[[Path], None], documents: Path) -> None:
    """Whichever folder of what is kept is a link to the user's own: clearing and pruning leave all there as it is."""
    before = contents(documents)
    link(documents)
    use()
    assert contents(documents) == before
    assert (documents / "compiled" / "key" / "manifest.json").exists() == (link is kinds)


def test_a_manifest_names_files_of_the_entry_alone(documents: Path) -> None:
    """By an absolute path, a path that climbs, a link in the entry, or one in the place of the manifest, nothing is read."""
    sound = [4, hashlib.sha256(b"mine").hexdigest()]
    for number, name in enumerate([str(documents / "thesis.txt"), "../../../../Documents/thesis.txt"]):
        entry({name: sound}, f"named{number}")
    (entry({"file": sound}, "linked") / "file").symlink_to(documents / "thesis.txt")
    (entry({"folder/thesis.txt": sound}, "around") / "folder").symlink_to(documents)
    folder = entry({}, "manifest")
    shutil.move(folder / "manifest.json", documents / "manifest.json")
    (folder / "manifest.json").symlink_to(documents / "manifest.json")
    (assets_dir("compiled") / "whole").symlink_to(documents)
    assert find("compiled", "whole") is None
    READ.clear()
    assert len(use()) == 5
    assert [path for path in READ if path.startswith(str(documents))] == []


@pytest.mark.parametrize(
    "manifest",
    [
        '{"files": {"a": [Infinity, "x"]}, "made_of": {}}', f'{{"files": {{"a": [-1, "{DIGEST}"]}}, "made_of": {{}}}}',
        '{"files": {"a": [1, "x"]}, "made_of": {}}', '{"files": {"a": 1}, "made_of": {}}', '{"files": [], "made_of": {}}',
        f'{{"files": {{"a\\u0000": [1, "{DIGEST}"]}}, "made_of": {{}}}}', '{"files": {}, "made_of": [1]}', '{"files": {}}',
        f'{{"files": {{"\\ud800": [1, "{DIGEST}"]}}, "made_of": {{}}}}', f'{{"files": {{}}, "made_of": {DEEP}}}', "[]", DEEP,
    ],
)  # fmt: skip
def test_a_manifest_of_any_form_is_damaged(manifest: str, documents: Path) -> None:
    """Whatever JSON it holds, sealed as it is, it is said to be damaged, and cleared away."""
    seal(entry({}) / "manifest.json", manifest)
    assert [error.reason for error in use()] == ["it is not as it was written"]
    assert not (assets_dir("compiled") / "key").exists()
    assert contents(documents)


@pytest.mark.parametrize("place", ["compiled/key/manifest.json", "digests/1-1-sha256.json", "compiled/key/file"])
def test_a_pipe_is_not_waited_for(place: str, documents: Path) -> None:
    """A pipe in the place of a file ends in no standstill."""
    entry({"file": [0, hashlib.sha256(b"").hexdigest()]} if place.endswith("file") else {})
    path = assets_dir("compiled").parent / place
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert len(use()) == place.endswith("file")
    assert contents(documents)


def test_a_small_file_is_bounded(tmp_path: Path) -> None:
    """One with a hole of a terabyte is not read."""
    with (tmp_path / "sealed.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="no file of at most 67,108,864 bytes"):
        read_sealed(tmp_path / "sealed.json")


@pytest.mark.parametrize(
    "name", [".notes.old.2024.backup", ".a.12345678.1.x", ".a.0123456g.1.0123456789abcdef", ".a.b.c.d"]
)
def test_only_our_own_names_are_swept(name: str, documents: Path) -> None:
    """A hidden file or folder with some dots in its name is somebody's, whatever its age, beside a model as in the cache."""
    for folder in (assets_dir("compiled") / name, documents / name):
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0))
    sweep_folder(assets_dir("compiled"))
    gathering._make_folder(documents).rmdir()
    assert (assets_dir("compiled") / name).exists()
    assert (documents / name).exists()
    assert (documents / f".{'a' * 32}.tmp").exists()


def test_what_was_left_beside_a_model_is_swept(documents: Path) -> None:
    """A folder in which a process that is gone gathered files is deleted; what is not of that kind stays."""
    gone = f"{unfinished._HOST}.999999999.0123456789abcdef"
    for name in (f".gathered.{gone}", f".other.{gone}"):
        (documents / name).mkdir()
    gathering._make_folder(documents).rmdir()
    assert not (documents / f".gathered.{gone}").exists()
    assert (documents / f".other.{gone}").exists()


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder", "around"])
def test_a_lock_is_no_link(kind: str, documents: Path) -> None:
    """A lock file that is a link, a pipe or a folder, or lies behind a link, is refused at once and by name."""
    path = assets_dir("compiled") / ".locks" / "key.lock"
    path.parent.parent.mkdir()
    before = sorted(documents.iterdir())
    if kind == "around":
        path.parent.symlink_to(documents)
    else:
        path.parent.mkdir()
    if kind in {"link", "dangling"}:
        path.symlink_to(documents / ("thesis.txt" if kind == "link" else "autostart"))
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(UnsafeModelError, match="it is a link"):
        lock_file(path)
    assert sorted(documents.iterdir()) == before


class Copy:
    """One repository of the Hub's cache."""

    def __init__(self, documents: Path) -> None:
        self.documents = documents
        self.folder = documents.parent / "home" / "hub" / "models--org--name"
        self.snapshot = self.folder / "snapshots" / COMMIT
        for name in ("onnxhub", "blobs", "refs", f"snapshots/{COMMIT}"):
            (self.folder / name).mkdir(parents=True)
        listing = {
            "format": 2,
            "repository": self.folder.name,
            "commit": COMMIT,
            "files": {"a.txt": [4, DIGEST], "b.txt": [4, None]},
        }
        for name in ("main", COMMIT):
            write_sealed(self.folder / "onnxhub" / f"{name}.json", listing)

    def link(self, place: str, target: object) -> None:
        """Put a link in the place of what is there."""
        path = self.folder / place
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(str(target))


LINKS = [
    (f"snapshots/{COMMIT}/a.txt", "thesis.txt"), (f"snapshots/{COMMIT}/b.txt", "thesis.txt"), (f"blobs/{DIGEST}", "thesis.txt"),
    ("snapshots", ""), (f"snapshots/{COMMIT}", ""), ("blobs", ""), ("onnxhub/x.json", "data.json"), ("onnxhub/x.json", "none"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "target"), LINKS)
def test_verifying_a_copied_cache_reads_nothing_outside(place: str, target: str, documents: Path) -> None:
    """A link out of the cache is said to be damage, and what it leads to is not opened."""
    Copy(documents).link(place, documents / target)
    READ.clear()
    assert use()
    assert [path for path in READ if path.startswith(str(documents))] == []


def test_a_listing_folder_that_is_a_link_is_damage(documents: Path) -> None:
    """The other models are verified all the same."""
    copy = Copy(documents)
    shutil.move(copy.folder / "onnxhub", documents / "listings")
    copy.link("onnxhub", documents / "listings")
    READ.clear()
    (error,) = use()
    assert "leads to" in error.reason
    assert [path for path in READ if path.startswith(str(documents / "listings"))] == []


@pytest.mark.parametrize("place", [f"snapshots/{COMMIT}/a.txt", f"blobs/{DIGEST}", "onnxhub/x.json"])
def test_loops_devices_and_pipes_in_a_copied_cache(place: str, documents: Path) -> None:
    """A link to itself or to a device is damage; a pipe in its place is not waited for."""
    copy = Copy(documents)
    for target in (place.rpartition("/")[2], "/dev/zero"):
        copy.link(place, target)
        use()
    (copy.folder / place).unlink()
    os.mkfifo(copy.folder / place)
    use()
    seal(copy.folder / "onnxhub" / "y.json", DEEP)
    assert "it is not as it was written" in [error.reason for error in use()]


def test_a_pipe_in_the_place_of_a_branch(documents: Path) -> None:
    """It is no branch."""
    copy = Copy(documents)
    os.mkfifo(copy.folder / "refs" / "main")
    assert CachedRepository(copy.folder).scan_snapshot("main") is None


def test_a_loop_of_links_is_no_place(tmp_path: Path) -> None:
    """Weights that are a link to themselves are an error of the file system, as missing ones are, and no RuntimeError."""
    (tmp_path / "w").symlink_to("w")
    check_place(tmp_path / "model.onnx", "w")
    with pytest.raises(OSError, match="symbolic links"):
        check_links(tmp_path / "model.onnx", "w")


def test_redirects_without_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub that sends a request from one address of its own to another is left after some of them."""
    from onnxhub._backend.repository import answers as hub_answers

    class Answer:
        status_code = 302
        headers: Mapping[str, str] = MappingProxyType({})
        raw = None

    def follow(_session: object) -> None:
        while True:
            hub_answers._limit_answer(Answer())

    monkeypatch.setattr(hub_answers, "_get_session", lambda: None)
    with pytest.raises(OfflineError, match="from one address to another, 50 times"):
        call_within(Limits("org/name", "config.json", None), follow)
