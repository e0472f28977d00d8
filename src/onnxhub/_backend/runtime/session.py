"""One ONNX file in ONNX Runtime: built strictly, run in float32, closed."""

from __future__ import annotations

import ctypes
import logging
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from onnxhub._backend.runtime.devices import find_device, preload, run_on_device
from onnxhub._backend.runtime.gathering import gather_files
from onnxhub._backend.runtime.providers import import_onnxruntime, refuse_provider, shorten_name
from onnxhub._backend.runtime.support import explain_failure
from onnxhub._backend.runtime.threads import count_usable_cores
from onnxhub._contracts.protocols import GraphInput
from onnxhub._process.forking import Lock, keep_forever, watch
from onnxhub.errors import (
    ClosedModelError,
    IntegrityError,
    InvalidInputError,
    InvalidOptionError,
    OutOfMemoryError,
    ProviderUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from onnxruntime import InferenceSession, OrtValue

    from onnxhub._backend.runtime.providers import Provider
    from onnxhub._contracts.protocols import Features, Outputs

__all__ = ["Session", "SessionOptions", "build_session"]

logger = logging.getLogger("onnxhub")

NUMPY_TYPES = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(bool)": np.bool_,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(uint16)": np.uint16,
    "tensor(int16)": np.int16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
}

BFLOAT16 = "tensor(bfloat16)"
"""A type that numpy does not have: graph outputs of it are read as float32, which holds each of its values."""

UNREAD_NUMBERS = ("Please load external data into raw data",)
"""ONNX Runtime's message where it needs the values of a tensor in another file while it reads the graph."""

NO_MEMORY = ("Failed to allocate memory", "bad_alloc", "out of memory", "CUDA_ERROR_OUT_OF_MEMORY")
"""ONNX Runtime's messages when memory runs out."""

_building = Lock(forks_wait=True)  # a lock that ONNX Runtime holds at a fork would stay locked in the child


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """The options of ``load`` about the session."""

    threads: int | None = None
    """Intra-op threads; None: one for each core that this process may use."""
    entries: Mapping[str, str | int | bool] | None = None
    """Attributes of ``onnxruntime.SessionOptions``, and its configuration entries (those have a dot)."""

    @property
    def sets_threads(self) -> bool:
        """Whether the entries say how many threads an operator has."""
        return "intra_op_num_threads" in (self.entries or {})


class _Source(NamedTuple):
    """Files and options that a session is built from."""

    files: tuple[Path, ...]
    """The ONNX file, and those of its external data."""
    options: SessionOptions
    states: Sequence[tuple[int, ...]]
    """States of the files when they were read."""

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self.files[0]

    @property
    def unchanged(self) -> bool:
        """Whether the files are still those that were read."""
        return _read_states(self.files) == self.states


class _BuildRecipe(NamedTuple):
    """How to build a session again."""

    sources: tuple[_Source, ...]
    """Tried in this order; the first whose files are unchanged is taken."""
    provider: Provider

    def replace_threads(self, threads: int) -> Self:
        """Return the same for a session with another number of threads, from the first file alone."""
        first = self.sources[0]
        return self._replace(sources=(first._replace(options=replace(first.options, threads=threads)),))

    def build(self) -> InferenceSession:
        """Build the session.

        Raises:
            IntegrityError: the files have changed.
        """
        for source in self.sources:
            if source.unchanged:
                return _build(source.files, self.provider, source.options)
        raise IntegrityError(
            str(self.sources[-1].path), "it has changed since the model was loaded; load the model again"
        )


