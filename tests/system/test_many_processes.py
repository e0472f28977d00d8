"""Several processes that start on one damaged or empty cache: each gets the right files, and one fetches for all."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.hub_server import HubServer, clean_environment, run_python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.light

DATA = bytes(range(256)) * 80_000  # 20 MB: long enough to be read, and fetched, by several at once
READ = """
import hashlib, time
from onnxhub._backend.repository.repository import open_repository
while not __import__("os").path.exists("go"):
    time.sleep(0.001)
time.sleep(DELAY)
data = open_repository("org/name").path("onnx/model.onnx").read_bytes()
print(hashlib.sha256(data).hexdigest())
"""


def start(home: Path, env: dict[str, str], delay: float) -> subprocess.Popen[str]:
    """A process that waits for the others, and then reads the model."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", READ.replace("DELAY", str(delay))],
        cwd=home, env=clean_environment(home, env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("state", ["empty", "damaged"])
def test_processes_that_start_together(tmp_path: Path, hub: HubServer, state: str) -> None:
    """All of eight answer right, whenever each begins; the file is fetched once."""
    hub.add("org/name", {"config.json": b"{}", "onnx/model.onnx": DATA})
    env = {"HF_ENDPOINT": hub.endpoint}
    digest = run_python(f"import hashlib; print(hashlib.sha256({DATA[:256]!r} * 80_000).hexdigest())", tmp_path).stdout
    if state == "damaged":
        (tmp_path / "go").touch()
        assert run_python(READ.replace("DELAY", "0"), tmp_path, env).stdout == digest
        (tmp_path / "go").unlink()
        (blob,) = (path for path in tmp_path.rglob("blobs/*") if path.stat().st_size == len(DATA))
        with blob.open("r+b") as file:
            file.seek(1_000_000)
            file.write(b"\xff\x00")
    hub.requests.clear()
    processes = [start(tmp_path, env, 0.05 * number) for number in range(8)]
    (tmp_path / "go").touch()
    answers = [process.communicate(timeout=120) for process in processes]
    assert [answer[0] for answer in answers] == [digest] * 8, [answer[1][-800:] for answer in answers]
    fetched = [request for request in hub.requests if request.host == "cdn" and request.method == "GET"]
    assert len(fetched) == 1
    assert not list(tmp_path.rglob("blobs/.*"))
