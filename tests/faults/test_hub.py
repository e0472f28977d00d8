"""From a model id to files, with the real huggingface_hub against a Hub on this machine, in processes of their own."""

from __future__ import annotations

import json
import os
import pickle
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from onnxhub import errors
from onnxhub._backend.kept.assets import read_sealed, write_sealed
from onnxhub._backend.repository.repository import Repository, fetch_model, open_repository
from tests.hub_server import LISTING, HubServer, run_python

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.light

TOKEN = "hf_CANARYcanaryCANARY"
FILES = {"config.json": b'{"labels": 2}', "onnx/model.onnx": b"m" * 100_000, "modules.json": b"[1]"}
ADVICE = (
    "fetch it beforehand with `hf download org/name`, or from a mirror that HF_ENDPOINT names, or load a folder or a model of "
    "onnxhub.builtin.names(), which need no network"
)
PRELUDE = """
import json, logging, pickle, sys, time, traceback
from pathlib import Path
time.sleep = lambda seconds: None  # huggingface_hub waits for 23 s between its attempts
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
sockets = []
watched = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname")
sys.addaudithook(lambda event, args: sockets.append(event) if event in watched else None)
from onnxhub import errors
from onnxhub._backend.repository.repository import fetch_model, open_repository

def failure(call):
    try:
        call()
    except errors.OnnxHubError as exc:
        return [type(exc).__name__, str(exc), "".join(traceback.format_exception(exc))]

def report(**values):
    print(json.dumps({**values, "sockets": len(sockets), "imported": "huggingface_hub" in sys.modules}))
"""


