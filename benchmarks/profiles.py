"""Why a figure falls short: profiles, cut to the lines that matter."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from benchmarks.measure import REPOSITORY, environment

if TYPE_CHECKING:
    from collections.abc import Sequence

LINES = 20


def of_start(command: Sequence[str]) -> str:
    """Where a whole process spends its time: the stages that take longest, with all that they call."""
    python, *program = command
    return _cut(_output([python, "-m", "cProfile", "-s", "cumtime", *program]))


def of_calls(command: Sequence[str]) -> str:
    """Where warm calls spend their time: the functions themselves."""
    python, *program = command
    return _cut(_output([python, "-m", "cProfile", "-s", "tottime", *program]))


def of_worker(command: Sequence[str], question: object) -> str:
    """Where a worker spends its time when it is asked, its loading included: the functions themselves."""
    python, *program = command
    return _cut(_output([python, "-m", "cProfile", "-s", "tottime", *program], f"{json.dumps(question)}\n" * 2))


def of_import(python: str) -> str:
    """Return the modules that ``import onnxhub`` loads beside numpy, by their own time in microseconds."""
    lines = _output([python, "-X", "importtime", "-c", "import numpy, onnxhub"]).splitlines()
    after = next((number for number, line in enumerate(lines) if re.search(r"\| numpy$", line)), 0)
    own = [line for line in lines[after + 1 :] if line.startswith("import time:")]
    return "\n".join(sorted(own, key=lambda line: -int(re.findall(r"\d+", line)[0]))[:LINES])


def _cut(profile: str) -> str:
    start = profile.find("   ncalls")
    return re.sub(
        rf"{re.escape(str(REPOSITORY))}/|\S*/site-packages/|\S*/lib/python[\d.]+/",
        "",
        "\n".join(profile[start:].splitlines()[: LINES + 1]),
    )


def _output(command: Sequence[str], asked: str = "") -> str:
    done = subprocess.run(command, env=environment(), input=asked, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
