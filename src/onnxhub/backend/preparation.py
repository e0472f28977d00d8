"""From a repository to the ONNX files that run: those that it has, or those that are made of what it has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onnxhub.backend.exporting import with_onnx
from onnxhub.backend.layout import describe_beside
from onnxhub.backend.parts import choose_parts
from onnxhub.errors import VariantNotFoundError

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
    repository: Repository,
    ort_class: str,
    *,
    dtype: str,
    file: str | Mapping[str, str] | None,
    gpu: bool,
    conversion: Conversion,
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
    beside = describe_beside(repository)
    told = {choice.file: _told(choice, maker, makers.get(choice.file), beside) for choice in choices.values()}
    return Prepared(repository, {part: replace(one, reason=told[one.file]) for part, one in choices.items()})


def _told(choice: Choice, converter: str, quantizer: str | None, beside: str) -> str:
    """Why this file, who made it, if it was made here, and what was read beside it instead of in the root."""
    with_beside = beside and f"with {beside}"
    if quantizer is None:
        return ", ".join(filter(None, (converter or choice.reason, with_beside)))
    return ", ".join(filter(None, (choice.reason, quantizer, converter, with_beside)))
