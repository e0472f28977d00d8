"""The vector of one text, in a new process: ``first_vector.py PROGRAM FOLDER TEXT``."""

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

Embed: TypeAlias = Callable[[str], Any]


def by_hand(folder: str) -> Embed:
    """Write it out with tokenizers and ONNX Runtime."""
    import numpy as np
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.no_padding()
    session = InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])

    def embed(text: str) -> Any:
        encoding = tokenizer.encode(text)
        ids = np.array([encoding.ids])
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (tokens,) = session.run(["last_hidden_state"], feeds)[0]
        vector = tokens.mean(axis=0)
        return vector / np.linalg.norm(vector)

    return embed


def by_onnxhub(folder: str) -> Embed:
    """``load``, and a call."""
    import onnxhub

    return onnxhub.load("feature-extraction", folder)


def by_torch(folder: str) -> Embed:
    """sentence-transformers over torch, as one writes it."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(folder, device="cpu").encode


PROGRAMS = {kind.__name__: kind for kind in (by_hand, by_onnxhub, by_torch)}


if __name__ == "__main__":
    program, folder, text = sys.argv[1:]
    print(*(f"{value:.4f}" for value in PROGRAMS[program](folder)(text)[:4]))