class Home:
    """A home directory in which snippets run, one process each."""

    def __init__(self, path: Path, hub: HubServer) -> None:
        self.path = path
        self.hub = hub
        self.cache = path / "huggingface" / "hub"
        self.output: list[str] = []

    def run(self, code: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run the snippet and give what it reported."""
        done = run_python(PRELUDE + code, self.path, {"HF_ENDPOINT": self.hub.endpoint, **(env or {})})
        self.output += [done.stdout, done.stderr]
        assert done.returncode == 0, done.stderr
        reported: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return reported

    def fails(self, call: str, env: Mapping[str, str] | None = None) -> tuple[str, str]:
        """The class and the message of the error that the expression raises."""
        kind, message, _ = self.run(f"report(failure=failure(lambda: {call}))", env)["failure"]
        return kind, message


@pytest.fixture
def home(tmp_path: Path, hub: HubServer) -> Home:
    """An empty home and a running Hub."""
    return Home(tmp_path, hub)


OPEN = "open_repository('org/name')"
LOAD = """
repository = open_repository('org/name')
report(commit=repository.commit, source=repository.source, config=repository.json('config.json'),
       modules=repository.json_list('modules.json'), model=str(repository.path('onnx/model.onnx')),
       missing=repository.json('none.json'), hashes=dict(repository.hashes))
"""


def test_a_cached_model_opens_no_socket_and_imports_no_client(home: Home) -> None:
    """The first load lists once and downloads; the second is files alone, and both say the same."""
    commit = home.hub.add("org/name", FILES)
    first = home.run(LOAD)
    assert (first["commit"], first["source"]) == (commit, "hub")
    assert (first["config"], first["modules"], first["missing"]) == ({"labels": 2}, [1], None)
    assert Path(first["model"]).read_bytes() == FILES["onnx/model.onnx"]
    assert Path(first["model"]).resolve().name == first["hashes"]["onnx/model.onnx"]
    assert [r.path for r in home.hub.requests].count("/api/models/org/name/revision/main") == 1
    asked = len(home.hub.requests)
    for env in ({}, {"HF_HUB_OFFLINE": "1"}, {"HF_HUB_CACHE": str(home.cache), "HF_HOME": "/nowhere"}):
        again = home.run(LOAD, env)
        assert (again.pop("sockets"), again.pop("imported")) == (0, False)
        assert again.items() <= first.items()
    assert len(home.hub.requests) == asked


def test_local_files_only_with_a_cache_dir_of_its_own(home: Home) -> None:
    """What one process cached in a folder, another uses from there without a socket."""
    home.hub.add("org/name", FILES)
    code = "r = open_repository('org/name', cache_dir='mine'{}); report(model=str(r.path('onnx/model.onnx')))"
    assert home.run(code.format(""))["sockets"] > 0
    again = home.run(code.format(", local_files_only=True"))
    assert (again["sockets"], again["imported"]) == (0, False)
    assert again["model"].startswith("mine")
    assert home.fails("open_repository('org/name', local_files_only=True)")[0] == "OfflineError"


def test_branch_tag_and_commit(home: Home) -> None:
    """Each revision leads to its commit, and a commit that was listed under another name needs no network."""
    first = home.hub.add("org/name", {"a": b"1"})
    home.hub.tag("org/name", "v1")
    second = home.hub.add("org/name", {"a": b"2"}, branch="dev/x")
    code = "report(commits=[open_repository('org/name', revision=r).commit for r in {!r}])"
    assert home.run(code.format([None, "v1", "dev/x"]))["commits"] == [first, first, second]
    again = home.run(code.format([first, second]))
    assert (again["commits"], again["sockets"]) == ([first, second], 0)
    assert home.fails("open_repository('org/name', revision='v2')") == (
        "ModelNotFoundError",
        "org/name: it has no branch, tag or commit 'v2'",
    )


def test_refresh_asks_for_the_newest_commit(home: Home) -> None:
    """A branch that moved is noticed on request, and the old commit stays loadable."""
    old = home.hub.add("org/name", {"config.json": b'{"v": 1}'})
    code = "r = open_repository('org/name'{}); report(commit=r.commit, config=r.json('config.json'))"
    assert home.run(code.format(""))["config"] == {"v": 1}
    new = home.hub.add("org/name", {"config.json": b'{"v": 2}'})
    assert home.run(code.format(""))["commit"] == old
    refreshed = home.run(code.format(", refresh=True"))
    assert (refreshed["commit"], refreshed["config"]) == (new, {"v": 2})
    assert home.run(code.format(""))["commit"] == new
    assert home.run(code.format(f", revision='{old}', local_files_only=True"))["config"] == {"v": 1}


def test_refresh_needs_the_hub(home: Home) -> None:
    """Who asks for the newest commit gets it or an error, not an older one."""
    home.hub.add("org/name", {"a": b"1"})
    home.run("open_repository('org/name'); report()")
    for env in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        kind, message = home.fails("open_repository('org/name', refresh=True)", env)
        assert kind == "OfflineError"
        assert "HF_HUB_OFFLINE=1" in message or "Connection refused" in message


def test_the_listing_decides_and_not_the_disk(home: Home) -> None:
    """A stray file in the snapshot is not part of the model; a listed one that is not there is fetched."""
    commit = home.hub.add("org/name", FILES)
    home.run(f"{OPEN}.path('config.json'); report()")
    (home.cache / "models--org--name" / "snapshots" / commit / "stray.json").write_text("{}")
    later = home.run(
        f"r = {OPEN}; report(files=sorted(r.files), stray=r.has('stray.json'), p=str(r.path('modules.json')))"
    )
    assert later["files"] == sorted(FILES)
    assert not later["stray"]
    assert Path(later["p"]).read_bytes() == b"[1]"
    kind, message = home.fails(f"{OPEN}.path('stray.json')")
    assert kind == "ModelNotFoundError"
    assert "it has: config.json, onnx/model.onnx, modules.json" in message
    assert home.fails(f"{OPEN}.path('onnx/model.onnx')", {"HF_HUB_OFFLINE": "1"}) == (
        "OfflineError",
        f"org/name: onnx/model.onnx is not in the cache, and HF_HUB_OFFLINE=1; {ADVICE}",
    )


def test_a_gated_model(home: Home) -> None:
    """The error names the page where the licence is accepted; with access the model loads."""
    home.hub.add("org/name", FILES, gated=True, token=TOKEN)
    for token in (None, "hf_other"):
        kind, message = home.fails(f"open_repository('org/name', token={token!r}).path('onnx/model.onnx')")
        assert kind == "GatedModelError"
        assert message.startswith("org/name: onnx/model.onnx is gated; accept its licence")
        assert message.endswith(f": {home.hub.endpoint}/org/name")
    home.run(f"open_repository('org/name', token={TOKEN!r}).path('onnx/model.onnx'); report()")


def test_a_private_model_and_one_that_does_not_exist(home: Home) -> None:
    """The Hub answers the same for both, so the error speaks of both."""
    home.hub.add("org/name", FILES, private=True, token=TOKEN)
    for name in ("org/name", "org/nmae", "gpt3"):
        kind, message = home.fails(f"open_repository({name!r})")
        assert kind == "ModelNotFoundError"
        assert message.startswith(f"{name}: {home.hub.endpoint} has no such model; if it is private, pass token=")
        assert message.endswith(f", and there is no folder {name} in {home.path}")
    assert "the token gives no access" in home.fails("open_repository('org/name', token='hf_other')")[1]
    assert home.fails("open_repository('org/name', token=True)")[0] == "InvalidOptionError"
    opened = home.run(f"report(files=len(open_repository('org/name', token={TOKEN!r}).files))")
    assert opened["files"] == len(FILES)
    saved = home.run("report(files=len(open_repository('org/name', refresh=True).files))", {"HF_TOKEN": TOKEN})
    assert saved["files"] == len(FILES)


def test_the_token_stays_where_it_belongs(home: Home) -> None:
    """No message, traceback, log, repr, pickle or stored file holds the token, and the CDN never gets it."""
    home.hub.add("org/name", {**FILES, "onnx/other.onnx": b"o"}, private=True, token=TOKEN)
    home.hub.fail("onnx/other.onnx", status=500)
    home.run(
        f"""
token = {TOKEN!r}
r = open_repository('org/name', token=token)
r.path('onnx/model.onnx'), r.json('config.json')
print(r, vars(pickle.loads(pickle.dumps(r))), pickle.dumps(r))
for call in (
    lambda: r.path('onnx/other.onnx'),
    lambda: r.path('none'),
    lambda: open_repository('org/name', token=token, revision='none'),
    lambda: open_repository('org/none', token=token),
    lambda: open_repository('org/none', token=token + chr(10)),
    lambda: open_repository('org/none', token=token + 'é'),
):
    print(*failure(call))
report()
"""
    )
    files = [path for path in home.path.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert not [text for text in home.output if "CANARY" in text]
    assert not [path for path in files if b"CANARY" in path.read_bytes()]
    hosts = {(request.host, request.authorization) for request in home.hub.requests}
    assert hosts == {("hub", True), ("cdn", False)}


def sharded(*locations: str) -> dict[str, bytes]:
    """A model y = x + w1 + w2 + ..., each w in a file of its own; the files by their names."""
    names = [f"w{i}" for i in range(len(locations))]
    sums = [f"sum{i}" for i in range(len(locations) - 1)]
    nodes = [
        helper.make_node("Add", [before, name], [after])
        for before, name, after in zip(["x", *sums], names, [*sums, "y"], strict=True)
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:])
    for name, location in zip(names, locations, strict=True):
        tensor = graph.initializer.add(name=name, data_type=TensorProto.FLOAT, dims=[4])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    weights = {f"onnx/{location}": np.full(4, 10**i, np.float32).tobytes() for i, location in enumerate(locations)}
    return {"onnx/model.onnx": model.SerializeToString(), **weights}


SHARDS = ("model.onnx.data", "model.onnx_data_1", "nested/deep/shard.bin")
FETCH = "fetch_model(open_repository('org/name'), 'onnx/model.onnx')"


def test_external_data_of_every_layout_loads(home: Home) -> None:
    """Every file that the protobuf names is fetched, and ONNX Runtime loads them through the cache's links."""
    home.hub.add("org/name", {**sharded(*SHARDS), "onnx/model_q4.onnx": b"not fetched"})
    code = f"{FETCH}; report(path=str(open_repository('org/name').path('onnx/model.onnx')))"
    path = home.run(code)["path"]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": np.zeros(4, np.float32)})[0].tolist() == [111.0] * 4
    assert Path(path).is_symlink()
    assert not any("q4" in request.path for request in home.hub.requests)
    assert home.run(code)["sockets"] == 0


@pytest.mark.parametrize("shard", SHARDS)
def test_a_shard_that_fails_is_named(home: Home, shard: str) -> None:
    """An HTTP 500 on one of the files says which; when the Hub is back, the model loads."""
    home.hub.add("org/name", sharded(*SHARDS))
    home.hub.fail(f"onnx/{shard}", status=500)
    kind, message = home.fails(FETCH)
    assert kind == "OfflineError"
    assert message.startswith(f"org/name: onnx/{shard} could not be fetched from {home.hub.endpoint} (HTTP 500)")
    home.hub.failures.clear()
    home.run(f"{FETCH}; report()")


def test_a_shard_that_is_missing_is_named(home: Home) -> None:
    """A repository without one of its weight files is damaged, and ONNX Runtime is not asked to find out."""
    files = sharded(*SHARDS)
    del files["onnx/model.onnx_data_1"]
    home.hub.add("org/name", files)
    kind, message = home.fails(FETCH)
    assert kind == "IntegrityError"
    assert "its weights are in onnx/model.onnx_data_1, which does not exist" in message


def test_a_model_that_climbs_out_fetches_nothing_else(home: Home) -> None:
    """A location outside the folder ends the load before it is asked for."""
    home.hub.add("org/name", sharded("ok.bin", "../../secret"))
    assert home.fails(FETCH)[0] == "UnsafeModelError"
    assert not any("ok.bin" in request.path for request in home.hub.requests)


@pytest.mark.parametrize(
    ("env", "because"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE=1 forbids"),
        ({"HF_HUB_OFFLINE": "on"}, "HF_HUB_OFFLINE=on forbids"),
        ({"TRANSFORMERS_OFFLINE": "YES"}, "TRANSFORMERS_OFFLINE=YES forbids"),
    ],
)
def test_offline_and_nothing_cached(home: Home, env: dict[str, str], because: str) -> None:
    """The error says what forbids the network, and no socket is opened."""
    reported = home.run(f"report(failure=failure(lambda: {OPEN}))", env)
    kind, message, _ = reported["failure"]
    assert (kind, reported["sockets"], reported["imported"]) == ("OfflineError", 0, False)
    assert because in message
    assert "load it once without that" in message
    assert message.endswith(ADVICE)


def test_no_network_and_nothing_cached(home: Home) -> None:
    """A refused connection is told as such, with the address."""
    kind, message = home.fails(OPEN, {"HF_ENDPOINT": "http://user:CANARY@127.0.0.1:9"})
    assert kind == "OfflineError"
    assert "could not be fetched from http://127.0.0.1:9 (Connect" in message
    no_folder = f", and there is no folder org/name in {home.path}"
    assert f"Error: Connection refused){no_folder}; try again later, or {ADVICE}" in message
    assert "CANARY" not in message


def test_the_traceback_of_a_network_that_fails_is_short(home: Home) -> None:
    """The cause is one line, of the HTTP library's own class; the log has all of it where DEBUG is asked for."""
    code = f"""
log = []
handler = logging.Handler()
handler.emit = lambda record: log.append(logging.Formatter().format(record))
logging.getLogger("onnxhub").addHandler(handler)
try:
    {OPEN}
except Exception as error:
    report(whole="".join(traceback.format_exception(error)), cause="".join(traceback.format_exception(error.__cause__)),
           log=[text for text in log if "could not be fetched" in text])
"""
    told = home.run(code, {"HF_ENDPOINT": "http://user:CANARY@127.0.0.1:9"})
    assert len(told["cause"].splitlines()) == 1
    assert "Connect" in told["cause"]
    assert told["whole"].startswith(told["cause"])
    assert told["whole"].count("Traceback (most recent call last)") == 1
    (logged,) = told["log"]
    assert "During handling of the above exception" in logged or "The above exception was the direct cause" in logged
    assert "CANARY" not in json.dumps(told)


@pytest.mark.parametrize("status", [200, 500, 503])
def test_a_hub_out_of_order(home: Home, status: int) -> None:
    """An error page, or the page of a captive portal, in place of the listing."""
    home.hub.add("org/name", FILES)
    home.hub.fail(LISTING, status=status)
    kind, message = home.fails(OPEN)
    assert kind == "OfflineError"
    assert "the list of files of revision 'main' could not be fetched" in message


def test_a_snapshot_of_another_tool(home: Home) -> None:
    """What huggingface_hub downloaded is used offline, and is known for a part that may not be the whole."""
    commit = home.hub.add("org/name", FILES)
    home.run("import huggingface_hub as h; h.hf_hub_download('org/name', 'config.json'); report()")
    code = "r = open_repository('org/name'); report(commit=r.commit, source=r.source, files=list(r.files))"
    for env in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        offline = home.run(code, env)
        assert (offline["commit"], offline["source"], offline["files"]) == (commit, "snapshot", ["config.json"])
    assert "(the Hub could not be asked)" in home.fails(f"{OPEN}.path('modules.json')", {"HF_HUB_OFFLINE": "1"})[1]
    online = home.run(code)
    assert (online["source"], online["files"]) == ("hub", list(FILES))


def test_a_cache_that_cannot_be_written(home: Home) -> None:
    """Where no listing can be stored, the model loads all the same; the reason is in the log."""
    home.hub.add("org/name", FILES)
    folder = home.cache / "models--org--name"
    folder.mkdir(parents=True)
    (folder / "onnxhub").write_text("in the way, even of root")
    assert home.run(LOAD)["source"] == "hub"
    assert "is not stored" in home.output[-1]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'{"commit": "x", "files": {}}',
        {"commit": "x", "files": {}},
        {"commit": 1, "files": 2},
        b"\xff",
    ],
)
def test_a_damaged_listing_is_made_anew(home: Home, damage: bytes | dict[str, object]) -> None:
    """A listing that cannot be read, lacks its seal or makes no sense is fetched again."""
    commit = home.hub.add("org/name", FILES)
    stored = home.cache / "models--org--name" / "onnxhub" / "main.json"
    stored.parent.mkdir(parents=True)
    if isinstance(damage, bytes):
        stored.write_bytes(damage)
    else:
        write_sealed(stored, damage)
    assert home.run(LOAD)["commit"] == commit
    assert read_sealed(stored)["commit"] == commit
    assert sorted(path.name for path in stored.parent.iterdir()) == sorted(["main.json", f"{commit}.json"])


