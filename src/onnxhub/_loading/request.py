"""The arguments of ``load``, and the way from there to a finished Model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Literal

from onnxhub._backend.engine import open_model
from onnxhub._backend.files.layout import add_files_beside
from onnxhub._backend.kept.entries import retry_if_cleared
from onnxhub._backend.making.export import Conversion
from onnxhub._backend.plan import FileRequest, carry_out
from onnxhub._backend.repository.repository import open_repository
from onnxhub._backend.runtime.compiled import check_compiled
from onnxhub._backend.runtime.providers import choose_candidates
from onnxhub._backend.runtime.session import SessionOptions
from onnxhub._calls.own_postprocessor import check_postprocessor
from onnxhub._contracts.checks import positive
from onnxhub._contracts.info import ModelInfo
from onnxhub._contracts.outputs import rename
from onnxhub._contracts.registry import Task, get_task
from onnxhub._contracts.task import check_row
from onnxhub._loading.build import build_model
from onnxhub._loading.infer_task import infer_from_graph
from onnxhub._loading.resolve import AUTO, Resolution, make_unclear, resolve
from onnxhub.errors import InvalidOptionError, OfflineError

if TYPE_CHECKING:
    from onnxhub._backend.engine import OnnxBackend
    from onnxhub._backend.repository.repository import Repository
    from onnxhub._backend.runtime.providers import Provider
    from onnxhub._calls.model import Model
    from onnxhub._calls.own_postprocessor import AnyPostprocessor

__all__ = ["LoadRequest", "make_absolute"]

MOST_THREADS: Final = 1024
"""More threads than any machine has cores; the system ends a process that starts too many."""
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
"""Argument of ``load``, the types it may have, and what is expected; for arguments that are not checked elsewhere."""


@dataclass(frozen=True, kw_only=True)
class LoadRequest:
    """All arguments of ``load`` but the token: what a pickled model is loaded from again."""

    task: str | Task[Any] = AUTO
    model_id: str | os.PathLike[str] | None
    provider: str | Sequence[str] = "cpu"
    postprocessor: AnyPostprocessor | None = None
    dtype: str = "auto"
    file: str | Mapping[str, str] | None = None
    outputs: Mapping[str, str] | None = None
    revision: str | None = None
    compiled: bool | str = "auto"
    threads: int | None = None
    batch_tokens: int | None = None
    provider_options: Mapping[str, str | int | bool] | None = None
    session_options: Mapping[str, str | int | bool] | None = None
    cache_dir: str | os.PathLike[str] | None = None
    local_files_only: bool = False
    export: bool | Literal["auto"] = "auto"
    allow_pickle: bool = False

    def __post_init__(self) -> None:
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
        if isinstance(self.task, Task):  # those with a name were checked when they were registered
            check_row(self.task)

    @property
    def named_task(self) -> Task[Any] | None:
        """The task that was named; None: it is inferred.

        Raises:
            UnknownTaskError: None has the name.
        """
        if isinstance(self.task, Task):
            return self.task
        return None if self.task == AUTO else get_task(self.task)

    def __call__(self) -> Model[Any, Any, Any]:
        """Load the model again, at the commit that was loaded, and as it was converted."""
        return self.load()

    def load(
        self, *, token: str | bool | None = None, refresh: bool = False, anew: bool = False
    ) -> Model[Any, Any, Any]:
        """Resolve the request, open what was chosen, and build the model.

        Args:
            token: A token of the Hub.
            refresh: Whether the Hub is asked for the newest commit.
            anew: Whether a conversion that is kept is made once more.
        """
        task = self.named_task
        if task is not None:
            check_postprocessor(task, self.postprocessor)
        providers = choose_candidates(self.provider, self.provider_options)  # before anything is fetched
        try:
            repository = self.open_repository(task, gpu=providers[0].is_gpu, token=token, refresh=refresh)
            resolution, backend = self._open(repository, task, providers, anew=anew)
        except OfflineError as error:
            if self.model_id is not None or task is None or task.bundled_model is None:
                raise
            # Another model is never taken silently; a caller who named none is told what would answer at once.
            hint = f"{error.hint or 'try again later'}, or name {task.bundled_model!r}, which is bundled and answers at once"
            raise replace(error, hint=hint) from error.__cause__
        with ExitStack() as failing:  # a traceback that is kept, as in a notebook, must not keep the weights
            failing.callback(backend.close)
            model = self._build(resolution, backend)
            failing.pop_all()
        return model

    def open_repository(
        self,
        task: Task[Any] | None = None,
        *,
        gpu: bool = False,
        token: str | bool | None = None,
        refresh: bool = False,
    ) -> Repository:
        """Open the repository or folder of the request, or of the task's default model."""
        repository = open_repository(
            self._choose_model_id(task),
            revision=self.revision,
            token=token,
            cache_dir=self.cache_dir,
            local_files_only=self.local_files_only,
            refresh=refresh,
            named=self.model_id is not None,
        )
        return add_files_beside(repository, dtype=self.dtype, file=self.file, gpu=gpu)

    def files(self, *, gpu: bool = False, anew: bool = False) -> FileRequest:
        """Return which ONNX files the request asks for."""
        conversion = Conversion(export=self.export, anew=anew, allow_pickle=self.allow_pickle)
        return FileRequest(dtype=self.dtype, file=self.file, gpu=gpu, conversion=conversion)

    def resolve(
        self, repository: Repository, task: Task[Any] | None, providers: Sequence[Provider], *, anew: bool = False
    ) -> Resolution:
        """Resolve the request to a task and files; the sessions are asked where neither files nor graph tell the task."""
        gpu = providers[0].is_gpu
        found = resolve(repository, task, self.files(gpu=gpu, anew=anew), outputs=self.outputs)
        if found.task is not None:
            return found
        custom = get_task("custom")
        opened = self._open_files(resolve(repository, custom, self.files(gpu=gpu)), providers, outputs=None)
        with closing(opened):
            shapes = rename(opened.output_shapes, self.outputs or {})
            inferred = infer_from_graph(shapes, opened.config)
        if inferred is None:
            raise make_unclear(repository, shapes)
        again = resolve(repository, get_task(inferred.task), self.files(gpu=gpu, anew=anew), outputs=self.outputs)
        return replace(again, task_reason=inferred.reason)

    @retry_if_cleared
    def _open(
        self, repository: Repository, task: Task[Any] | None, providers: Sequence[Provider], *, anew: bool
    ) -> tuple[Resolution, OnnxBackend]:
        resolution = self.resolve(repository, task, providers, anew=anew)
        return resolution, self._open_files(resolution, providers, outputs=self.outputs)

    def _open_files(
        self, resolution: Resolution, providers: Sequence[Provider], *, outputs: Mapping[str, str] | None
    ) -> OnnxBackend:
        return open_model(
            carry_out(resolution.known_plan),
            resolution.known_task,
            config=resolution.config,
            providers=providers,
            outputs=outputs,
            compiled=check_compiled(self.compiled),
            options=SessionOptions(self.threads, self.session_options),
            batch_tokens=self.batch_tokens,
        )

    def _build(self, resolution: Resolution, backend: OnnxBackend) -> Model[Any, Any, Any]:
        task = resolution.known_task
        check_postprocessor(task, self.postprocessor)
        commit, first = backend.repository.commit, next(iter(backend.choices.values()))
        info = ModelInfo(
            task=task.name,
            task_reason=resolution.task_reason,
            model_id=backend.model_id,
            revision=commit,
            file=", ".join(choice.file for choice in backend.choices.values()),
            reason=first.reason,
            dtype=first.dtype,
            provider=backend.session.provider,
            compiled=backend.compiled,
            labels=(),
            max_length=None,
            outputs=backend.renamed,
        )
        named = self.task if isinstance(self.task, Task) else task.name
        request = replace(self, task=named, model_id=make_absolute(self.model_id), revision=commit)
        return build_model(task, backend, info, postprocessor=self.postprocessor, reload=request)

    def _choose_model_id(self, task: Task[Any] | None) -> str | os.PathLike[str]:
        if self.model_id is not None:
            return self.model_id
        if task is None or task.default_model is None:
            which = "the model tells the task" if task is None else f"{task.name} has no default model"
            raise InvalidOptionError("model_id", None, f"a Hub id or folder, for {which}")
        return task.default_model


def make_absolute(model_id: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    """Return a folder by its full path, for another working directory; a Hub id as it is."""
    if isinstance(model_id, str | os.PathLike) and os.path.isdir(model_id):
        return os.path.abspath(model_id)
    return model_id
