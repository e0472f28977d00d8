"""What holds for every task, as a suite that authors of tasks run over their own: no test runner is needed."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from onnxhub._calls.failures import Failure
from onnxhub._calls.model import Model
from onnxhub._contracts.task import check_row
from onnxhub._strings.plain_text import shorten
from onnxhub.errors import IndexedError, InvalidOptionError, TaskContractError

if TYPE_CHECKING:
    from onnxhub._contracts.registry import Task

__all__ = ["check_contract"]

THREADS: Final = 8


@dataclass(frozen=True)
class Trial:
    """A task on trial: its model, what it is called with, and what each input gives alone."""

    task: Task[Any]
    model: Any
    inputs: list[Any]
    bad_input: object
    options: Mapping[str, object]
    tolerance: float
    alone: list[Any]

    def require(self, holds: object, contract: str, found: str) -> None:
        """Raise ``TaskContractError`` unless the contract holds."""
        if not holds:
            raise TaskContractError(self.task.name, contract, found)

    def compare(self, found: object, expected: object, contract: str) -> None:
        """Raise ``TaskContractError`` unless both are equal, but for scores, which may differ by the tolerance."""
        told = f"It gave {shorten(found, 300)}, and not {shorten(expected, 300)}"
        self.require(_are_equal(found, expected, self.tolerance), contract, told)


def check_contract(
    task: Task[Any],
    model: Model[Any, Any, Any],
    inputs: Sequence[Any],
    *,
    bad_input: object,
    options: Mapping[str, object],
    tolerance: float,
) -> None:
    """Raise ``TaskContractError`` for the first contract that a task breaks; see ``onnxhub.testing.check_task``."""
    if len(inputs) < 2:
        raise InvalidOptionError("inputs", inputs, "at least two inputs of the task, which give different results")
    try:
        check_row(task)
    except InvalidOptionError as error:
        raise TaskContractError(str(task.name), "Its row says what load needs", str(error)) from error
    given = list(inputs)
    trial = Trial(task, model, given, bad_input, options, tolerance, [])
    trial.require(isinstance(model, Model), "Its model is a subclass of onnxhub.Model", f"It is {shorten(model)}")
    for check in CHECKS:
        check(trial)


def _check_inputs(trial: Trial) -> None:
    as_many = trial.model.preprocessor.as_many
    many, single = as_many(trial.inputs), as_many(trial.inputs[0])
    contract = "as_many of its preprocessor tells one input from many"
    trial.require(many is not None and len(many) == len(trial.inputs), contract, "It takes a list for one input")
    trial.require(single is None, contract, f"It takes {shorten(trial.inputs[0])} for several inputs")
    trial.alone.extend(trial.model(value) for value in trial.inputs)
    first = trial.alone[0]
    differ = any(not _are_equal(result, first, trial.tolerance) for result in trial.alone)
    told = f"All give {shorten(first, 300)}; pass other inputs, or a model that tells them apart"
    trial.require(differ, "Different inputs give different results", told)


def _check_rows(trial: Trial) -> None:
    model, names = trial.model, set(trial.model.backend.input_names)
    ready = model.preprocessor(trial.inputs)
    contract = "Its preprocessor gives each input a Prepared with rows for the graph"
    trial.require(len(ready) == len(trial.inputs), contract, f"It gave {len(ready)} of {len(trial.inputs)} inputs")
    for number, entry in enumerate(ready):
        trial.require(entry.rows, contract, f"Input {number} has none")
        for row in entry.rows:
            told = f"Input {number} has {', '.join(row)}, and the graph takes {', '.join(sorted(names))}"
            trial.require(set(row) <= names, contract, told)
            arrays = all(isinstance(values, np.ndarray) for values in row.values())
            trial.require(arrays, contract, f"Input {number} has other values than numpy arrays")
        told = f"Input {number} has {len(entry.rows)} rows, and its item.rows is {getattr(entry.item, 'rows', None)}"
        trial.require(getattr(entry.item, "rows", None) == len(entry.rows), "item.rows counts the rows", told)


def _check_batching(trial: Trial) -> None:
    batching = trial.model.preprocessor.batching(trial.model.backend)
    contract = "batching of its preprocessor gives a budget, and a cost and a group of each row"
    trial.require(batching.budget >= 1, contract, f"The budget is {batching.budget}")
    for value in trial.inputs:
        for row in trial.model.preprocessor([value])[0].rows:
            cost, group = batching.cost(row), batching.group(row)
            trial.require(isinstance(cost, int) and cost >= 0, contract, f"A row costs {cost!r}")
            trial.require(isinstance(group, Hashable), contract, f"The group {group!r} cannot be hashed")
        weight = trial.model.preprocessor.weight(value)
        told = f"{shorten(value)} weighs {weight!r}"
        trial.require(isinstance(weight, int) and weight >= 0, "weight counts the bytes of an input", told)


def _check_lists(trial: Trial) -> None:
    model, inputs = trial.model, trial.inputs
    trial.compare(list(model(inputs)), trial.alone, "A list gives what each input gives alone, in order")
    trial.compare(list(model(inputs[:1])), trial.alone[:1], "A list of one gives a list of one")
    trial.compare(len(model([])), 0, "An empty list gives no results")
    column = np.empty(len(inputs), object)
    for place, value in enumerate(inputs):
        column[place] = value
    trial.compare(list(model(column)), trial.alone, "A column gives what a list gives")


def _check_batches(trial: Trial) -> None:
    count = len(trial.inputs)
    order = [(place * 7 + place // count) % count for place in range(9 * count)]
    found = list(trial.model([trial.inputs[place] for place in order]))
    expected = [trial.alone[place] for place in order]
    trial.compare(found, expected, "What an input gives does not depend on the others of its batch")


def _check_streams(trial: Trial) -> None:
    model, inputs = trial.model, trial.inputs
    trial.compare(list(model.stream(iter(inputs))), trial.alone, "A stream gives what a list gives")
    trial.compare(list(model.attempt(inputs)), trial.alone, "attempt gives the results of inputs that can be used")
    trial.compare(list(model.attempt_stream(iter(inputs))), trial.alone, "attempt_stream gives what a stream gives")

    async def gather() -> tuple[list[Any], Any, Any]:
        streamed = [result async for result in model.astream(iter(inputs))]
        return streamed, await model.acall(inputs), await model.acall(inputs[0])

    streamed, called, alone = _run_in_thread(lambda: asyncio.run(gather()))
    trial.compare(streamed, trial.alone, "astream gives what a list gives")
    trial.compare(list(called), trial.alone, "acall of a list gives what the call gives")
    trial.compare(alone, trial.alone[0], "acall of one input gives what the call gives")


def _check_failures(trial: Trial) -> None:
    model, good, bad = trial.model, trial.inputs[0], trial.bad_input
    contract = "An input that cannot be used is an error of onnxhub.errors about that input, with its index"
    found = _catch(trial, lambda: model.attempt([good, bad, good]), contract)
    told = f"attempt([good, {shorten(bad)}, good]) gave {shorten(found, 300)}"
    trial.require(isinstance(found[1], Failure) and found[1].index == 1, contract, told)
    trial.compare([found[0], found[2]], [trial.alone[0]] * 2, "An input that fails takes no other along")
    for call, index in ((lambda: model([good, bad]), 1), (lambda: model(bad), None)):
        error = _catch(trial, call, contract)
        told = f"{shorten(bad)} gave {shorten(error, 300)}, and not an error whose index is {index}"
        trial.require(isinstance(error, IndexedError) and error.index == index, contract, told)


def _check_outputs(trial: Trial) -> None:
    model, contract = (
        trial.model,
        "Its postprocessor makes of outputs(x) and the items of encode(x) what the call gives",
    )
    if trial.task.raw:
        return
    for inputs, expected in ((trial.inputs, trial.alone), (trial.inputs[0], trial.alone[:1])):
        ready, outputs = model.encode(inputs), model.outputs(inputs)
        rows = sum(len(entry.rows) for entry in ready)
        for name, values in outputs.items():
            told = f"{name} has {len(values)} rows of {values.dtype} for {rows} rows"
            trial.require(len(values) == rows and values.dtype == np.float32, "outputs gives float32 of each row", told)
        trial.compare(model.postprocessor(outputs, [entry.item for entry in ready]), expected, contract)


def _check_results(trial: Trial) -> None:
    for result in _flatten(trial.alone):
        trial.compare(pickle.loads(pickle.dumps(result)), result, "A result can be pickled")  # noqa: S301  # just made
        if isinstance(result, np.ndarray):
            continue
        contract = "A result has to_dict, of values that are ready for JSON, or is such a value itself"
        try:
            described = result.to_dict() if hasattr(result, "to_dict") else result
            json.dumps(described, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TaskContractError(trial.task.name, contract, f"{shorten(result, 300)}: {error}") from error


def _check_options(trial: Trial) -> None:
    model, value = trial.model, trial.inputs[0]
    if not trial.options:
        return
    other = model.with_options(**trial.options)
    trial.require(type(other) is type(model), "with_options gives a model of the same class", f"It gave {other!r}")
    trial.require(other.backend is model.backend, "with_options shares the session", "It has another backend")
    expected = model(value, **trial.options)
    trial.compare(other(value), expected, "with_options gives what a call with these options gives")
    trial.compare(model(value), trial.alone[0], "with_options leaves the model as it is")
    trial.compare(next(iter(other(trial.inputs))), expected, "Options hold for lists")


def _check_pickle(trial: Trial) -> None:
    try:
        data = pickle.dumps(trial.model)
    except TypeError:  # it was not loaded from files
        return
    again = pickle.loads(data)  # noqa: S301  # just made
    trial.compare(again(trial.inputs[0]), trial.alone[0], "A pickle of a model is the same model")
    again.close()


def _check_threads(trial: Trial) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(trial.model, trial.inputs * THREADS))
    trial.compare(found, trial.alone * THREADS, "Threads that share a model get what one gets")


CHECKS: Final[Sequence[Callable[[Trial], None]]] = (
    _check_inputs,
    _check_rows,
    _check_batching,
    _check_lists,
    _check_batches,
    _check_streams,
    _check_failures,
    _check_outputs,
    _check_results,
    _check_options,
    _check_pickle,
    _check_threads,
)


def _catch(trial: Trial, call: Callable[[], Any], contract: str) -> Any:
    """Return what a call gives, or the error about an input that it raises."""
    try:
        return call()
    except IndexedError as error:
        return error
    except Exception as error:
        told = f"{shorten(trial.bad_input)} raised {type(error).__name__}: {error}"
        raise TaskContractError(trial.task.name, contract, told) from error


def _run_in_thread(work: Callable[[], Any]) -> Any:
    """Run where no event loop is running, whoever calls."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def _flatten(results: list[Any]) -> list[Any]:
    """Return the typed values of results; those of a list, and arrays by name, each by itself."""
    leaves: list[Any] = []
    for result in results:
        if isinstance(result, Mapping) and all(isinstance(value, np.ndarray) for value in result.values()):
            leaves.extend(result.values())
        else:
            leaves.extend(_flatten(result) if isinstance(result, list) else [result])
    return leaves


def _are_equal(found: Any, expected: Any, tolerance: float) -> bool:
    """Tell whether two results are equal, but for numbers that differ by no more than the tolerance."""
    if type(found) is not type(expected):
        return False
    if isinstance(expected, np.ndarray):
        return _are_arrays_equal(found, expected, tolerance)
    if is_dataclass(expected):
        return all(_are_equal(getattr(found, f.name), getattr(expected, f.name), tolerance) for f in fields(expected))
    if isinstance(expected, Mapping):
        return found.keys() == expected.keys() and all(_are_equal(found[k], expected[k], tolerance) for k in expected)
    if isinstance(expected, list | tuple):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(_are_equal(*pair, tolerance) for pair in pairs)
    return bool(found == expected) or (isinstance(expected, float) and abs(found - expected) <= tolerance)


def _are_arrays_equal(found: Any, expected: Any, tolerance: float) -> bool:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    if expected.dtype.kind in "fc":
        return bool(np.allclose(found, expected, rtol=0, atol=tolerance, equal_nan=True))
    return bool((found == expected).all())
