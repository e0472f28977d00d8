"""Whether the row of a task says what it must: another package's mistake is told by the field, before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._contracts.preprocessor import Preprocessor
from onnxhub.errors import InvalidOptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_row"]

MODALITIES: Final = ("text", "image", "audio", "arrays")


def check_row(task: Any) -> None:
    """Check the fields of a ``Task``, which another package has filled in.

    Raises:
        InvalidOptionError: one of them is not what it must be; names the task and the field.
    """
    for field, is_right, expected in _list_checks(task):
        if not is_right:
            name = task.name if isinstance(task.name, str) else "?"
            raise InvalidOptionError(f"Task({name!r}).{field}", getattr(task, field), expected)


def _list_checks(task: Any) -> Iterator[tuple[str, bool, str]]:
    yield "name", isinstance(task.name, str) and bool(task.name.strip()), "a name such as 'text-classification'"
    for field in ("aliases", "one_liners", "commands"):
        yield field, _are_texts(getattr(task, field)), "a tuple of texts; one alone is written ('name',)"
    yield "summary", isinstance(task.summary, str), "a text of one line"
    yield "modality", task.modality in MODALITIES, f"one of {', '.join(MODALITIES)}"
    yield "model", isinstance(task.model, type), "a subclass of onnxhub.Model"
    for field, kind in (("preprocessor", Preprocessor), ("postprocessor", Postprocessor)):
        value = getattr(task, field)
        is_right = isinstance(value, type) and issubclass(value, kind)
        yield field, is_right, f"a subclass of onnxhub.{kind.__name__}, the class itself"
    yield "outputs", _are_outputs(task.outputs), "a tuple of mappings of outputs to their ranks, ({'logits': 2},)"
    yield "ort_class", isinstance(task.ort_class, str), "the name of a class of optimum.onnxruntime"


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(entry, str) for entry in value)


def _are_outputs(value: object) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(entry, Mapping)
        and bool(entry)
        and all(isinstance(name, str) and isinstance(rank, int) and rank > 0 for name, rank in entry.items())
        for entry in value
    )
