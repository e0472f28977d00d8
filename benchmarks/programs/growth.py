"""What a call costs as its input grows, by a worker: ``growth.py WHAT FOLDER``, asked for a size.

WHAT is ``texts`` (so many texts at once; a list of 256 again and again, so that all sizes have the same mixture of
lengths) or ``words`` (one document of so many words, which takes many windows).
"""

import sys
from collections.abc import Callable, Mapping

import onnxhub
from benchmarks.texts import document, real
from benchmarks.worker import serve, timed

MIXTURE = 256


def main(what: str, folder: str) -> None:
    """Load, and serve."""
    call = PROGRAMS[what](folder)

    def answer(size: int) -> Mapping[str, object]:
        return {"seconds": timed(call(size))[0]}

    serve(answer)


def texts(folder: str) -> Callable[[int], Callable[[], object]]:
    """Return a classifier of many texts."""
    model, mixture = onnxhub.load("text-classification", folder), real(MIXTURE)

    def call(size: int) -> Callable[[], object]:
        many = mixture * (size // MIXTURE)
        return lambda: model(many)

    return call


def words(folder: str) -> Callable[[int], Callable[[], object]]:
    """Return a tagger of one document."""
    model = onnxhub.load("token-classification", folder)

    def call(size: int) -> Callable[[], object]:
        text = document(size)
        return lambda: model(text)

    return call


PROGRAMS = {kind.__name__: kind for kind in (texts, words)}

if __name__ == "__main__":
    main(*sys.argv[1:])
