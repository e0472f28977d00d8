"""``onnxhub cache``: what is kept, whether it is sound, what is new, and how it goes."""

from __future__ import annotations

import json
import os
import random
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from onnxhub._backend.kept.assets import assets_dir
from onnxhub._backend.kept.building import make
from onnxhub._backend.kept.entries import MANIFEST
from tests import tiny
from tests.hub_server import HubServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.cli.conftest import Run

pytestmark = pytest.mark.light

ROWS = ["kind", "model", "made_with", "size", "last_use", "key"]


class Home:
    """A home with things kept in it, and a Hub."""

    def __init__(self, path: Path, run: Run, hub: HubServer) -> None:
        self.path = path
        self.hub = hub
        self._run = run
        self._env = {"HF_HOME": str(path), "HF_ENDPOINT": hub.endpoint}

    def __call__(self, *arguments: str, code: int = 0, env: Mapping[str, str] | None = None) -> str:
        """What ``onnxhub cache`` with these arguments prints; its exit code must be this one."""
        done = self._run("cache", *arguments, env={**self._env, **(env or {})})
        self.complaint = done.stderr.decode()
        assert done.returncode == code, self.complaint
        return done.stdout.decode()

    def json(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """The same as JSON lines."""
        return [json.loads(line) for line in self(*arguments, "--json", code=code).splitlines()]

    def load(self) -> None:
        """Use the model of the Hub."""
        done = self._run("classify", "-m", "org/name", "a cat", env=self._env)
        assert done.returncode == 0, done.stderr

    def blob(self, name: str) -> Path:
        """The bytes of a file of the Hub's cache."""
        (path,) = (self.path / "hub" / "models--org--name" / "snapshots").glob(f"*/{name}")
        return path.resolve()


@pytest.fixture
def home(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Three entries, used 3, 2 and 1 days ago."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    for days, kind, key in ((1, "tokenizers", "a"), (3, "compiled", "b"), (2, "compiled", "c")):
        folder = make(kind, key, {"model": f"org/{key}", "onnxruntime": "1.32"}, write).folder
        os.utime(folder / MANIFEST, (time.time() - days * 86400,) * 2)
    with HubServer() as hub:
        hub.add("org/name", tiny.make_model(tmp_path / "model"))
        yield Home(tmp_path / "home", run, hub)


def write(folder: Path) -> None:
    """Something."""
    (folder / "data").write_bytes(random.Random(1).randbytes(300_000))


def flip(path: Path, place: int = 5) -> None:
    """One bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)


def test_ls(home: Home) -> None:
    """Every entry, the digests, the models of the Hub, and a sum that is one."""
    home.load()
    rows = home.json("ls")
    assert [(row["kind"], row["model"]) for row in rows] == [
        ("compiled", "org/b"), ("compiled", "org/c"), ("tokenizers", "org/a"), ("digests", ""), ("hub", "org/name"), ("total", ""),
    ]  # fmt: skip
    assert all(list(row) == ROWS for row in rows)
    assert rows[-1]["size"] == sum(row["size"] for row in rows[:-1])
    assert rows[0]["made_with"] == "onnxruntime 1.32"
    assert rows[4]["made_with"].endswith(", main")
    assert rows[4]["size"] == sum(path.stat().st_size for path in home.path.glob("hub/*/blobs/*"))
    cells = [line.split("\t") for line in home("ls").splitlines()]
    assert cells == [[str(value) for value in row.values()] for row in rows]


def test_at_a_terminal(home: Home, environment: dict[str, str], tmp_path: Path) -> None:
    """Sizes and days as people read them; a kind is cleared after a yes."""
    terminal = pytest.importorskip("tests.cli.terminal")
    env = {**environment, "HF_HOME": str(home.path)}
    code, seen = terminal.on_a_terminal(["cache", "ls"], tmp_path, env, width=120)
    shown = terminal.plain(seen)
    assert code == 0
    assert re.search(r"compiled +org/b +onnxruntime 1\.32 +300\.2 kB +\d{4}-\d\d-\d\d \d\d:\d\d +b\b", shown), shown
    assert re.search(r"total +901\.\d kB", shown), shown
    code, seen = terminal.on_a_terminal(["cache", "verify"], tmp_path, env)
    assert (code, terminal.plain(seen).split()[:3]) == (0, ["sound", "compiled", "org/b"])
    code, seen = terminal.on_a_terminal(["cache", "clear", "compiled", "--yes"], tmp_path, env)
    assert code == 0
    assert "600.4 kB" in terminal.plain(seen)


@pytest.mark.alike
def test_nothing_is_kept_yet(home: Home, tmp_path: Path) -> None:
    """A sum of nothing, and no error."""
    env = {"HF_HOME": str(tmp_path / "none")}
    assert home("ls", env=env) == "total\t\t\t0\t\t\n"
    assert home("verify", env=env) == ""
    assert home("prune", "--limit", "0", env=env) == home("clear", "--yes", env=env) == "total\t\tremoved\t0\t\t\n"


def test_verify(home: Home) -> None:
    """All sound; then each file that is not is named, and the exit code says so; the Hub is not asked."""
    home.load()
    sound = [("compiled", "org/b"), ("compiled", "org/c"), ("tokenizers", "org/a"), ("hub", "org/name")]
    rows = home.json("verify")
    assert [(row["kind"], row["model"]) for row in rows] == sound
    assert {row["state"] for row in rows} == {"sound"}
    asked = len(home.hub.requests)
    damaged = [
        assets_dir("compiled") / "b" / "data",
        assets_dir("tokenizers") / "a" / MANIFEST,
        home.blob("model.onnx"),
        home.blob("config.json"),
    ]
    for path in damaged:
        flip(path)
    missing = assets_dir("compiled") / "c" / "data"
    missing.unlink()
    rows = [row for row in home.json("verify", code=1) if row["state"] == "damaged"]
    assert sorted(row["file"] for row in rows) == sorted(map(str, [*damaged, missing]))
    assert len(home.hub.requests) == asked
    reasons = {Path(row["file"]).name: row["reason"] for row in rows}
    assert reasons[damaged[2].name] == "it does not have the digest that is its name; it is model.onnx"
    home.load()
    assert {row["state"] for row in home.json("verify", code=1) if row["kind"] == "hub"} == {"sound"}


def test_verify_names_what_else_may_be_wrong_with_a_model_of_the_hub(home: Home) -> None:
    """A listing that was changed, a link to nothing, and a file that is no link."""
    home.load()
    flip(next(home.path.glob("hub/*/onnxhub/main.json")))
    (config,) = home.path.glob("hub/*/snapshots/*/config.json")
    config.unlink()
    config.write_text("{}")
    blob = home.blob("tokenizer.json")
    blob.unlink()
    found = {Path(row["file"]).name: row["reason"] for row in home.json("verify", code=1) if row["state"] == "damaged"}
    assert set(found) == {"main.json", "config.json", "tokenizer.json"}
    assert found["tokenizer.json"] == f"it is a link to {blob}, which is missing"
    assert found["config.json"].startswith("it does not have the digest ")


def test_refresh(home: Home, tmp_path: Path) -> None:
    """The commit that was known, the one of now, and each file that differs; load takes it from then on."""
    (first,) = home.json("refresh", "org/name")
    assert (first["before"], first["changes"]) == (None, [])
    assert home("refresh", "org/name") == f"commit\t{first['now']}\t{first['now']}\n"
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "model" / "special_tokens_map.json").unlink()
    (tmp_path / "model" / "new.txt").write_text("new")
    now = home.hub.add("org/name", tmp_path / "model")
    rows = [line.split("\t") for line in home("refresh", "org/name").splitlines()]
    assert rows[0] == ["commit", first["now"], now]
    assert [row[:2] for row in rows[1:]] == [
        ["changed", "config.json"],
        ["added", "new.txt"],
        ["removed", "special_tokens_map.json"],
    ]
    assert rows[2][2] == "3"


def test_refresh_says_what_cannot_be_refreshed(home: Home, tmp_path: Path) -> None:
    """A folder, a model that is not there, a Hub that may not be asked."""
    home("refresh", str(tmp_path / "model"), code=2)
    assert "expected an id of the Hub; a folder is always as it is on disk" in home.complaint
    home("refresh", "org/other", code=1)
    assert "has no such model" in home.complaint
    home("refresh", "org/name", code=1, env={"HF_HUB_OFFLINE": "1"})
    assert "HF_HUB_OFFLINE=1 forbids" in home.complaint


@pytest.mark.alike
def test_prune(home: Home) -> None:
    """By size, by age, by the limit of the environment; what goes is shown, and the models of the Hub stay."""
    home.load()
    assert [row["model"] for row in home.json("prune", "--older-than", "60h")] == ["org/b", ""]
    assert [row["model"] for row in home.json("prune", "--limit", "310kB")] == ["org/c", ""]
    assert home("prune", "--limit", "1MB").startswith("total\t\tremoved\t0")
    assert home("prune", env={"ONNXHUB_CACHE_LIMIT": "1kB"}).splitlines()[-1].split("\t")[3] != "0"
    assert [row["kind"] for row in home.json("ls")] == ["digests", "hub", "total"]  # those of the files of the Hub


@pytest.mark.alike
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--limit", "much"], "--limit='much': expected a size such as 20GB"),
        (["--limit", "5"], "--limit='5': expected a size such as 20GB"),
        (["--limit", "-5GB"], "--limit='-5GB': expected a size"),
        (["--older-than", "5GB"], "--older-than='5GB': expected an age such as 30d"),
    ],
)
def test_prune_with_what_is_no_limit(home: Home, arguments: list[str], message: str) -> None:
    """The error says what would be one, and nothing goes."""
    home("prune", *arguments, code=2)
    assert message in home.complaint
    home("prune", code=2)
    home("prune", code=1, env={"ONNXHUB_CACHE_LIMIT": "much"})
    assert "ONNXHUB_CACHE_LIMIT='much': expected a size" in home.complaint
    assert len(home.json("ls")) == 5


@pytest.mark.alike
def test_clear(home: Home) -> None:
    """One kind, or all, remembered digests too; only with --yes where nobody can be asked."""
    home("clear", code=2)
    assert "--yes" in home.complaint
    assert [row["model"] for row in home.json("clear", "compiled", "--yes")] == ["org/b", "org/c", ""]
    home("clear", "compield", "--yes", code=2)
    assert "did you mean 'compiled'" in home.complaint
    rows = home.json("clear", "-y")
    assert [(row["kind"], row["model"]) for row in rows] == [("tokenizers", "org/a"), ("digests", ""), ("total", "")]
    assert rows[-1]["size"] == rows[0]["size"] + rows[1]["size"] > rows[0]["size"]
    assert home("ls") == "total\t\t\t0\t\t\n"


@pytest.mark.alike
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_what_stays_is_told(home: Home) -> None:
    """With the reason, on standard error; the rest goes."""
    os.chown(assets_dir("compiled") / "b", 54321, 54321)
    assert [row["model"] for row in home.json("prune", "--limit", "0")] == ["org/c", "org/a", ""]
    assert home.complaint == f"onnxhub: {assets_dir('compiled') / 'b'} stays: it belongs to another user (54321)\n"
