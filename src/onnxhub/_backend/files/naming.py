"""Compare the precision that the names of files tell with their graphs, which decide once they are on disk."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from onnxhub._backend.files.roles import MODEL, choose_roles
from onnxhub._backend.files.variants import FULL_PRECISION, Choice, describe_variants, normalize_dtype, parse_base
from onnxhub._backend.graphs.precision import agrees, claims, determine_precision
from onnxhub._backend.repository.repository import fetch_model
from onnxhub._strings.plain_text import shorten
from onnxhub.errors import AmbiguousFileError, IntegrityError, OnnxHubError, TooNewError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnxhub._backend.graphs.precision import Precision
    from onnxhub._backend.graphs.safety import GraphFacts
    from onnxhub._backend.repository.repository import Repository

_RECORD: Final = "export.json"
"""The record in which transformers' own exporter lists the files that it made."""
_SCHEMA: Final = 1

__all__ = ["choose_by_graphs", "find_precision", "settle", "take_as_they_are"]


def find_precision(facts: GraphFacts) -> Precision:
    """Tell the precision of a graph by what a walk over its file has found."""
    return determine_precision(facts.operators, facts.weights, facts.bits)


def settle(repository: Repository, choice: Choice, facts: GraphFacts, *, dtype: str, role: str = MODEL) -> Choice:
    """Return the choice with the precision that the graph has.

    Args:
        repository: The repository of the file.
        choice: The file, chosen by its name.
        facts: Facts about its graph.
        dtype: The dtype that was asked for, and must be that of the graph; "auto": any.
        role: The role of the file.

    Raises:
        VariantNotFoundError: The graph has another precision than was asked for. A file that was made here is taken
            as it is: the tools may leave most of a graph as it was.
    """
    found = find_precision(facts)
    told = f"its graph is {found.description}"
    if agrees(choice.dtype, found):
        return choice if found.dtype != "mixed" else replace(choice, reason=f"{choice.reason}; {told}")
    if dtype != "auto" and claims(choice.dtype) and choice.file not in repository.generated:
        instead = f"; file={choice.file!r} runs it as it is" if role == MODEL else ""
        hint = f"{choice.file} is {choice.dtype} by its name alone: {told}{instead}"
        variants = describe_variants(repository.files, {choice.file: found.dtype})
        raise VariantNotFoundError(repository.model_id, f"dtype={dtype!r}", variants, hint)
    reason = choice.reason.replace(FULL_PRECISION, "the file that is of full precision by its name")
    return replace(choice, dtype=found.dtype, reason=f"{reason}; {told}")


def choose_by_graphs(
    repository: Repository, ort_class: str, *, dtype: str, file: str | Mapping[str, str] | None, gpu: bool
) -> Mapping[str, Choice]:
    """Choose the file of each role by its name, and, where several fit by name, by its graph.

    Raises:
        InvalidOptionError, NoOnnxFileError, VariantNotFoundError, AmbiguousFileError: See ``choose_roles``.
        TooNewError, IntegrityError: A record of transformers' own exporter is of a format that is not known.
    """
    _check_record(repository)
    try:
        return choose_roles(repository, ort_class, dtype=dtype, file=file, gpu=gpu)
    except AmbiguousFileError as several:
        wanted = "fp32" if dtype == "auto" else normalize_dtype(dtype)
        if len({parse_base(name) for name in several.candidates}) > 1 or not claims(wanted):
            raise
        found = _read_precisions(repository, several.candidates)
        fitting = [name for name, precision in found.items() if agrees(wanted, precision)]
        if len(fitting) != 1 or len(found) != len(several.candidates):
            raise
        reason = f"dtype={dtype!r} was asked for; of {', '.join(found)} it alone is {wanted} by its graph"
        return {MODEL: Choice(fitting[0], wanted, reason)}


def _check_record(repository: Repository) -> None:
    """Refuse a folder of transformers' own exporter whose format is not known: its files may mean something else."""
    record = repository.json(_RECORD) if repository.has(_RECORD) else None
    if record is None or not {"schema_version", "components"} <= record.keys():
        return  # a file of another tool
    schema = record["schema_version"]
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        raise IntegrityError(_RECORD, f"{repository.model_id}: its schema_version is {shorten(schema)}, not a number")
    if schema > _SCHEMA:
        wanted = f"its format is schema {schema} of transformers' exporter, and {_SCHEMA} is known here"
        from importlib import metadata  # takes as long as all of this package; needed on this path alone

        raise TooNewError(_RECORD, "onnxhub", metadata.version("onnxhub"), wanted, "pip install --upgrade onnxhub")


def take_as_they_are(repository: Repository, ort_class: str, dtype: str) -> Mapping[str, Choice]:
    """Return the files on disk, if their graphs are of the wanted dtype though their names are not; else nothing."""
    wanted = normalize_dtype(dtype)
    if not claims(wanted):
        return {}
    try:
        choices = choose_roles(repository, ort_class, dtype="auto", file=None, gpu=False)
    except OnnxHubError:
        return {}
    found = _read_precisions(repository, [choice.file for choice in choices.values()])
    if not all(choice.file in found and agrees(wanted, found[choice.file]) for choice in choices.values()):
        return {}
    reason = f"dtype={dtype!r} was asked for; its graph is"
    return {
        role: Choice(choice.file, found[choice.file].dtype, f"{reason} {found[choice.file].description}")
        for role, choice in choices.items()
    }


def _read_precisions(repository: Repository, names: Iterable[str]) -> dict[str, Precision]:
    """Return the precision of each file that is on disk and can be read, by its name."""
    found = {}
    for name in filter(repository.is_here, names):
        with suppress(OnnxHubError):
            found[name] = find_precision(fetch_model(repository, name, missing=False))
    return found
