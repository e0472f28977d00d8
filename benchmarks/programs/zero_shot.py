"""Zero-shot classification of texts of mixed length, by a worker: ``zero_shot.py PROGRAM FOLDER``.

The scores are those of each text's labels, in the order of the labels.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from benchmarks.texts import TOPICS, mixed
from benchmarks.worker import serve_passes

Classify: TypeAlias = Callable[[Sequence[str]], list[dict[str, float]]]


def by_onnxhub(folder: str) -> Classify:
    """All pairs of the call in one plan."""
    import onnxhub

    model = onnxhub.load("zero-shot-classification", folder).with_options(labels=TOPICS)
    return lambda texts: [{entry.label: entry.score for entry in result.ranking} for result in model(list(texts))]


def by_torch(folder: str, batch_size: int | None = None) -> Classify:
    """Return the pipeline of transformers over torch, as one writes it."""
    from transformers import AutoModelForSequenceClassification

    return _pipeline(AutoModelForSequenceClassification.from_pretrained(folder).eval(), folder, batch_size)


def by_torch_batched(folder: str) -> Classify:
    """Return the same, with the pairs of a text in one batch."""
    return by_torch(folder, len(TOPICS))


def by_optimum(folder: str, batch_size: int | None = None) -> Classify:
    """Return the same pipeline over optimum's model."""
    from optimum.onnxruntime import ORTModelForSequenceClassification

    return _pipeline(ORTModelForSequenceClassification.from_pretrained(folder), folder, batch_size)


def by_optimum_batched(folder: str) -> Classify:
    """Return the same, with the pairs of a text in one batch."""
    return by_optimum(folder, len(TOPICS))


def _pipeline(model: Any, folder: str, batch_size: int | None) -> Classify:
    from transformers import AutoTokenizer, pipeline

    options = {} if batch_size is None else {"batch_size": batch_size}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pipe = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu", **options)

    def classify(texts: Sequence[str]) -> list[dict[str, float]]:
        results = pipe(list(texts), candidate_labels=list(TOPICS))
        return [dict(zip(result["labels"], result["scores"], strict=True)) for result in results]

    return classify


PROGRAMS = {kind.__name__: kind for kind in (by_onnxhub, by_torch, by_torch_batched, by_optimum, by_optimum_batched)}


def main(program: str, folder: str) -> None:
    """Load, and serve."""
    classify = PROGRAMS[program](folder)
    serve_passes(lambda texts: [result[label] for result in classify(texts) for label in TOPICS], mixed)


if __name__ == "__main__":
    main(*sys.argv[1:])
