"""Sessions from compiled graphs: optimised and pre-packed by the first load, mapped into memory from the second on.

ONNX Runtime optimises a graph, and copies its weights into the order in which its kernels read them, whenever it builds
a session. It can write both down: a graph with nothing left to optimise, and a file of weights that needs no copy, so
that all processes with the model share the pages of one file. A compiled graph is valid only for the processor and
the build of ONNX Runtime that wrote it, so these are part of the key.
"""

from __future__ import annotations

import errno
import logging
import os
import platform
import re
import shutil
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Final

from onnxhub._backend.kept.assets import assets_dir
from onnxhub._backend.kept.building import make, make_unless_busy
from onnxhub._backend.kept.digests import digest_of, sha256
from onnxhub._backend.kept.store import discard, find
from onnxhub._backend.runtime.providers import import_onnxruntime
from onnxhub._backend.runtime.session import build_session
from onnxhub.errors import IntegrityError, InvalidOptionError, OnnxHubError, TooNewError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from onnxhub._backend.kept.entries import Entry
    from onnxhub._backend.runtime.providers import Provider
    from onnxhub._backend.runtime.session import Session, SessionOptions

__all__ = ["COMPILED", "Compile", "ModelFile", "check_compiled", "plan_compile"]

_log = logging.getLogger("onnxhub")

COMPILED: Final = "compiled"
"""The kind of the entries."""
RECIPE: Final = 1
"""Version of the way to compile; another number gives other keys."""
SWITCH: Final = "ONNXHUB_COMPILED"
"""The environment variable that decides for ``"auto"``: ``0`` or ``1``."""
GRAPH: Final = "model.onnx"
WEIGHTS: Final = "weights.bin"
SMALLEST: Final = 2**20
"""Bytes of a model below which a session is built as fast as a compiled graph is checked."""
GROWTH: Final = 2
"""Largest size of a compiled graph, in times of its weights: as they are, and in the order of the kernels."""
WIDENED: Final = frozenset({10, 16})
"""Half precision, by the numbers of onnx.proto: the kernels of the CPU take float32, and float32 is written."""
EIGHT_BITS: Final = frozenset({2, 3})
INTEGER_KERNELS: Final = frozenset(
    {
        "ConvInteger",
        "DequantizeLinear",
        "DynamicQuantizeLSTM",
        "DynamicQuantizeMatMul",
        "GatherBlockQuantized",
        "MatMulBnb4",
        "MatMulInteger",
        "MatMulIntegerToFloat",
        "MatMulNBits",
        "QAttention",
        "QGemm",
        "QLinearConv",
        "QLinearMatMul",
        "QMoE",
    }
)
"""Operators that take weights of eight bits or fewer as they are; without them, the weights are written as float32."""
SPARE: Final = 2**30
"""Bytes that stay free on the disk when a graph is compiled without being asked for."""
OWN_BUILD: Final = ("optimized_model_filepath", "graph_optimization_level")
"""Session options of callers who optimise the graph themselves."""
WRITING: Final[Mapping[str, str | int | bool]] = {
    "session.optimized_model_external_initializers_file_name": WEIGHTS,
    "session.optimized_model_external_initializers_min_size_in_bytes": 1024,
}
PREPACKED: Final = "session.save_external_prepacked_constant_initializers"
OLDEST: Final = (1, 32)
"""The first ONNX Runtime whose compiled graphs are used: 1.23 to 1.31 crash on reading some pre-packed weights."""
NOT_PREPACKED: Final = frozenset({"MatMulNBits"})
"""Operators whose weights are left as they are: with theirs, every ONNX Runtime before 1.32 crashed."""
ENGINES: Final = "tensorrt"
"""The kind of entries that are empty when they are made, and that TensorRT fills."""
OWN_ENGINES: Final = "TensorRT keeps engines of its own"
TENSORRT: Final = {"trt_engine_cache_enable": True, "trt_timing_cache_enable": True}
TENSORRT_FOLDERS: Final = ("trt_engine_cache_path", "trt_timing_cache_path")
PROCESSOR: Final = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU implementer", "CPU part")
"""Lines of ``/proc/cpuinfo`` that stay the same for a processor."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An ONNX file, and the files of its external data."""

    model_id: str
    """The model, for messages."""
    path: Path
    weights: tuple[Path, ...] = ()
    operators: frozenset[str] = frozenset()
    """The types of its operators."""
    elements: Mapping[int, int] = field(default_factory=dict)
    """Type of the elements of its tensors, by its number in onnx.proto -> how many there are."""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(path.stat().st_size for path in (self.path, *self.weights))

    @property
    def float32_size(self) -> int:
        """Bytes of all its files with the weights in float32 that ONNX Runtime folds into it."""
        more = sum(2 * count for kind, count in self.elements.items() if kind in WIDENED)
        if INTEGER_KERNELS.isdisjoint(self.operators):
            more += sum(3 * count for kind, count in self.elements.items() if kind in EIGHT_BITS)
        return self.size + more


