"""Many calls with texts and lists of random lengths: ``many_calls.py FOLDER CALLS``.

Prints the resident memory after each hundredth of the calls, in MiB, as a JSON list of numbers of calls and memory.
"""

import json
import random
import re
import sys
from pathlib import Path

import onnxhub
from benchmarks.texts import of_tokens

LONGEST, LARGEST = 512, 32


def main(folder: str, calls: int) -> None:
    """Call, and look."""
    model = onnxhub.load("text-classification", folder)
    chance, seen = random.Random(0), []
    for number in range(1, calls + 1):
        model([of_tokens(chance.randint(3, LONGEST)) for _ in range(chance.randint(1, LARGEST))])
        if number % max(calls // 100, 1) == 0:
            seen.append((number, resident()))
    print(json.dumps(seen))


def resident() -> float:
    """Memory of this process that is in use, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
