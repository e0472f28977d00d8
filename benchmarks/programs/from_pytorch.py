"""A repository with torch's weights alone, from a new process to its first answer: ``from_pytorch.py PROGRAM FOLDER TEXT``."""

import sys
from collections.abc import Callable


def by_onnxhub(folder: str) -> Callable[[str], tuple[str, float]]:
    """Load the model, which is converted once and cached."""
    import onnxhub

    model = onnxhub.load("text-classification", folder, export="auto")

    def classify(text: str) -> tuple[str, float]:
        result = model(text)
        return result.label, result.score

    return classify


def by_optimum(folder: str) -> Callable[[str], tuple[str, float]]:
    """Load the model, which is converted at each load."""
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer, pipeline

    model = ORTModelForSequenceClassification.from_pretrained(folder, export=True)
    pipe = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))

    def classify(text: str) -> tuple[str, float]:
        (best,) = pipe(text)
        return best["label"], best["score"]

    return classify


PROGRAMS = {kind.__name__: kind for kind in (by_onnxhub, by_optimum)}

if __name__ == "__main__":
    print(*PROGRAMS[sys.argv[1]](sys.argv[2])(sys.argv[3]))
