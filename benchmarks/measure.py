"""Programs run in new processes, side by side: each round runs all of them once, so that a busy minute hits them all."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

from benchmarks.sources import CHECKOUT, REPOSITORY
from benchmarks.worker import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import IO, Self

    from benchmarks.sources import Source

PROGRAMS = REPOSITORY / "benchmarks" / "programs"
CACHE = REPOSITORY / ".cache" / "benchmarks"
"""Models, caches and results."""
MIB = 2**20
REST = 0.1
"""Seconds before a question: the threads of whoever ran before look for more work for a while, and take a core."""


@dataclass(frozen=True)
class Run:
    """What one process took."""

    seconds: float
    """From its start to its end."""
    peak: float
    """Most resident memory, MiB."""
    output: str
    """What it printed last."""
    cpu: float = 0.0
    """Seconds of the processor, of all its threads together."""


def run(command: Sequence[str], source: Source = CHECKOUT) -> Run:
    """Run a command in a new process to its end, with the onnxhub of a source.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = perf_counter()
        process = subprocess.Popen(command, env=environment(source), stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said, complained = (_text(file) for file in (output, errors))
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{complained}")
    peak = usage.ru_maxrss / (MIB if sys.platform == "darwin" else 1024)
    last = (said.strip().splitlines() or [""])[-1]
    return Run(seconds, peak, last, usage.ru_utime + usage.ru_stime)


class Worker:
    """A process that was started once, and is asked again and again (``benchmarks.worker``)."""

    def __init__(self, command: Sequence[str], source: Source = CHECKOUT) -> None:
        """Start it, and wait until it has loaded."""
        self._command = command
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        self._process = subprocess.Popen(
            command,
            env=environment(source),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._answer()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def ask(self, question: object) -> dict[str, Any]:
        """Its answer.

        Raises:
            RuntimeError: it ended; with what it said.
        """
        sleep(REST)
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        for line in self._process.stdout:
            if line.startswith(MARK):
                return json.loads(line.removeprefix(MARK))
        raise RuntimeError(f"{' '.join(self._command)} failed:\n{_text(self._errors)}")


@contextmanager
def workers(commands: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Worker]]:
    """Yield a worker for each command, all of them loaded."""
    with ExitStack() as running:
        yield {name: running.enter_context(Worker(command)) for name, command in commands.items()}


def in_turn(running: Mapping[str, Worker], question: object, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Ask all workers in turn, round after round."""
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in running}
    for _ in range(rounds):
        wait_for_calm()
        for name, worker in running.items():
            answers[name].append(worker.ask(question))
    return answers


def seconds_of(answers: Mapping[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Return the median of the times that each worker gave."""
    return {name: statistics.median(answer["seconds"] for answer in some) for name, some in answers.items()}


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
    """Return the median of each program's time and memory."""
    return {
        name: Run(statistics.median(r.seconds for r in some), statistics.median(r.peak for r in some), some[-1].output)
        for name, some in runs.items()
    }


def output_medians(runs: Mapping[str, list[Run]]) -> dict[str, float]:
    """Return the median of the numbers that each program printed."""
    return {name: statistics.median(float(run.output) for run in some) for name, some in runs.items()}


def environment(source: Source = CHECKOUT) -> dict[str, str]:
    """Return the environment of the programs: the onnxhub of a source, no network, byte code cached, own caches of each."""
    paths = (str(source.path), str(REPOSITORY), os.environ.get("PYTHONPATH", ""))
    quiet = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1"}
    left = ("PYTHONDONTWRITEBYTECODE", "HF_", "HUGGINGFACE_", "ONNXHUB_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left)}
    own = {"HF_HOME": str(CACHE / _home(source)), "TOKENIZERS_PARALLELISM": "true"}
    return {**kept, **quiet, **own, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _home(source: Source) -> str:
    return "home" if source == CHECKOUT else f"home-{sha256(str(source.path).encode()).hexdigest()[:12]}"


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
