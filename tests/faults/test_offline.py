"""Rows 5 and 6: a warm cache needs no network at all, and a token is told to nobody."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests import tiny
from tests.hub_server import HubServer, run_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TOKEN = "hf_CANARYcanaryCANARY"
TASKS = ("text-classification", "question-answering", "token-classification", "feature-extraction")
INPUTS = {task: ("What?", "Paris is it") if task == "question-answering" else "a good one" for task in TASKS}

CODE = """
import json, logging, pickle, sys, time, traceback
time.sleep = lambda seconds: None
sockets = []
watched = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
sys.addaudithook(lambda event, args: sockets.append(event) if event in watched else None)
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
import onnxhub
found = {}
for task, text in INPUTS.items():
    options = dict(OPTIONS)
    if "revision" in options:
        options["revision"] = options["revision"][task]
    text = tuple(text) if isinstance(text, list) else text
    model = onnxhub.load(task, "org/" + task, **options)
    again = pickle.loads(pickle.dumps(model))
    assert repr(again(text)) == repr(model(text))
    found[task] = {"result": repr(model(text)), "revision": model.info.revision, "pickle": repr(pickle.dumps(model)),
                   "repr": repr(model) + repr(model.info) + repr(model.backend) + repr(vars(model))}
print(json.dumps({"found": found, "sockets": len(sockets), "huggingface_hub": "huggingface_hub" in sys.modules,
                  "heavy": sorted({"torch", "transformers", "optimum"} & set(sys.modules))}))
"""


class Warm:
    """A home whose cache, and a cache of its own name, hold the models of all tasks."""

    def __init__(self, home: Path, hub: HubServer) -> None:
        self.home = home
        self.hub = hub
        self.commits = {}
        for task in TASKS:
            folder = tiny.make_model(home / "made" / task, task, file="onnx/model.onnx", external_data="shards")
            if task == "feature-extraction":
                tiny.write_sentence_transformers(folder, "cls", dense=True)
            self.commits[task] = hub.add(f"org/{task}", folder, private=True, token=TOKEN)
            hub.tag(f"org/{task}", "v1")
        self.output: list[str] = []
        self.first = self.run({"token": TOKEN})
        self.run({"token": TOKEN, "cache_dir": str(home / "mine")})

    def run(self, options: Mapping[str, Any], env: Mapping[str, str] | None = None, code: str = CODE) -> dict[str, Any]:
        """Load all tasks in a new process, call them, and tell what happened."""
        variables = f"INPUTS, OPTIONS = {INPUTS!r}, {dict(options)!r}\n"
        done = run_python(variables + code, self.home, {"HF_ENDPOINT": self.hub.endpoint, **(env or {})})
        self.output += [done.stdout, done.stderr]
        assert done.returncode == 0, done.stderr[-3000:]
        reported: dict[str, Any] = json.loads(done.stdout)
        return reported


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """A warm cache, and the Hub that it came from."""
    with HubServer() as hub:
        made = Warm(tmp_path_factory.mktemp("home"), hub)
        shutil.rmtree(made.home / "made")
        yield made


@pytest.mark.parametrize(
    ("options", "env"),
    [
        ({}, {}),
        ({"revision": "main"}, {}),
        ({"revision": "commit"}, {}),
        ({}, {"HF_HUB_OFFLINE": "1"}),
        ({"revision": "commit"}, {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}),
        ({"local_files_only": True, "cache_dir": "mine"}, {}),
        ({"local_files_only": True, "cache_dir": "mine", "revision": "commit"}, {"HF_HUB_OFFLINE": "1"}),
        ({"local_files_only": True}, {"TRANSFORMERS_OFFLINE": "1"}),
    ],
    ids=str,
)
def test_a_warm_cache_opens_no_socket(warm: Warm, options: dict[str, Any], env: dict[str, str]) -> None:
    """Row 5: every task loads and answers as at first, pickled too, without one attempt and without huggingface_hub."""
    if options.get("revision"):
        wanted = warm.commits if options["revision"] == "commit" else dict.fromkeys(TASKS, options["revision"])
        options = {**options, "revision": wanted}
    if "cache_dir" in options:
        options = {**options, "cache_dir": str(warm.home / "mine")}
    asked = len(warm.hub.requests)
    again = warm.run(options, env)
    assert (again["sockets"], again["huggingface_hub"], again["heavy"]) == (0, False, [])
    assert len(warm.hub.requests) == asked
    for task in TASKS:
        assert again["found"][task]["result"] == warm.first["found"][task]["result"]
        assert again["found"][task]["revision"] == warm.commits[task]


def test_the_first_load_asked_once(warm: Warm) -> None:
    """The listing of each repository once, and no file that is not needed."""
    assert warm.first["sockets"] > 0
    listed = [request.path for request in warm.hub.requests if request.path.startswith("/api/")]
    assert max(listed.count(path) for path in listed) <= 2  # one for each of the two caches
    fetched = {request.path.rpartition("/")[2] for request in warm.hub.requests if "/resolve/" in request.path}
    assert {
        "config.json",
        "tokenizer.json",
        "model.onnx",
        "model.onnx_data",
        "model.onnx_data_2",
        "modules.json",
    } <= fetched


def test_a_tag_is_asked_for_once(warm: Warm) -> None:
    """Its listing is then stored as that of a branch."""
    tag = {"revision": dict.fromkeys(TASKS, "v1")}
    assert warm.run({**tag, "token": TOKEN})["sockets"] > 0
    again = warm.run(tag)
    assert again["sockets"] == 0
    assert {task: found["revision"] for task, found in again["found"].items()} == warm.commits


def test_a_token_is_told_to_nobody(warm: Warm) -> None:
    """Row 6: not in a log, a repr, a pickle, an error, a file, nor to the host of the large files."""
    failing = """
