"""Time how a file is checked: ``verification.py FILE CALLS`` prints seconds of the first time, and of the median of the next.

The memory of digests is a folder of its own, which is empty at first.
"""

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from onnxhub._backend.kept.digests import sha256


def main(file: Path, calls: int) -> None:
    """Print the seconds."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["HF_HOME"] = home
        seconds = []
        for _ in range(calls + 1):
            start = perf_counter()
            sha256(file)
            seconds.append(perf_counter() - start)
    print(json.dumps({"first": seconds[0], "again": statistics.median(seconds[1:])}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
