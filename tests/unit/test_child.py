"""Programs in processes of their own: what they are told, what becomes of their words, and that they never stay behind."""

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

from onnxhub.backend.child import run_child
from onnxhub.errors import ExportError, InvalidOptionError

PROGRAMS = {
    "child_writes": """
import json, os, pathlib, sys
from onnxhub.backend.programs import begin
asked = begin()
tell = {"asked": asked, "path": sys.path, "environment": dict(os.environ), "torch": "torch" in sys.modules}
pathlib.Path(asked["into"]).write_text(json.dumps(tell))
print("one line")
print("another", file=sys.stderr)
""",
    "child_refuses": """
from onnxhub.backend.programs import begin, refuse
begin()
print("something before")
refuse("there is no\\n such architecture")
""",
    "child_crashes": """
from onnxhub.backend.programs import begin
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
from onnxhub.backend.programs import begin
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
from onnxhub.backend.child import run_child
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