import json, logging, pickle, sys, time, traceback
time.sleep = lambda seconds: None
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
import onnxhub
TOKEN = OPTIONS["token"]
told = []
for model, options in (
    ("org/none", {}), ("org/text-classification", {"revision": "none"}), ("org/text-classification", {"dtype": "q4"}),
    ("org/text-classification", {"provider": "nonsense"}), ("org/question-answering", {}), ("org/broken", {}),
):
    try:
        onnxhub.load("text-classification", model, token=TOKEN, refresh=True, **options)
    except onnxhub.errors.OnnxHubError as error:
        told += ["".join(traceback.format_exception(error)), repr(error), str(error.args), repr(pickle.dumps(error))]
    else:
        told = None
        break
try:
    onnxhub.load("text-classification", "org/none", token=TOKEN + " \\u00fc")
except onnxhub.errors.OnnxHubError as error:
    told += [str(error), repr(error), repr(pickle.dumps(error))]
print(json.dumps(told))
"""
    warm.hub.add("org/broken", {"config.json": b"{}", "model.onnx": b"x" * 999}, private=True, token=TOKEN)
    warm.hub.fail("model.onnx", status=500)
    told: Any = warm.run({"token": TOKEN}, code=failing)
    assert len(told) == 6 * 4 + 3
    said = "".join([*told, *warm.output, json.dumps(warm.first)])
    assert "org/text-classification" in said
    assert "CANARY" not in said
    files = [path for path in warm.home.rglob("*") if path.is_file()]
    assert len(files) > 40
    assert not [path for path in files if b"CANARY" in path.read_bytes()]
    assert any(request.authorization for request in warm.hub.requests if request.host == "hub")
    assert any(request.host == "cdn" for request in warm.hub.requests)
    assert not any(request.authorization for request in warm.hub.requests if request.host == "cdn")


QUIET = """
import onnxhub
with onnxhub.load("text-classification", "builtin:sentiment") as model:
    model("Quite easy!")
"""


def test_onnx_runtime_reports_to_nobody(tmp_path: Path) -> None:
    """No store of events to send is made in the home, as ONNX Runtime 1.32 would; Python's hooks could not see it send."""
    done = run_python(QUIET, tmp_path)
    assert done.returncode == 0, done.stderr
    assert not [path for path in tmp_path.rglob("*") if tmp_path / "huggingface" not in (path, *path.parents)]
