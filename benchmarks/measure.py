"""Programs run in new processes, side by side: each round runs all of them once, so that a busy minute hits them all."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

REPOSITORY = Path(__file__).resolve().parent.parent
PROGRAMS = REPOSITORY / "benchmarks" / "programs"
MIB = 2**20


@dataclass(frozen=True)
class Run:
    """What one process took."""

    seconds: float
    """From its start to its end."""
    peak: float
    """Most resident memory, MiB."""
    output: str
    """What it printed last."""


def run(command: Sequence[str]) -> Run:
    """Run a command in a new process to its end.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = perf_counter()
        process = subprocess.Popen(command, env=environment(), stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said, complained = (_text(file) for file in (output, errors))
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{complained}")
    peak = usage.ru_maxrss / (MIB if sys.platform == "darwin" else 1024)
    return Run(seconds, peak, (said.strip().splitlines() or [""])[-1])


def side_by_side(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[Run]]:
    """Run all commands in turn, round after round; an unrecorded round first, to fill the caches of the disk."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        wait_for_calm()
        for name, command in commands.items():
            result = run(command)
            if number:
                runs[name].append(result)
    return runs


def wait_for_calm(most: float = 30.0, busy: float = 0.3) -> None:
    """Wait, at most so many seconds, until other programs take less than that share of one core."""
    end = perf_counter() + most
    while perf_counter() < end and _cores_in_use() > busy:
        pass


def _cores_in_use(seconds: float = 0.3) -> float:
    """How many cores are in use, measured for a moment; 0 where the system does not tell."""
    if not Path("/proc/stat").exists():
        return 0.0
    before = _idle_ticks()
    start = perf_counter()
    sleep(seconds)
    elapsed = (perf_counter() - start) * os.sysconf("SC_CLK_TCK")
    return (os.cpu_count() or 1) - (_idle_ticks() - before) / elapsed


def _idle_ticks() -> int:
    """Ticks that all cores together have been idle, or waiting for a disk."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split()
    return int(fields[4]) + int(fields[5])


def medians(runs: Mapping[str, list[Run]]) -> dict[str, Run]:
    """The median of each program's time and memory."""
    return {
        name: Run(statistics.median(r.seconds for r in some), statistics.median(r.peak for r in some), some[-1].output)
        for name, some in runs.items()
    }


def output_medians(runs: Mapping[str, list[Run]]) -> dict[str, float]:
    """The median of the numbers that each program printed."""
    return {name: statistics.median(float(run.output) for run in some) for name, some in runs.items()}


def environment() -> dict[str, str]:
    """The environment of the programs: this repository's onnxhub, no network, byte code cached as by an installation."""
    paths = (str(REPOSITORY / "src"), str(REPOSITORY), os.environ.get("PYTHONPATH", ""))
    quiet = {"TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "true", "HF_HUB_OFFLINE": "1"}
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **quiet, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
