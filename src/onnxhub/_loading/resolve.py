"""From a request to a resolution: which task a model is for, which files run, and what has to be made first.

``load`` opens a resolution, ``onnxhub inspect`` prints it, and ``onnxhub export`` copies what it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from onnxhub._backend.files.naming import choose_by_graphs
from onnxhub._backend.files.roles import MODEL, has_roles
from onnxhub._backend.graphs.signature import read_graph
from onnxhub._backend.making.staging import files_to_export
from onnxhub._backend.model_files import GraphSummary, read_shapes
from onnxhub._backend.plan import FilePlan, FileRequest, plan_files
from onnxhub._backend.repository.repository import fetch_files
from onnxhub._backend.runtime.compiled import plan_compile
from onnxhub._contracts.built_in import explain_name
from onnxhub._contracts.outputs import rename
from onnxhub._contracts.registry import get_task, list_tasks
from onnxhub._loading.infer_task import FRONT_MATTER, Inferred, infer_from_files, infer_from_graph, read_pipeline_tag
from onnxhub._toolkit.sentence_transformers.files import TRANSFORMER_TASKS
from onnxhub._toolkit.sentence_transformers.settings import read_settings
from onnxhub.errors import (
    AmbiguousFileError,
    OnnxHubError,
    UnclearTaskError,
    UnknownTaskError,
    VariantNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from onnxhub._backend.files.variants import Choice
    from onnxhub._backend.plan import Step
    from onnxhub._backend.repository.repository import Repository
    from onnxhub._backend.runtime.compiled import Compile
    from onnxhub._backend.runtime.providers import Provider
    from onnxhub._backend.runtime.session import SessionOptions
    from onnxhub._contracts.registry import Task

__all__ = ["AUTO", "CUSTOM", "Resolution", "make_unclear", "resolve"]

ValueT = TypeVar("ValueT")

AUTO: Final = "auto"
"""The task of a request that leaves it to the model."""
CUSTOM: Final = "custom"
"""The task of a graph of which nothing else is known."""
ASKED: Final = "it was asked for"
UNTOLD: Final = "nothing"
TOLD_BY_OUTPUTS: Final = "nothing; load would ask the graph"
"""Values of ``Resolution.task_reason`` where no file is the evidence."""
PARTS: Final = "its files are an encoder with its decoder: if they are of texts, text2text-generation loads them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The task and the files that ``load`` will open, the steps before that, and the reasons."""

    repository: Repository
    """As it was opened."""
    config: Mapping[str, object]
    """Its ``config.json``."""
    task: Task[Any] | None
    """None: neither the files nor the graph tell it, as far as they are on disk."""
    task_reason: str
    """The evidence for the task."""
    plan: FilePlan | None
    """The files that run, or the steps that make them; None: there are none, and nothing to make them of."""
    problems: tuple[OnnxHubError, ...] = ()
    """The errors that ``load`` would raise, in its order; empty where files may be fetched, for then the first is raised."""

    @property
    def model_id(self) -> str:
        """Hub id or folder."""
        return self.repository.model_id

    @property
    def commit(self) -> str | None:
        """The commit's hash on the Hub; None for a local folder."""
        return self.repository.commit

    @property
    def files(self) -> Mapping[str, Choice]:
        """The file of each role; empty where it has to be made first."""
        return {} if self.plan is None else self.plan.choices

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that are to be done before the files can be chosen."""
        return () if self.plan is None else self.plan.steps

    def plan_compiled(
        self, providers: Sequence[Provider], options: SessionOptions, *, compiled: bool | str
    ) -> Mapping[str, Compile]:
        """Return the step from each file that is on disk to its session, by role: see ``plan_compile``."""
        files = {} if self.plan is None else self.plan.here
        return {role: plan_compile(file, providers, options, compiled=compiled) for role, file in files.items()}

    @property
    def known_task(self) -> Task[Any]:
        """The task, of a resolution that has one.

        Raises:
            UnclearTaskError: It has none.
        """
        if self.task is None:
            raise make_unclear(self.repository, None)
        return self.task

    @property
    def known_plan(self) -> FilePlan:
        """The plan, of a resolution that has one.

        Raises:
            OnnxHubError: The reason why it has none.
        """
        if self.plan is None:
            raise self.problems[0]
        return self.plan


def resolve(
    repository: Repository,
    task: Task[Any] | None,
    request: FileRequest,
    *,
    outputs: Mapping[str, str] | None = None,
    fetch: bool = True,
) -> Resolution:
    """Find the task and the files that ``load`` would open.

    Args:
        repository: The repository as it was opened.
        task: The task that was asked for; None: it is inferred, and stays None if ONNX Runtime has to infer outputs for it.
        request: Which files were asked for.
        outputs: Other names for the graph's outputs, as ``load`` takes them.
        fetch: Whether files are fetched, and the first problem is raised; else only small files are, and all problems
            that what is on disk tells are in the resolution.

    Raises:
        UnclearTaskError: Nothing tells the task.
        TaskMismatchError: The files say that the model is of another kind.
        OnnxHubError: See ``plan_files``.
    """
    problems: list[OnnxHubError] = []

    def attempt(work: Callable[[], ValueT]) -> ValueT | None:
        try:
            return work()
        except OnnxHubError as error:
            if fetch:
                raise
            problems.append(error)
            return None

    config, reason = repository.json("config.json") or {}, ASKED
    if task is None:
        inferred = attempt(lambda: _infer_task(repository, config, request, outputs, fetch=fetch))
        reason = UNTOLD if problems else TOLD_BY_OUTPUTS if inferred is None else inferred.reason
        task = None if inferred is None else get_task(inferred.task)
        if task is None and fetch:
            return Resolution(repository=repository, config=config, task=None, task_reason=reason, plan=None)
    if task is not None:
        known = task
        attempt(lambda: _check_convertible(repository, known, config))
    ort_class = (task or get_task(CUSTOM)).ort_class_of(config)
    plan = attempt(lambda: plan_files(repository, ort_class, request, fetch=fetch))
    return Resolution(
        repository=repository, config=config, task=task, task_reason=reason, plan=plan, problems=tuple(problems)
    )


def _infer_task(
    repository: Repository,
    config: Mapping[str, object],
    request: FileRequest,
    outputs: Mapping[str, str] | None,
    *,
    fetch: bool,
) -> Inferred | None:
    return _infer_from_small_files(repository, config) or _infer_from_chosen_graph(
        repository, config, request, outputs=outputs, fetch=fetch
    )


def _infer_from_small_files(repository: Repository, config: Mapping[str, object]) -> Inferred | None:
    """Infer the task by a repository's small files; None if they do not tell it."""

    def read_card_tag() -> str | None:
        tag = _read_card_tag(repository)
        try:
            return None if tag is None else get_task(tag).name
        except UnknownTaskError:
            return None

    return infer_from_files(
        config,
        repository.json_list("modules.json") or (),
        repository.json("config_sentence_transformers.json") or {},
        read_card_tag,
    )


