"""One text at a time on a loaded model, by a worker: ``latency.py PROGRAM FOLDER``, asked ``{"tokens": n, "calls": n}``.

PROGRAM is one of the programs beside this one that have a ``load``.
"""

import statistics
import sys
from collections.abc import Mapping
from importlib import import_module

from benchmarks.texts import of_tokens
from benchmarks.worker import seconds, serve


def main(program: str, folder: str) -> None:
    """Load, and serve: the median call."""
    classify = import_module(program).load(folder)

    def answer(question: Mapping[str, int]) -> Mapping[str, object]:
        text = of_tokens(question["tokens"])
        classify(text)
        return {"seconds": statistics.median(seconds(lambda: classify(text)) for _ in range(question["calls"]))}

    serve(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
