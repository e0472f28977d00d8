"""The classifier by optimum's pipeline."""

import sys
from collections.abc import Callable

from optimum.onnxruntime import pipeline


def load(folder: str) -> Callable[[str], tuple[str, float]]:
    """Return a classifier of one text."""
    classifier = pipeline("text-classification", model=folder)

    def classify(text: str) -> tuple[str, float]:
        (best,) = classifier(text)
        return best["label"], best["score"]

    return classify


if __name__ == "__main__":
    print(*load(sys.argv[1])(sys.argv[2]))