def _read_card_tag(repository: Repository) -> str | None:
    """Return the pipeline tag of a repository's card, whether or not a task has that name here."""
    if not repository.has("README.md"):
        return None
    with repository.path("README.md").open(encoding="utf-8", errors="replace") as card:
        return read_pipeline_tag(card.read(FRONT_MATTER))


def _infer_from_chosen_graph(
    repository: Repository,
    config: Mapping[str, object],
    request: FileRequest,
    *,
    outputs: Mapping[str, str] | None,
    fetch: bool,
) -> Inferred | None:
    """Infer the task by the graph that ``load`` would choose; None where the graph, or what is here of it, leaves it open.

    Args:
        repository: The repository as it was opened.
        config: Its ``config.json``.
        request: Which files were asked for.
        outputs: Other names for the graph's outputs, as ``load`` takes them.
        fetch: Whether a graph that is not on disk is fetched.

    Raises:
        UnclearTaskError: The graph does not tell it either.
        NoOnnxFileError, VariantNotFoundError, AmbiguousFileError: There is no graph to ask.
    """
    chosen = _choose_graph(repository, request)
    if not fetch and not repository.is_here(chosen):
        return None
    graph = read_graph(fetch_files(repository, chosen, missing=fetch).path)
    shapes = read_shapes(graph)
    found = infer_from_graph(rename(shapes, outputs or {}), config)
    if found is None and all(port.shape is not None for port in graph.outputs):
        raise make_unclear(repository, shapes)
    return found


def make_unclear(repository: Repository, outputs: Mapping[str, object] | None, hint: str = "") -> UnclearTaskError:
    """Return the error about a task that nothing tells; ``outputs``: those of the graph, where it was asked."""
    if not hint:
        tag = _read_card_tag(repository)
        meaning = explain_name(tag)
        hint = meaning and f"its card says {tag}: {meaning}"
    asked = [] if outputs is None else [f"the graph's outputs ({', '.join(outputs)})"]
    looked_at = ("config.json", "modules.json", "the card's pipeline_tag", *asked)
    return UnclearTaskError(repository.model_id, looked_at, tuple(task.name for task in list_tasks()), hint)


def _check_convertible(repository: Repository, task: Task[Any], config: Mapping[str, object]) -> None:
    """Raise ``TaskMismatchError`` before a conversion whose result would be refused for what the files say."""
    if task.name in TRANSFORMER_TASKS and not any(name.endswith(".onnx") for name in repository.files):
        # A conversion gives vectors of tokens, whatever is made of them behind the graph.
        shapes: Mapping[str, tuple[int | None, ...]] = {"last_hidden_state": (None, None, None)}
        read_settings(GraphSummary(repository, config, shapes), task.name)


def _choose_graph(repository: Repository, request: FileRequest) -> str:
    """Return the ONNX file that tells what the model gives."""
    if not any(name.endswith(".onnx") for name in repository.files):
        files_to_export(repository, allow_pickle=True)  # says what is missing, if there is nothing to convert
        raise make_unclear(repository, None)
    file, dtype = request.file, request.dtype
    if isinstance(file, Mapping) and set(file) != {MODEL}:
        raise make_unclear(repository, None, PARTS)
    kind = get_task(CUSTOM).ort_class
    try:
        try:
            choices = choose_by_graphs(repository, kind, dtype=dtype, file=file, gpu=request.gpu)
        except VariantNotFoundError:
            if file is not None or dtype == "auto":
                raise
            # It may be made of another, which has the same outputs.
            choices = choose_by_graphs(repository, kind, dtype="auto", file=None, gpu=request.gpu)
    except (VariantNotFoundError, AmbiguousFileError) as error:
        if file is not None or not has_roles(repository.files):
            raise
        raise make_unclear(repository, None, PARTS) from error
    if MODEL not in choices:
        raise make_unclear(repository, None, PARTS)
    return choices[MODEL].file
