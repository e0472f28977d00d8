"""From a repository to the ONNX files that run: those that it has, or those that are made of what it has.

``plan_files`` says what will run, why, and what has to be made first, and makes nothing. ``carry_out`` makes it, plans
again with what was made, and fetches the weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from onnxhub._backend.files.layout import describe_beside
from onnxhub._backend.files.naming import choose_by_graphs, settle, take_as_they_are
from onnxhub._backend.files.roles import choose_roles
from onnxhub._backend.making.export import Conversion, Export, plan_export
from onnxhub._backend.repository.repository import fetch_files
from onnxhub._backend.runtime.compiled import ModelFile
from onnxhub.errors import AmbiguousFileError, OnnxHubError, VariantNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.files.variants import Choice
    from onnxhub._backend.making.quantize import Quantize
    from onnxhub._backend.repository.repository import FetchedModel, Repository

    Step: TypeAlias = Export | Quantize

__all__ = ["ChosenFiles", "FilePlan", "FileRequest", "carry_out", "name_files", "plan_files", "settle_if_here"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRequest:
    """Which ONNX files are asked for."""

    dtype: str = "auto"
    file: str | Mapping[str, str] | None = None
    gpu: bool = False
    """Whether a GPU runs them."""
    conversion: Conversion = field(default_factory=Conversion)

    @property
    def required_dtype(self) -> str:
        """The precision that no other may stand in for; "auto" where a file was named."""
        return self.dtype if self.file is None else "auto"


@dataclass(frozen=True, slots=True)
class ChosenFiles:
    """A repository that has what runs."""

    repository: Repository
    """With the files that were made, if any were."""
    choices: Mapping[str, Choice]
    """The file of each role, by the names of ``choose_roles``."""
    fetched: Mapping[str, FetchedModel]
    """Each of these files on disk, with the files of its weights, and what it says of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlan:
    """The files of a repository that run, or the steps that make them."""

    source: Repository
    """The repository as it was opened."""
    ort_class: str
    """The class of ``optimum.onnxruntime`` that the files are for."""
    request: FileRequest
    done: tuple[Step, ...] = ()
    """The steps whose results are here: kept from an earlier load, or made for this one."""
    steps: tuple[Step, ...] = ()
    """The steps that are to be done before the files can be chosen."""
    repository: Repository
    """The repository with the results of the steps that are done."""
    choices: Mapping[str, Choice] = field(default_factory=dict)
    """The file of each role; empty where steps are to be done."""
    fetched: Mapping[str, FetchedModel] = field(default_factory=dict)
    """The chosen files that are on disk and could be read, with what they say of themselves."""

    @property
    def here(self) -> Mapping[str, ModelFile]:
        """The files that are on disk with all of their weights, by role."""
        found = {role: self.fetched.get(choice.file) for role, choice in self.choices.items()}
        return {
            role: name_files(self.repository.model_id, fetched)
            for role, fetched in found.items()
            if fetched is not None and fetched.weights.keys() >= fetched.facts.external_data.keys()
        }

    @property
    def reason(self) -> str:
        """Why these files run; or a description of the steps, where some are to be done."""
        if self.steps:
            return ", ".join(step.description for step in (*self.done, *self.steps))
        return next((choice.reason for choice in self.choices.values()), "")


def plan_files(
    repository: Repository, ort_class: str, request: FileRequest, *, fetch: bool, done: tuple[Step, ...] = ()
) -> FilePlan:
    """Choose the ONNX file of each role, or tell what has to be made before that can be done.

    Args:
        repository: The repository as it was opened.
        ort_class: The class of ``optimum.onnxruntime`` that the files are for.
        request: What was asked for.
        fetch: Whether graphs are fetched to be read; else only those on disk are, and damaged ones are passed over.
        done: Steps of an earlier plan, which were run.

    Raises:
        ExportError, MissingDependencyError, UnsafeModelError: See ``plan_export``.
        NoOnnxFileError, AmbiguousFileError, InvalidOptionError: See ``choose_roles``.
        VariantNotFoundError: No file is of the precision that was asked for, and none can be made.
        IntegrityError: See ``fetch_files``.
    """
    known = next((step for step in done if isinstance(step, Export)), None)
    export = known or plan_export(repository, ort_class, request.conversion)
    converted = repository if export is None else export.convert(repository)
    start = FilePlan(
        source=repository,
        ort_class=ort_class,
        request=request,
        repository=converted or repository,
        done=() if export is None else (export,),
    )
    if converted is None:
        return replace(start, steps=start.done, done=())
    plan = _choose(start, done, fetch=fetch)
    beside = describe_beside(repository)
    choices = {role: replace(choice, reason=_explain(plan, choice, beside)) for role, choice in plan.choices.items()}
    return _settle(replace(plan, choices=choices), fetch=fetch)


