"""A process with a loaded model that has answered once, and stays: ``resident.py PROGRAM FOLDER TEXT``, a worker."""

import sys
from collections.abc import Mapping
from importlib import import_module

from benchmarks.worker import serve


def main(program: str, folder: str, text: str) -> None:
    """Load, and answer each question with another call."""
    classify = import_module(program).load(folder)
    classify(text)

    def answer(_: object) -> Mapping[str, object]:
        label, score = classify(text)
        return {"label": label, "score": score}

    serve(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
