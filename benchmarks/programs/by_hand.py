"""The classifier without any library for it: what one would write by hand with tokenizers and ONNX Runtime."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from tokenizers import Tokenizer


def load(folder: str) -> Callable[[str], tuple[str, float]]:
    """Return a classifier of one text."""
    labels = json.loads(Path(folder, "config.json").read_bytes())["id2label"]
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    session = InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])

    def classify(text: str) -> tuple[str, float]:
        encoding = tokenizer.encode(text)
        feeds = {"input_ids": np.array([encoding.ids]), "attention_mask": np.array([encoding.attention_mask])}
        (logits,) = session.run(["logits"], feeds)[0]
        scores = np.exp(logits - logits.max())
        scores /= scores.sum()
        best = int(scores.argmax())
        return labels[str(best)], float(scores[best])

    return classify


if __name__ == "__main__":
    print(*load(sys.argv[1])(sys.argv[2]))
