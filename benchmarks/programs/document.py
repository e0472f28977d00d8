"""A long document in one call, and what it is made of, in a fresh process: ``document.py WHAT TASK FOLDER WORDS``.

WHAT is ``call`` (onnxhub reads the document), ``encoding`` (the document is tokenised, nothing else), ``batch`` (one
batch goes through the same session) or ``batches`` (as many as the document needs). Prints what it took as JSON; memory
is how far the process grew at its highest, in bytes.
"""

import ctypes
import gc
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from tokenizers import Tokenizer

import onnxhub
from benchmarks.texts import QUESTION, document


def main(what: str, task: str, folder: str, words: int) -> None:
    """Measure one thing, and print it."""
    model = onnxhub.load(task, folder)
    asks = task == "question-answering"
    short, long = ((QUESTION, text) if asks else text for text in (document(20), document(words)))
    windows = [row["input_ids"].size for row in model.encode(long)[0].rows]
    batch = max(model.backend.batch_tokens // max(windows), 1)
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    model(short)
    run_batch = batch_runner(model, batch, max(windows))
    steps = {
        "call": lambda: model(long),
        "encoding": lambda: encoded(tokenizer, long),
        "batch": run_batch,
        "batches": lambda: [run_batch() for _ in range(-(-len(windows) // batch))],
    }
    seconds, grown = measured(steps[what])
    lanes = model.backend.lanes.number
    print(
        json.dumps(
            {
                "seconds": seconds,
                "grown": grown,
                "windows": len(windows),
                "batch": [batch, max(windows)],
                "lanes": lanes,
            }
        )
    )


def encoded(tokenizer: Tokenizer, inputs: str | tuple[str, str]) -> object:
    """Return the document as arrays: all that is known of its tokens."""
    encoding = tokenizer.encode(*([inputs] if isinstance(inputs, str) else inputs))
    words = [-1 if word is None else word for word in encoding.word_ids]
    texts = [-1 if text is None else text for text in encoding.sequence_ids]
    return encoding, [
        np.array(encoding.ids, np.int64),
        np.array(encoding.offsets, np.int32),
        np.array(words, np.int32),
        np.array(texts, np.int8),
    ]


def batch_runner(model: onnxhub.Model[Any, Any, Any], rows: int, length: int) -> Callable[[], object]:
    """Run one batch of that shape."""
    feeds = {name: np.ones((rows, length), np.int64) for name in model.backend.input_names}
    return lambda: model.session.run(None, feeds)


def measured(step: Callable[[], object]) -> tuple[float, int]:
    """Seconds, and how far the process grew; what it had freed before is given back first, to be counted again."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
    before = _memory("VmRSS")
    start = perf_counter()
    kept = step()
    seconds = perf_counter() - start
    grown = _memory("VmHWM") - before
    del kept
    return seconds, grown


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
