"""How fast a model is with each setting. Settings are measured in turn, so that a busy moment slows all of them."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np

from onnxhub._backend.runtime.threads import count_usable_cores
from onnxhub._workshop.inspect import inspect_model
from onnxhub._workshop.trials import configure_for_evaluation, require_texts, sample_inputs
from onnxhub.errors import InvalidOptionError, OnnxHubError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from onnxhub._backend.engine import OnnxBackend
    from onnxhub._loading.request import LoadRequest
    from onnxhub._workshop.trials import AnyModel

    Purpose: TypeAlias = Literal["throughput", "latency"]

__all__ = [
    "Benchmark",
    "Measured",
    "Recommended",
    "Setting",
    "bench_model",
    "fit_texts",
    "list_settings",
    "measure",
    "open_each",
    "recommend",
    "sample_texts",
]

MEDIAN_WORDS: Final = 25
LONGEST: Final = 220
"""Words of a text: the median, and the most."""
ROUNDS: Final = 5
"""Rounds that the time should be enough for; more rounds make the medians surer."""
FEWEST: Final = 4
"""Texts of a pass."""
REST: Final = 0.1
"""Seconds before each pass: threads of the session that ran before spin for a while, and take a core."""
RESERVED: Final = 24
"""Tokens for a question, a label or a mask, and for special ones."""
SAMPLE: Final = 512
"""Texts that are made if there are none; a fast model reads them all in a fraction of a second."""
NEAR: Final = 0.05
"""A setting that gains less than this share is not recommended over one that is nearer to the defaults."""
VOCABULARY: Final = """
    the of and to in was is for with that it on by from a an first year people company river music report week good
    never because quite different answer wrote published important between government information understand
""".split()  # a list literal of so many words would fill a page


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Options of ``load``, and how the texts are given."""

    dtype: str
    threads: int | None = None
    """None: what ``load`` chooses."""
    batch_tokens: int | None = None
    """None: what ``load`` chooses."""
    together: bool = True
    """Whether the texts are given as one list, or one after another."""

    @property
    def options(self) -> dict[str, Any]:
        """The options of ``load``."""
        return {"dtype": self.dtype, "threads": self.threads, "batch_tokens": self.batch_tokens}

    def list_differences(self, usual_dtype: str) -> dict[str, object]:
        """Return the options that differ from what ``load`` takes by itself."""
        usual = {"dtype": usual_dtype, "threads": None, "batch_tokens": None}
        return {name: value for name, value in self.options.items() if value != usual[name]}


@dataclass(frozen=True, slots=True)
class Measured:
    """How fast one setting is."""

    setting: Setting
    texts_per_second: float
    """By the median pass."""
    seconds: float | None
    """The median call with one text; None where the texts were given together."""
    spread: float = 1.0
    """The slowest pass in times of the fastest; much above 1, other programs kept the machine busy."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """The best setting for a purpose."""

    purpose: Purpose
    best: Measured
    options: Mapping[str, object]
    """Options of ``load`` beside task and model."""
    same_scores: bool
    """Whether its dtype is the one that ``load`` takes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """How fast a model is with each setting, and which of them to take."""

    task: str
    inputs: int
    """How many inputs a pass had."""
    rounds: int
    measured: Sequence[Measured]
    """The most texts a second first."""
    failed: Mapping[Setting, str]
    """A setting that could not be loaded -> why not."""
    sizes: Mapping[str, int]
    """Dtype -> bytes of its files."""
    recommended: Sequence[Recommended]


