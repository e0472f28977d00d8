"""The session's run alone, on a text that was tokenised before the clock starts: what no program can be faster than."""

from collections.abc import Callable
from functools import cache

import numpy as np
from onnxruntime import InferenceSession
from tokenizers import Tokenizer


def load(folder: str) -> Callable[[str], None]:
    """Return a run of the graph for one text."""
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    session = InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])

    @cache
    def feeds(text: str) -> dict[str, np.ndarray]:
        encoding = tokenizer.encode(text)
        return {"input_ids": np.array([encoding.ids]), "attention_mask": np.array([encoding.attention_mask])}

    def run(text: str) -> None:
        session.run(["logits"], feeds(text))

    return run
