"""Models made to do harm: damaged in any way they never take the process along, and nothing that comes with them runs."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest
from onnx import helper

import onnxhub
from onnxhub.errors import UnsafeModelError
from tests import tiny
from tests.hub_server import run_python

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.light

MUTANTS = 400
MUTATE = """
import collections, random, sys
from pathlib import Path
import numpy as np
import onnxruntime
import onnxhub
from onnxhub.errors import OnnxHubError
onnxruntime.set_default_logger_severity(4)  # what ONNX Runtime thinks of each of them would fill the screen

folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
path, chance = folder / "model.onnx", random.Random(seed)
whole = path.read_bytes()
quiet = {"log_severity_level": 4, "intra_op_num_threads": 1}

def mutant():
    data = bytearray(whole)
    kind = chance.choice(["flip", "byte", "cut", "insert", "remove", "swap", "repeat"])
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        place, size = chance.randrange(len(data)), chance.choice([1, 2, 8, 64])
        if kind == "flip":
            data[place] ^= 1 << chance.randrange(8)
        elif kind == "byte":
            data[place] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        elif kind == "cut":
            del data[max(place, 1):]
        elif kind == "insert":
            data[place:place] = chance.randbytes(size)
        elif kind == "remove":
            del data[place : place + size]
        elif kind == "swap":
            other = chance.randrange(len(data))
            data[place : place + size], data[other : other + size] = data[other : other + size], data[place : place + size]
        elif kind == "repeat":
            data[place:place] = data[place : place + size] * 3
        if not data:
            return bytes(whole[:1])
    return bytes(data)

seen = collections.Counter()
for number in range(count):
    print(number, file=sys.stderr, flush=True)
    path.write_bytes(mutant())
    try:
        with onnxhub.load("text-classification", folder, session_options=quiet) as model:
            model("a good one")
        seen["answered"] += 1
    except OnnxHubError as error:
        seen["refused"] += 1
assert seen["answered"] and seen["refused"], seen
print(sum(seen.values()))
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_mutants_end_in_answers_or_in_errors_of_the_tree(seed: int, tmp_path: Path) -> None:
    """Bits flipped, bytes cut out, repeated and swapped: the process lives, and nothing but our own errors comes out."""
    folder = tiny.make_model(tmp_path / "model")
    code = f"import sys\nsys.argv[1:] = {[str(folder), str(seed), str(MUTANTS)]!r}\n{MUTATE}"
    done = run_python(code, tmp_path)
    last = [line for line in done.stderr.splitlines() if line.isdecimal()][-1]
    assert done.returncode == 0, f"mutant {last} of seed {seed}: {done.returncode}\n{done.stderr[-3000:]}"
    assert int(done.stdout) == MUTANTS


