"""From what ``load`` was asked to a finished Model."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal

from onnxhub._backend.engine import open_model
from onnxhub._backend.files.layout import add_files_beside
from onnxhub._backend.making.export import Conversion
from onnxhub._backend.repository.repository import open_repository
from onnxhub._backend.runtime.compiled import check_compiled
from onnxhub._backend.runtime.providers import choose_candidates
from onnxhub._backend.runtime.session import SessionOptions
from onnxhub._calls.model import Model, ModelInfo
from onnxhub._contracts.checks import positive
from onnxhub._contracts.outputs import rename
from onnxhub._contracts.postprocessor import Postprocessor
from onnxhub._contracts.protocols import width
from onnxhub._contracts.registry import ANY_NAME, Task, get_task
from onnxhub._loading.infer_task import infer_from_files, infer_from_graph
from onnxhub._loading.resolve import check_convertible, make_unclear, task_of_files, task_of_graph
from onnxhub.errors import (
    InvalidOptionError,
    OfflineError,
    TaskMismatchError,
    listing,
)

if TYPE_CHECKING:
    from typing import TypeAlias, TypeVar

    from onnxhub._backend.engine import OnnxBackend
    from onnxhub._backend.repository.repository import Repository
    from onnxhub._backend.runtime.providers import Provider
    from onnxhub._contracts.protocols import Backend

    ResultT = TypeVar("ResultT")
    PostprocessorOf: TypeAlias = type[Postprocessor[Any, ResultT]] | Postprocessor[Any, ResultT]
    AnyPostprocessor: TypeAlias = PostprocessorOf[Any]

__all__ = ["Recipe", "Source", "build_model", "check_graph", "check_labels", "check_postprocessor"]

AUTO: Final = "auto"
"""The task of whoever leaves it to the model."""
INPUTS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"input_ids", "inputs_embeds", "decoder_input_ids"}),
    "image": frozenset({"pixel_values", "flattened_patches"}),
    "audio": frozenset({"input_values", "input_features"}),
}
"""Modality -> the names that transformers' models have for such inputs."""
KNOWN: Final = frozenset({
    "end_logits", "last_hidden_state", "logits", "sentence_embedding", "start_logits", "token_embeddings",
})  # fmt: skip
"""Names of outputs that say what they are."""
MOST_THREADS: Final = 1024
"""More than cores; ONNX Runtime starts as many as it is told to, and the system ends a process that has too many."""
OTHER_OUTPUTS: Final = r"logit|score|prob|label|class"
"""Names of outputs that are no vectors of texts or tokens."""
_ARGUMENTS: Final[tuple[tuple[str, tuple[type, ...], str], ...]] = (
    ("task", (str, Task), "the name of a task, or a Task"),
    ("model_id", (str, os.PathLike, NoneType), "an id of the Hub such as 'org/name', or a local folder"),
    ("provider", (str, Sequence), "a provider's name, or several in order of preference"),
    ("file", (str, Mapping, NoneType), "the path of an ONNX file in the repository, or a mapping of parts to paths"),
    ("outputs", (Mapping, NoneType), "a mapping of the task's names of outputs to the graph's"),
    ("revision", (str, NoneType), "a branch, a tag or a commit hash"),
    ("provider_options", (Mapping, NoneType), "a mapping of the provider's options"),
    ("session_options", (Mapping, NoneType), "a mapping of attributes of onnxruntime.SessionOptions"),
    ("cache_dir", (str, os.PathLike, NoneType), "a folder"),
)
"""Argument of ``load`` -> what it may be, for those whose value nobody else checks."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All arguments of ``load`` but the token: what a pickled model is loaded from again."""

    task: str | Task[Any]
    model_id: str | os.PathLike[str] | None
    provider: str | Sequence[str]
    postprocessor: AnyPostprocessor | None
    dtype: str
    file: str | Mapping[str, str] | None
    outputs: Mapping[str, str] | None
    revision: str | None
    compiled: bool | str
    threads: int | None
    batch_tokens: int | None
    provider_options: Mapping[str, str | int | bool] | None
    session_options: Mapping[str, str | int | bool] | None
    cache_dir: str | os.PathLike[str] | None
    local_files_only: bool
    export: bool | Literal["auto"]
    allow_pickle: bool

    def __call__(self) -> Model[Any, Any, Any]:
        """Load the model again, at the commit that was loaded, and as it was converted."""
        return self.load(token=None, refresh=False, anew=False)

    def load(self, *, token: str | bool | None, refresh: bool, anew: bool) -> Model[Any, Any, Any]:
        """Open the files, have them converted where that is asked for, then put the model together."""
        self._check()
        asked = get_task(self.task) if isinstance(self.task, str) and self.task != AUTO else self.task
        task = asked if isinstance(asked, Task) else None
        if task is not None:
            check_postprocessor(task, self.postprocessor)
        providers = choose_candidates(self.provider, self.provider_options)  # before anything is fetched
        try:
            repository = self._repository(task, providers, token=token, refresh=refresh)
            task, reason = self._found(task, repository, providers)
            backend = self._opened(task, repository, providers, anew=anew)
        except OfflineError as error:
            if self.model_id is not None or task is None or task.bundled_model is None:
                raise
            # Another model is never taken silently; but whoever named none should know what would answer at once.
            hint = f"{error.hint or 'try again later'}, or name {task.bundled_model!r}, which is bundled and answers at once"
            raise replace(error, hint=hint) from error
        with ExitStack() as failing:  # whoever keeps the traceback, as a notebook does, must not keep the weights
            failing.callback(backend.close)
            model = self._built(task, reason, backend)
            failing.pop_all()
        return model

    def _built(self, task: Task[Any], reason: str, backend: OnnxBackend) -> Model[Any, Any, Any]:
        check_postprocessor(task, self.postprocessor)
        commit, first = backend.repository.commit, next(iter(backend.choices.values()))
        source = Source(
            task_reason=reason, revision=commit, reason=first.reason, dtype=first.dtype,
            file=", ".join(choice.file for choice in backend.choices.values()), provider=backend.session.provider,
            compiled=backend.compiled, outputs=backend.renamed,
        )  # fmt: skip
        again = self.task if isinstance(self.task, Task) else task.name
        recipe = replace(self, task=again, model_id=absolute(self.model_id), revision=commit)
        return build_model(task, backend, source, postprocessor=self.postprocessor, reload=recipe)

    def _repository(
        self, task: Task[Any] | None, providers: Sequence[Provider], *, token: str | bool | None, refresh: bool
    ) -> Repository:
        repository = open_repository(
            self._model_id(task), revision=self.revision, token=token, cache_dir=self.cache_dir,
            local_files_only=self.local_files_only, refresh=refresh,
        )  # fmt: skip
        return add_files_beside(repository, dtype=self.dtype, file=self.file, gpu=providers[0].is_gpu)

    def _found(
        self, task: Task[Any] | None, repository: Repository, providers: Sequence[Provider]
    ) -> tuple[Task[Any], str]:
        """The task, and how it is known; the graph is asked only where no file tells the task."""
        if task is not None:
            return task, "it was asked for"
        found = task_of_files(repository) or task_of_graph(
            repository, dtype=self.dtype, file=self.file, outputs=self.outputs, gpu=providers[0].is_gpu
        )
        if found is None:  # the file leaves open what ONNX Runtime infers
            with ExitStack() as opened:
                asked = replace(self, outputs=None)
                backend = asked._opened(get_task("custom"), repository, providers, anew=False)  # noqa: SLF001  # its own
                opened.callback(backend.close)
                shapes = rename(backend.output_shapes, self.outputs or {})
                found = infer_from_graph(shapes, backend.config)
            if found is None:
                raise make_unclear(repository, shapes)
        return get_task(found.task), found.reason

    def _opened(
        self, task: Task[Any], repository: Repository, providers: Sequence[Provider], *, anew: bool
    ) -> OnnxBackend:
        check_convertible(repository, task)
        return open_model(
            repository, task, providers=providers, dtype=self.dtype, file=self.file, outputs=self.outputs,
            compiled=check_compiled(self.compiled),
            conversion=Conversion(export=self.export, anew=anew, allow_pickle=self.allow_pickle),
            options=SessionOptions(self.threads, self.session_options), batch_tokens=self.batch_tokens,
        )  # fmt: skip

    def _check(self) -> None:
        """Raise ``InvalidOptionError`` for an argument of a type that ``load`` does not take."""
        for name, kinds, expected in _ARGUMENTS:
            value = getattr(self, name)
            if not isinstance(value, kinds):
                raise InvalidOptionError(name, value, expected)
            if isinstance(value, Mapping) and not all(isinstance(key, str) for key in value):
                raise InvalidOptionError(name, value, f"{expected}, by their names")
        for name, value in (("file", self.file), ("outputs", self.outputs)):
            if isinstance(value, Mapping) and not all(isinstance(part, str) for part in value.values()):
                raise InvalidOptionError(name, value, "text for each name")
        positive("threads", self.threads, optional=True)
        if self.threads is not None and self.threads > MOST_THREADS:
            raise InvalidOptionError("threads", self.threads, f"at most {MOST_THREADS:,}, or None for all cores")
        check_compiled(self.compiled)
        if self.export != "auto" and not isinstance(self.export, bool):
            raise InvalidOptionError("export", self.export, "'auto', True or False")
        positive("batch_tokens", self.batch_tokens, optional=True)

    def _model_id(self, task: Task[Any] | None) -> str | os.PathLike[str]:
        if self.model_id is not None:
            return self.model_id
        if task is None or task.default_model is None:
            which = "the model tells the task" if task is None else f"{task.name} has no default model"
            raise InvalidOptionError("model_id", None, f"a Hub id or folder, for {which}")
        return task.default_model


