"""From a repository to the ONNX files that run: those that it has, or those that are made of what it has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onnxhub.backend.exporting import with_onnx
from onnxhub.backend.parts import choose_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub.backend.exporting import Conversion
    from onnxhub.backend.hub import Repository
    from onnxhub.backend.variants import Choice

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A repository that has what runs."""

    repository: Repository
    """With the files that were made, if any were."""
    choices: Mapping[str, Choice]
    """The file of each part, by the names of ``choose_parts``."""


def prepare(
    repository: Repository, ort_class: str, *, dtype: str, file: str | None, gpu: bool, conversion: Conversion
) -> Prepared:
    """Choose the ONNX file of each part, after those that are missing have been made.

    Raises:
        ExportError, MissingDependencyError, UnsafeModelError: see ``with_onnx``.
        NoOnnxFileError, VariantNotFoundError, AmbiguousFileError, InvalidOptionError: see ``choose_parts``.
    """
    repository, maker = with_onnx(repository, ort_class, conversion)
    choices = choose_parts(repository, ort_class, dtype=dtype, file=file, gpu=gpu)
    if maker:
        choices = {part: replace(choice, reason=maker) for part, choice in choices.items()}
    return Prepared(repository, choices)