def test_a_listing_that_climbs_out_is_not_used(home: Home) -> None:
    """A stored listing cannot make the library read files outside the cache."""
    commit = home.hub.add("org/name", FILES)
    stored = home.cache / "models--org--name" / "onnxhub" / "main.json"
    stored.parent.mkdir(parents=True)
    entry = {"size": None, "hash": None}
    write_sealed(stored, {"commit": commit, "files": {"../../../secret": entry}})
    assert home.run(f"report(files=list({OPEN}.files))")["files"] == list(FILES)


def test_an_interrupted_download_recovers(home: Home) -> None:
    """When the Hub hangs up in the middle, the file comes out whole, at once or on the next load."""
    home.hub.add("org/name", FILES)
    home.hub.drop("onnx/model.onnx", after=30_000, times=1)
    first = home.run(f"report(failure=failure(lambda: {OPEN}.path('onnx/model.onnx')))")["failure"]
    assert first is None or (first[0] == "OfflineError" and "onnx/model.onnx could not be fetched" in first[1])
    assert Path(home.run(LOAD)["model"]).read_bytes() == FILES["onnx/model.onnx"]


@pytest.mark.parametrize(
    ("proxy", "said"), [("foo://x", "is the address of a proxy wrong?"), ("socks5://127.0.0.1:9", "")]
)
def test_a_proxy_that_cannot_be_used_is_told(home: Home, proxy: str, said: str) -> None:
    """Of a kind that nobody knows, or that needs another package: as any network that is out of order."""
    home.hub.add("org/name", FILES)
    addresses = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), proxy)
    kind, message = home.fails(f"{OPEN}.path('config.json')", {**addresses, "NO_PROXY": ""})
    assert kind == "OfflineError"
    assert "org/name: the list of files of revision 'main' could not be fetched" in message
    assert said in message


