"""A Hub, a mirror or a copied cache that lies in every field: no file of the user is read, written or deleted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from onnxhub._backend.kept.assets import write_sealed
from tests.faults.lies import FILES, TRICKS, UP, lies
from tests.hub_server import LISTING, HubServer, clean_environment, run_python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.light

CHILD = """
import json, os, sys, time
from pathlib import Path
time.sleep = lambda seconds: None
home = os.environ["HOME"]
touched = []
WATCHED = ("open", "os.remove", "os.rename", "os.mkdir", "os.symlink", "os.link", "os.truncate", "os.chmod", "os.rmdir")

def watch(event, arguments):
    if event in WATCHED:
        for path in arguments[1:2] if event == "os.symlink" else arguments[:2]:
            if isinstance(path, (str, bytes)) and os.fsdecode(path):
                path = os.path.abspath(os.fsdecode(path))
                folder, name = os.path.split(path)
                follows = event in ("open", "os.truncate", "os.chmod")  # all others are about the entry, be it a link
                real = os.path.realpath(path) if follows else os.path.join(os.path.realpath(folder), name)
                if real.startswith(home + "/Documents") or real == home + "/secret.json":
                    touched.append([event, path])

sys.addaudithook(watch)
from onnxhub import errors
from onnxhub._backend.repository.repository import open_repository

outcomes = {}
for model_id in json.loads(sys.stdin.readline()):
    try:
        repository = open_repository(model_id)
        found = {name: Path(repository.path(name)).read_bytes() for name in ("config.json", "onnx/model.onnx")}
        for name in repository.files:
            repository.path(name).stat()
        right = found == {"config.json": b'{"labels": 2}', "onnx/model.onnx": b"m" * 5000}
        outcomes[model_id] = "right" if right else "wrong"
    except errors.OnnxHubError as error:
        outcomes[model_id] = type(error).__name__
        str(error)
    except Exception as error:
        import traceback
        outcomes[model_id] = "foreign: " + "".join(traceback.format_exception(error))[-1500:]
print(json.dumps({"outcomes": outcomes, "touched": touched}))
"""


class Victim:
    """A home folder with files of its owner, and a cache."""

    def __init__(self, path: Path, hub: HubServer) -> None:
        self.path = path
        self.hub = hub
        self.cache = path / "huggingface" / "hub"
        documents = path / "Documents"
        (documents / "sub").mkdir(parents=True)
        for name in ("thesis.txt", "photos.zip", "sub/deep.txt", "config.json"):
            (documents / name).write_text(f"my {name}")
        (path / "secret.json").write_text('{"labels": 2, "secret": "canary"}')

    def own(self) -> dict[str, bytes]:
        """All files and folders of the owner, outside of the cache."""
        found = [path for path in self.path.rglob("*") if not path.is_relative_to(self.path / "huggingface")]
        return {str(path): path.read_bytes() if path.is_file() else b"" for path in found}

    def load(self, model_ids: list[str], env: dict[str, str] | None = None) -> dict[str, Any]:
        """Load each model in one process, and give what came of each."""
        code = CHILD.replace("sys.stdin.readline()", repr(json.dumps(model_ids)))
        done = run_python(
            code, self.path, {"HF_ENDPOINT": self.hub.endpoint, "HF_HUB_DOWNLOAD_TIMEOUT": "5", **(env or {})}
        )
        assert done.returncode == 0, done.stderr
        reported: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return reported


@pytest.fixture
def victim(tmp_path: Path, hub: HubServer) -> Victim:
    """A home folder and a Hub."""
    return Victim(tmp_path, hub)


def test_a_hub_that_lies_in_every_field(victim: Victim) -> None:
    """Each lie is an error of the tree, or does no harm: nothing outside of the cache is touched, and no answer is wrong."""
    cases = {}
    for number, (name, make) in enumerate(lies()):
        model_id = f"org/case-{number}"
        victim.hub.add(model_id, FILES)
        victim.hub.lie(model_id, make(victim.hub, model_id))
        cases[model_id] = name
    assert len(cases) >= 300
    before = victim.own()
    reported = victim.load(list(cases))
    assert victim.own() == before
    assert reported["touched"] == []
    bad = {cases[model_id]: said for model_id, said in reported["outcomes"].items() if said[:5] in {"wrong", "forei"}}
    assert bad == {}
    again = victim.load(list(cases), {"HF_HUB_OFFLINE": "1"})  # what came into the cache is no better later
    assert (again["touched"], victim.own()) == ([], before)
    assert not [said for said in again["outcomes"].values() if said[:5] in {"wrong", "forei"}]


def test_lies_that_matter_are_refused(victim: Victim) -> None:
    """A digest, a size or a name that could lead anywhere is named in the error, and nothing is fetched by it."""
    named = {
        f"{field}={trick}"
        for field in ("blobId", "lfs.sha256", "sha", "rfilename")
        for trick in ("up", "pattern", "absolute")
    }
    cases = {}
    for number, (name, make) in enumerate(lies()):
        if name in named:
            model_id = f"org/case-{number}"
            victim.hub.add(model_id, FILES)
            victim.hub.lie(model_id, make(victim.hub, model_id))
            cases[model_id] = name
    assert len(cases) == len(named)
    outcomes = victim.load(list(cases))["outcomes"]
    assert set(outcomes.values()) <= {"IntegrityError", "UnsafeModelError"}
    assert not [request for request in victim.hub.requests if "resolve" in request.path]


class CopiedCache:
    """The folder of one repository, as somebody else gives it away."""

    def __init__(self, victim: Victim, model_id: str) -> None:
        self.victim = victim
        self.commit = victim.hub.add(model_id, FILES)
        self.folder = victim.cache / f"models--{model_id.replace('/', '--')}"
        self.digests = {name: _digest(name, data) for name, data in FILES.items()}
        self.snapshot = self.folder / "snapshots" / self.commit
        (self.folder / "blobs").mkdir(parents=True)
        (self.folder / "refs").mkdir()
        (self.folder / "refs" / "main").write_text(self.commit)
        for name, data in FILES.items():
            (self.folder / "blobs" / self.digests[name]).write_bytes(data)
            place = self.snapshot / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(os.path.relpath(self.folder / "blobs" / self.digests[name], place.parent))

    def listing(self) -> dict[str, Any]:
        """What onnxhub stores of the commit."""
        files = {name: [len(data), self.digests[name]] for name, data in FILES.items()}
        return {"format": 2, "repository": self.folder.name, "commit": self.commit, "files": files}

    def store(self, value: object) -> None:
        """Seal a listing, as anybody can."""
        for name in ("main", self.commit):
            (self.folder / "onnxhub").mkdir(exist_ok=True)
            write_sealed(self.folder / "onnxhub" / f"{name}.json", value)

    def replace(self, place: str, target: str) -> None:
        """Put a link to somewhere in the owner's home into the place of a file or a folder of the repository."""
        path = self.folder / place
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(self.victim.path / target)


