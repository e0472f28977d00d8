"""Postprocessing alone, on the same logits: ``postprocessing.py TASK FOLDER CALLS [PROGRAM]``.

One document of 512 tokens goes through the model once. Then onnxhub's postprocessor and transformers' ``postprocess``
decode what came out, in turn, ten times each: one that makes large arrays would else empty the processor's caches for
the other. Prints as JSON the median call of each; both must find the same. With PROGRAM, one of them is run alone, for
a profile.
"""

import json
import statistics
import sys
from collections.abc import Callable
from typing import Any

import onnxhub
from benchmarks.texts import QUESTION, document
from benchmarks.worker import seconds

APART = 1e-4
TOGETHER = 10


def main(task: str, folder: str, calls: int, *alone: str) -> None:
    """Measure both, in turn, and print."""
    given = _document(folder, QUESTION if task == "question-answering" else None)
    decoders = {name: PROGRAMS[name](task, folder, given) for name in alone or PROGRAMS}
    if not alone:
        _require_same(task, *(decode() for decode in decoders.values()))
    times: dict[str, list[float]] = {name: [] for name in decoders}
    for _ in range(0, calls, TOGETHER):
        for name, decode in decoders.items():
            times[name] += [seconds(decode) for _ in range(TOGETHER)]
    print(json.dumps({name: statistics.median(some) for name, some in times.items()}))


def _document(folder: str, question: str | None) -> tuple[str, ...]:
    """Return a document, after its question if there is one, that fills 512 tokens as well as whole words can."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    before = () if question is None else (question,)
    tokenizer.no_truncation()
    words = document(512).split()
    while len(tokenizer.encode(*before, " ".join(words))) > 512:
        words.pop()
    return (*before, " ".join(words))


def by_onnxhub(task: str, folder: str, given: tuple[str, ...]) -> Callable[[], Any]:
    """Decode by the task's postprocessor."""
    model = onnxhub.load(task, folder)
    inputs = given if len(given) > 1 else given[0]
    options: dict[str, object] = {"max_length": 512} if task == "question-answering" else {}
    model = model.with_options(**options)
    outputs, items = model.outputs(inputs), [prepared.item for prepared in model.encode(inputs)]
    return lambda: model.postprocessor(outputs, items)[0]


def by_transformers(task: str, folder: str, given: tuple[str, ...]) -> Callable[[], Any]:
    """Decode by the pipeline of transformers, over optimum's model."""
    from optimum.onnxruntime import pipeline

    if task == "token-classification":
        pipe = pipeline(task, model=folder, aggregation_strategy="simple")
        (inputs,) = given
    else:
        pipe = pipeline(task, model=folder, max_seq_len=512, doc_stride=128)
        inputs = pipe.create_sample(question=given[0], context=given[1])
    features = list(pipe.preprocess(inputs, **pipe._preprocess_params))  # noqa: SLF001  # as its own run_single does
    outputs = [pipe.forward(feature, **pipe._forward_params) for feature in features]  # noqa: SLF001
    # What it is given is changed, so that each call needs a copy; a shallow one, of next to no cost.
    return lambda: pipe.postprocess([dict(output) for output in outputs], **pipe._postprocess_params)  # noqa: SLF001


def _require_same(task: str, mine: Any, theirs: Any) -> None:
    if task == "question-answering":
        mine, theirs = [mine], [theirs]
    found = [(entity.start, entity.end, entity.score) for entity in mine]
    expected = [(entity["start"], entity["end"], float(entity["score"])) for entity in theirs]
    same = [entity[:2] for entity in found] == [entity[:2] for entity in expected]
    if not same or any(abs(entity[2] - other[2]) > APART for entity, other in zip(found, expected, strict=True)):
        raise RuntimeError(f"{task}: onnxhub found {found}, transformers {expected}")


PROGRAMS = {kind.__name__: kind for kind in (by_onnxhub, by_transformers)}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
