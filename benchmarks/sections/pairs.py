"""Tasks that read pairs of texts: labels that are named at the call, and documents ranked for a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import profiles
from benchmarks.bench import Topic, passes
from benchmarks.report import Target, explained

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.bench import Bench
    from benchmarks.report import Table

NLI, RERANKER = "distilbert-nli", "minilm-reranker"
TEXTS, DOCUMENTS, MANY_DOCUMENTS = 12, 100, 1000
ZERO_SHOT = {
    "by_onnxhub": "onnxhub",
    "by_optimum": "transformers' pipeline over optimum's model",
    "by_optimum_batched": "transformers' pipeline over optimum's model, `batch_size=10`",
    "by_torch": "transformers' pipeline over torch",
    "by_torch_batched": "transformers' pipeline over torch, `batch_size=10`",
}
RERANK = {
    "by_onnxhub": "onnxhub",
    "by_sentence_transformers": 'sentence-transformers\' `CrossEncoder(..., backend="onnx")`',
}
RERANK_MANY = RERANK | {"by_torch": "sentence-transformers' `CrossEncoder`"}


def zero_shot(bench: Bench) -> Iterator[Table]:
    """Texts of mixed length, each with ten labels."""
    limits = {"by_torch": 1 / 3, "by_optimum": 1 / 1.5}
    commands = {name: bench.program("zero_shot.py", name, bench.model(NLI)) for name in ZERO_SHOT}
    yield _table(bench, f"{TEXTS} texts, 10 labels, {NLI}", "zero-shot", commands, TEXTS, ZERO_SHOT, limits)


def rerank(bench: Bench) -> Iterator[Table]:
    """Documents of mixed length for a query."""
    limits = {"by_sentence_transformers": 1 / 1.5}
    commands = {name: bench.program("rerank.py", name, bench.model(RERANKER)) for name in RERANK}
    yield _table(bench, f"{DOCUMENTS} documents, {RERANKER}", "rerank", commands, DOCUMENTS, RERANK, limits)
    number = bench.some(MANY_DOCUMENTS)
    commands = {name: bench.program("rerank.py", name, bench.model(RERANKER)) for name in RERANK_MANY}
    limits = {"by_torch": 1 / 2}
    yield _table(
        bench, f"{number:,} documents, {RERANKER}", f"rerank {number:,}", commands, number, RERANK_MANY, limits, 3
    )


def _table(
    bench: Bench,
    title: str,
    what: str,
    commands: Mapping[str, list[str]],
    number: int,
    names: Mapping[str, str],
    limits: Mapping[str, float],
    rounds: int = 7,
) -> Table:
    seconds = passes(commands, number, bench.rounds(rounds))
    mine = seconds["by_onnxhub"]
    rows = [(names[name], f"{value:.3f} s", f"{value / mine:.2f}") for name, value in seconds.items()]
    targets = [Target(f"{what}, against {names[name]}", mine / seconds[name], most) for name, most in limits.items()]
    return explained(
        title,
        ("program", "median call", "times onnxhub's"),
        rows,
        targets,
        lambda: profiles.of_worker(commands["by_onnxhub"], number),
    )


TOPICS = {
    "zero-shot": Topic(
        "Labels that are named at the call",
        """\
All texts in one call, on a loaded model, in the full install; texts of 5 to 200 words, each with ten labels, so that
there are ten pairs of a text and a label for each. transformers' pipeline runs one pair after another unless it is
told a batch size; the targets are against the pipeline as one writes it, and the rows with `batch_size=10`, a text's
pairs together, show what is left of it. Before anything is compared, all programs must give the same scores.""",
        (NLI,),
        zero_shot,
    ),
    "rerank": Topic(
        "Documents ranked for a query",
        """\
All documents in one call, on a loaded model, in the full install; documents of 5 to 200 words. sentence-transformers
sorts them by length, and runs batches of 32 over the same ONNX file. Both programs must give the same scores.""",
        (RERANKER,),
        rerank,
    ),
}