class Session:
    """An open ONNX Runtime session; any number of threads may run it.

    It survives a fork: the child builds its own from the same file when it first needs one, since the parent's has
    threads that do not exist there.
    """

    def __init__(self, session: InferenceSession, recipe: _BuildRecipe) -> None:
        """Take over a built session.

        Args:
            session: ONNX Runtime's session.
            recipe: How to build it again.
        """
        self._session: InferenceSession | None = session
        self._recipe = recipe
        self._closed = False
        self._rebuilding = Lock()
        full_name = session.get_providers()[0]
        self.provider = shorten_name(full_name)
        self._device = find_device(self.provider, session.get_provider_options().get(full_name, {}))
        self.input_types = {entry.name: NUMPY_TYPES.get(entry.type) for entry in session.get_inputs()}
        self.input_names = tuple(self.input_types)
        self.inputs = {entry.name: _read_graph_input(entry) for entry in session.get_inputs()}
        self.output_shapes = {
            entry.name: tuple(size if isinstance(size, int) else None for size in entry.shape)
            for entry in session.get_outputs()
        }
        self._bfloat16 = frozenset(entry.name for entry in session.get_outputs() if entry.type == BFLOAT16)
        watch(self)

    @property
    def inference_session(self) -> InferenceSession:
        """ONNX Runtime's object.

        Raises:
            ClosedModelError: the session was closed.
        """
        return self._session or self._rebuild()

    def forked(self) -> None:
        """Leave the parent's session alone; another is built at the first use."""
        if self._session is not None:
            keep_forever(self._session)
            self._session = None

    def _rebuild(self) -> InferenceSession:
        with self._rebuilding.plain:
            if self._closed:
                raise ClosedModelError
            if self._session is None:
                self._session = _build_in_child(self._recipe)
            return self._session

    @property
    def path(self) -> Path:
        """The file that it was built from."""
        return self._recipe.sources[0].path

    def clone(self, *, threads: int) -> Session:
        """Build another session of the same file, with this number of threads.

        Raises:
            ClosedModelError: this one was closed.
            IntegrityError: the file has changed.
        """
        if self._closed:
            raise ClosedModelError
        recipe = self._recipe.replace_threads(threads)
        return Session(recipe.build(), recipe)

    def run(self, features: Features, outputs: Sequence[str]) -> Outputs:
        """Run one batch; inputs are cast to what the graph wants, outputs to float32.

        Raises:
            InvalidInputError: the graph cannot take this batch.
            OutOfMemoryError: there is not enough memory for it.
        """
        feeds = {
            name: np.asarray(features[name], dtype=wanted)
            for name, wanted in self.input_types.items()
            if name in features
        }
        arrays = self._run(list(outputs), feeds)
        return {name: np.asarray(values, np.float32) for name, values in zip(outputs, arrays, strict=True)}

    def arrays(self, features: Features) -> Mapping[str, NDArray[np.generic]]:
        """Run the graph on arrays as they are, and return all its outputs; bfloat16, which numpy lacks, as float32.

        Raises:
            InvalidInputError: the graph cannot take these arrays.
        """
        names = list(self.output_shapes)
        return dict(zip(names, self._run(names, features), strict=True))

    def _run(self, outputs: list[str], feeds: Features) -> Sequence[Any]:
        session = self.inference_session  # outside of try: its error is about a closed model
        try:
            if not self._bfloat16.isdisjoint(outputs):
                return _run_with_bfloat16(session, outputs, feeds, _make_quiet_options())
            if self._device is not None:
                return run_on_device(self._device, session, outputs, feeds, _make_quiet_options())
            found: Sequence[Any] = session.run(outputs, dict(feeds), _make_quiet_options())
        except _list_runtime_errors() as error:
            shapes = ", ".join(f"{name} {values.shape}" for name, values in feeds.items())
            if any(sign in str(error) for sign in NO_MEMORY):
                raise OutOfMemoryError(f"{shapes}: {_take_first_line(error)}") from error
            msg = f"the model failed on this input ({shapes}): {_take_first_line(error)}"
            raise InvalidInputError(msg) from error
        return found

    def close(self) -> None:
        """Drop the session; its memory is freed when the last run ends."""
        with self._rebuilding.plain:
            self._closed = True
            self._session = None


def _run_with_bfloat16(
    session: InferenceSession, outputs: list[str], feeds: Features, options: object
) -> Sequence[NDArray[Any]]:
    """Return what ``session.run`` would give if it did not fail on bfloat16."""
    make = import_onnxruntime().OrtValue.ortvalue_from_numpy
    given = {name: make(np.ascontiguousarray(values)) for name, values in feeds.items()}
    found = session.run_with_ort_values(outputs, given, options)
    return [_widen(value) if value.data_type() == BFLOAT16 else value.numpy() for value in found]


def _widen(value: OrtValue) -> NDArray[np.float32]:
    """Return a tensor of bfloat16 as float32: a bfloat16 is the upper half of the float32 with the same value."""
    halves = np.empty(value.shape(), np.uint16)
    ctypes.memmove(halves.ctypes.data, value.data_ptr(), halves.nbytes)
    wide = halves.astype(np.uint32) << 16
    return wide.view(np.float32)


@cache
def _make_quiet_options() -> Any:
    """Return options of a run that logs no errors: they are raised, and an input may be run several times."""
    options = import_onnxruntime().RunOptions()
    options.log_severity_level = 4
    return options


def _read_graph_input(entry: Any) -> GraphInput:
    kind = NUMPY_TYPES.get(entry.type)
    return GraphInput(None if kind is None else np.dtype(kind), tuple(entry.shape))


def build_session(
    path: Path,
    providers: Sequence[Provider],
    options: SessionOptions,
    *,
    weights: tuple[Path, ...] = (),
    instead: tuple[tuple[Path, ...], SessionOptions] | None = None,
) -> Session:
    """Build a session on the first of the providers that really runs.

    ``weights`` are the files of its external data. A forked child builds its own from ``instead`` where the file was
    deleted meanwhile.

    Raises:
        ProviderUnavailableError: none does; with a single provider, ONNX Runtime's own fall-back to the CPU is an
            error.
        IntegrityError: the file is no valid ONNX model.
        TooNewError: it is one that this ONNX Runtime is too old for.
        UnsafeModelError: the model wants operators of a library that would have to be loaded.
    """
    for index, provider in enumerate(providers):
        session = _build((path, *weights), provider, options)
        active = session.get_providers()[0]
        if active == provider.full_name:
            origins = [((path, *weights), options), *([] if instead is None else [instead])]
            sources = tuple(_Source(files, how, _read_states(files)) for files, how in origins)
            return _wrap_session(session, _BuildRecipe(sources, provider))
        reason = "its libraries could not be loaded, or no such device is there (ONNX Runtime's log on stderr says why)"
        running = session.get_providers()
        del session  # freed now, and not with the traceback
        if index == len(providers) - 1:
            refuse_provider(provider, running, reason)
        logger.warning("provider %r cannot run here: %s; trying the next", provider.name, reason)
    raise AssertionError


