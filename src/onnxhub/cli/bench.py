"""``onnxhub bench``: how fast a model is here with each of its files and settings, and which of them to take."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.text import Text

from onnxhub._loading.request import LoadRequest
from onnxhub._process.sizes import format_size
from onnxhub._workshop.bench import bench_model
from onnxhub.cli._options import (
    Column,
    File,
    Format,
    Json,
    ModelArgument,
    OnnxPaths,
    OutputNames,
    Provider,
    Revision,
    TaskName,
    one_or_parts,
    output_names,
)
from onnxhub.cli._printing import Printer
from onnxhub.cli._reading import read_lines
from onnxhub.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from onnxhub._workshop.bench import Measured, Recommended, Setting

__all__ = ["bench"]

PURPOSES = {"throughput": "most texts a second", "latency": "shortest wait for one text"}
LIST = "list"
BUSY = 1.5
"""Passes of one setting that differ by so many times make its figure unsure."""


def bench(
    model: ModelArgument,
    *,
    file: File = None,
    column: Column = None,
    file_format: Format = None,
    seconds: Annotated[float, typer.Option(min=0.1, metavar="NUMBER", help="About how long to measure.")] = 20.0,
    dtype: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="A precision to try; once for each. Default: all that the repository has, which are fetched for it.",
        ),
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            metavar="NUMBER",
            show_default=False,
            help="A number of threads to try; once for each. Default: what load chooses, 1, half of the cores, all.",
        ),
    ] = None,
    batch_tokens: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            metavar="NUMBER",
            show_default=False,
            help="Tokens of a batch to try; once for each. Default: what load chooses.",
        ),
    ] = None,
    task: TaskName = "auto",
    provider: Provider = "cpu",
    revision: Revision = None,
    onnx_file: OnnxPaths = None,
    output_name: OutputNames = None,
    json: Json = False,
) -> None:
    """Measure a model with each of its files and settings, on this machine, and say which of them to take.

    Texts are given one by one, and together as a list; they are those of --file, or made, with lengths like those of
    real ones. All settings run in turn, round after round.

    Example: onnxhub bench builtin:sentiment --seconds 1

    In a pipe, a row is: dtype, bytes, threads, batch, texts a second, milliseconds a text, the slowest pass in
    times of the fastest, why it failed; then, for each advice: best, for what, how to load it.
    """
    texts = [text for lines in read_lines(None, file, column, file_format) for text in lines.texts] if file else None
    if dtype and onnx_file:
        raise typer.BadParameter("--onnx-file is one precision: it goes without --dtype.")
    request = LoadRequest(
        task=task,
        model_id=model,
        provider=provider,
        revision=revision,
        file=one_or_parts(onnx_file),
        outputs=output_names(output_name),
    )
    with _show_progress() as tell:
        found = bench_model(
            request,
            texts=texts,
            dtypes=dtype or (),
            threads=threads or (),
            batch_tokens=batch_tokens or (),
            seconds=seconds,
            tell=tell,
        )
    records = [
        *(_make_record(measured.setting, found.sizes, measured) for measured in found.measured),
        *(_make_record(setting, found.sizes, None, why) for setting, why in found.failed.items()),
    ]
    chosen = {"file": request.file, "outputs": request.outputs}
    advice = [
        (recommended, _write_code(found.task, model, provider, chosen, recommended))
        for recommended in found.recommended
    ]
    about = {"model": model, "task": found.task, "texts": found.inputs, "rounds": found.rounds}
    _show(Printer(json), about, records, advice)


@contextmanager
def _show_progress() -> Iterator[Callable[[str], object]]:
    """Show a line on the terminal that says what is done, and goes when it is over; elsewhere nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield lambda what: status.update(Text(one_line(what)))  # without markup, which a name may have


