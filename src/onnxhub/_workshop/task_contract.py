"""What holds for every task, as a suite that authors of tasks run over their own: no test runner is needed."""

from __future__ import annotations

import asyncio
import json
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from onnxhub._calls.failures import Failure
from onnxhub._calls.model import Model
from onnxhub._contracts.batching import Batching
from onnxhub._contracts.preprocessor import Prepared
from onnxhub._contracts.task import check_row
from onnxhub._strings.plain_text import shorten
from onnxhub.errors import (
    ClosedModelError,
    IndexedError,
    InvalidOptionError,
    OutOfMemoryError,
    TaskContractError,
    one_line,
)

if TYPE_CHECKING:
    from onnxhub._contracts.registry import Task

__all__ = ["check_contract"]

THREADS: Final = 8
COMMAND: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
UNRELATED: Final = (TaskContractError, ClosedModelError, OutOfMemoryError)
"""Errors that go through: they name a contract already, or say nothing about the task."""


ROWS: Final = "Its preprocessor gives each input a Prepared with rows for the graph"
BATCHING: Final = "batching of its preprocessor gives a budget, and a cost and a group of each row"
WEIGHT: Final = "weight counts the bytes of an input"


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

    def attempt(self, call: Callable[[], Any], contract: str) -> Any:
        """Return what a call gives; raise ``TaskContractError`` with the contract where it raises anything else."""
        try:
            return call()
        except UNRELATED:
            raise
        except Exception as error:
            raise TaskContractError(self.task.name, contract, f"{type(error).__name__}: {one_line(error)}") from error

    def compare(self, call: Callable[[], object], expected: object, contract: str) -> None:
        """Raise ``TaskContractError`` unless a call gives what is expected; scores may differ by the tolerance."""
        found = self.attempt(call, contract)
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
    trial = Trial(task, model, list(inputs), bad_input, options, tolerance, [])
    for contract, check in CHECKS:
        trial.attempt(partial(check, trial), contract)


def _check_model(trial: Trial) -> None:
    task, model = trial.task, trial.model
    trial.require(isinstance(model, Model), "Its model is a subclass of onnxhub.Model", f"It is {shorten(model)}")
    contract = "The model is one of the task"
    told = f"It is {model!r} of the task {model.task.name}; load it by the task that is checked"
    trial.require(isinstance(model, task.model) and model.task.name == task.name, contract, told)


def _check_commands(trial: Trial) -> None:
    # The command line leaves out a command that it does not find, and the task stays: so register takes any.
    for command in trial.task.commands:
        told = f"It has {command!r}, and a command is written as 'my_package.commands:moderate'"
        trial.require(COMMAND.fullmatch(command), "Its commands are named by a module and its function", told)


def _check_many(trial: Trial) -> None:
    as_many = trial.model.preprocessor.as_many
    many, single = as_many(trial.inputs), as_many(trial.inputs[0])
    contract = "as_many of its preprocessor tells one input from many"
    trial.require(many is not None and len(many) == len(trial.inputs), contract, "It takes a list for one input")
    trial.require(single is None, contract, f"It takes {shorten(trial.inputs[0])} for several inputs")


def _check_inputs(trial: Trial) -> None:
    contract = "Each of its inputs has a result"
    trial.alone.extend(trial.attempt(partial(trial.model, value), contract) for value in trial.inputs)
    first = trial.alone[0]
    differ = any(not _are_equal(result, first, trial.tolerance) for result in trial.alone)
    told = f"All give {shorten(first, 300)}; pass other inputs, or a model that tells them apart"
    trial.require(differ, "Different inputs give different results", told)


def _check_rows(trial: Trial) -> None:
    ready: Sequence[Any] = trial.attempt(lambda: trial.model.preprocessor(trial.inputs), ROWS)
    trial.require(_is_list(ready), ROWS, f"It gave {shorten(ready, 300)}, and not a list")
    trial.require(len(ready) == len(trial.inputs), ROWS, f"It gave {len(ready)} for {len(trial.inputs)} inputs")
    for number, entry in enumerate(ready):
        told = f"Input {number} has {shorten(entry, 300)}, and not a Prepared"
        trial.require(isinstance(entry, Prepared), ROWS, told)
        _check_entry(trial, number, entry)


