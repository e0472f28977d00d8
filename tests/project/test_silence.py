"""What makes a test fail that seems to pass: something printed, a warning, a way out to another machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = """
import sys, warnings

def test_prints():
    print("something")

def test_warns():
    warnings.warn("something")

def test_asks():
    sys.audit("socket.connect", None, ("192.0.2.1", 9))

def test_logs():
    print("something", file=sys.stderr)
"""


@pytest.mark.alike
@pytest.mark.parametrize("workers", [0, 1])
def test_a_test_that_is_not_silent_has_failed(workers: int, tmp_path: Path) -> None:
    """In this process as in a worker's; what it writes to stderr is its own affair."""
    (tmp_path / "test_noise.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-n", str(workers), "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command += ["-W", "error", "-rA", "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith(("PASSED ", "FAILED ", "ERROR "))]
    assert {(line.split()[0], line.partition("::")[2].split()[0]) for line in lines} == {
        ("FAILED", "test_prints"),
        ("FAILED", "test_warns"),
        ("PASSED", "test_asks"),
        ("ERROR", "test_asks"),
        ("PASSED", "test_logs"),
    }
