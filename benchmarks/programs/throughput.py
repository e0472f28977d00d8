"""Texts of real lengths through a classifier, by a worker: ``throughput.py PROGRAM FOLDER [NUMBER]``.

NUMBER is the batch size of a pipeline, or the budget of the ceiling in tokens. The scores are those of the first label.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.texts import real
from benchmarks.worker import serve_passes

Run: TypeAlias = Callable[[Sequence[str]], list[float]]


def by_onnxhub(folder: str, dtype: str = "auto") -> Run:
    """One call with all texts."""
    import onnxhub

    model = onnxhub.load("text-classification", folder, dtype=dtype)
    first = model.info.labels[0]

    def run(texts: Sequence[str]) -> list[float]:
        return [next(entry.score for entry in result.ranking if entry.label == first) for result in model(list(texts))]

    return run


def by_optimum(folder: str, batch_size: str) -> Run:
    """Return the pipeline of optimum over the ONNX file."""
    from optimum.onnxruntime import pipeline

    return _by_pipeline(pipeline("text-classification", model=folder, batch_size=int(batch_size)), folder)


def by_torch(folder: str, batch_size: str) -> Run:
    """Return the pipeline of transformers over torch."""
    from transformers import pipeline

    pipe = pipeline("text-classification", model=folder, device="cpu", batch_size=int(batch_size))
    return _by_pipeline(pipe, folder)


def by_ceiling(folder: str, budget: str) -> Run:
    """Return the bare session on the same tokens, tokenised before, in batches of equal rows without any padding.

    Texts are sorted by length and cut by the budget, and the tokens of a batch are spread evenly over its rows. What is
    said of the texts is meaningless then; the work is that of a batching that wastes nothing.
    """
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.no_padding()
    session = InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
    names = {entry.name for entry in session.get_inputs()}
    packed: dict[int, list[dict[str, Any]]] = {}

    def run(texts: Sequence[str]) -> list[float]:
        if id(texts) not in packed:
            ids = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
            packed[id(texts)] = [{name: batch[name] for name in names} for batch in _packed(ids, int(budget))]
            return run(texts)
        for feeds in packed[id(texts)]:
            session.run(None, feeds)
        return []

    return run


def _packed(rows: Sequence[Sequence[int]], budget: int) -> list[dict[str, Any]]:
    batches, left = [], sorted(rows, key=len, reverse=True)
    while left:
        number = max(budget // len(left[0]), 1)
        batch, left = left[:number], left[number:]
        tokens = np.concatenate([np.array(row, np.int64) for row in batch])
        width = -(-tokens.size // len(batch))
        ids = np.resize(tokens, (len(batch), width))
        batches.append(
            {
                "input_ids": ids,
                "attention_mask": np.ones_like(ids),
                "token_type_ids": np.zeros_like(ids),
            }
        )
    return batches


def _by_pipeline(pipe: Any, folder: str) -> Run:
    first = json.loads(Path(folder, "config.json").read_bytes())["id2label"]["0"]

    def run(texts: Sequence[str]) -> list[float]:
        results = pipe(list(texts), top_k=None)
        return [next(entry["score"] for entry in result if entry["label"] == first) for result in results]

    return run


PROGRAMS = {kind.__name__: kind for kind in (by_onnxhub, by_optimum, by_torch, by_ceiling)}


def main(program: str, folder: str, *options: str) -> None:
    """Load, and serve."""
    serve_passes(PROGRAMS[program](folder, *options), real)


if __name__ == "__main__":
    main(*sys.argv[1:])
