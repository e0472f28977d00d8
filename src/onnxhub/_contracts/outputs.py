"""Which outputs of a graph are those that a task knows, where the graph calls them something else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from onnxhub.errors import InvalidOptionError, listing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from onnxhub._contracts.registry import Task

    Shapes: TypeAlias = Mapping[str, tuple[int | None, ...]]

__all__ = ["match_outputs", "rename"]

ValueT = TypeVar("ValueT")

OTHERS = re.compile(r"embed|hidden|pool|present|past|attention|logits", re.IGNORECASE)
"""Of names that say what else an output is: vectors, a cache, or logits of some kind; it is not taken for another."""


def match_outputs(task: Task[Any], shapes: Shapes, asked: Mapping[str, str] | None) -> Mapping[str, str]:
    """Map the task's names of outputs to the graph's, where they differ: as asked, else where nothing else can be meant.

    A task with one output takes the only one of its rank, if the name of that says nothing.

    Raises:
        InvalidOptionError: ``asked`` has a name that the task or the graph does not have.
    """
    names = {name for wanted in task.outputs for name in wanted}
    if asked:
        _check(task, names, shapes, asked)
        return {name: theirs for name, theirs in asked.items() if name != theirs}
    if len(names) != 1 or names & shapes.keys():
        return {}
    ranks = {rank for wanted in task.outputs for rank in wanted.values()}
    fitting = [name for name, shape in shapes.items() if len(shape) in ranks]
    if len(fitting) != 1 or OTHERS.search(fitting[0]):
        return {}
    return {names.pop(): fitting[0]}


def rename(outputs: Mapping[str, ValueT], renamed: Mapping[str, str]) -> Mapping[str, ValueT]:
    """Return facts of a graph's outputs under the task's names; an output whose own name another has is left out."""
    if not renamed:
        return outputs
    ours = {theirs: name for name, theirs in renamed.items()}
    return {ours.get(name, name): value for name, value in outputs.items() if name in ours or name not in renamed}


def _check(task: Task[Any], names: set[str], shapes: Shapes, asked: Mapping[str, str]) -> None:
    if not names:
        expected = f"None: {task.name} gives the graph's outputs by their own names"
        raise InvalidOptionError("outputs", dict(asked), expected)
    unknown = next((name for name in asked if name not in names), None)
    if unknown is not None:
        known = tuple(sorted(names))
        raise InvalidOptionError("outputs", unknown, f"names of {task.name}: {', '.join(known)}", known)
    missing = next((theirs for theirs in asked.values() if theirs not in shapes), None)
    if missing is not None:
        raise InvalidOptionError("outputs", missing, f"outputs of the graph: {listing(shapes)}", tuple(shapes))
    if len(set(asked.values())) < len(asked):
        raise InvalidOptionError("outputs", dict(asked), "another output of the graph for each name")
