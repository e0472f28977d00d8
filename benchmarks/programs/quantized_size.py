"""The size of the int8 model that is made on the fly: ``quantized_size.py FOLDER`` prints bytes, and what made it took."""

import json
import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter


def main(folder: str) -> None:
    """Make it in a cache of its own, where nothing else is."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["HF_ASSETS_CACHE"] = cache
        import onnxhub

        start = perf_counter()
        onnxhub.load("text-classification", folder, dtype="int8", compiled=False).close()
        seconds = perf_counter() - start
        made = sum(path.stat().st_size for path in Path(cache).rglob("*.onnx*") if path.is_file())
    print(json.dumps({"bytes": made, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1])
