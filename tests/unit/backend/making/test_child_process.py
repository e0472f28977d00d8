"""Programs in processes of their own: what they are told, what becomes of their words, and that they never stay behind."""

import errno
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from onnxhub._backend.making.child_process import run_child
from onnxhub.errors import ExportError, InvalidOptionError, UnsafeModelError

PROGRAMS = {
    "child_writes": """
import json, os, pathlib, sys
from onnxhub._backend.making.programs import begin
asked = begin()
tell = {"asked": asked, "path": sys.path, "environment": dict(os.environ), "torch": "torch" in sys.modules}
pathlib.Path(asked["into"]).write_text(json.dumps(tell))
print("one line")
print("another", file=sys.stderr)
""",
    "child_opens": """
import json, os, pathlib
from onnxhub._backend.making.programs import begin
asked = begin()
seen = {}
for path in asked["paths"]:
    try:
        with open(path, "rb") as file:
            seen[path] = len(file.read(10)) > 0
    except OSError as error:
        seen[path] = type(error).__name__
pathlib.Path(asked["into"]).write_text(json.dumps(seen))
""",
    "child_hides": """
from onnxhub._backend.making.programs import begin
try:
    open(begin()["path"])
except OSError as error:
    raise ValueError("something else went wrong") from error
""",
    "child_reports": """
from onnxhub._backend.making.programs import begin, refuse, refuse_foreign
try:
    open(begin()["path"])
except OSError as error:
    refuse_foreign(ValueError("of something else"))
    refuse_foreign(error)
    refuse("something else went wrong")
""",
    "child_fills_the_disk": """
import errno, os
from onnxhub._backend.making.programs import begin
asked = begin()
raise OSError(getattr(errno, asked["kind"]), os.strerror(getattr(errno, asked["kind"])), "/some/where")
""",
    "child_refuses": """
from onnxhub._backend.making.programs import begin, refuse
begin()
print("something before")
refuse("there is no\\n such architecture")
""",
    "child_crashes": """
from onnxhub._backend.making.programs import begin
begin()
for number in range(100):
    print("line", number)
raise RuntimeError("it broke")
""",
    "child_is_killed": """
import os, signal
print("just before")
os.kill(os.getpid(), signal.SIGKILL)
""",
    "child_waits": """
import os, pathlib, subprocess, sys, time
from onnxhub._backend.making.programs import begin
asked = begin()
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
unfinished = pathlib.Path(asked["into"] + ".unfinished")
unfinished.write_text(f"{os.getpid()} {other.pid}")
unfinished.rename(asked["into"])
time.sleep(600)
""",
}
PARENT = """
import sys
from onnxhub._backend.making.child_process import run_child
from pathlib import Path
into = Path(sys.argv[1])
run_child("child_waits", {"into": str(into)}, model_id="org/name", what="waiting", work=into.parent)
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run one of the programs above, which this process can import."""
    for name, text in PROGRAMS.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)

    def run(program: str, **arguments: object) -> None:
        run_child(program, arguments, model_id="org/name", what="doing it", work=tmp_path)

    return run


def test_arguments_arrive_and_words_are_logged(
    run: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A program gets its arguments as they are, and what it prints goes to the log at INFO, nothing to our streams."""
    caplog.set_level(logging.INFO, "onnxhub")
    run("child_writes", into=str(tmp_path / "told"), more={"ä": [1, None]})
    assert '"more": {"\\u00e4": [1, null]}' in (tmp_path / "told").read_text()
    assert [record.getMessage() for record in caplog.records] == ["one line", "another"]


def test_a_child_has_no_network_no_token_and_no_working_directory(
    run: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hub clients in a child are told to be offline, no token is passed on, and modules of the cwd are not found."""
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_canary")
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "json.py").write_text("raise SystemExit('imported from the working directory')")
    run("child_writes", into=str(tmp_path / "told"))
    told = (tmp_path / "told").read_text()
    assert "hf_canary" not in told
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "DISABLE_SAFETENSORS_CONVERSION"):
        assert f'"{variable}": "1"' in told
    assert str(tmp_path / "elsewhere") not in told.partition('"environment"')[0]


