"""From a repository to the ONNX files that run: those that it has, or those that are made of what it has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from onnxhub.backend.exporting import with_onnx
from onnxhub.backend.parts import choose_parts
from onnxhub.errors import TaskMismatchError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._registry import Task
    from onnxhub.backend.exporting import Conversion
    from onnxhub.backend.hub import Repository
    from onnxhub.backend.variants import Choice

__all__ = ["Prepared", "prepare", "read_config"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A repository that has what runs."""

    repository: Repository
    """With the files that were made, if any were."""
    choices: Mapping[str, Choice]
    """The file of each part, by the names of ``choose_parts``."""


def read_config(repository: Repository, task: Task[Any]) -> Mapping[str, object]:
    """``config.json``, for a task that may do without one: empty where there is none.

    Raises:
        TaskMismatchError: there is none, and the task may not.
    """
    config = repository.json("config.json")
    if config is None and not task.raw:
        problem = "it has no config.json, which holds its labels and says what it is"
        raise TaskMismatchError(repository.model_id, task.name, (problem,))
    return config or {}


def prepare(
    repository: Repository, ort_class: str, *, dtype: str, file: str | None, gpu: bool, conversion: Conversion
) -> Prepared:
    """Choose the ONNX file of each part, after those that are missing have been made.

    Raises:
        ExportError, MissingDependencyError, UnsafeModelError: see ``with_onnx``.
        NoOnnxFileError, AmbiguousFileError, InvalidOptionError: see ``choose_parts``.
        VariantNotFoundError: see ``with_variant``.
    """
    repository, maker = with_onnx(repository, ort_class, conversion)
    makers: Mapping[str, str] = {}
    try:
        choices = choose_parts(repository, ort_class, dtype=dtype, file=file, gpu=gpu)
    except VariantNotFoundError as missing:
        if file is not None:
            raise
        from onnxhub.backend.quantizing import with_variant  # which most loads do without

        allowed = conversion.export is not False
        repository, makers = with_variant(repository, ort_class, dtype, missing, allowed=allowed)
        choices = choose_parts(repository, ort_class, dtype=dtype, file=None, gpu=gpu)
    told = {choice.file: _told(choice, maker, makers.get(choice.file)) for choice in choices.values()}
    return Prepared(repository, {part: replace(one, reason=told[one.file]) for part, one in choices.items()})


def _told(choice: Choice, converter: str, quantizer: str | None) -> str:
    """Why this file, and who made it, if it was made here."""
    if quantizer is None:
        return converter or choice.reason
    return ", ".join(one for one in (choice.reason, quantizer, converter) if one)
