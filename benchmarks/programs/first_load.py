"""The time of one ``load`` in a new process: ``first_load.py HOW FOLDER``, with HOW one of plain, compiling, compiled."""

import os
import sys
import tempfile
from time import perf_counter


def main(how: str, folder: str) -> None:
    """Print the seconds; for compiling, in a cache of its own, where nothing is yet."""
    with tempfile.TemporaryDirectory() as cache:
        if how == "compiling":
            os.environ["HF_ASSETS_CACHE"] = cache
        import onnxruntime  # noqa: F401  # each of them would be imported by the load

        import onnxhub

        start = perf_counter()
        model = onnxhub.load("text-classification", folder, compiled=how != "plain")
        print(perf_counter() - start)
        if model.info.compiled != (how != "plain"):
            sys.exit(f"the session of {how} is not what it should be")


if __name__ == "__main__":
    main(*sys.argv[1:])
