"""One model in many threads: ``threads.py FOLDER THREADS TEXTS``.

Prints how many results of all threads, with so many texts each, equal those of one thread, bit for bit.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import onnxhub
from benchmarks.texts import real


def main(folder: str, threads: int, texts: int) -> None:
    """Run the texts serially, then at once."""
    model = onnxhub.load("text-classification", folder)
    given = [real(threads * texts)[start::threads] for start in range(threads)]
    together = Barrier(threads)

    def work(mine: list[str]) -> list[onnxhub.Classification]:
        together.wait()
        return [model(text) for text in mine]

    serial = [[model(text) for text in mine] for mine in given]
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(work, given))
    equal = sum(
        result == other
        for mine, theirs in zip(found, serial, strict=True)
        for result, other in zip(mine, theirs, strict=True)
    )
    print(f"{equal} of {threads * texts}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
