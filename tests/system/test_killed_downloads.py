"""Processes that are killed while they fetch a model: the next one answers right, and nothing has to be cleared away."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from onnxhub import builtin
from tests.hub_server import HubServer, clean_environment, run_python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.light

ANSWER = """
import onnxhub
model = onnxhub.load("ner", "org/name", compiled=False)
print([entity.label for entity in model("Ada met Charles in London.")])
"""
LABELS = "['PER', 'PER', 'LOC']\n"
KILLED = 17


def test_a_download_that_is_killed(tmp_path: Path) -> None:
    """At whatever moment: the next start fetches what is missing; from then on the model needs no network."""
    chance = random.Random(11)
    with HubServer() as hub:
        hub.add("org/name", builtin.folder("builtin:ner"))
        env = {"HF_ENDPOINT": hub.endpoint}
        for number in range(KILLED):
            home = tmp_path / str(number)
            home.mkdir()
            process = subprocess.Popen(
                [sys.executable, "-c", ANSWER], env=clean_environment(home, env), stdout=subprocess.DEVNULL
            )
            moment = time.monotonic() + 120
            while not list(home.rglob("models--*")) and process.poll() is None and time.monotonic() < moment:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
            process.wait()
            done = run_python(ANSWER, home, env)
            assert (done.returncode, done.stdout) == (0, LABELS), done.stderr
    assert run_python(ANSWER, home, {"HF_HUB_OFFLINE": "1"}).stdout == LABELS
