"""What comes after the model, alone: entities from logits, and answers from logits."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING

from benchmarks import profiles
from benchmarks.bench import Topic
from benchmarks.measure import side_by_side
from benchmarks.report import Target, explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from benchmarks.report import Table

CALLS = 50
NAMES = {"by_onnxhub": "onnxhub's postprocessor", "by_transformers": "transformers' `pipeline.postprocess`"}
MODELS = {"token-classification": "tiny-tagger", "question-answering": "tiny-answerer"}


def postprocessing(bench: Bench) -> Iterator[Table]:
    """Both programs on the same logits."""
    for task, model in MODELS.items():
        command = bench.program("postprocessing.py", task, bench.model(model), CALLS)
        outputs = [json.loads(answer.output) for answer in side_by_side({task: command}, bench.rounds(5))[task]]
        seconds = {name: statistics.median(output[name] for output in outputs) for name in NAMES}
        mine = seconds["by_onnxhub"]
        rows = [(NAMES[name], f"{value * 1e3:.3f} ms", f"{value / mine:.1f}") for name, value in seconds.items()]
        ratio = seconds["by_transformers"] / mine
        target = Target(
            f"postprocessing of 512 tokens, {task}, transformers' time in times of onnxhub's", ratio, 10, True
        )
        yield explained(
            task,
            ("program", "median call", "times onnxhub's"),
            rows,
            [target],
            lambda command=command: profiles.of_calls([*command, "by_onnxhub"]),
        )


TOPICS = {
    "postprocessing": Topic(
        "Postprocessing alone",
        """\
A document of 512 tokens has gone through the tiny model; what is measured is what comes after it, on the same logits,
in one process and in turn. Both must find the same entities (aggregation `simple`), and the same answer.""",
        tuple(MODELS.values()),
        postprocessing,
    ),
}