def _digest(name: str, data: bytes) -> str:
    return (
        hashlib.sha256(data).hexdigest()
        if ".onnx" in name
        else hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    )


def _changed_listing(change: Callable[[dict[str, Any]], None]) -> Callable[[CopiedCache], None]:
    def spoil(cache: CopiedCache) -> None:
        value = cache.listing()
        change(value)
        cache.store(value)

    return spoil


def _linked(place: str, target: str, *, listed: bool) -> Callable[[CopiedCache], None]:
    def spoil(cache: CopiedCache) -> None:
        if listed:
            cache.store(cache.listing())
        digest = cache.digests["config.json"]
        cache.replace(place.format(commit=cache.commit, digest=digest, model=cache.digests["onnx/model.onnx"]), target)

    return spoil


def _without_digests(cache: CopiedCache) -> None:
    value = cache.listing()
    value["files"] = {name: [None, None] for name in value["files"]}
    cache.store(value)
    cache.replace(f"snapshots/{cache.commit}/config.json", "secret.json")


def _spoiled_caches() -> dict[str, Callable[[CopiedCache], None]]:
    cases: dict[str, Callable[[CopiedCache], None]] = {}
    for trick, value in TRICKS.items():
        if value is TRICKS["missing"] or value == "\ud800":
            continue
        cases[f"digest {trick}"] = _changed_listing(lambda it, v=value: it["files"].update({"config.json": [1, v]}))
        cases[f"size {trick}"] = _changed_listing(lambda it, v=value: it["files"]["config.json"].__setitem__(0, v))
        for field in ("commit", "files", "format", "repository"):
            cases[f"{field} {trick}"] = _changed_listing(lambda it, v=value, f=field: it.update({f: v}))
        if isinstance(value, str):
            cases[f"name {trick}"] = _changed_listing(lambda it, v=value: it["files"].update({v: [1, "a" * 40]}))
    places = (
        "blobs", "snapshots", "snapshots/{commit}", "snapshots/{commit}/onnx", "onnxhub", "refs", ".no_exist", "trees",
        "snapshots/{commit}/config.json", "blobs/{digest}", "blobs/{digest}.incomplete", "blobs/{model}.incomplete",
        "snapshots/{commit}/onnx/model.onnx", "refs/main",
    )  # fmt: skip
    for place in places:
        for target in ("Documents", "Documents/config.json", "secret.json", "new-file"):
            for listed in (False, True):
                cases[f"{place} -> {target} {listed}"] = _linked(place, target, listed=listed)
    cases["no digests"] = _without_digests
    return cases


