"""``onnxhub tag``: the entities of each text."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import typer

import onnxhub
from onnxhub.cli._options import (
    Debug,
    Dtype,
    File,
    Json,
    Model,
    OnnxPath,
    OutputNames,
    Provider,
    Revision,
    Texts,
    output_names,
)
from onnxhub.cli._printing import Printer, format_score, highlight
from onnxhub.cli._reading import answer_lines, read_lines

__all__ = ["tag"]


def tag(
    texts: Texts = None,
    file: File = None,
    *,
    aggregation: Annotated[
        Literal["none", "simple", "first", "average", "max"], typer.Option(help="How tokens become entities.")
    ] = "simple",
    model: Model = None,
    provider: Provider = "cpu",
    dtype: Dtype = "auto",
    revision: Revision = None,
    onnx_file: OnnxPath = None,
    output_name: OutputNames = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001  # for the program around the commands
) -> None:
    """Find the people, places and organisations (or what else the model knows) in each text.

    Example: onnxhub tag --model builtin:ner "Ada Lovelace lived in London."

    In a pipe, a row is: number of the text, label, score, start, end, entity.
    """
    chunks, printer = read_lines(texts, file), Printer(json)
    loaded = onnxhub.load(
        "token-classification",
        model,
        provider,
        dtype=dtype,
        revision=revision,
        file=onnx_file,
        outputs=output_names(output_name),
    )
    tagger = loaded.with_options(aggregation=aggregation)
    number = 0
    for chunk, found in answer_lines(tagger.attempt, chunks):
        for text, entities in zip(chunk, found, strict=True):
            number += 1
            spans = [(one.start, one.end, one.label) for one in entities]
            printer.show(
                {"text": text, "entities": [one.to_dict() for one in entities]},
                [(number, one.label, format_score(one.score), one.start, one.end, one.text) for one in entities],
                partial(highlight, text, spans),
            )
        printer.flush()
