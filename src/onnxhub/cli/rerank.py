"""``onnxhub rerank``: documents by how well they answer a query."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer
from rich.text import Text

import onnxhub
from onnxhub.cli._options import (
    Debug,
    Dtype,
    File,
    Json,
    Model,
    OnnxPath,
    OutputNames,
    PromptName,
    Provider,
    Revision,
    output_names,
)
from onnxhub.cli._printing import Line, Printer, format_score
from onnxhub.cli._reading import decode_argument, read_lines

__all__ = ["rerank"]


def rerank(
    query: Annotated[str, typer.Argument(help="What the documents should answer.", show_default=False)],
    documents: Annotated[
        list[str] | None,
        typer.Argument(help="The documents; none: each line of --file, or of standard input.", show_default=False),
    ] = None,
    file: File = None,
    *,
    prompt_name: PromptName = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="Only the best.", show_default="all")] = None,
    model: Model = None,
    provider: Provider = "cpu",
    dtype: Dtype = "auto",
    revision: Revision = None,
    onnx_file: OnnxPath = None,
    output_name: OutputNames = None,
    json: Json = False,
    debug: Debug = False,  # noqa: ARG001  # for the program around the commands
) -> None:
    """Put documents in order by how well they answer a query, best first; all are read before the first is shown.

    Example: onnxhub rerank "a cat" "tax law" "a kitten"

    In a pipe, a row is: score, index of the document (from 0), document.
    """
    asked, chunks, printer = decode_argument(query), read_lines(documents, file), Printer(json)
    ranker = onnxhub.load(
        "text-ranking",
        model,
        provider,
        dtype=dtype,
        revision=revision,
        file=onnx_file,
        outputs=output_names(output_name),
    )
    texts = [text for lines in chunks for text in lines.texts]
    ranking = ranker(asked, texts, prompt_name=prompt_name or ..., top_k=top_k)
    digits = max(len(format_score(one.score)) for one in ranking)
    for one in ranking:
        # Of many models the score is the logit itself: what a bar can show is its place between 0 and 1.
        share = float(onnxhub.sigmoid(one.logit))
        printer.show(
            one.to_dict(),
            [(format_score(one.score), one.index, one.text)],
            partial(Line, one.score, Text(one.text), share=share, digits=digits),
        )
    printer.flush()
