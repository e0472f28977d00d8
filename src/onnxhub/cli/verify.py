"""``onnxhub verify``: whether a variant of a model says what the full-precision file says, and what it saves."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from onnxhub._loading.request import LoadRequest
from onnxhub._process.sizes import format_size
from onnxhub._workshop.verify import verify_variant
from onnxhub.cli._options import Column, File, Format, Json, ModelArgument, Provider, Revision, TaskName
from onnxhub.cli._printing import Printer
from onnxhub.cli._reading import read_lines
from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxhub._workshop.verify import Side

__all__ = ["verify"]


def verify(
    model: ModelArgument,
    texts: Annotated[
        list[str] | None,
        typer.Argument(help="Texts; none: those of --file, else sentences of our own.", show_default=False),
    ] = None,
    *,
    dtype: Annotated[
        str, typer.Option(metavar="NAME", show_default=False, help="The precision to judge: q8, int8, fp16, q4, ...")
    ],
    against: Annotated[str, typer.Option(metavar="NAME", help="The precision that is taken for right.")] = "fp32",
    threshold: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="NUMBER",
            help="The least mean agreement; below it, the exit code is 1.",
        ),
    ] = 0.95,
    file: File = None,
    column: Column = None,
    file_format: Format = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, metavar="NUMBER", help="About how long to measure the speed.")
    ] = 5.0,
    task: TaskName = "auto",
    provider: Provider = "cpu",
    revision: Revision = None,
    json: Json = False,
) -> None:
    """Say how far one precision of a model agrees with another, how much faster it is, and how much smaller.

    Agreement is the share of texts with the same label, answer or entities; for vectors, their cosine similarity.

    Example: onnxhub verify org/name --dtype q8

    In a pipe, a row is: fact, value.
    """
    if dtype == against:
        raise InvalidOptionError("dtype", dtype, "another one than --against, with which it is compared")
    chunks = read_lines(texts, file, column, file_format) if texts or file else None
    given = None if chunks is None else [text for lines in chunks for text in lines.texts]
    request = LoadRequest(task=task, model_id=model, provider=provider, revision=revision)
    verified = verify_variant(request, dtype=dtype, against=against, texts=given, seconds=seconds)
    agreement = verified.agreement
    passed = agreement.mean >= threshold
    about = {"model": model, "task": verified.task, "inputs": len(verified.inputs)}
    found = {
        **asdict(agreement),
        "worst": verified.inputs[agreement.worst] if agreement.least < 1 else None,
        "speed_ratio": verified.speed_ratio,
        "size_ratio": verified.size_ratio,
        "threshold": threshold,
        "passed": passed,
    }
    _show(Printer(json), about, [_describe(side) for side in (verified.reference, verified.variant)], found)
    if not passed:
        raise typer.Exit(1)


def _describe(side: Side) -> dict[str, Any]:
    return {"dtype": side.dtype, "file": side.file, "reason": side.reason, "bytes": side.size, "rate": side.rate}


def _show(
    printer: Printer, about: Mapping[str, object], sides: Sequence[Mapping[str, Any]], found: Mapping[str, Any]
) -> None:
    reference, variant = sides
    printer.show(
        {**about, "reference": reference, "variant": variant, **found},
        [
            *about.items(),
            *(
                (f"{name} of {side['dtype']}", _round_number(side[name]))
                for side in sides
                for name in ("file", "bytes", "rate")
            ),
            *((name.replace("_", " "), _round_number(value)) for name, value in found.items()),
        ],
        lambda: _draw(printer, about, sides, found),
    )


def _draw(
    printer: Printer, about: Mapping[str, object], sides: Sequence[Mapping[str, Any]], found: Mapping[str, Any]
) -> Group:
    head = Text(f"{about['model']} for {about['task']}: {about['inputs']} inputs\n")
    table = printer.table(
        [
            {
                "dtype": side["dtype"],
                "file": side["file"],
                "size": format_size(side["bytes"]),
                "inputs/s": f"{side['rate']:,.4g}",
            }
            for side in sides
        ]
    )
    sign, verdict = ("≥", "green") if found["passed"] else ("<", "red")
    lines = [
        Text.assemble("\n", (f"{found['measure']}: {found['mean']:.4f} {sign} {found['threshold']:g}", verdict)),
        *([] if found["worst"] is None else [Text(f"  worst: {found['least']:.4f}, {found['worst']!r}")]),
        Text(f"scores: at most {found['largest_difference']:.4f} apart, {found['mean_difference']:.4f} in the mean"),
        Text(f"{found['speed_ratio']:.2f} times as fast, {found['size_ratio']:.3f} times as large"),
    ]
    return Group(head, table, *lines)


def _round_number(value: object) -> object:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else value