def bench_model(
    request: LoadRequest,
    *,
    texts: Sequence[str] | None,
    dtypes: Sequence[str],
    threads: Sequence[int | None],
    batch_tokens: Sequence[int | None],
    seconds: float,
    tell: Callable[[str], object] = lambda _: None,
) -> Benchmark:
    """Measure the model of a request with each of its files and settings.

    Args:
        request: What ``load`` is asked beside the settings.
        texts: What is measured; None: texts are made, with lengths like those of real ones.
        dtypes: The precisions to try; none: those that the repository has, of all files or of the one that was named.
        threads: The numbers of threads to try; none: what ``load`` chooses, 1, half of the cores, all.
        batch_tokens: The tokens of a batch to try; none: what ``load`` chooses.
        seconds: About how long it may take.
        tell: Takes a few words on what is being done.

    Raises:
        InvalidOptionError: The task is not one on texts, or an option does not fit the model.
        OnnxHubError: The model cannot be loaded with any setting.
    """
    found = inspect_model(request)
    if isinstance(found.error, InvalidOptionError):
        raise found.error
    if found.task is not None:
        require_texts(found.task)
    tried = [file for file in found.files if file.chosen or request.file is None]
    dtypes = dtypes or list(dict.fromkeys(file.dtype for file in tried)) or ["auto"]
    usual = next((file.dtype for file in found.files if file.chosen), dtypes[0])
    named = request if found.task is None else replace(request, task=found.task.name)

    def load(*, dtype: str, threads: int | None, batch_tokens: int | None) -> AnyModel:
        tell(f"loading {dtype}, {'auto' if threads is None else threads} threads")
        return replace(named, dtype=dtype, threads=threads, batch_tokens=batch_tokens).load()

    with ExitStack() as opened:
        models, failed = open_each(
            list_settings(dtypes, threads or _list_threads(), batch_tokens or (None,)), load, opened
        )
        first = next(iter(models.values()))
        inputs = sample_inputs(first, texts or fit_texts(first, sample_texts(SAMPLE)))
        measured, number, rounds = measure(
            models,
            inputs,
            seconds=seconds,
            tell=lambda number, spent: tell(f"round {number}, {spent:.0f} of {seconds:g} s"),
        )
        sizes = {setting.dtype: cast("OnnxBackend", model.backend).size for setting, model in models.items()}
    return Benchmark(
        task=str(named.task),
        inputs=number,
        rounds=rounds,
        measured=measured,
        failed=failed,
        sizes=sizes,
        recommended=recommend(measured, usual),
    )


