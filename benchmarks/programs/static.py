"""Texts of real lengths through a table of vectors, by a worker: ``static.py PROGRAM FOLDER``.

The scores are the first numbers of each vector.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from benchmarks.texts import real
from benchmarks.worker import serve_passes

Run: TypeAlias = Callable[[Sequence[str]], list[float]]
SHOWN = 2


def by_onnxhub(folder: str) -> Run:
    """One call with all texts."""
    import onnxhub

    model = onnxhub.load("feature-extraction", folder)
    return lambda texts: _scores(model(list(texts)))


def by_model2vec(folder: str) -> Run:
    """model2vec over the same files, as one writes it."""
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(folder)
    return lambda texts: _scores(model.encode(list(texts)))


def _scores(vectors: Any) -> list[float]:
    scores: list[float] = vectors[:, :SHOWN].ravel().tolist()
    return scores


PROGRAMS = {kind.__name__: kind for kind in (by_onnxhub, by_model2vec)}


def main(program: str, folder: str) -> None:
    """Load, and serve."""
    serve_passes(PROGRAMS[program](folder), real)


if __name__ == "__main__":
    main(*sys.argv[1:])
