"""``onnxhub classify``: one label with a score for each text."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import typer
from rich.cells import cell_len

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
from onnxhub.cli._printing import Printer, draw_ranking, format_score
from onnxhub.cli._reading import answer_lines, read_lines

__all__ = ["classify"]


def classify(
    texts: Texts = None,
    file: File = None,
    *,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, help="Labels to show for each text, best first.", show_default="1, and all in JSON"),
    ] = None,
    long_text: Annotated[
        Literal["truncate", "window", "error"], typer.Option(help="What becomes of a text longer than the model takes.")
    ] = "truncate",
    model: Model = None,
    provider: Provider = "cpu",
    dtype: Dtype = "auto",
    revision: Revision = None,
    onnx_file: OnnxPath = None,
    output_name: OutputNames = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001  # for the program around the commands
) -> None:
    """Give each text one of the model's labels, with a score.

    Example: onnxhub classify --model builtin:sentiment "Quite easy to use!"

    In a pipe, a row is: label, score, text.
    """
    chunks, printer = read_lines(texts, file), Printer(json)
    loaded = onnxhub.load(
        "text-classification",
        model,
        provider,
        dtype=dtype,
        revision=revision,
        file=onnx_file,
        outputs=output_names(output_name),
    )
    classifier = loaded.with_options(top_k=top_k, long_text=long_text)
    width = max(map(cell_len, classifier.info.labels))
    for chunk, results in answer_lines(classifier.attempt, chunks):
        for text, result in zip(chunk, results, strict=True):
            best = result.ranking[: top_k or 1]
            printer.show(
                {"text": text, **result.to_dict()},
                [(one.label, format_score(one.score), text) for one in best],
                partial(draw_ranking, text, best, width),
            )
        printer.flush()
