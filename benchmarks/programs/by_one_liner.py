"""The classifier by onnxhub's one-liner: the cached load is looked up at every call."""

import sys
from collections.abc import Callable

import onnxhub


def load(folder: str) -> Callable[[str], tuple[str, float]]:
    """Return a classifier of one text; loads at its first call."""

    def classify(text: str) -> tuple[str, float]:
        result = onnxhub.classify(text, model=folder)
        return result.label, result.score

    return classify


if __name__ == "__main__":
    print(*load(sys.argv[1])(sys.argv[2]))
