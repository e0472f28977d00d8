"""Documents of mixed length ranked for a query, by a worker: ``rerank.py PROGRAM FOLDER``.

The scores are those of the documents, in their order.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from benchmarks.texts import QUESTION, mixed
from benchmarks.worker import serve_passes

Rank: TypeAlias = Callable[[Sequence[str]], dict[int, float]]


def by_onnxhub(folder: str) -> Rank:
    """All pairs in one plan."""
    import onnxhub

    model = onnxhub.load("text-ranking", folder)
    return lambda documents: {entry.index: entry.score for entry in model(QUESTION, documents)}


def by_sentence_transformers(folder: str) -> Rank:
    """Return a CrossEncoder over the same ONNX file; its batches are of 32 pairs, sorted by length."""
    from sentence_transformers import CrossEncoder

    return _rank_by(CrossEncoder(folder, backend="onnx", device="cpu", model_kwargs={"file_name": "model.onnx"}))


def by_torch(folder: str) -> Rank:
    """Return a CrossEncoder over torch, as one writes it."""
    from sentence_transformers import CrossEncoder

    return _rank_by(CrossEncoder(folder, device="cpu"))


def _rank_by(model: Any) -> Rank:
    def rank(documents: Sequence[str]) -> dict[int, float]:
        results = model.rank(QUESTION, list(documents), show_progress_bar=False)
        return {int(result["corpus_id"]): float(result["score"]) for result in results}

    return rank


PROGRAMS = {kind.__name__: kind for kind in (by_onnxhub, by_sentence_transformers, by_torch)}


def main(program: str, folder: str) -> None:
    """Load, and serve."""
    rank = PROGRAMS[program](folder)
    serve_passes(lambda documents: [score for _, score in sorted(rank(documents).items())], mixed)


if __name__ == "__main__":
    main(*sys.argv[1:])
