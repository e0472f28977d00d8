"""What it costs to know that a cached file is what it should be."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import profiles
from benchmarks.bench import DISTILBERT, TINY, Topic
from benchmarks.measure import side_by_side
from benchmarks.report import Target, explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from benchmarks.report import Table

CALLS = 500
MOST = 1.0
"""Milliseconds."""


def verification(bench: Bench) -> Iterator[Table]:
    """Measure the verification of the ONNX files of two models, from the first look on."""
    files = {model: Path(bench.model(model), "model.onnx") for model in (TINY, DISTILBERT)}
    commands = {
        model: bench.program("verification.py", file, CALLS, python=bench.light) for model, file in files.items()
    }
    outputs = {
        model: [json.loads(run.output) for run in some]
        for model, some in side_by_side(commands, bench.rounds(5)).items()
    }
    rows, targets = [], []
    for model, some in outputs.items():
        first, again = (statistics.median(output[key] for output in some) for key in ("first", "again"))
        size = files[model].stat().st_size / 2**20
        rows.append((model, f"{size:.1f} MiB", f"{first * 1e3:.1f} ms", f"{again * 1e3:.3f} ms"))
        targets.append(Target(f"checking a file again, {model}, milliseconds", again * 1e3, MOST))
    yield explained(
        "an ONNX file",
        ("model", "size", "first time", "again, median"),
        rows,
        targets,
        lambda: profiles.of_calls(commands[DISTILBERT]),
    )


TOPICS = {
    "verification": Topic(
        "Whether a cached file is what it should be",
        """\
The first time, all of the file is read for its SHA-256; then the digest is remembered under the file's inode, size and
times, and looked up on every load. In the light install.""",
        (TINY, DISTILBERT),
        verification,
    ),
}
