"""Processes that compile the same graph: together, killed half-way, on a full disk, in a cache that nobody may write."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.hub_server import clean_environment
from tests.runtime import compiles

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [compiles, pytest.mark.light]
ANSWER = """
import logging, os, resource, sys
{before}
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
import onnxhub
model = onnxhub.load("ner", "builtin:ner", compiled={compiled})
print(model.info.compiled, [entity.label for entity in model("Ada met Charles in London.")], flush=True)
"""
UNLOCKED = "import fcntl; fcntl.flock = lambda *_: None"
LABELS = "['PER', 'PER', 'LOC']"
KILLED = 16


def start(home: Path, *, before: str = "", compiled: str = "'auto'") -> subprocess.Popen[str]:
    """A process that loads the model, and answers."""
    code = ANSWER.format(before=before, compiled=compiled)
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code], env=clean_environment(home), stdout=pipe, stderr=pipe, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it printed, and its log."""
    output, log = process.communicate(timeout=120)
    assert process.returncode == 0, log
    return output.strip(), log


def kept(home: Path) -> list[str]:
    """Entries, and whatever else lies beside them."""
    folder = next(home.rglob("onnxhub/compiled"))
    return [path.name for path in folder.iterdir() if path.name != ".locks"]


@pytest.mark.parametrize("before", ["", UNLOCKED], ids=["locked", "lock that holds nobody"])
def test_processes_that_start_together(tmp_path: Path, before: str) -> None:
    """One of eight compiles, all answer right at once, and one entry remains; without locks, several may compile it."""
    finished = [finish(process) for process in [start(tmp_path, before=before) for _ in range(8)]]
    assert {output.partition(" ")[2] for output, _ in finished} == {LABELS}
    compiled = sum(log.count("was compiled in") for _, log in finished)
    assert compiled == 1 or before
    assert len(kept(tmp_path)) == 1
    assert finish(start(tmp_path)) == (f"True {LABELS}", "")


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    """At whatever moment: the next one answers right and from a compiled graph, and nothing is left to clear away."""
    chance = random.Random(5)
    for number in range(KILLED):
        home = tmp_path / str(number)
        process = start(home)
        moment = time.monotonic() + 120
        while (
            not list(home.rglob("onnxhub/compiled/.locks/*")) and process.poll() is None and time.monotonic() < moment
        ):
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        output, _ = finish(start(home))
        assert output == f"True {LABELS}"
        assert len(kept(home)) == 1


def test_a_full_disk(tmp_path: Path) -> None:
    """The answer comes from the graph as it is, the log says why, and nothing half-written remains."""
    output, log = finish(start(tmp_path, before="resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))"))
    assert output == f"False {LABELS}"
    assert "is not compiled" in log
    assert kept(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_a_cache_of_somebody_else(tmp_path: Path, mode: int) -> None:
    """Where nothing can be written, or even be looked at, the answer comes all the same; asked to compile, it compiles for itself alone."""
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    (tmp_path / "huggingface").mkdir(mode=mode)
    # What is imported later must be imported by now: the other user may not be able to read the interpreter's folder.
    become = """
import onnxhub, tempfile
onnxhub.load("ner", "builtin:ner", compiled=False)("Ada")
os.setgid(65534), os.setuid(65534)
"""
    assert finish(start(tmp_path, before=become))[0] == f"False {LABELS}"
    output, log = finish(start(tmp_path, before=become, compiled="True"))
    assert output == f"True {LABELS}"
    assert "the cache cannot be written" in log
    assert not list(tmp_path.rglob("onnxhub/compiled/*"))
