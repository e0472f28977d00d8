"""Time one text at a time on a model that is loaded: ``warm.py PROGRAM FOLDER TEXT CALLS`` prints the median call."""

import statistics
import sys
from importlib import import_module
from time import perf_counter


def main(program: str, folder: str, text: str, calls: int) -> None:
    """Print the median of the calls, in seconds."""
    classify = import_module(program).load(folder)
    times = []
    for _ in range(calls + calls // 5):
        start = perf_counter()
        classify(text)
        times.append(perf_counter() - start)
    print(statistics.median(times[calls // 5 :]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