def _check_entry(trial: Trial, number: int, entry: Any) -> None:
    names, rows, kind = set(trial.model.backend.input_names), entry.rows, trial.task.postprocessor.item
    trial.require(_is_list(rows), ROWS, f"The rows of input {number} are a {type(rows).__name__}, and not a list")
    trial.require(rows, ROWS, f"Input {number} has none")
    for row in rows:
        told = f"A row of input {number} is {shorten(row, 300)}, and not a mapping of graph inputs to arrays"
        trial.require(isinstance(row, Mapping), ROWS, told)
        told = f"Input {number} has {', '.join(map(str, row))}, and the graph takes {', '.join(sorted(names))}"
        trial.require(set(row) <= names, ROWS, told)
        for name, values in row.items():
            told = f"{name} of input {number} is a {type(values).__name__}, and not a numpy array"
            trial.require(isinstance(values, np.ndarray), ROWS, told)
    contract = "item.rows counts the rows"
    counted = getattr(entry.item, "rows", None)
    told = f"Input {number} has {_count_rows(len(rows))}, and its item.rows is {shorten(counted)}"
    if counted is None:
        told = f"The item of input {number} is {shorten(entry.item, 300)}, which has no rows"
    trial.require(counted == len(rows), contract, told)
    if kind is not None:
        told = f"That of input {number} is {shorten(entry.item, 300)}, and its postprocessor takes a {kind.__name__}"
        trial.require(isinstance(entry.item, kind), "Its items are those that its postprocessor decodes", told)


def _check_batching(trial: Trial) -> None:
    preprocessor = trial.model.preprocessor
    batching = trial.attempt(lambda: preprocessor.batching(trial.model.backend), BATCHING)
    told = f"It gave {shorten(batching, 300)}, and not an onnxhub.Batching"
    trial.require(isinstance(batching, Batching), BATCHING, told)
    trial.require(_is_count(batching.budget, 1), BATCHING, f"The budget is {shorten(batching.budget)}")
    for value in trial.inputs:
        for row in preprocessor([value])[0].rows:
            cost = trial.attempt(partial(batching.cost, row), BATCHING)
            group = trial.attempt(partial(batching.group, row), BATCHING)
            trial.require(_is_count(cost, 1), BATCHING, f"A row costs {shorten(cost)}, and not at least 1")
            trial.require(_is_hashable(group), BATCHING, f"The group {shorten(group)} cannot be hashed")
        weight = trial.attempt(partial(preprocessor.weight, value), WEIGHT)
        trial.require(_is_count(weight, 0), WEIGHT, f"{shorten(value)} weighs {shorten(weight)}")


def _check_lists(trial: Trial) -> None:
    model, inputs = trial.model, trial.inputs
    trial.compare(lambda: list(model(inputs)), trial.alone, "A list gives what each input gives alone, in order")
    trial.compare(lambda: list(model(inputs[:1])), trial.alone[:1], "A list of one gives a list of one")
    trial.compare(lambda: len(model([])), 0, "An empty list gives no results")
    column = np.empty(len(inputs), object)
    for place, value in enumerate(inputs):
        column[place] = value
    trial.compare(lambda: list(model(column)), trial.alone, "A column gives what a list gives")


