"""``onnxhub tasks``: what models can be loaded for."""

from __future__ import annotations

from onnxhub._contracts.registry import list_tasks
from onnxhub.cli._options import Json
from onnxhub.cli._printing import Printer

__all__ = ["tasks"]


def tasks(*, json: Json = False) -> None:
    """List the tasks: their names, optimum's class for each, what one result is, the one-liners; typed results first.

    Example: onnxhub tasks

    In a pipe, a row is: task, aliases, ORTModelForXXX, result, one-liner, default model, bundled model.
    """
    Printer(json).show_table(
        [
            {
                "task": task.name,
                "aliases": task.aliases,
                "ORTModelForXXX": (task.ort_class, *task.ort_classes.values()),
                "result": task.result_name,
                "one-liner": task.one_liners,
                "default model": task.default_model or "",
                "bundled model": task.bundled_model or "",
            }
            for task in sorted(list_tasks(), key=lambda task: (task.raw, task.name))
        ]
    )