def check_compiled(compiled: object) -> bool | str:
    """Return the option of ``load``; where it is "auto", the value of the environment variable.

    Raises:
        InvalidOptionError: it is neither True, False nor "auto"; or the environment variable is neither 0 nor 1.
    """
    if isinstance(compiled, bool):
        return compiled
    if compiled != "auto":
        raise InvalidOptionError("compiled", compiled, "True, False or 'auto'")
    named = os.environ.get(SWITCH) or "auto"
    if named == "auto":
        return "auto"
    if named not in {"0", "1"}:
        raise InvalidOptionError(SWITCH, named, "0, 1 or auto")
    return named == "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compile:
    """The step from a graph to its session, by a compiled graph where there is or will be one."""

    file: ModelFile
    providers: Sequence[Provider]
    options: SessionOptions
    required: bool
    """Whether it was asked for: then no reason to leave it out counts."""
    key: str | None
    """The key of the compiled graph; None: none is used."""
    entry: Entry | None = None
    """The compiled graph; None: it is not made yet, or none is used."""
    obstacle: str = ""
    """Why no compiled graph is used or made."""

    @property
    def description(self) -> str:
        """When it is made, or why not."""
        if self.entry is not None:
            return "kept from an earlier load"
        if self.obstacle:
            return f"no: {self.obstacle}"
        return "by the first load"

    def run(self) -> Compile:
        """Compile the graph, if that is to be done; where it was not asked for, a failure is its obstacle.

        Raises:
            OSError: It was asked for, and the disk is full.
        """
        if self.key is None or self.entry is not None:
            return self
        if self.obstacle:
            _log.info("%s is not compiled: %s", self.file.path, self.obstacle)
            return self
        if self.required:
            return replace(self, entry=make(COMPILED, self.key, self._made_of, self._build))
        try:
            entry = make_unless_busy(COMPILED, self.key, self._made_of, self._build)
        except (OSError, IntegrityError, TooNewError) as error:
            _log.warning("%s is not compiled: %s", self.file.path, error)
            return replace(self, obstacle=str(error))
        return replace(self, entry=entry, obstacle="" if entry else "another process is compiling it")

    def open(self) -> Session:
        """Return a session of the compiled graph, or of the graph as it is."""
        compiled = None if self.entry is None else self._open_entry(self.entry)
        return compiled or self._open_plain()

    @property
    def _made_of(self) -> Mapping[str, object]:
        return {
            "model": self.file.model_id,
            "file": self.file.path.name,
            "onnxruntime": import_onnxruntime().__version__,
            "processor": platform.machine(),
        }

    def _open_plain(self) -> Session:
        first, *others = self.providers
        if first.name == "tensorrt" and self.obstacle == OWN_ENGINES:
            first = _add_engine_cache(self.file, first)
        return build_session(self.file.path, [first, *others], self.options, weights=self.file.weights)

    def _open_entry(self, entry: Entry) -> Session | None:
        """Return a session of the compiled graph; None, and the entry is dropped, if ONNX Runtime does not take it."""
        file, entries = self.file, {**(self.options.entries or {}), "graph_optimization_level": "ORT_DISABLE_ALL"}
        try:
            # An entry may be cleared while the session is open: a forked child then builds its session of the model.
            return build_session(
                entry.folder / GRAPH,
                self.providers,
                replace(self.options, entries=entries),
                instead=((file.path, *file.weights), self.options),
            )
        except OnnxHubError as error:
            _log.warning("%s: the compiled graph is dropped", error)
            discard(COMPILED, entry.folder.name)
            return None

    def _build(self, folder: Path) -> None:
        file, options = self.file, self.options
        prepacked = {PREPACKED: NOT_PREPACKED.isdisjoint(file.operators)}
        entries = {**(options.entries or {}), **WRITING, **prepacked, "optimized_model_filepath": str(folder / GRAPH)}
        start = monotonic()
        try:
            build_session(file.path, self.providers, replace(options, entries=entries)).close()
        except IntegrityError as error:
            self._require_damage(folder)
            raise _explain_write_failure(file, folder, error) from error
        _log.info("%s: %s was compiled in %.1f s", file.model_id, file.path.name, monotonic() - start)

    def _require_damage(self, folder: Path) -> None:
        """Delete the unfinished files, and raise the error of the model itself, if it has one."""
        for path in folder.iterdir():
            path.unlink()
        self._open_plain().close()