def _wrap_session(session: InferenceSession, recipe: _BuildRecipe) -> Session:
    try:
        return Session(session, recipe)
    except UnicodeDecodeError as error:  # ONNX Runtime lets names of any bytes through
        path = recipe.sources[0].path
        raise IntegrityError(str(path), f"a name in its graph is not UTF-8: {error}") from error


def _build(files: Sequence[Path], provider: Provider, options: SessionOptions) -> InferenceSession:
    """Build the session of an ONNX file, the first of the files; the others are its external data."""
    path, settings = files[0], _make_options(options)
    try:
        try:
            return _create_session(files, provider, settings)
        except _list_runtime_errors() as error:
            if not any(sign in str(error) for sign in UNREAD_NUMBERS):
                raise
            return _create_session(files, provider, settings, inline_tensors=True)
    except _list_runtime_errors() as error:
        raise explain_failure(path, error) from error


def _create_session(
    files: Sequence[Path], provider: Provider, options: Any, *, inline_tensors: bool = False
) -> InferenceSession:
    runtime = import_onnxruntime()
    entries = [(provider.full_name, {key: str(value) for key, value in provider.options.items()})]
    if provider.name != "cpu":
        entries.append(("CPUExecutionProvider", {}))
    # Building two sessions at once is not safe in every ONNX Runtime (onnxruntime#27089).
    with _building.plain, gather_files(files[0], files[1:], inline_tensors=inline_tensors) as place:
        preload(provider.name)
        session: InferenceSession = runtime.InferenceSession(
            str(place), options, providers=entries, enable_fallback=0, read_config_from_model=0
        )
    # A provider that fails later must not be replaced either: ONNX Runtime would print so to stdout, and go on.
    session.disable_fallback()
    return session


def _build_in_child(recipe: _BuildRecipe) -> InferenceSession:
    """Build the session of a forked child, like its parent's."""
    if recipe.provider.is_gpu:
        hint = "a forked process cannot use its parent's device; load the model there, or start processes with 'spawn'"
        raise ProviderUnavailableError(recipe.provider.name, ("cpu",), hint)
    return recipe.build()


def _read_states(files: Sequence[Path]) -> list[tuple[int, ...]]:
    return [_read_state(path) for path in files]


def _read_state(path: Path) -> tuple[int, ...]:
    """Return the state of a file, which changes when it is replaced; empty if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return ()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _make_options(options: SessionOptions) -> Any:
    settings = import_onnxruntime().SessionOptions()
    settings.log_severity_level = 3
    settings.intra_op_num_threads = options.threads or count_usable_cores()
    # It keeps a memory plan for each shape, and texts have thousands of shapes; it saves no time (measured).
    settings.enable_mem_pattern = False
    for name, value in (options.entries or {}).items():
        if "." in name:
            _add_entry(settings, name, str(int(value) if isinstance(value, bool) else value))
        else:
            _set_attribute(settings, name, value)
    return settings


def _add_entry(settings: Any, name: str, value: str) -> None:
    try:
        settings.add_session_config_entry(name, value)
    except RuntimeError as error:
        raise InvalidOptionError("session_options", name, f"an entry that ONNX Runtime takes ({error})") from error


def _set_attribute(settings: Any, name: str, value: str | int | bool) -> None:
    known = {entry: getattr(settings, entry) for entry in dir(settings) if not entry.startswith("_")}
    known = {entry: current for entry, current in known.items() if not callable(current)}
    if name not in known:
        expected = "an attribute of onnxruntime.SessionOptions, or a configuration entry (those have a dot)"
        raise InvalidOptionError("session_options", name, expected, tuple(known))
    # Enumerations, such as graph_optimization_level, go by the names of their members.
    members = getattr(type(known[name]), "__members__", {})
    try:
        setattr(settings, name, members.get(value, value))
    except TypeError as error:
        expected = (
            f"for {name}: one of {', '.join(members)}" if members else f"a {type(known[name]).__name__} for {name}"
        )
        raise InvalidOptionError("session_options", value, expected) from error


def _list_runtime_errors() -> tuple[type[Exception], ...]:
    """Return the types of ONNX Runtime's errors, which have no base class."""
    state = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    names = (
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoSuchFile",
        "NotImplemented",
        "RuntimeException",
        "EPFail",
        "ModelLoadCanceled",
        "NoModel",
    )
    found = (getattr(state, name) for name in names if hasattr(state, name))
    return (ValueError, RuntimeError, *found)


def _take_first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
