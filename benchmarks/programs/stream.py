"""A stream of short texts through a classifier: ``stream.py FOLDER TEXTS`` prints how many texts a second."""

import sys
from time import perf_counter

import onnxhub
from benchmarks.texts import short


def main(folder: str, number: int) -> None:
    """Read all results, and keep none."""
    model = onnxhub.load("text-classification", folder)
    start = perf_counter()
    seen = sum(1 for _ in model.stream(short(number)))
    print(seen / (perf_counter() - start))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