def test_a_cut_file_in_the_cache_is_fetched_anew(home: Home) -> None:
    """Offline, the error names the file and both sizes; where the Hub can be asked, the file is made whole."""
    home.hub.add("org/name", FILES)
    blob = Path(home.run(LOAD)["model"]).resolve()
    blob.write_bytes(b"m" * 5)
    kind, message = home.fails(f"{OPEN}.path('onnx/model.onnx')", {"HF_HUB_OFFLINE": "1"})
    assert kind == "IntegrityError"
    assert message.startswith(f"onnx/model.onnx: org/name: {blob} has 5 bytes where 100000 are expected")
    assert Path(home.run(LOAD)["model"]).read_bytes() == FILES["onnx/model.onnx"]
    assert f"{blob} has 5 bytes" in home.output[-1]


def test_a_file_that_the_cache_only_links_to_is_left_alone(home: Home, tmp_path: Path) -> None:
    """Whoever put a link to a file of their own into the cache keeps the file, when the Hub's takes its place."""
    home.hub.add("org/name", FILES)
    entry = Path(home.run(LOAD)["model"])
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(b"mine")
    entry.unlink()
    entry.symlink_to(mine)
    assert Path(home.run(LOAD)["model"]).read_bytes() == FILES["onnx/model.onnx"]
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["onnx/model.onnx", "config.json"])
def test_every_flipped_bit_is_found(home: Home, name: str) -> None:
    """One bit that differs, size and date kept: the error names the file, and the Hub's copy replaces it."""
    home.hub.add("org/name", FILES)
    blob = Path(home.run(f"report(path=str({OPEN}.path({name!r})))")["path"]).resolve()
    whole, times = blob.read_bytes(), blob.stat()
    chance = random.Random(0)
    code = """
import os
from pathlib import Path
found = 0
for position, bit in {flips}:
    data = bytearray(Path({blob!r}).read_bytes())
    data[position] ^= 1 << bit
    Path({blob!r}).write_bytes(data)
    os.utime({blob!r}, ns=({atime}, {mtime}))
    error = failure(lambda: open_repository('org/name', local_files_only=True).path({name!r}))
    found += error is not None and error[0] == 'IntegrityError' and {name!r} in error[1]
    data[position] ^= 1 << bit
    Path({blob!r}).write_bytes(data)
    assert failure(lambda: open_repository('org/name', local_files_only=True).path({name!r})) is None
report(found=found)
"""
    flips = [(chance.randrange(len(whole)), chance.randrange(8)) for _ in range(200)]
    values = {"flips": flips, "blob": str(blob), "name": name, "atime": times.st_atime_ns, "mtime": times.st_mtime_ns}
    assert home.run(code.format(**values))["found"] == 200
    blob.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    assert Path(home.run(f"report(path=str({OPEN}.path({name!r})))")["path"]).read_bytes() == whole


