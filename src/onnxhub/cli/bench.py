"""``onnxhub bench``: how fast a model is here with each of its files and settings, and which of them to take."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console, Group
from rich.text import Text

import onnxhub
from onnxhub._backend.files.layout import with_files_beside
from onnxhub._backend.repository.repository import open_repository
from onnxhub._backend.runtime.threads import usable_cores
from onnxhub._loading.forecast import forecast
from onnxhub._process.sizes import sized
from onnxhub._workshop.bench import fitting, measure, open_each, recommend, sample_texts, settings
from onnxhub._workshop.trials import require_texts, sample_inputs
from onnxhub.cli._options import (
    File,
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
from onnxhub.errors import InvalidOptionError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from onnxhub._backend.engine import OnnxBackend
    from onnxhub._backend.repository.repository import Repository
    from onnxhub._workshop.bench import Measured, Recommended, Setting
    from onnxhub._workshop.trials import AnyModel

__all__ = ["bench"]

PURPOSES = {"throughput": "most texts a second", "latency": "shortest wait for one text"}
LIST = "list"
BUSY = 1.5
"""Passes of one setting that differ by so many times make a figure unsure."""
SAMPLE = 512
"""Texts that are made if there are none; a fast model reads them all in a fraction of a second."""


def bench(
    model: ModelArgument,
    *,
    file: File = None,
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
    """  # fmt: skip
    texts = [text for lines in read_lines(None, file) for text in lines.texts] if file else None
    if dtype and onnx_file:
        raise typer.BadParameter("--onnx-file is one precision: it goes without --dtype.")
    one_file, outputs = one_or_parts(onnx_file), output_names(output_name)
    told = forecast(_open(model, revision, one_file), task, file=one_file, outputs=outputs)
    if isinstance(told.error, InvalidOptionError):
        raise told.error
    if told.task is not None:
        require_texts(told.task)
    name, usual = told.task.name if told.task else task, told.found
    tried = [one for one in usual.files if one.chosen or not onnx_file]
    dtypes = dtype or list(dict.fromkeys(one.dtype for one in tried)) or ["auto"]
    asked = settings(dtypes, threads or _threads(), batch_tokens or (None,))
    load = partial(onnxhub.load, name, model, provider, revision=revision, file=one_file, outputs=outputs)
    with ExitStack() as opened, _progress(seconds) as (loading, measuring):
        models, failed = open_each(asked, _told(load, loading), opened)
        first = next(iter(models.values()))
        inputs = sample_inputs(first, texts or fitting(first, sample_texts(SAMPLE)))
        found, number, rounds = measure(models, inputs, seconds=seconds, tell=measuring)
        sizes = {one.dtype: cast("OnnxBackend", model.backend).size for one, model in models.items()}
    chosen = next((one.dtype for one in usual.files if one.chosen), dtypes[0])
    records = [
        *(_record(one.setting, sizes, one) for one in found),
        *(_record(setting, sizes, None, why) for setting, why in failed.items()),
    ]
    advice = [
        (one, _code(name, model, provider, {"file": one_file, "outputs": outputs}, one))
        for one in recommend(found, chosen)
    ]
    _show(Printer(json), {"model": model, "task": name, "texts": number, "rounds": rounds}, records, advice)


def _open(model: str, revision: str | None, file: str | Mapping[str, str] | None) -> Repository:
    return with_files_beside(open_repository(model, revision=revision), file=file)


