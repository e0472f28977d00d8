"""Repositories with PyTorch's weights alone: converted once, by whoever comes first, and right however it goes wrong."""

from __future__ import annotations

import json
import logging
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

import onnxhub
from onnxhub._backend.kept.assets import assets_dir
from onnxhub.errors import ExportError, UnsafeModelError
from tests import tiny
from tests.hub_server import HubServer, clean_environment, run_python
from tests.oracle.peers import close, optimum, transformers

if TYPE_CHECKING:
    from collections.abc import Callable

torch: Any = pytest.importorskip("torch")

KILLS: Final = 3
"""Random moments at which a conversion is killed."""
TEXTS = tiny.TEXTS[:6]
TASKS = {
    "text-classification": "SequenceClassification",
    "token-classification": "TokenClassification",
    "question-answering": "QuestionAnswering",
    "feature-extraction": "FeatureExtraction",
    "fill-mask": "MaskedLM",
}
CONFIG = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
          "max_position_embeddings": 64, "initializer_range": 0.5}  # fmt: skip
ANSWER = """
import logging, sys
logging.basicConfig(level=logging.INFO)
import onnxhub
model = onnxhub.load("text-classification", MODEL)
print(repr(model("a good one")))
"""
WATCHED = """
import sys
seen = []
EVENTS = ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec", "os.system", "socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda event, arguments: seen.append(event) if event in EVENTS else None)
import onnxhub
print(repr(onnxhub.load("text-classification", MODEL)("a good one")))
print(seen, sorted({"torch", "transformers", "optimum", "huggingface_hub"} & set(sys.modules)))
"""
WITHOUT_OPTIMUM = """
import importlib.metadata, sys
GONE = ("optimum", "optimum-onnx", "transformers", "torch")
found = importlib.metadata.version
def version(name):
    if name in GONE:
        raise importlib.metadata.PackageNotFoundError(name)
    return found(name)
importlib.metadata.version = version
sys.modules.update(dict.fromkeys(("optimum", "transformers", "torch")))
"""
WITHOUT_LOCKS = """
import fcntl
fcntl.flock = lambda *_: None
"""


def make(folder: Path, kind: str = "BertForSequenceClassification", **options: Any) -> Path:
    """A folder with a small BERT's weights and a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny.make_tokenizer()
    tiny.write_tokenizer(folder, tokenizer)
    labels = 2 if kind == "BertForQuestionAnswering" else 3
    config = transformers.BertConfig(vocab_size=tokenizer.get_vocab_size(), **CONFIG, num_labels=labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        getattr(transformers, kind)(config).eval().save_pretrained(folder, **options)
    return folder


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a classifier; no test changes it."""
    return make(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, classifier: Path) -> Path:
    """A cache in which the classifier was converted."""
    place = tmp_path_factory.mktemp("home")
    done = run_python(f"MODEL = {str(classifier)!r}\n{ANSWER}", place)
    assert done.returncode == 0, done.stderr
    assert conversions(done.stderr) == 1
    return place


@pytest.fixture(scope="session")
def right(classifier: Path) -> str:
    """What the classifier answers, by transformers itself."""
    pipe = transformers.pipeline("text-classification", str(classifier), device="cpu")
    return str(pipe("a good one")[0]["label"])


def conversions(log: str) -> int:
    """How many conversions a log tells of."""
    return log.count("was converted to ONNX in")


def exported(home: Path) -> Path:
    """Where a cache keeps what was converted."""
    return home / "huggingface" / "assets" / "onnxhub" / "exported"


def left(home: Path) -> list[str]:
    """What somebody began to convert, and did not end."""
    folder = exported(home)
    return [path.name for path in folder.iterdir() if path.name.startswith(".") and path.name != ".locks"]


def started(code: str, home: Path) -> subprocess.Popen[str]:
    """A process that runs, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code], env=clean_environment(home), cwd=home, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


# --- the same as torch and optimum -----------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_outputs_are_those_of_torch_and_of_optimum(task: str, tmp_path: Path) -> None:
    """A converted model gives the logits of the PyTorch model, and of optimum's own conversion."""
    name = TASKS[task]
    kind = "BertModel" if name == "FeatureExtraction" else f"BertFor{name}"
    folder = make(tmp_path / "model", kind)
    model = onnxhub.load(task, folder)
    assert model.info.reason.startswith("converted from PyTorch's weights by optimum")
    assert type(model.ort_model).__name__ == f"ORTModelFor{name}"
    theirs = getattr(optimum, f"ORTModelFor{name}").from_pretrained(folder, export=True)
    original = getattr(transformers, kind).from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    given = tiny.PAIRS[:3] if task == "question-answering" else [f"{text} [MASK]" for text in TEXTS]
    for one in given:
        inputs = tokenizer(*one, return_tensors="pt") if isinstance(one, tuple) else tokenizer(one, return_tensors="pt")
        with torch.no_grad():
            expected, by_optimum = original(**inputs), theirs(**inputs)
        for key, values in model.outputs(one).items():
            rows = values.reshape(expected[key].shape)
            close(expected[key].numpy(), rows, f"converted, {task}, against torch", 1e-4)
            close(by_optimum[key].numpy(), rows, f"converted, {task}, against optimum's", 1e-5)