def _check_batches(trial: Trial) -> None:
    count = len(trial.inputs)
    order = [(place * 7 + place // count) % count for place in range(9 * count)]
    mixed = [trial.inputs[place] for place in order]
    expected = [trial.alone[place] for place in order]
    contract = "What an input gives does not depend on the others of its batch"
    trial.compare(lambda: list(trial.model(mixed)), expected, contract)


def _check_streams(trial: Trial) -> None:
    model, inputs = trial.model, trial.inputs
    trial.compare(lambda: list(model.stream(iter(inputs))), trial.alone, "A stream gives what a list gives")
    trial.compare(
        lambda: list(model.attempt(inputs)), trial.alone, "attempt gives the results of inputs that can be used"
    )
    trial.compare(
        lambda: list(model.attempt_stream(iter(inputs))), trial.alone, "attempt_stream gives what a stream gives"
    )

    async def gather() -> tuple[list[Any], Any, Any]:
        streamed = [result async for result in model.astream(iter(inputs))]
        return streamed, await model.acall(inputs), await model.acall(inputs[0])

    contract = "astream and acall give what a call gives"
    streamed, called, alone = trial.attempt(lambda: _run_in_thread(lambda: asyncio.run(gather())), contract)
    trial.compare(lambda: streamed, trial.alone, "astream gives what a list gives")
    trial.compare(lambda: list(called), trial.alone, "acall of a list gives what the call gives")
    trial.compare(lambda: alone, trial.alone[0], "acall of one input gives what the call gives")


def _check_failures(trial: Trial) -> None:
    model, good, bad = trial.model, trial.inputs[0], trial.bad_input
    contract = "An input that cannot be used is an error of onnxhub.errors about that input, with its index"
    found = _catch(trial, lambda: model.attempt([good, bad, good]), contract)
    told = f"attempt([good, {shorten(bad)}, good]) gave {shorten(found, 300)}"
    trial.require(isinstance(found, list) and len(found) == 3, contract, told)
    trial.require(isinstance(found[1], Failure) and found[1].index == 1, contract, told)
    trial.compare(lambda: [found[0], found[2]], [trial.alone[0]] * 2, "An input that fails takes no other along")
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
            told = f"{name} has {_count_rows(len(values))} of {values.dtype} for {_count_rows(rows)}"
            trial.require(len(values) == rows and values.dtype == np.float32, "outputs gives float32 of each row", told)
        items = [entry.item for entry in ready]
        trial.compare(partial(model.postprocessor, outputs, items), expected, contract)


def _check_results(trial: Trial) -> None:
    for result in _flatten(trial.alone):
        trial.compare(partial(_copy_by_pickle, result), result, "A result can be pickled")
        if isinstance(result, np.ndarray):
            continue
        contract = (
            "A result has to_dict, of values that are ready for JSON, is a dataclass of such values, or one itself"
        )
        try:
            json.dumps(_describe(result), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TaskContractError(trial.task.name, contract, f"{shorten(result, 300)}: {error}") from error


def _check_options(trial: Trial) -> None:
    model, options = trial.model, trial.options
    if not options:
        return
    other = trial.attempt(lambda: model.with_options(**options), "with_options takes the options of a call")
    trial.require(type(other) is type(model), "with_options gives a model of the same class", f"It gave {other!r}")
    trial.require(other.backend is model.backend, "with_options shares the session", "It has another backend")
    takes = "A call takes the options that with_options takes"
    called = [trial.attempt(partial(model, value, **options), takes) for value in trial.inputs]
    differ = any(not _are_equal(*pair, trial.tolerance) for pair in zip(called, trial.alone, strict=True))
    told = f"With {shorten(dict(options))} all results are as without; pass values that change one"
    trial.require(differ, "Options change what a call gives", told)
    contract = "with_options gives what a call with these options gives"
    trial.compare(lambda: other(trial.inputs[0]), called[0], contract)
    trial.compare(lambda: model(trial.inputs[0]), trial.alone[0], "with_options leaves the model as it is")
    trial.compare(lambda: list(other(trial.inputs)), called, "Options hold for lists")


def _check_pickle(trial: Trial) -> None:
    try:
        data = pickle.dumps(trial.model)
    except TypeError:  # it was not loaded from files
        return
    again = pickle.loads(data)  # noqa: S301  # just made
    trial.compare(lambda: again(trial.inputs[0]), trial.alone[0], "A pickle of a model is the same model")
    again.close()


def _check_threads(trial: Trial) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(trial.model, trial.inputs * THREADS))
    trial.compare(lambda: found, trial.alone * THREADS, "Threads that share a model get what one gets")


CHECKS: Final[Sequence[tuple[str, Callable[[Trial], None]]]] = (
    ("The model is one of the task", _check_model),
    ("Its commands are named by a module and its function", _check_commands),
    ("as_many of its preprocessor tells one input from many", _check_many),
    (ROWS, _check_rows),
    (BATCHING, _check_batching),
    ("Different inputs give different results", _check_inputs),
    ("A list gives what each input gives alone, in order", _check_lists),
    ("What an input gives does not depend on the others of its batch", _check_batches),
    ("A stream gives what a list gives", _check_streams),
    ("An input that cannot be used takes no other along", _check_failures),
    ("Its postprocessor makes of outputs(x) and the items of encode(x) what the call gives", _check_outputs),
    ("A result can be pickled, and is ready for JSON", _check_results),
    ("Options are those of with_options and of a call", _check_options),
    ("A pickle of a model is the same model", _check_pickle),
    ("Threads that share a model get what each gets alone", _check_threads),
)


def _copy_by_pickle(value: object) -> object:
    return pickle.loads(pickle.dumps(value))  # noqa: S301  # just made


def _describe(result: Any) -> Any:
    """Return a result as it is written to JSON: by its own ``to_dict``, or as a dataclass, as commands do."""
    if hasattr(result, "to_dict"):
        return result.to_dict()
    return asdict(result) if is_dataclass(result) and not isinstance(result, type) else result


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_hashable(value: object) -> bool:
    """Tell whether a value can be hashed with all that it holds: a tuple is ``Hashable`` whatever is in it."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _count_rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


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
