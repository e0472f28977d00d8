"""Documents of mixed length ranked for a query: ``rerank.py PROGRAM FOLDER DOCUMENTS CALLS``.

All documents are given at once to a model that is loaded. Prints as JSON the median call in seconds, and the scores of
the documents, in their order.
"""

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TypeAlias

from benchmarks.texts import QUESTION, mixed

Rank: TypeAlias = Callable[[Sequence[str]], dict[int, float]]


def by_onnxhub(folder: str) -> Rank:
    """All pairs in one plan."""
    import onnxhub

    model = onnxhub.load("text-ranking", folder)
    return lambda documents: {one.index: one.score for one in model(QUESTION, documents)}


def by_sentence_transformers(folder: str) -> Rank:
    """A CrossEncoder over the same ONNX file; its batches are of 32 pairs, sorted by length."""
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(folder, backend="onnx", device="cpu", model_kwargs={"file_name": "model.onnx"})

    def rank(documents: Sequence[str]) -> dict[int, float]:
        results = model.rank(QUESTION, list(documents), show_progress_bar=False)
        return {int(one["corpus_id"]): float(one["score"]) for one in results}

    return rank


PROGRAMS = {kind.__name__: kind for kind in (by_onnxhub, by_sentence_transformers)}


def main(program: str, folder: str, number: int, calls: int) -> None:
    """Measure, and print."""
    rank, documents = PROGRAMS[program](folder), mixed(number)
    results = rank(documents)
    times = []
    for _ in range(calls):
        start = perf_counter()
        results = rank(documents)
        times.append(perf_counter() - start)
    print(json.dumps({"seconds": statistics.median(times), "scores": [results[index] for index in range(number)]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