def carry_out(plan: FilePlan) -> ChosenFiles:
    """Do the steps of a plan, and fetch the files that it then chooses, those of their weights included.

    Raises:
        ExportError: A conversion failed.
        OSError: The disk is full.
    """
    while plan.steps:
        done = (*plan.done, *(step.run() for step in plan.steps))
        plan = plan_files(plan.source, plan.ort_class, plan.request, fetch=True, done=done)
    fetched = {
        name: found if found.weights.keys() >= found.facts.external_data.keys() else fetch_files(plan.repository, name)
        for name, found in plan.fetched.items()
    }
    return ChosenFiles(plan.repository, plan.choices, fetched)


def settle_if_here(repository: Repository, role: str, choice: Choice, dtype: str) -> tuple[Choice, FetchedModel | None]:
    """Return the choice by what its graph says, if that is on disk and can be read, and the file.

    Raises:
        VariantNotFoundError: See ``settle``.
    """
    if not repository.is_here(choice.file):
        return choice, None
    try:
        found = fetch_files(repository, choice.file, missing=False)
    except OnnxHubError:  # raised where the graph is opened
        return choice, None
    return settle(repository, choice, found.facts, dtype=dtype, role=role), found


def name_files(model_id: str, found: FetchedModel) -> ModelFile:
    """Return a file and all that it refers to, as sessions are built of them."""
    weights = tuple(found.weights[location] for location in found.facts.external_data)
    return ModelFile(model_id, found.path, weights, found.facts.operators, found.facts.weights)


def _choose(plan: FilePlan, done: tuple[Step, ...], *, fetch: bool) -> FilePlan:
    """Choose the files by their names, or plan to make those that are missing, or take some by their graphs."""
    repository, request = plan.repository, plan.request
    try:
        choices = choose_by_graphs(repository, plan.ort_class, dtype=request.dtype, file=request.file, gpu=request.gpu)
        return replace(plan, choices=choices)
    except VariantNotFoundError as missing:
        if request.file is not None:
            raise
        try:
            return _plan_variants(plan, done, missing, fetch=fetch)
        except VariantNotFoundError:
            if taken := take_as_they_are(repository, plan.ort_class, request.dtype):
                return replace(plan, choices=taken)
            raise


def _plan_variants(plan: FilePlan, done: tuple[Step, ...], missing: VariantNotFoundError, *, fetch: bool) -> FilePlan:
    """Plan to make the files that are missing, and choose them if they are made.

    Raises:
        VariantNotFoundError: They cannot be made; with the reason.
        AmbiguousFileError: They might be made of several.
    """
    from onnxhub._backend.making.quantize import NotMakeableError, plan_variants  # which most loads do without

    made = {step.target: step for step in done if not isinstance(step, Export)}
    try:
        allowed = plan.request.conversion.export is not False
        planned = plan_variants(
            plan.repository, plan.ort_class, plan.request.dtype, allowed=allowed, fetch=fetch, done=made
        )
    except NotMakeableError as reason:
        variants = missing.variants if reason.variants is None else reason.variants
        raise replace(missing, variants=variants, hint=reason.hint or missing.hint) from reason
    except AmbiguousFileError as several:
        raise replace(several, wanted=f"{missing.wanted}, which would be made of one of them") from several
    steps = tuple(step for step in planned if step.entry is None)
    plan = replace(plan, done=(*plan.done, *(step for step in planned if step.entry is not None)), steps=steps)
    if steps:
        return plan
    repository = plan.repository.with_generated({name: path for step in planned for name, path in step.files.items()})
    choices = choose_roles(repository, plan.ort_class, dtype=plan.request.dtype, file=None, gpu=plan.request.gpu)
    return replace(plan, repository=repository, choices=choices)


def _explain(plan: FilePlan, choice: Choice, beside: str) -> str:
    """Say why this file, who made it, if it was made here, and what was read beside it instead of in the root."""
    converter = next((step.maker for step in plan.done if isinstance(step, Export)), "")
    quantizer = next(
        (step.maker for step in plan.done if not isinstance(step, Export) and step.target == choice.file), ""
    )
    with_beside = beside and f"with {beside}"
    first = [choice.reason, quantizer, converter] if quantizer else [converter or choice.reason]
    return ", ".join(filter(None, (*first, with_beside)))


def _settle(plan: FilePlan, *, fetch: bool) -> FilePlan:
    """Read the graphs of the chosen files, and tell their precision by them."""
    choices: dict[str, Choice] = {}
    fetched: dict[str, FetchedModel] = {}
    for role, choice in plan.choices.items():
        if fetch:
            # Weights that are on disk are checked now; none are fetched for a graph that will not do.
            found = fetch_files(plan.repository, choice.file, missing=False)
            choices[role] = settle(plan.repository, choice, found.facts, dtype=plan.request.required_dtype, role=role)
            fetched[choice.file] = found
        else:
            choices[role], seen = settle_if_here(plan.repository, role, choice, plan.request.required_dtype)
            fetched |= {} if seen is None else {choice.file: seen}
    return replace(plan, choices=choices, fetched=fetched)