class Payload:
    """Unpickled, it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.trace,)


def pickles(folder: Path, trace: Path) -> None:
    """Where PyTorch, optimum and sentence-transformers keep theirs."""
    data = pickle.dumps(Payload(trace))
    (folder / "2_Dense").mkdir()
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "model.pkl", "2_Dense/pytorch_model.bin"):
        (folder / name).write_bytes(data)


def code(folder: Path, trace: Path) -> None:
    """A module for each thing that transformers may take from a repository."""
    names = {
        "AutoConfig": "x.C",
        "AutoModel": "x.C",
        "AutoModelForSequenceClassification": "x.C",
        "AutoTokenizer": ["x.C", "x.C"],
    }
    for file in ("config.json", "tokenizer_config.json"):
        values = json.loads((folder / file).read_text())
        more = {
            "auto_map": names,
            "trust_remote_code": True,
            "_attn_implementation": "org/kernel",
            "custom_pipelines": names,
        }
        (folder / file).write_text(json.dumps({**values, **more}))
    for name in ("x.py", "__init__.py", "setup.py", "conftest.py", "sitecustomize.py"):
        (folder / name).write_text(f"import pathlib\npathlib.Path({str(trace)!r}).touch()\n")


def session_configuration(folder: Path, _: Path) -> None:
    """What ONNX Runtime would take from the model itself; profiling writes a file."""
    model = onnx.load(folder / "model.onnx")
    settings = {"session_options": {"enable_profiling": 1}}
    model.metadata_props.add(key="ort_config", value=json.dumps(settings))
    onnx.save(model, folder / "model.onnx")


def libraries(folder: Path, _: Path) -> None:
    """Names by which tools load operators."""
    for name in (
        "libcustom_ops.so",
        "custom_op_library.dll",
        "libonnxruntime_extensions.so",
        "model.so",
        "model.onnx.so",
    ):
        (folder / name).write_bytes(b"\x7fELF" + bytes(60))
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**values, "custom_ops_library": "libcustom_ops.so"}))


LOAD = """
import os, sys
from pathlib import Path
import onnxhub
folder = Path(sys.argv[1])
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "ctypes.dlopen" else None)
model = onnxhub.load("text-classification", folder)
model(["a good one", "a bad one"])
model.close()
assert not [name for name in opened if name.startswith(str(folder))], opened
assert str(folder) not in sys.path
maps = Path("/proc/self/maps").read_text() if Path("/proc/self/maps").exists() else ""
assert not [line for line in maps.splitlines() if str(folder) in line and "x" in line.split()[1]], maps
"""


@pytest.mark.parametrize("hidden", [pickles, code, session_configuration, libraries])
def test_nothing_that_comes_with_a_model_runs(hidden: Callable[[Path, Path], None], tmp_path: Path) -> None:
    """Whatever lies beside the files that are needed, or in them, is not opened, imported or obeyed."""
    folder, trace = tiny.make_model(tmp_path / "model"), tmp_path / "trace"
    hidden(folder, trace)
    before = sorted(folder.rglob("*"))
    done = run_python(f"import sys\nsys.argv[1:] = {[str(folder)]!r}\n{LOAD}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert not [*tmp_path.glob("trace*"), *tmp_path.glob("*.json")]
    assert sorted(folder.rglob("*")) == before


def test_a_variable_that_asks_to_obey_models_is_asked_in_vain(tmp_path: Path) -> None:
    """ONNX Runtime refuses to build such a session from a path; nothing is obeyed, and the error is one of the tree."""
    folder = tiny.make_model(tmp_path / "model")
    session_configuration(folder, tmp_path)
    done = run_python(
        f"import sys\nsys.argv[1:] = {[str(folder)]!r}\n{LOAD}", tmp_path, {"ORT_LOAD_CONFIG_FROM_MODEL": "1"}
    )
    assert done.returncode == 0 or "onnxhub.errors.IntegrityError" in done.stderr
    assert not list(tmp_path.glob("*.json"))


OBEY = """
import sys
import onnxruntime
onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"]).end_profiling()
"""


def test_the_traces_are_traces(tmp_path: Path) -> None:
    """Whoever does obey leaves them, so that the test above can fail."""
    folder, trace = tiny.make_model(tmp_path / "model"), tmp_path / "trace"
    pickles(folder, trace)
    pickle.loads((folder / "pytorch_model.bin").read_bytes())
    assert trace.exists()
    trace.unlink()
    session_configuration(folder, trace)
    model = str(folder / "model.onnx")
    done = run_python(f"import sys\nsys.argv[1:] = [{model!r}]\n{OBEY}", tmp_path, {"ORT_LOAD_CONFIG_FROM_MODEL": "1"})
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*.json"))


def test_operators_of_a_library_are_refused(tmp_path: Path) -> None:
    """The library that has them may lie beside the model: it is not loaded."""
    folder = tiny.make_model(tmp_path / "model")
    libraries(folder, tmp_path)
    model = onnx.load(folder / "model.onnx")
    last = model.graph.node[-1].output
    last[0], name = "inner", last[0]
    model.graph.node.append(helper.make_node("Steal", ["inner"], [name], domain="com.example"))
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(UnsafeModelError, match="it needs operators that ONNX Runtime does not have"):
        onnxhub.load("text-classification", folder)


def test_files_of_onnx_runtimes_own_format_are_refused(tmp_path: Path) -> None:
    """They go through another parser, and may hold compiled graphs."""
    folder = tiny.make_model(tmp_path / "model")
    (folder / "model.ort").write_bytes((folder / "model.onnx").read_bytes())
    with pytest.raises(UnsafeModelError, match=r"not ONNX Runtime's own \.ort format"):
        onnxhub.load("text-classification", folder, file="model.ort")