@pytest.mark.parametrize(
    "model_id",
    ["org name", "a--b", "a..b", "org/name.git", "x" * 97, "", "-a", "https://huggingface.co/org/name", "ü/x"],
)
def test_a_malformed_id(model_id: str) -> None:
    """What cannot be an id of the Hub is refused before anything is asked."""
    with pytest.raises(errors.InvalidOptionError, match="an id of the Hub such as 'org/name', or a local folder"):
        open_repository(model_id)


@pytest.mark.parametrize("revision", ["", "../x", "a b", "a\\b", "/etc", "a..b"])
def test_a_malformed_revision(revision: str) -> None:
    """A revision is part of a path, so it may be what git allows and nothing more."""
    with pytest.raises(errors.InvalidOptionError, match="revision="):
        open_repository("org/name", revision=revision)


@pytest.mark.parametrize("model_id", ["./none", "../none/", "/none", "~/none", "org/name/", "a/b/c", Path("org/name")])
def test_a_folder_that_does_not_exist(model_id: str | Path) -> None:
    """What looks like a path is never looked for on the Hub."""
    with pytest.raises(errors.ModelNotFoundError, match="no such folder"):
        open_repository(model_id)


def test_a_local_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is a repository, absolute or relative, without hidden folders and without a commit."""
    for name, data in {**FILES, ".git/config": b"", ".cache/x/y": b"", "a/b/c/d/e/too-deep": b""}.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for model_id in ("model", "./model", "~/model", str(tmp_path / "model"), tmp_path / "model"):
        repository = open_repository(model_id)
        assert repository.files == {name: len(data) for name, data in sorted(FILES.items())}
        assert (repository.source, repository.commit, repository.model_id) == ("folder", None, os.fspath(model_id))
        assert repository.path("onnx/model.onnx").read_bytes() == FILES["onnx/model.onnx"]
    assert isinstance(pickle.loads(pickle.dumps(repository)), Repository)
    with pytest.raises(errors.ModelNotFoundError, match=r"did you mean 'config\.json'"):
        repository.path("confg.json")
    (tmp_path / "model" / "config.json").write_text('{"edited": "since"}')
    assert repository.json("config.json") == {"edited": "since"}
    (tmp_path / "model" / "config.json").unlink()
    with pytest.raises(errors.ModelNotFoundError, match="has vanished"):
        repository.path("config.json")


def test_folders_that_are_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, a file, a folder of thousands of files, and a revision of a folder."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(errors.ModelNotFoundError, match="the folder is empty"):
        open_repository(tmp_path / "empty")
    with pytest.raises(errors.ModelNotFoundError, match=r"pass its folder, and file='model\.onnx'"):
        open_repository(tmp_path / "model.onnx")
    with pytest.raises(errors.InvalidOptionError, match="is a local folder"):
        open_repository(tmp_path, revision="main")
    monkeypatch.setattr("onnxhub._backend.repository.cache._MAX_FILES", 0)
    with pytest.raises(errors.ModelNotFoundError, match="not the folder of one model"):
        open_repository(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1 "b"}', "line 1 column 9"),
        (b"\xff{}", "position 0"),
        (b"[]", "it holds a list, not a dict"),
        (b"null", "it holds a NoneType, not a dict"),
        (b"[" * 200_000, "recursion"),
    ],
)
def test_broken_json(tmp_path: Path, content: bytes, message: str) -> None:
    """The error names the file and the position."""
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(errors.IntegrityError, match=message) as raised:
        open_repository(tmp_path).json("config.json")
    assert raised.value.path == "config.json"


def test_external_data_of_a_local_folder(tmp_path: Path) -> None:
    """A local folder is held to the same rules."""
    for name, data in sharded(*SHARDS).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    repository = open_repository(tmp_path)
    assert fetch_model(repository, "onnx/model.onnx").operators == {"Add"}
    assert onnx.load(repository.path("onnx/model.onnx")).graph.initializer[0].name == "w0"
    (tmp_path / "onnx" / SHARDS[2]).unlink()
    with pytest.raises(errors.IntegrityError, match=r"onnx/nested/deep/shard\.bin, which does not exist"):
        fetch_model(open_repository(tmp_path), "onnx/model.onnx")


def test_an_id_of_nothing_that_is_known_may_have_been_a_folder(home: Home) -> None:
    """It is told that there is none, and of what bundled model it is the name; of a known repository neither is said."""
    for name, env in (("models/none", {"HF_HUB_OFFLINE": "1"}), ("sentiment", None), ("builtin/QA", None)):
        message = home.fails(f"open_repository({name!r})", env)[1]
        assert f", and there is no folder {name} in {home.path}" in message
        bundled = {
            "sentiment": "; the bundled model is 'builtin:sentiment'",
            "builtin/QA": "; the bundled model is 'builtin:qa'",
        }
        assert bundled.get(name, "which HF_HUB_OFFLINE=1 forbids") in message
    home.hub.add("org/name", FILES)
    home.run("report(model=str(open_repository('org/name').path('config.json')))")
    assert "folder" not in home.fails("open_repository('org/name', revision='v9')")[1]
    assert "folder org/name" not in home.fails("open_repository('org/name', refresh=True)", {"HF_HUB_OFFLINE": "1"})[1]
    # One that nobody named, as a task's default model, is no name of a folder.
    unnamed = "open_repository('org/other', named=False)"
    assert "there is no folder" not in home.fails(unnamed, {"HF_HUB_OFFLINE": "1"})[1]