@pytest.mark.parametrize("offline", [True, False])
def test_a_cache_from_somebody_else(victim: Victim, *, offline: bool) -> None:
    """Whatever its listings say and its links lead to: nothing of the owner is read, written or deleted."""
    cases = {}
    for number, (name, spoil) in enumerate(_spoiled_caches().items()):
        model_id = f"org/copied-{number}"
        spoil(CopiedCache(victim, model_id))
        cases[model_id] = name
    assert len(cases) >= 200
    before = victim.own()
    reported = victim.load(list(cases), {"HF_HUB_OFFLINE": "1"} if offline else {})
    assert victim.own() == before
    assert reported["touched"] == []
    assert {cases[key]: said for key, said in reported["outcomes"].items() if said[:5] in {"wrong", "forei"}} == {}


def test_locks_of_somebody_else(victim: Victim) -> None:
    """A lock file of the cache that is a link to a file of the owner is not emptied."""
    CopiedCache(victim, "org/name")
    digest = _digest("config.json", FILES["config.json"])
    for folder in (victim.cache / ".locks" / "models--org--name", victim.cache / "models--org--name" / ".locks"):
        folder.mkdir(parents=True)
        (folder / f"{digest}.lock").symlink_to(victim.path / "Documents" / "thesis.txt")
    shutil.rmtree(victim.cache / "models--org--name" / "blobs")
    before = victim.own()
    assert victim.load(["org/name"]) == {"outcomes": {"org/name": "right"}, "touched": []}
    assert victim.own() == before


def test_a_mirror_that_writes_by_its_headers(victim: Victim) -> None:
    """The ETag of an answer names no file: a load is right, and nothing lies where it points."""
    victim.hub.add("org/name", FILES)
    victim.hub.lie("org/name", lambda *answer: (answer[2], {**answer[3], "ETag": f'"{UP}evil.pth"'}, answer[4]))
    assert victim.load(["org/name"])["outcomes"] == {"org/name": "right"}
    assert not list(victim.path.rglob("evil.pth"))


@pytest.mark.parametrize("what", [LISTING, "config.json", "onnx/model.onnx"])
def test_a_byte_now_and_then(victim: Victim, what: str) -> None:
    """A Hub that sends hardly anything is given up after three times its time limit, with an error that says so."""
    victim.hub.add("org/name", {**FILES, "config.json": json.dumps({"labels": "x" * 5_000}).encode()})
    victim.hub.trickle(what, 0.1)
    code = """
import onnxhub._backend.repository.repository as hub
from onnxhub import errors
try:
    hub.open_repository("org/name").path("onnx/model.onnx" if "onnx" in WHAT else "config.json")
except errors.OfflineError as error:
    print(error)
""".replace("WHAT", repr(what))
    env = {"HF_ENDPOINT": victim.hub.endpoint, "HF_HUB_DOWNLOAD_TIMEOUT": "1"}
    done = run_python(code, victim.path, env)
    assert "could not be fetched: fewer than 100 bytes a second came in 3 seconds" in done.stdout, done.stderr


def test_a_body_without_an_end(victim: Victim) -> None:
    """No more is kept of an answer than the file has, and nothing of it stays."""
    victim.hub.add("org/name", FILES)
    endless = b"m" * 40_000_000
    victim.hub.lie(
        "org/name",
        lambda method, path, status, headers, body: (
            (status, {**headers, "Content-Length": str(len(endless))}, endless)
            if method == "GET" and "cdn" in path
            else (status, headers, body)
        ),
    )
    assert victim.load(["org/name"])["outcomes"]["org/name"] in {"IntegrityError", "OfflineError"}
    assert sum(path.stat().st_size for path in victim.cache.rglob("*") if path.is_file()) < 100_000


def test_headers_without_an_end(victim: Victim) -> None:
    """A Hub whose headers come byte by byte is given up as well, by leaving the request behind."""
    victim.hub.add("org/name", FILES)
    victim.hub.header_pause = 0.1
    code = """
import onnxhub._backend.repository.answers as answers
from onnxhub import errors
from onnxhub._backend.repository.repository import open_repository
answers._LEAST_PATIENCE = 2.0
try:
    open_repository("org/name")
except errors.OfflineError as error:
    print(error)
"""
    done = run_python(code, victim.path, {"HF_ENDPOINT": victim.hub.endpoint, "HF_HUB_DOWNLOAD_TIMEOUT": "1"})
    assert "the headers of an answer did not end in 6 seconds" in done.stdout, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
def test_the_bar_of_a_download_gives_no_orders(victim: Victim) -> None:
    """A name with marks of direction is drawn escaped, by whatever draws the bar."""
    from tests.cli.terminal import in_a_terminal

    victim.hub.add("org/name", {"\u202egnp.json": b" " * 3_000_000})
    code = "from onnxhub._backend.repository.repository import open_repository as o; print(o('org/name').path('\\u202egnp.json').stat().st_size)"
    env = clean_environment(victim.path, {"HF_ENDPOINT": victim.hub.endpoint, "HF_HUB_DISABLE_PROGRESS_BARS": "0"})
    code_of_exit, seen = in_a_terminal([sys.executable, "-c", code], victim.path, env)
    assert (code_of_exit, "3000000" in seen) == (0, True), seen
    assert r"\u202egnp.json" in seen
    assert "\u202e" not in seen