def absolute(model_id: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    """A folder by its full path: the same name means another one in another working directory; a Hub id as it is."""
    if isinstance(model_id, str | os.PathLike) and os.path.isdir(model_id):
        return os.path.abspath(model_id)
    return model_id


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a ``ModelInfo`` says of the file that runs, and only whoever opened it knows."""

    task_reason: str
    revision: str | None
    file: str
    reason: str
    dtype: str
    provider: str
    compiled: bool
    outputs: Mapping[str, str] = field(default_factory=dict)


def build_model(
    task: Task[Any],
    backend: Backend,
    source: Source,
    *,
    postprocessor: AnyPostprocessor | None,
    reload: Callable[[], Model[Any, Any, Any]] | None = None,
) -> Model[Any, Any, Any]:
    """A Model from an open backend, checked to fit the task."""
    check_graph(task, backend)
    made = task.postprocessor.for_model(backend) if postprocessor is None else _made(postprocessor, backend)
    labels = tuple(getattr(made, "labels", ()))
    check_labels(task, backend, labels)
    preprocessor = task.preprocessor.for_model(backend)
    info = ModelInfo(
        task=task.name,
        task_reason=source.task_reason,
        model_id=backend.model_id,
        revision=source.revision,
        file=source.file,
        reason=source.reason,
        dtype=source.dtype,
        provider=source.provider,
        compiled=source.compiled,
        outputs=source.outputs,
        labels=labels,
        max_length=getattr(getattr(preprocessor, "tokenizer", None), "max_length", None),
    )
    model: Model[Any, Any, Any] = task.model(
        task, backend, preprocessor=preprocessor, postprocessor=made, info=info, reload=reload
    )
    return model


def check_postprocessor(task: Task[Any], given: object) -> None:
    """Raise ``InvalidOptionError`` unless it is None, or a postprocessor or class of them for the items of the task."""
    if given is None:
        return
    kind = given if isinstance(given, type) else type(given)
    if not issubclass(kind, Postprocessor):
        raise InvalidOptionError("postprocessor", given, "a subclass of onnxhub.Postprocessor, or an instance")
    own = task.postprocessor
    if own.item is not None and kind.item is not None and not issubclass(own.item, kind.item):
        expected = f"one for the items of {task.name}, such as {own.__name__} and its subclasses"
        raise InvalidOptionError("postprocessor", kind.__name__, expected)


def _made(given: AnyPostprocessor, backend: Backend) -> Postprocessor[Any, Any]:
    if not isinstance(given, type):
        return given
    try:
        return given.for_model(backend)
    except TypeError as error:
        expected = f"a frozen dataclass whose extra fields have defaults ({error})"
        raise InvalidOptionError("postprocessor", given.__name__, expected) from error


def check_graph(task: Task[Any], backend: Backend) -> None:
    """Raise ``TaskMismatchError`` unless the graph has outputs that the task can work with, of the right rank."""
    shapes = backend.output_shapes
    if task.raw:
        _check_modality(task, backend)
        return
    if any(
        # No axes: the graph does not say, and its logits are checked when they come.
        all(name in shapes and len(shapes[name]) in (0, rank) for name, rank in wanted.items())
        or (ANY_NAME in wanted and has_sole_output(task, wanted[ANY_NAME], backend))
        for wanted in task.outputs
    ):
        return
    named = [one for one in task.outputs if ANY_NAME not in one]
    wanted = " or ".join(" and ".join(f"{name} of {rank} axes" for name, rank in one.items()) for one in named)
    found = ", ".join(f"{name} of {len(shape)} axes" for name, shape in shapes.items())
    first = next(iter(task.outputs[-1]))
    # Names that no task knows may be of the right thing; others are of another task.
    hint = "" if shapes.keys() & KNOWN else f"; load(..., outputs={{{first!r}: ...}}) tells which is which"
    raise TaskMismatchError(
        backend.model_id, task.name, (f"its graph gives {found}, not {wanted}{hint}", *_says(backend))
    )


def _check_modality(task: Task[Any], backend: Backend) -> None:
    """Raise ``TaskMismatchError`` where a graph's inputs have the names of another kind alone; others say nothing."""
    said = {kind: [name for name in backend.input_names if name in names] for kind, names in INPUTS.items()}
    others = [name for names in said.values() for name in names]
    if task.modality in said and others and not said[task.modality]:
        problem = (
            f"its graph takes {', '.join(others)}, and not {task.modality} ({', '.join(sorted(INPUTS[task.modality]))})"
        )
        raise TaskMismatchError(backend.model_id, task.name, (problem, *_says(backend)))


def has_sole_output(task: Task[Any], rank: int, backend: Backend) -> bool:
    """Whether a graph has one output alone, of this rank, that neither its name nor the architecture gives to another task.

    Classifiers too have an output of 2 axes, and language models one of 3: a name such as ``logits`` tells them apart,
    and where the name tells nothing, the architecture does.
    """
    shapes = backend.output_shapes
    if [len(shape) for shape in shapes.values()] != [rank] or re.search(
        OTHER_OUTPUTS, next(iter(shapes)), re.IGNORECASE
    ):
        return False
    other = infer_from_files({"architectures": backend.config.get("architectures")}, (), {}, lambda: None)
    if other is None or other.task == task.name:
        return True
    # Vectors of tokens may be a language model's logits; a vector of a text is none, whatever model made it.
    return rank == 2 and not any(rank in one.values() for one in get_task(other.task).outputs)


def check_labels(task: Task[Any], backend: Backend, labels: tuple[str, ...]) -> None:
    """Raise ``TaskMismatchError`` if the graph is known to have another number of logits than there are labels."""
    size = width(backend)
    if labels and size is not None and size != len(labels):
        problem = f"its graph gives {size} logits, but there are {len(labels)} labels: {listing(labels)}"
        raise TaskMismatchError(backend.model_id, task.name, (problem, *_says(backend)))


def _says(backend: Backend) -> tuple[str, ...]:
    architectures = backend.config.get("architectures")
    if not isinstance(architectures, list) or not architectures:
        return ()
    fitting = infer_from_files(backend.config, (), {}, lambda: None)
    hint = f", which is for {fitting.task}" if fitting else ""
    return (f"config.json says that it is a {' and a '.join(map(str, architectures))}{hint}",)