def plan_compile(
    file: ModelFile, providers: Sequence[Provider], options: SessionOptions, *, compiled: bool | str
) -> Compile:
    """Find the compiled graph of a file, or tell whether it will be made, and why not; nothing is made.

    With "auto", a graph is not compiled if it is small, the disk is short, or its weights would be written far larger
    than they are. True compiles it in any case.

    Raises:
        InvalidOptionError: True, but the provider has no compiled graphs, or the session options leave no room for one.
    """
    required = compiled is True
    plain = Compile(file=file, providers=providers, options=options, required=required, key=None)
    if compiled is False:
        return replace(plain, obstacle="compiled=False")
    if providers[0].name == "tensorrt":
        return replace(plain, obstacle=OWN_ENGINES)
    obstacle = _find_obstacle(providers[0], options)
    if obstacle is not None:
        if required:
            raise InvalidOptionError("compiled", True, f"'auto' or False: {obstacle}")
        return replace(plain, obstacle=obstacle)
    if not required and file.size < SMALLEST:
        return replace(plain, obstacle="it is small")
    key = _compute_key(file, options)
    step = replace(plain, key=key, entry=find(COMPILED, key))
    return step if step.entry is not None or required else replace(step, obstacle=_find_cost(file))


def _find_cost(file: ModelFile) -> str:
    """Return what speaks against compiling a graph that nobody asked to compile; nothing if it is worth it."""
    if GROWTH * file.float32_size > GROWTH * file.size + file.size // 4:
        written, weights = GROWTH * file.float32_size / 1e6, file.size / 1e6
        return f"it would take up to {written:.0f} MB, since its weights of {weights:.0f} MB become float32"
    if _lacks_disk_space(GROWTH * file.float32_size + SPARE):
        return f"the disk of {assets_dir(COMPILED)} is short"
    return ""


def _find_obstacle(provider: Provider, options: SessionOptions) -> str | None:
    if provider.name != "cpu" or provider.options:
        return f"only plain cpu has compiled graphs, not {provider.name}{' with options' if provider.options else ''}"
    version = import_onnxruntime().__version__
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        return f"compiled graphs need onnxruntime {'.'.join(map(str, OLDEST))} or later, and this is {version}"
    own = [name for name in OWN_BUILD if name in (options.entries or {})]
    return f"session_options sets {own[0]}" if own else None


def _explain_write_failure(file: ModelFile, folder: Path, error: IntegrityError) -> OSError:
    """Return the error for a sound model whose compiled graph cannot be written; ONNX Runtime blames the model."""
    free, needed = shutil.disk_usage(folder).free, GROWTH * file.float32_size
    number = errno.ENOSPC if free < needed else errno.EIO
    room = f"up to {needed / 1e6:,.1f} MB are needed, and {free / 1e6:,.1f} MB are free"
    reason = f"{os.strerror(number)}: the compiled graph of {file.model_id} cannot be written ({room}): {error.reason}"
    return OSError(number, reason, str(folder.parent))


def _lacks_disk_space(needed: int) -> bool:
    folders = (assets_dir(COMPILED), *assets_dir(COMPILED).parents)
    # Path.exists would raise an error for a path in a folder that may not be read.
    folder = next(path for path in folders if os.path.exists(path))  # noqa: PTH110
    return shutil.disk_usage(folder).free < needed


def _add_engine_cache(file: ModelFile, provider: Provider) -> Provider:
    """Return TensorRT with a folder for the engines that it builds, which it names by its own version."""
    made_of = {"model": file.model_id, "file": file.path.name}
    folder = str(make(ENGINES, sha256(file.path), made_of, lambda _: None).folder)
    return replace(provider, options={**TENSORRT, **dict.fromkeys(TENSORRT_FOLDERS, folder), **provider.options})


def _compute_key(file: ModelFile, options: SessionOptions) -> str:
    """Return the digest of everything that the compiled graph depends on."""
    runtime = import_onnxruntime()
    sources = [
        RECIPE,
        *((path.name, sha256(path)) for path in (file.path, *file.weights)),
        runtime.__version__,
        runtime.get_build_info(),
        _describe_processor(),
        sorted((options.entries or {}).items()),
    ]
    return digest_of(sources)


def _describe_processor() -> list[str]:
    """Return the properties of the processor by which ONNX Runtime chooses kernels."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # the first block will do
            lines = file.read(8192).split("\n\n")[0].splitlines()
    except OSError:
        return [platform.machine(), platform.processor()]
    return [platform.machine(), *(line for line in lines if line.partition(":")[0].strip() in PROCESSOR)]