def _make_record(
    setting: Setting, sizes: Mapping[str, int], measured: Measured | None, error: str | None = None
) -> dict[str, object]:
    return {
        "dtype": setting.dtype,
        "bytes": sizes.get(setting.dtype),
        "threads": setting.threads,
        "batch": _describe_batch(setting),
        "texts_per_second": measured and measured.texts_per_second,
        "milliseconds": None if measured is None or measured.seconds is None else measured.seconds * 1e3,
        "spread": measured and measured.spread,
        "error": error,
    }


def _write_code(task: str, model: str, provider: str, chosen: Mapping[str, object], advice: Recommended) -> str:
    given = [repr(task), repr(model), *([repr(provider)] if provider != "cpu" else [])]
    options = {**{name: value for name, value in chosen.items() if value}, **advice.options}
    return f"onnxhub.load({', '.join([*given, *(f'{name}={value!r}' for name, value in options.items())])})"


def _show(
    printer: Printer,
    about: Mapping[str, object],
    records: Sequence[Mapping[str, object]],
    advice: Sequence[tuple[Recommended, str]],
) -> None:
    best = [
        {
            "purpose": recommended.purpose,
            "same_scores": recommended.same_scores,
            "options": dict(recommended.options),
            "batch": _describe_batch(recommended.best.setting),
            "load": code,
        }
        for recommended, code in advice
    ]
    printer.show(
        {**about, "measured": list(records), "best": best},
        [
            *([*_round_numbers(record).values()] for record in records),
            *(("best", _describe_purpose(recommended), code) for recommended, code in advice),
        ],
        lambda: _draw(printer, about, records, advice),
    )


def _draw(
    printer: Printer,
    about: Mapping[str, object],
    records: Sequence[Mapping[str, object]],
    advice: Sequence[tuple[Recommended, str]],
) -> Group:
    head = Text(f"{about['model']} for {about['task']}: {about['texts']} texts, {about['rounds']} rounds\n")
    table = printer.table([_make_row(record) for record in records if record["error"] is None])
    failed = [
        Text(f"\n{record['dtype']}, {_describe_threads(record['threads'])} threads: {record['error']}", "red")
        for record in records
        if record["error"] is not None and str(record["batch"]).startswith(LIST)  # the same for both ways to give texts
    ]
    best = [
        Text.assemble(
            "\n",
            (_describe_purpose(recommended), "bold"),
            f" ({_describe_value(recommended)}):\n",
            (f"  {code}", "green"),
        )
        for recommended, code in advice
    ]
    spreads = [record["spread"] for record in records]
    widest = max((spread for spread in spreads if isinstance(spread, float)), default=1.0)
    busy = [Text(f"\nThe machine was busy: passes of one setting differ {widest:.1f} times; measure again.", "yellow")]
    return Group(head, table, *failed, *(busy if widest > BUSY else ()), *best)


def _describe_purpose(advice: Recommended) -> str:
    return PURPOSES[advice.purpose] + ("" if advice.same_scores else ", with other scores")


def _describe_value(advice: Recommended) -> str:
    rate, seconds = advice.best.texts_per_second, advice.best.seconds
    given = "given as a list" if advice.best.setting.together else "one by one"
    return f"{rate:,.1f} texts/s, {given}" if advice.purpose == "throughput" else f"{1e3 * (seconds or 0):.2f} ms"


def _make_row(record: Mapping[str, object]) -> dict[str, object]:
    shown, size = _round_numbers(record), record["bytes"]
    return {
        "dtype": shown["dtype"],
        "size": format_size(size) if isinstance(size, int) else "",
        "threads": _describe_threads(record["threads"]),
        "batch": shown["batch"],
        "texts/s": shown["texts_per_second"],
        "ms a text": shown["milliseconds"],
    }


def _round_numbers(record: Mapping[str, object]) -> dict[str, object]:
    return {
        name: "" if value is None else f"{value:.4g}" if isinstance(value, float) else value
        for name, value in record.items()
    }


def _describe_batch(setting: Setting) -> str:
    if not setting.together:
        return "one"
    return LIST if setting.batch_tokens is None else f"{LIST}, {setting.batch_tokens} tokens"


def _describe_threads(threads: object) -> str:
    return "auto" if threads is None else str(threads)