SECRETS = (
    "HF_TOKEN", "HF_API_TOKEN", "HUGGINGFACEHUB_API_TOKEN", "HF_ENDPOINT", "HTTPS_PROXY", "https_proxy", "NVIDIA_API_KEY",
    "CUDA_SECRET", "PYTHON_KEYRING_PASSWORD", "PYTHONSTARTUP", "AWS_SECRET_ACCESS_KEY", "ANY_OTHER", "HF_HUB_CACHE",
)  # fmt: skip


def test_a_child_is_told_no_more_than_it_needs(
    run: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the name: a token, an address with a password. Threads, the language and the path are passed on."""
    for name in SECRETS:
        monkeypatch.setenv(name, "http://me:canary@example.org")
    passed = {"OMP_NUM_THREADS": "3", "LC_ALL": "C.UTF-8", "CUDA_VISIBLE_DEVICES": "1", "LD_LIBRARY_PATH": "/libraries"}
    for name, value in passed.items():
        monkeypatch.setenv(name, value)
    run("child_writes", into=str(tmp_path / "told"))
    text = (tmp_path / "told").read_text()
    told = json.loads(text)["environment"]
    assert "canary" not in text
    assert told | passed == told
    assert told["PATH"] == os.environ["PATH"]


def test_a_child_has_a_home_of_its_own(run: Callable[..., None], tmp_path: Path) -> None:
    """What it keeps lies in the folder that it works in, and goes with it; what the user keeps is not found."""
    run("child_writes", into=str(tmp_path / "told"))
    told = json.loads((tmp_path / "told").read_text())["environment"]
    homes = {told[name] for name in ("HOME", "HF_HOME", "TORCH_HOME", "XDG_CACHE_HOME", "TMPDIR")}
    (home,) = map(Path, homes)
    assert home.parent == tmp_path
    assert not home.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is watched")
def test_a_child_opens_no_files_but_its_own(
    run: Callable[..., None], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Those of its folder (links of it are ours), Python's, and what the kernel tells; however another is written."""
    other = tmp_path_factory.mktemp("other")
    secret, script = other / "secret", other / "script.py"
    for path in (secret, script, tmp_path / "own"):
        path.write_text("canary")
    (tmp_path / "link").symlink_to(secret)
    (tmp_path / "folder").symlink_to(other)
    opened = [
        str(tmp_path / "own"),
        str(tmp_path / "link"),
        os.__file__,
        pytest.__file__,
        "/proc/cpuinfo",
        "/dev/urandom",
    ]
    denied = [
        str(secret), str(script), f"{tmp_path}/../{other.name}/secret", f"{tmp_path}/folder/../{other.name}/secret", f"/proc/self/root{secret}", "/etc/passwd",
        "/proc/self/environ", f"/proc/self/cwd/../../{other.name}/secret", f"/proc/{os.getpid()}/environ",
        os.path.relpath(secret, tmp_path / ".home-x"), "/dev/fd/0", f"{tmp_path.parent}/", f"{tmp_path}x",
    ]  # fmt: skip
    run("child_opens", into=str(tmp_path / "seen"), paths=[*opened, *denied])
    seen = json.loads((tmp_path / "seen").read_text())
    assert seen == {**dict.fromkeys(opened, True), **dict.fromkeys(denied, "ForeignFileError")}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is watched")
@pytest.mark.parametrize("program", ["child_hides", "child_reports"])
def test_a_file_that_was_not_opened_is_the_reason(run: Callable[..., None], program: str) -> None:
    """Whatever a library makes of it, it is an error about safety, and names the file."""
    with pytest.raises(UnsafeModelError, match=r"open /etc/passwd, which is no file of the model"):
        run(program, path="/etc/passwd")


@pytest.mark.parametrize("kind", ["ENOSPC", "EFBIG"])
def test_a_full_disk_is_told_as_python_tells_it(run: Callable[..., None], kind: str) -> None:
    """It is no fault of the model."""
    with pytest.raises(OSError, match="/some/where") as raised:
        run("child_fills_the_disk", kind=kind)
    assert (raised.value.errno, raised.value.filename) == (getattr(errno, kind), "/some/where")


def test_a_refusal_is_told_as_it_is(run: Callable[..., None]) -> None:
    """What a program refuses with is the whole reason, in one line."""
    with pytest.raises(ExportError) as raised:
        run("child_refuses")
    assert raised.value.reason == "there is no such architecture"
    assert raised.value.model_id == "org/name"


def test_a_crash_tells_the_last_lines(run: Callable[..., None]) -> None:
    """A program that fails leaves its exit status and its last lines in the error, and no more of them than a few."""
    with pytest.raises(ExportError, match="exit status 1") as raised:
        run("child_crashes")
    assert "RuntimeError: it broke" in raised.value.reason
    assert "line 99" in raised.value.reason
    assert "line 50" not in raised.value.reason


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_killed_child_is_named_as_such(run: Callable[..., None]) -> None:
    """A program that the system killed, as it does where memory runs out, is an error that says so."""
    with pytest.raises(ExportError, match="SIGKILL, as the system does where memory runs out") as raised:
        run("child_is_killed")
    assert "just before" in raised.value.reason


def test_a_module_that_does_not_exist_is_an_error(run: Callable[..., None]) -> None:
    """A child that ends before it reads its arguments is an error with its words, not a broken pipe."""
    with pytest.raises(ExportError, match="No module named"):
        run("child_that_is_not_there", long="x" * 1_000_000)


def test_the_time_limit_ends_a_child_and_what_it_started(
    run: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the seconds that ONNXHUB_EXPORT_SECONDS allows, the child and its own children are gone."""
    monkeypatch.setenv("ONNXHUB_EXPORT_SECONDS", "3")
    with pytest.raises(ExportError, match=r"more than 3 seconds .*ONNXHUB_EXPORT_SECONDS"):
        run("child_waits", into=str(tmp_path / "pids"))
    assert_gone(tmp_path / "pids")


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf"])
def test_a_time_limit_that_is_no_number_is_refused(
    run: Callable[..., None], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """A time limit that cannot be kept is an error before anything is started."""
    monkeypatch.setenv("ONNXHUB_EXPORT_SECONDS", value)
    with pytest.raises(InvalidOptionError, match="ONNXHUB_EXPORT_SECONDS"):
        run("child_writes", into="nowhere")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_the_child(run: Callable[..., None], tmp_path: Path) -> None:
    """KeyboardInterrupt in the parent ends the child and what it started."""

    def interrupt() -> None:
        wait_for(tmp_path / "pids")
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run("child_waits", into=str(tmp_path / "pids"))
    thread.join()
    assert_gone(tmp_path / "pids")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_child_ends_with_its_parent(run: Callable[..., None], tmp_path: Path) -> None:
    """A parent that is killed, and can do nothing about it, leaves no child behind."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "pids")], env=environment)
    wait_for(tmp_path / "pids")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert_gone(tmp_path / "pids", 1)


def wait_for(path: Path) -> None:
    """Until the file is there."""
    for _ in range(3000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(path)


def assert_gone(path: Path, count: int = 2) -> None:
    """The processes whose numbers are in the file, the child's first, end or have ended."""
    for pid in path.read_text().split()[:count]:
        for _ in range(1000):
            if not running(int(pid)):
                break
            time.sleep(0.01)
        else:
            raise AssertionError(pid)


def running(pid: int) -> bool:
    """Whether there is such a process, and not only what is left of it for its parent to see."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
