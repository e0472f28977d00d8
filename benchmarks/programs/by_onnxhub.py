"""The classifier by onnxhub."""

import sys
from collections.abc import Callable

import onnxhub


def load(folder: str) -> Callable[[str], tuple[str, float]]:
    """Return a classifier of one text."""
    model = onnxhub.load("text-classification", folder)

    def classify(text: str) -> tuple[str, float]:
        result = model(text)
        return result.label, result.score

    return classify


if __name__ == "__main__":
    print(*load(sys.argv[1])(sys.argv[2]))
