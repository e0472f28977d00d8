"""Many texts of real lengths: classification, embeddings, and int8 against fp32."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import profiles
from benchmarks.bench import DISTILBERT, TINY, Topic, folder_size, passes
from benchmarks.measure import MIB, run, workers
from benchmarks.plots import Bars
from benchmarks.report import Table, Target, explained

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.bench import Bench

EMBEDDER = "minilm-embedder"
BATCHES = (1, 2, 4, 8, 16, 32)
BUDGETS = (256, 512, 1024, 2048, 4096)
FASTEMBED_BATCHES = (1, 4, 8, 16, 32, 64, 256)


@dataclass(frozen=True)
class Contest:
    """Texts that several programs read, some of them at their best setting, and the targets."""

    file: str
    model: str
    texts: int
    settings: Mapping[str, Sequence[int]]
    """Program -> what it is tried with."""
    fixed: Mapping[str, int | None]
    """Program -> a setting that is measured, whether it is the best or not; None: it has no settings."""
    targets: Mapping[tuple[str, int | None], float]
    """Program, and its setting or None for its best -> how many times as fast onnxhub should be at the least."""
    rounds: int = 5


CLASSIFIERS = (
    Contest(
        "throughput.py",
        DISTILBERT,
        256,
        {"by_ceiling": BUDGETS, "by_optimum": BATCHES, "by_torch": BATCHES},
        {"by_onnxhub": None, "by_optimum": 32},
        {("by_optimum", 32): 5.0, ("by_optimum", None): 1.15, ("by_torch", None): 4.0, ("by_ceiling", None): 0.95},
        rounds=3,
    ),
    Contest(
        "throughput.py",
        TINY,
        2000,
        {"by_ceiling": BUDGETS, "by_optimum": BATCHES, "by_torch": BATCHES},
        {"by_onnxhub": None, "by_optimum": 32},
        {("by_optimum", None): 4.0, ("by_ceiling", None): 0.80},
    ),
)
EMBEDDERS = (
    Contest(
        "embeddings.py",
        EMBEDDER,
        512,
        {"by_fastembed": FASTEMBED_BATCHES},
        {
            "by_onnxhub": None,
            "by_fastembed": 256,
            "by_sentence_transformers": None,
            "by_sentence_transformers_torch": None,
            "by_arrival": None,
        },
        {
            ("by_fastembed", 256): 8.0,
            ("by_fastembed", None): 1.3,
            ("by_sentence_transformers", None): 1.4,
            ("by_sentence_transformers_torch", None): 1.3,
            ("by_arrival", None): 1.1,
        },
    ),
)
NAMES = {
    "by_onnxhub": "onnxhub",
    "by_ceiling": "the ceiling: bare session, {} tokens a batch",
    "by_optimum": "optimum's `pipeline`, `batch_size={}`",
    "by_torch": "transformers' `pipeline` over torch, `batch_size={}`",
    "by_fastembed": "fastembed, `batch_size={}`",
    "by_sentence_transformers": 'sentence-transformers, `backend="onnx"`',
    "by_sentence_transformers_torch": "sentence-transformers, torch",
    "by_arrival": "text-embeddings-inference's policy over the bare session",
}


def throughput(bench: Bench) -> Iterator[Table]:
    """Texts a second of the classifiers."""
    for contest in CLASSIFIERS:
        yield _contested(bench, contest)


def embeddings(bench: Bench) -> Iterator[Table]:
    """Texts a second of the embedder."""
    for contest in EMBEDDERS:
        yield _contested(bench, contest)


def _contested(bench: Bench, contest: Contest) -> Table:
    number = bench.some(contest.texts)
    best = {name: find_best_setting(bench, contest, name, number) for name in contest.settings}
    entered = {(name, setting) for name, setting in [*contest.fixed.items(), *best.items()]}
    commands = {_label(*entry): command_of(bench, contest, *entry) for entry in sorted(entered, key=_order)}
    seconds = passes(commands, number, bench.rounds(contest.rounds))
    rates = {label: number / duration for label, duration in seconds.items()}
    mine = rates["onnxhub"]
    targets = []
    for (name, setting), least in contest.targets.items():
        label = _label(name, best.get(name) if setting is None else setting)
        targets.append(Target(f"{contest.model}, {number:,} texts, against {label}", mine / rates[label], least, True))
    rows = [(label, f"{rate:.1f}", f"{mine / rate:.2f}") for label, rate in rates.items()]
    values = {label.replace("`", ""): rate for label, rate in rates.items()}
    plot = Bars(f"throughput-{contest.model}", f"{number:,} texts of real lengths, {contest.model}", "texts/s", values)
    return explained(
        f"{number:,} texts, {contest.model}", ("program", "texts a second", "onnxhub's in times of it"), rows, targets,
        lambda: profiles.of_worker(command_of(bench, contest, "by_onnxhub", None), number), [plot],
    )  # fmt: skip


def find_best_setting(bench: Bench, contest: Contest, program: str, number: int) -> int:
    """Return the setting with which a program is fastest, by one pass of each over half of the texts."""
    seconds = {}
    for setting in contest.settings[program]:
        with workers({program: command_of(bench, contest, program, setting)}) as running:
            running[program].ask(max(number // 16, 8))
            seconds[setting] = running[program].ask(number // 2)["seconds"]
    return min(seconds, key=seconds.__getitem__)


def command_of(bench: Bench, contest: Contest, program: str, setting: int | None) -> list[str]:
    """Return the command of a program with a setting."""
    python = bench.fastembed if program == "by_fastembed" else bench.full
    options = () if setting is None else (setting,)
    return bench.program(contest.file, program, bench.model(contest.model), *options, python=python)


def _label(program: str, setting: int | None) -> str:
    return NAMES[program].format(setting)


def _order(entry: tuple[str, int | None]) -> tuple[int, int]:
    return list(NAMES).index(entry[0]), entry[1] or 0


def int8(bench: Bench) -> Iterator[Table]:
    """Measure the int8 model that is made on the fly, against the file it was made of."""
    folder, number = bench.model(DISTILBERT), bench.some(256)
    commands = {dtype: bench.program("throughput.py", "by_onnxhub", folder, dtype) for dtype in ("fp32", "int8")}
    made = json.loads(run(bench.program("quantized_size.py", folder)).output)
    sizes = {"fp32": folder_size(folder, "model.onnx"), "int8": made["bytes"]}
    with workers(commands) as running:
        answers = {dtype: [] for dtype in running}
        for _ in range(bench.rounds(5) + 1):
            for dtype, worker in running.items():
                answers[dtype].append(worker.ask(number))
    seconds = {dtype: statistics.median(answer["seconds"] for answer in some[1:]) for dtype, some in answers.items()}
    scores = [some[-1]["scores"] for some in answers.values()]
    apart = max(abs(score - other) for score, other in zip(*scores, strict=True))
    rows = [
        (
            dtype,
            f"{sizes[dtype] / MIB:.1f} MiB",
            f"{sizes[dtype] / sizes['fp32']:.3f}",
            f"{number / seconds[dtype]:.1f}",
            f"{seconds['fp32'] / seconds[dtype]:.2f}",
        )
        for dtype in commands
    ]
    targets = [
        Target("int8 made on the fly, size against fp32", sizes["int8"] / sizes["fp32"], 0.27),
        Target("int8 made on the fly, speed against fp32", seconds["fp32"] / seconds["int8"], 1.5, at_least=True),
    ]
    title = f"{number} texts, {DISTILBERT}; made in {made['seconds']:.0f} s; scores at most {apart:.3f} apart, of random weights"
    plot = Bars(
        "int8",
        f"{number} texts of real lengths, {DISTILBERT}",
        "texts/s",
        {f"onnxhub, {dtype}": number / duration for dtype, duration in seconds.items()},
    )
    yield explained(
        title,
        ("precision", "size", "ratio", "texts a second", "ratio"),
        rows,
        targets,
        lambda: profiles.of_worker(commands["int8"], number),
        [plot],
    )


_LENGTHS = """\
The lengths of the texts are drawn log-normal, with a median of 25 words and a sigma of 1, and cut at 220 words. All
texts are given at once to a model that is loaded"""
TOPICS = {
    "throughput": Topic(
        "Many texts of real lengths",
        f"""\
{_LENGTHS}; in the full install. Peers that must be told a batch size are measured at the one of
{", ".join(map(str, BATCHES))} with which they are fastest here. All programs must first give the same scores. The
ceiling is no program that one could use: a bare session runs the same tokens, tokenised before the clock starts, in
batches of equal rows that need no padding, at the best of several sizes.""",
        (DISTILBERT, TINY),
        throughput,
    ),
    "embeddings": Topic(
        "Many texts to vectors",
        f"""\
{_LENGTHS}; all-MiniLM-L6-v2, from the same ONNX file in all programs but sentence-transformers over torch, which must
first give the same vectors. fastembed runs in an install of its own; its default is `batch_size=256`. The policy of
text-embeddings-inference fills batches with texts as they come, up to 16,384 tokens with their padding.""",
        (EMBEDDER,),
        embeddings,
    ),
    "int8": Topic(
        "int8 against fp32",
        """\
The folder has the fp32 file alone; `dtype="int8"` makes the other one, once. The texts are those of the section above.""",
        (DISTILBERT,),
        int8,
    ),
}
