"""From a repository to the ONNX files that run: those that it has, or those that are made of what it has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from onnxhub._backend.files.layout import describe_beside
from onnxhub._backend.files.naming import choose_by_graphs, settle, take_as_they_are
from onnxhub._backend.files.roles import choose_roles
from onnxhub._backend.making.export import with_onnx
from onnxhub._backend.repository.repository import fetch_model
from onnxhub.errors import VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.files.variants import Choice
    from onnxhub._backend.graphs.safety import GraphFacts
    from onnxhub._backend.making.export import Conversion
    from onnxhub._backend.repository.repository import Repository

__all__ = ["ChosenFiles", "prepare"]


@dataclass(frozen=True, slots=True)
class ChosenFiles:
    """A repository that has what runs."""

    repository: Repository
    """With the files that were made, if any were."""
    choices: Mapping[str, Choice]
    """The file of each part, by the names of ``choose_roles``."""
    facts: Mapping[str, GraphFacts]
    """What each of these files says of itself; they and the files of their weights are on disk."""


def prepare(
    repository: Repository,
    ort_class: str,
    *,
    dtype: str,
    file: str | Mapping[str, str] | None,
    gpu: bool,
    conversion: Conversion,
) -> ChosenFiles:
    """Choose the ONNX file of each part, after those that are missing have been made, and fetch it.

    Raises:
        ExportError, MissingDependencyError, UnsafeModelError: see ``with_onnx``.
        NoOnnxFileError, AmbiguousFileError, InvalidOptionError: see ``choose_roles``.
        VariantNotFoundError: see ``with_variant`` and ``settle``.
        IntegrityError: see ``fetch_model``.
    """
    repository, maker = with_onnx(repository, ort_class, conversion)
    makers: Mapping[str, str] = {}
    try:
        choices = choose_by_graphs(repository, ort_class, dtype=dtype, file=file, gpu=gpu)
    except VariantNotFoundError as missing:
        if file is not None:
            raise
        repository, makers, choices = _make_or_take(repository, ort_class, dtype, gpu, missing, conversion)
    beside = describe_beside(repository)
    told = {choice.file: _told(choice, maker, makers.get(choice.file), beside) for choice in choices.values()}
    chosen = {part: replace(choice, reason=told[choice.file]) for part, choice in choices.items()}
    facts: dict[str, GraphFacts] = {}
    for part, choice in chosen.items():
        # Of what is fetched already, the one look is enough; weights are not fetched for a graph that will not do.
        facts[choice.file] = found = fetch_model(repository, choice.file, missing=False)
        chosen[part] = settle(repository, choice, found, dtype="auto" if file is not None else dtype, role=part)
    for name, found in facts.items():
        folder = PurePosixPath(name).parent
        if not all(repository.is_here((folder / location).as_posix()) for location in found.external_data):
            fetch_model(repository, name)
    return ChosenFiles(repository, chosen, facts)


def _make_or_take(
    repository: Repository, ort_class: str, dtype: str, gpu: bool, missing: VariantNotFoundError, conversion: Conversion
) -> tuple[Repository, Mapping[str, str], Mapping[str, Choice]]:
    """Have the missing variant made, or take files that are of its precision by their graphs alone.

    Raises:
        VariantNotFoundError, ExportError: see ``with_variant``.
    """
    from onnxhub._backend.making.quantize import with_variant  # which most loads do without

    try:
        repository, makers = with_variant(
            repository, ort_class, dtype, missing, allowed=conversion.export is not False
        )  # fmt: skip
    except VariantNotFoundError:
        if taken := take_as_they_are(repository, ort_class, dtype):
            return repository, {}, taken
        raise
    return repository, makers, choose_roles(repository, ort_class, dtype=dtype, file=None, gpu=gpu)


def _told(choice: Choice, converter: str, quantizer: str | None, beside: str) -> str:
    """Why this file, who made it, if it was made here, and what was read beside it instead of in the root."""
    with_beside = beside and f"with {beside}"
    if quantizer is None:
        return ", ".join(filter(None, (converter or choice.reason, with_beside)))
    return ", ".join(filter(None, (choice.reason, quantizer, converter, with_beside)))