def _list_threads() -> list[int | None]:
    """Return the numbers of threads to try: the library's own choice first, so that it wins where nothing is better."""
    cores = count_usable_cores()
    return [None, *sorted({1, max(cores // 2, 1), cores})]


def list_settings(
    dtypes: Iterable[str], threads: Iterable[int | None], batch_tokens: Sequence[int | None] = (None,)
) -> list[Setting]:
    """List each dtype with each number of threads, for texts one by one, and together in batches of each size."""
    found = []
    for dtype, number in product(dtypes, threads):
        found.append(Setting(dtype=dtype, threads=number, together=False))  # a text alone is a batch of any size
        found += [Setting(dtype=dtype, threads=number, batch_tokens=tokens) for tokens in batch_tokens]
    return found


def sample_texts(number: int) -> list[str]:
    """Return texts with lengths like those of real ones: log-normal, with a median of 25 words, cut at 220.

    Examples:
        >>> sorted(len(text.split()) for text in sample_texts(5))
        [15, 22, 28, 28, 47]
    """
    chance = np.random.default_rng(0)
    lengths = np.exp(chance.normal(np.log(MEDIAN_WORDS), 1.0, number)).round().clip(1, LONGEST)
    return [" ".join(chance.choice(VOCABULARY, int(length))) for length in lengths]


def fit_texts(model: AnyModel, texts: Sequence[str]) -> list[str]:
    """Return the texts, cut to what the model reads beside the other inputs of its task."""
    limit = model.info.max_length
    if limit is None:
        return list(texts)
    room = max(limit - RESERVED, limit // 2)
    return [_cut(model, text, room) for text in texts]


def _cut(model: AnyModel, text: str, room: int) -> str:
    words = text.split()
    while len(words) > 1 and len(model.backend.tokenizer.encode([" ".join(words)])[0]) > room:
        words = words[: len(words) * 3 // 4]
    return " ".join(words)


def open_each(
    asked: Sequence[Setting], load: Callable[..., AnyModel], opened: ExitStack
) -> tuple[dict[Setting, AnyModel], dict[Setting, str]]:
    """Load a model for each setting, and return the models, and why others could not be loaded.

    Settings that differ only in how texts are given share a model.

    Args:
        asked: The settings.
        load: Takes the options of a setting.
        opened: Closes the models.
    """
    models: dict[Setting, AnyModel] = {}
    failed: dict[Setting, str] = {}
    loaded: dict[tuple[object, ...], AnyModel | OnnxHubError] = {}
    for setting in asked:
        key = tuple(setting.options.values())
        if key not in loaded:
            try:
                model = load(**setting.options)
                opened.callback(model.close)
                loaded[key] = configure_for_evaluation(model)
            except OnnxHubError as error:
                loaded[key] = error
        found = loaded[key]
        if isinstance(found, OnnxHubError):
            failed[setting] = str(found)
        else:
            models[setting] = found
    if not models:
        raise next(error for error in loaded.values() if isinstance(error, OnnxHubError))
    return models, failed


def measure(
    models: Mapping[Setting, Callable[[Any], object]],
    inputs: Sequence[object],
    *,
    seconds: float,
    clock: Callable[[], float] = perf_counter,
    rest: Callable[[float], object] = sleep,
    tell: Callable[[int, float], object] = lambda _round, _spent: None,
) -> tuple[list[Measured], int, int]:
    """Time all settings on the same inputs, in turn, until the time is used up.

    Args:
        models: The model of each setting.
        inputs: Inputs of all of them; as many of these, evenly spread, are taken as the time allows.
        seconds: About how long it may take.
        clock: Returns the time in seconds.
        rest: Waits so many seconds.
        tell: Takes the number of the round and the seconds that were spent, before each round.

    Returns:
        The settings, the most texts a second first; how many inputs there were; and how many rounds.
    """
    start = clock()
    few = _pick_evenly(inputs, FEWEST)

    def time_calls(setting: Setting, some: Sequence[object]) -> list[float]:
        rest(REST)
        return _run_pass(models[setting], [some] if setting.together else some, clock)

    for setting in models:
        time_calls(setting, few[:1])  # the first call of a session allocates
    round_of_few = sum(sum(time_calls(setting, few)) for setting in models)
    affordable = (seconds / ROUNDS - REST * len(models)) * len(few) / max(round_of_few, 1e-9)
    taken = _pick_evenly(inputs, max(int(affordable), FEWEST))
    times: dict[Setting, list[list[float]]] = {setting: [] for setting in models}
    order = {setting: place for place, setting in enumerate(models)}
    rounds = 0
    while rounds == 0 or clock() - start < seconds:
        rounds += 1
        tell(rounds, clock() - start)
        # In both directions by turns: each setting runs as often after one neighbour as after the other.
        for setting in sorted(times, key=order.__getitem__, reverse=rounds % 2 == 0):
            times[setting].append(time_calls(setting, taken))
    found = [_summarise(setting, passes, len(taken)) for setting, passes in times.items()]
    return sorted(found, key=lambda entry: -entry.texts_per_second), len(taken), rounds


def _run_pass(model: Callable[[Any], object], calls: Sequence[object], clock: Callable[[], float]) -> list[float]:
    """Return the seconds of each call."""
    times = []
    for call in calls:
        start = clock()
        model(call)
        times.append(clock() - start)
    return times


def _pick_evenly(inputs: Sequence[object], number: int) -> list[object]:
    """Return so many of the inputs, from the first to the last: a file may be sorted by length."""
    number = min(number, len(inputs))
    return [inputs[place * len(inputs) // number] for place in range(number)]


def _summarise(setting: Setting, passes: Sequence[Sequence[float]], number: int) -> Measured:
    totals = [max(sum(calls), 1e-9) for calls in passes]
    rate = number / statistics.median(totals)
    alone = None if setting.together else statistics.median([seconds for calls in passes for seconds in calls])
    return Measured(setting, rate, alone, max(totals) / min(totals))


def recommend(measured: Sequence[Measured], usual_dtype: str) -> list[Recommended]:
    """Return, for each purpose, the best setting of the usual dtype, and that of the others if it gains something.

    Args:
        measured: The settings that were measured.
        usual_dtype: The dtype that ``load`` takes by itself; another dtype gives other scores.

    Examples:
        >>> fast = Measured(Setting(dtype="fp32", threads=1), 100.0, None)
        >>> faster = Measured(Setting(dtype="fp32", threads=None), 98.0, None)
        >>> recommend([fast, faster], "fp32")[0].options
        {}
    """
    found = []
    costs: dict[Purpose, Callable[[Measured], float]] = {
        "throughput": lambda entry: 1 / entry.texts_per_second,
        "latency": lambda entry: np.inf if entry.seconds is None else entry.seconds,
    }
    for purpose, cost in costs.items():
        counted = [entry for entry in measured if cost(entry) < np.inf]
        usual = _find_simplest([entry for entry in counted if entry.setting.dtype == usual_dtype], cost, usual_dtype)
        other = _find_simplest([entry for entry in counted if entry.setting.dtype != usual_dtype], cost, usual_dtype)
        if usual is not None:
            found.append(Recommended(purpose, usual, usual.setting.list_differences(usual_dtype), same_scores=True))
        if other is not None and (usual is None or cost(other) < (1 - NEAR) * cost(usual)):
            found.append(Recommended(purpose, other, other.setting.list_differences(usual_dtype), same_scores=False))
    return found


def _find_simplest(
    measured: Sequence[Measured], cost: Callable[[Measured], float], usual_dtype: str
) -> Measured | None:
    """Return the setting with the fewest options among those that are about as good as the best."""
    if not measured:
        return None
    limit = min(map(cost, measured)) * (1 + NEAR)
    good = [entry for entry in measured if cost(entry) <= limit]
    return min(good, key=lambda entry: (len(entry.setting.list_differences(usual_dtype)), cost(entry)))