def test_a_model_that_generates_is_converted_with_one_decoder(tmp_path: Path) -> None:
    """An encoder and one merged decoder, which together generate what the PyTorch model generates."""
    config = transformers.T5Config(
        vocab_size=40, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    torch.manual_seed(0)
    original = transformers.T5ForConditionalGeneration(config).eval()
    original.save_pretrained(tmp_path / "model")
    model = onnxhub.load("text2text-generation", tmp_path / "model")
    assert model.info.file == "encoder_model.onnx, decoder_model_merged.onnx"
    inputs = {"input_ids": torch.arange(3, 17).reshape(2, 7), "attention_mask": torch.ones(2, 7, dtype=torch.long)}
    options = {"do_sample": False, "num_beams": 1, "max_new_tokens": 5}
    expected = original.generate(**inputs, **options)
    assert expected.shape[1] > 1
    assert model.ort_model.generate(**inputs, **options).tolist() == expected.tolist()


def test_weights_in_shards_are_converted(tmp_path: Path) -> None:
    """All the files that the index names."""
    folder = make(tmp_path / "model", max_shard_size="10KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    original = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    inputs = transformers.AutoTokenizer.from_pretrained(folder)(TEXTS[0], return_tensors="pt")
    with torch.no_grad():
        expected = original(**inputs).logits.numpy()
    close(expected, onnxhub.load("text-classification", folder).outputs(TEXTS[0])["logits"].reshape(1, 3), "shards")


# --- once ------------------------------------------------------------------------------------------------------------


def test_the_second_load_starts_nothing_and_imports_no_torch(home: Path, classifier: Path, right: str) -> None:
    """No child process, no socket; neither torch nor transformers nor optimum, and not even huggingface_hub."""
    done = run_python(f"MODEL = {str(classifier)!r}\n{WATCHED}", home)
    assert done.returncode == 0, done.stderr
    answer, watched = done.stdout.splitlines()
    assert right in answer
    assert watched == "[] []"


def test_a_hub_repository_is_converted_once_and_needs_no_network_after(
    classifier: Path, right: str, tmp_path: Path
) -> None:
    """The second load works with the Hub gone, touches no socket, and no token is anywhere in the caches."""
    token = "hf_CANARYcanaryCANARY"
    with HubServer() as hub:
        hub.add("org/torch", classifier, private=True, token=token)
        code = f"MODEL = 'org/torch'\n{ANSWER}".replace("MODEL)", f"MODEL, token={token!r})")
        done = run_python(code, tmp_path, {"HF_ENDPOINT": hub.endpoint})
    assert done.returncode == 0, done.stderr
    assert conversions(done.stderr) == 1
    assert token not in done.stderr
    again = run_python(f"MODEL = 'org/torch'\n{WATCHED}", tmp_path, {"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines() == [done.stdout.strip(), "[] []"]
    assert right in again.stdout
    holding = [path for path in tmp_path.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    assert holding == []


def test_what_was_converted_needs_no_optimum(home: Path, classifier: Path, right: str) -> None:
    """A machine without optimum, transformers and torch uses what another has made, whatever its versions were."""
    done = run_python(f"MODEL = {str(classifier)!r}\n{WITHOUT_OPTIMUM}{ANSWER}", home)
    assert done.returncode == 0, done.stderr
    assert right in done.stdout
    assert conversions(done.stderr) == 0


def test_without_optimum_the_error_has_two_ways_out(classifier: Path, tmp_path: Path) -> None:
    """To install it, or to convert without installing anything."""
    done = run_python(f"MODEL = {str(classifier)!r}\n{WITHOUT_OPTIMUM}{ANSWER}", tmp_path)
    assert "MissingDependencyError" in done.stderr
    assert "pip install 'onnxhub[optimum]'" in done.stderr
    assert f"uvx --from 'onnxhub[optimum,cli]' onnxhub export {classifier} -o FOLDER" in done.stderr


def test_another_version_of_a_package_converts_anew(home: Path, classifier: Path, tmp_path: Path) -> None:
    """What one version has made is not taken for what another would make."""
    shutil.copytree(home, tmp_path / "home")
    upgraded = """
import importlib.metadata
found = importlib.metadata.version
importlib.metadata.version = lambda name: "99" if name == "optimum-onnx" else found(name)
"""
    done = run_python(f"MODEL = {str(classifier)!r}\n{upgraded}{ANSWER}", tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert conversions(done.stderr) == 1
    assert len([path for path in exported(tmp_path / "home").iterdir() if path.name != ".locks"]) == 2


def test_processes_that_start_together_convert_once(classifier: Path, right: str, tmp_path: Path) -> None:
    """Eight, on an empty cache: one converts, seven wait, all answer alike, and nothing is left over."""
    running = [started(f"MODEL = {str(classifier)!r}\n{ANSWER}", tmp_path) for _ in range(8)]
    ended = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0] * 8, ended
    assert {answer for answer, _ in ended} == {ended[0][0]}
    assert right in ended[0][0]
    assert conversions("".join(log for _, log in ended)) == 1
    assert left(tmp_path) == []


def test_locks_that_hold_nobody_do_no_harm(classifier: Path, right: str, tmp_path: Path) -> None:
    """On a file system that only pretends to lock: each converts, all answer alike, and one entry stays."""
    running = [started(f"MODEL = {str(classifier)!r}\n{WITHOUT_LOCKS}{ANSWER}", tmp_path) for _ in range(3)]
    ended = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0] * 3, ended
    assert {answer for answer, _ in ended} == {ended[0][0]}
    assert right in ended[0][0]
    assert left(tmp_path) == []
    assert len([path for path in exported(tmp_path).iterdir() if path.name != ".locks"]) == 1


def test_true_converts_anew_and_a_pickle_does_not(
    classifier: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """``export=True`` takes the weights, though there is an ONNX file, and replaces what was made; a recipe finds it."""
    caplog.set_level(logging.INFO, "onnxhub")
    folder = shutil.copytree(classifier, tmp_path / "model")
    (folder / "model.onnx").write_bytes(b"not what it was made of")
    expected = onnxhub.load("text-classification", classifier).outputs(TEXTS[0])["logits"]
    caplog.clear()
    model = onnxhub.load("text-classification", folder, export=True)
    assert conversions(caplog.text) == 1
    assert model.info.reason.startswith("converted")
    assert np.array_equal(model.outputs(TEXTS[0])["logits"], expected)
    caplog.clear()
    again = pickle.loads(pickle.dumps(model))
    assert conversions(caplog.text) == 0
    assert again.info.reason.startswith("converted")
    assert np.array_equal(again.outputs(TEXTS[0])["logits"], expected)


# --- whatever goes wrong ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def seconds(classifier: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long a conversion takes here and now."""
    began = time.monotonic()
    done = run_python(f"MODEL = {str(classifier)!r}\n{ANSWER}", tmp_path_factory.mktemp("timed"))
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


@pytest.mark.system
@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize("locks", [True, False], ids=["locks", "no-locks"])
def test_a_conversion_that_is_killed_does_no_harm(
    number: int, locks: bool, seconds: float, classifier: Path, right: str, tmp_path: Path
) -> None:
    """At whatever moment: the child is gone with its parent, the next start succeeds, and nothing is left over."""
    code = f"MODEL = {str(classifier)!r}\n{'' if locks else WITHOUT_LOCKS}{ANSWER}"
    moment = random.Random(f"{number} {locks}").uniform(0.02, 1.0) * seconds
    killed = started(code, tmp_path)
    time.sleep(moment)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert descendants(str(tmp_path)) == []
    done = run_python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert right in done.stdout
    assert left(tmp_path) == []


def descendants(place: str) -> list[str]:
    """The processes whose command or environment names the place, once they have had a moment to end."""
    for _ in range(500):
        found = [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if mentions(path, place)]
        if not found:
            break
        time.sleep(0.01)
    return found


def mentions(path: Path, place: str) -> bool:
    try:
        return int(path.parent.name) != os.getpid() and place.encode() in path.read_bytes()
    except OSError:
        return False


@pytest.mark.system
def test_ctrl_c_leaves_nothing(seconds: float, classifier: Path, tmp_path: Path) -> None:
    """The child ends with the call, and what it had begun is gone."""
    process = started(f"MODEL = {str(classifier)!r}\n{ANSWER}", tmp_path)
    time.sleep(seconds / 2)
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in log
    assert descendants(str(tmp_path)) == []
    assert left(tmp_path) == []


def test_the_time_limit_is_kept(classifier: Path, tmp_path: Path) -> None:
    """A conversion that takes longer than it may is an error that says how to allow more; nothing is left over."""
    done = run_python(f"MODEL = {str(classifier)!r}\n{ANSWER}", tmp_path, {"ONNXHUB_EXPORT_SECONDS": "0.5"})
    assert "ExportError" in done.stderr
    assert "it took more than 0.5 seconds (the environment variable ONNXHUB_EXPORT_SECONDS" in done.stderr
    assert left(tmp_path) == []


def test_an_exporter_that_fails_says_why(classifier: Path, tmp_path: Path) -> None:
    """Damaged weights: the error has the last lines of the child, and the next load of whole ones is fine."""
    folder = shutil.copytree(classifier, tmp_path / "model")
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(ExportError, match="its process ended with exit status 1; its last lines were") as raised:
        onnxhub.load("text-classification", folder)
    assert "safetensors" in raised.value.reason.lower()


def test_a_cache_that_cannot_be_written_is_no_obstacle(
    classifier: Path, right: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The model is converted for this process alone, and the log says so."""
    monkeypatch.setenv("HF_ASSETS_CACHE", str(tmp_path / "assets"))

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("onnxhub._backend.kept.building._open_lock", refused)
    assert onnxhub.load("text-classification", classifier)("a good one").label == right
    assert "the cache cannot be written" in caplog.text
    assert not assets_dir("exported").exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"model_type": "xlnet"},
            "optimum cannot convert models of type 'xlnet'; for text-classification, it converts",
        ),
        (
            {"model_type": "t5"},
            "optimum converts models of type 't5' for .*text2text.*, but not for text-classification",
        ),
        ({"model_type": "evil", "auto_map": {"AutoModel": "evil.Evil"}}, "code of the repository .* is never run here"),
        ({"model_type": "evil"}, "transformers [0-9.]+ knows no models of type 'evil'"),
    ],
    ids=["unsupported", "another-task", "custom-code", "unknown"],
)
def test_what_optimum_cannot_convert_is_named(
    config: dict[str, Any], message: str, classifier: Path, tmp_path: Path
) -> None:
    """The architecture, and what would work if anything does; in one line, before any weights are read."""
    folder = shutil.copytree(classifier, tmp_path / "model")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"not read")
    (folder / "evil.py").write_text("raise SystemExit('code of the repository ran')")
    with pytest.raises(ExportError, match=message) as raised:
        onnxhub.load("text-classification", folder)
    assert "\n" not in str(raised.value)


def test_weights_without_the_task_s_head_are_refused(tmp_path: Path) -> None:
    """Where transformers would fill in random numbers, there is an error that names what is missing."""
    folder = make(tmp_path / "model", "BertForMaskedLM")
    with pytest.raises(ExportError, match=r"its weights lack .*classifier\.weight.*saved as a BertForMaskedLM"):
        onnxhub.load("text-classification", folder)


# --- whatever is in the repository -----------------------------------------------------------------------------------

WATCHDOG = """
import os, sys
def watch(event, arguments):
    name = arguments[0] if arguments else None
    if event in ("open", "exec", "import", "ctypes.dlopen") and "evil" in str(arguments)[:2000]:
        with_file = os.open(os.environ["CANARY"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(with_file, f"{event} {arguments!r}"[:500].encode() + b"\\n")
        os.close(with_file)
sys.addaudithook(watch)
"""
KERNELS = """
import os
def _called(*arguments, **options):
    open(os.environ["CANARY"], "a").write("kernels was called")
    raise RuntimeError("kernels was called")
get_kernel = get_locked_kernel = get_local_kernel = load_kernel = install_kernel = kernelize = _called
def register_kernel_mapping(*arguments, **options): ...
def replace_kernel_forward_from_hub(*arguments, **options): ...
def use_kernel_forward_from_hub(name):
    return lambda cls: cls
class _Any:
    def __init__(self, *arguments, **options): ...
Device = LayerRepository = LockedLayerRepository = LocalLayerRepository = FuncRepository = _Any
class Mode:
    INFERENCE = TRAINING = TORCH_COMPILE = 0
"""
EVIL = {
    "auto_map": {"AutoConfig": "evil.Config", "AutoModelForSequenceClassification": "evil.Model"},
    "_attn_implementation": "evil/kernel",
    "_attn_implementation_internal": "evil/kernel",
    "attn_implementation": "evil/kernel:flash",
    "trust_remote_code": True,
    "use_kernels": True,
    "custom_pipelines": {"text-classification": {"impl": "evil.Pipeline"}},
    "text_config": {"auto_map": {"AutoModel": "evil.Model"}, "_attn_implementation": "evil/kernel"},
}


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a child's every import and every opened file that has "evil" in its name is written down."""
    site = tmp_path / "site"
    (site / "kernels-1.0.dist-info").mkdir(parents=True)
    (site / "kernels-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: kernels\nVersion: 1.0\n")
    (site / "kernels.py").write_text(KERNELS)
    (site / "sitecustomize.py").write_text(WATCHDOG)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("CANARY", str(tmp_path / "canary"))
    return tmp_path / "canary"


def test_a_hostile_configuration_imports_nothing(
    classifier: Path, right: str, watched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the code that it names, not a kernel of the Hub; and the model is converted as what it says it is."""
    folder = shutil.copytree(classifier, tmp_path / "model")
    monkeypatch.chdir(folder)
    for name in ("config.json", "tokenizer_config.json"):
        value = json.loads((folder / name).read_bytes())
        (folder / name).write_text(json.dumps(value | EVIL))
    (folder / "evil.py").write_text("raise SystemExit('code of the repository ran')")
    assert onnxhub.load("text-classification", folder)("a good one").label == right
    assert not watched.exists(), watched.read_text()


class Payload:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.system, (f"echo ran > {os.environ['CANARY']}",)


def test_pickles_are_converted_where_they_are_allowed_and_run_nothing(
    classifier: Path, right: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without leave, not one is opened; with it, weights are read, and code that is in them does not run."""
    monkeypatch.setenv("CANARY", str(tmp_path / "canary"))
    folder = shutil.copytree(classifier, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    original = transformers.AutoModelForSequenceClassification.from_pretrained(classifier)
    torch.save({**original.state_dict(), "more": Payload()}, folder / "pytorch_model.bin")
    with pytest.raises(UnsafeModelError, match="allow_pickle=True"):
        onnxhub.load("text-classification", folder)
    with pytest.raises(ExportError, match=r"its weights cannot be read: UnpicklingError: .*posix\.system"):
        onnxhub.load("text-classification", folder, allow_pickle=True)
    assert not (tmp_path / "canary").exists()
    torch.save(original.state_dict(), folder / "pytorch_model.bin")
    assert onnxhub.load("text-classification", folder, allow_pickle=True)("a good one").label == right
    with pytest.raises(UnsafeModelError):  # as before, though it has been converted by now
        onnxhub.load("text-classification", folder)


# --- as a folder -----------------------------------------------------------------------------------------------------


def test_an_exported_folder_is_taken_by_load_and_by_optimum(home: Path, classifier: Path, tmp_path: Path) -> None:
    """``onnxhub export`` of a PyTorch model: a folder that both take, with the same logits."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "onnxhub",
        "export",
        str(classifier),
        "-o",
        str(tmp_path / "made"),
        "--json",
    ]
    done = subprocess.run(
        command, env=clean_environment(home), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["choice"].startswith("converted from PyTorch's weights by optimum")
    model = onnxhub.load("text-classification", tmp_path / "made", export=False)
    theirs = optimum.ORTModelForSequenceClassification.from_pretrained(tmp_path / "made")
    inputs = transformers.AutoTokenizer.from_pretrained(tmp_path / "made")(TEXTS[0], return_tensors="pt")
    close(theirs(**inputs).logits.numpy(), model.outputs(TEXTS[0])["logits"].reshape(1, 3), "exported folder", 1e-5)


def test_a_variant_is_made_of_what_was_converted(home: Path, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's weights to ONNX, ONNX to int8: the reason tells both, and neither is done twice."""
    monkeypatch.setenv("HF_HOME", str(home / "huggingface"))
    plain = onnxhub.load("text-classification", classifier)
    model = onnxhub.load("text-classification", classifier, dtype="int8")
    assert (model.info.dtype, model.info.file) == ("int8", "model_int8.onnx")
    assert "made of model.onnx by onnxruntime" in model.info.reason
    assert "converted from PyTorch's weights by optimum" in model.info.reason
    assert abs(model("a good one").score - plain("a good one").score) < 0.05
    monkeypatch.setenv("ONNXHUB_EXPORT_SECONDS", "0.001")  # from here on, nothing has the time to be made
    assert onnxhub.load("text-classification", classifier, dtype="int8")("a good one") == model("a good one")
