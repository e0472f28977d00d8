"""Texts of real lengths to vectors, by a worker: ``embeddings.py PROGRAM FOLDER [BATCH_SIZE]``.

The scores are the first numbers of each vector.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from benchmarks.texts import real
from benchmarks.worker import serve_passes

Run: TypeAlias = Callable[[Sequence[str]], list[float]]
SHOWN = 8
ARRIVING = 16_384
"""Tokens of a batch, text-embeddings-inference's default."""


def by_onnxhub(folder: str) -> Run:
    """One call with all texts."""
    import onnxhub

    model = onnxhub.load("feature-extraction", folder)
    return lambda texts: _scores(model(list(texts)))


def by_fastembed(folder: str, batch_size: str = "256") -> Run:
    """Return the model of fastembed over the same file; 256 is its own default."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    TextEmbedding.add_custom_model(
        "same-file",
        PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf="same/file"),
        dim=384,
        model_file="model.onnx",
    )
    model = TextEmbedding("same-file", specific_model_path=folder, cuda=False)
    return lambda texts: _scores(list(model.embed(list(texts), batch_size=int(batch_size))))


def by_sentence_transformers(folder: str) -> Run:
    """sentence-transformers over the same file: batches of 32, sorted by length."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, backend="onnx", device="cpu", model_kwargs={"file_name": "model.onnx"})
    return lambda texts: _scores(model.encode(list(texts), show_progress_bar=False))


def by_sentence_transformers_torch(folder: str) -> Run:
    """sentence-transformers over torch, as one writes it: batches of 32, sorted by length."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    return lambda texts: _scores(model.encode(list(texts), show_progress_bar=False))


def by_arrival(folder: str) -> Run:
    """Return the policy of text-embeddings-inference over the same file: as texts come, up to 16,384 padded tokens a batch."""
    import numpy as np
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    session = InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])

    def embed(rows: Sequence[Sequence[int]]) -> list[Any]:
        ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
        mask = np.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, : len(row)], mask[place, : len(row)] = row, 1
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        tokens = session.run(["last_hidden_state"], feeds)[0]
        vectors = (tokens * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return list(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def run(texts: Sequence[str]) -> list[float]:
        found: list[Any] = []
        batch: list[list[int]] = []
        for encoding in tokenizer.encode_batch(list(texts)):
            longest = max([len(encoding.ids), *map(len, batch)])
            if longest * (len(batch) + 1) > ARRIVING:
                found += embed(batch)
                batch = []
            batch.append(encoding.ids)
        return _scores(found + embed(batch))

    return run


def _scores(vectors: Sequence[Any]) -> list[float]:
    return [float(value) for vector in vectors for value in vector[:SHOWN]]


PROGRAMS = {
    kind.__name__: kind
    for kind in (by_onnxhub, by_fastembed, by_sentence_transformers, by_sentence_transformers_torch, by_arrival)
}


def main(program: str, folder: str, *options: str) -> None:
    """Load, and serve."""
    serve_passes(PROGRAMS[program](folder, *options), real)


if __name__ == "__main__":
    main(*sys.argv[1:])