def _threads() -> list[int | None]:
    """What is tried: the library's own choice first, so that it wins where nothing is better."""
    cores = usable_cores()
    return [None, *sorted({1, max(cores // 2, 1), cores})]


def _told(load: Callable[..., AnyModel], tell: Callable[[str], object]) -> Callable[..., AnyModel]:
    def told(*, dtype: str, threads: int | None, batch_tokens: int | None) -> AnyModel:
        tell(f"loading {dtype}, {_said(threads)} threads")
        return load(dtype=dtype, threads=threads, batch_tokens=batch_tokens)

    return told


@contextmanager
def _progress(seconds: float) -> Iterator[tuple[Callable[[str], object], Callable[[int, float], object]]]:
    """A line on the terminal that says what is done, and goes when it is over; elsewhere nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield (lambda _: None), (lambda _round, _spent: None)
        return
    with console.status("") as status:

        def say(what: str) -> None:
            status.update(Text(one_line(what)))  # without markup, which a name may have

        yield say, lambda number, spent: say(f"round {number}, {spent:.0f} of {seconds:g} s")


def _record(
    setting: Setting, sizes: Mapping[str, int], measured: Measured | None, error: str | None = None
) -> dict[str, object]:
    return {
        "dtype": setting.dtype,
        "bytes": sizes.get(setting.dtype),
        "threads": setting.threads,
        "batch": _batch(setting),
        "texts_per_second": measured and measured.texts_per_second,
        "milliseconds": None if measured is None or measured.seconds is None else measured.seconds * 1e3,
        "spread": measured and measured.spread,
        "error": error,
    }


def _code(task: str, model: str, provider: str, chosen: Mapping[str, object], advice: Recommended) -> str:
    given = [repr(task), repr(model), *([repr(provider)] if provider != "cpu" else [])]
    options = {**{name: value for name, value in chosen.items() if value}, **advice.options}
    return f"onnxhub.load({', '.join([*given, *(f'{name}={value!r}' for name, value in options.items())])})"


def _show(
    printer: Printer, about: Mapping[str, object], records: Sequence[Mapping[str, object]],
    advice: Sequence[tuple[Recommended, str]],
) -> None:  # fmt: skip
    best = [
        {
            "purpose": one.purpose,
            "same_scores": one.same_scores,
            "options": dict(one.options),
            "batch": _batch(one.best.setting),
            "load": code,
        }
        for one, code in advice
    ]
    printer.show(
        {**about, "measured": list(records), "best": best},
        [
            *([*_rounded(record).values()] for record in records),
            *(("best", _purpose(one), code) for one, code in advice),
        ],
        lambda: _drawn(printer, about, records, advice),
    )


def _drawn(
    printer: Printer, about: Mapping[str, object], records: Sequence[Mapping[str, object]],
    advice: Sequence[tuple[Recommended, str]],
) -> Group:  # fmt: skip
    head = Text(f"{about['model']} for {about['task']}: {about['texts']} texts, {about['rounds']} rounds\n")
    table = printer.table([_titled(record) for record in records if record["error"] is None])
    failed = [
        Text(f"\n{record['dtype']}, {_said(record['threads'])} threads: {record['error']}", "red")
        for record in records
        if record["error"] is not None and str(record["batch"]).startswith(LIST)  # the same for both ways to give texts
    ]
    best = [
        Text.assemble("\n", (_purpose(one), "bold"), f" ({_value(one)}):\n", (f"  {code}", "green"))
        for one, code in advice
    ]
    widest = max((one for record in records if isinstance(one := record["spread"], float)), default=1.0)
    busy = [Text(f"\nThe machine was busy: passes of one setting differ {widest:.1f} times; measure again.", "yellow")]
    return Group(head, table, *failed, *(busy if widest > BUSY else ()), *best)


def _purpose(advice: Recommended) -> str:
    return PURPOSES[advice.purpose] + ("" if advice.same_scores else ", with other scores")


def _value(advice: Recommended) -> str:
    rate, seconds = advice.best.texts_per_second, advice.best.seconds
    given = "given as a list" if advice.best.setting.together else "one by one"
    return f"{rate:,.1f} texts/s, {given}" if advice.purpose == "throughput" else f"{1e3 * (seconds or 0):.2f} ms"


def _titled(record: Mapping[str, object]) -> dict[str, object]:
    shown, size = _rounded(record), record["bytes"]
    return {
        "dtype": shown["dtype"],
        "size": sized(size) if isinstance(size, int) else "",
        "threads": _said(record["threads"]),
        "batch": shown["batch"],
        "texts/s": shown["texts_per_second"],
        "ms a text": shown["milliseconds"],
    }


def _rounded(record: Mapping[str, object]) -> dict[str, object]:
    return {
        name: "" if value is None else f"{value:.4g}" if isinstance(value, float) else value
        for name, value in record.items()
    }


def _batch(setting: Setting) -> str:
    if not setting.together:
        return "one"
    return LIST if setting.batch_tokens is None else f"{LIST}, {setting.batch_tokens} tokens"


def _said(threads: object) -> str:
    return "auto" if threads is None else str(threads)
