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

__all__ = ["COMPILED", "ModelFile", "build_compiled", "check_compiled"]

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


def build_compiled(
    file: ModelFile, providers: Sequence[Provider], options: SessionOptions, *, compiled: bool | str
) -> Session:
    """Build a session of the compiled graph, which is compiled if needed, or of the graph as it is.

    With "auto", a graph is not compiled if it is small, the disk is short, its weights would be written far
    larger than they are, the cache cannot be written, or another process is compiling it. True compiles it in any case.

    Raises:
        InvalidOptionError: True, but the provider has no compiled graphs, or the session options leave no room for one.
        OSError: True, and the disk is full.
    """
    if compiled is False:
        return _build_plain(file, providers, options)
    if providers[0].name == "tensorrt":
        return _build_plain(file, [_add_engine_cache(file, providers[0]), *providers[1:]], options)
    obstacle = _find_obstacle(providers[0], options)
    if obstacle is not None:
        if compiled is True:
            raise InvalidOptionError("compiled", True, f"'auto' or False: {obstacle}")
        return _build_plain(file, providers, options)
    key = _compute_key(file, options) if compiled is True or file.size >= SMALLEST else None
    entry = None if key is None else find(COMPILED, key) or _compile(file, key, providers, options, compiled is True)
    session = None if entry is None else _open_entry(entry, file, providers, options)
    return session or _build_plain(file, providers, options)


def _build_plain(file: ModelFile, providers: Sequence[Provider], options: SessionOptions) -> Session:
    return build_session(file.path, providers, options, weights=file.weights)


def _find_obstacle(provider: Provider, options: SessionOptions) -> str | None:
    if provider.name != "cpu" or provider.options:
        return f"only plain cpu has compiled graphs, not {provider.name}{' with options' if provider.options else ''}"
    version = import_onnxruntime().__version__
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        return f"compiled graphs need onnxruntime {'.'.join(map(str, OLDEST))} or later, and this is {version}"
    own = [name for name in OWN_BUILD if name in (options.entries or {})]
    return f"session_options sets {own[0]}" if own else None


def _open_entry(
    entry: Entry, file: ModelFile, providers: Sequence[Provider], options: SessionOptions
) -> Session | None:
    """Return a session of the compiled graph; None, and the entry is dropped, if ONNX Runtime does not take it."""
    entries = {**(options.entries or {}), "graph_optimization_level": "ORT_DISABLE_ALL"}
    try:
        # An entry may be cleared while the session is open: a forked child then builds its session of the model.
        return build_session(
            entry.folder / GRAPH,
            providers,
            replace(options, entries=entries),
            instead=((file.path, *file.weights), options),
        )
    except OnnxHubError as error:
        _log.warning("%s: the compiled graph is dropped", error)
        discard(COMPILED, entry.folder.name)
        return None


def _compile(
    file: ModelFile, key: str, providers: Sequence[Provider], options: SessionOptions, wanted: bool
) -> Entry | None:
    """Return the finished entry; None if ``wanted`` is False and the graph is not compiled."""
    made_of = {
        "model": file.model_id,
        "file": file.path.name,
        "onnxruntime": import_onnxruntime().__version__,
        "processor": platform.machine(),
    }

    def build(folder: Path) -> None:
        prepacked = {PREPACKED: NOT_PREPACKED.isdisjoint(file.operators)}
        entries = {**(options.entries or {}), **WRITING, **prepacked, "optimized_model_filepath": str(folder / GRAPH)}
        start = monotonic()
        try:
            build_session(file.path, providers, replace(options, entries=entries)).close()
        except IntegrityError as error:
            _require_damage(file, providers, options, folder)
            raise _explain_write_failure(file, folder, error) from error
        _log.info("%s: %s was compiled in %.1f s", file.model_id, file.path.name, monotonic() - start)

    if wanted:
        return make(COMPILED, key, made_of, build)
    if GROWTH * file.float32_size > GROWTH * file.size + file.size // 4:
        _log.info(
            "%s is not compiled unasked: it would take up to %.0f MB, since its weights of %.0f MB become float32",
            file.path,
            GROWTH * file.float32_size / 1e6,
            file.size / 1e6,
        )
        return None
    if _lacks_disk_space(GROWTH * file.float32_size + SPARE):
        _log.info("%s is not compiled: the disk of %s is short", file.path, assets_dir(COMPILED))
        return None
    try:
        return make_unless_busy(COMPILED, key, made_of, build)
    except (OSError, IntegrityError, TooNewError) as error:
        _log.warning("%s is not compiled: %s", file.path, error)
        return None


def _require_damage(file: ModelFile, providers: Sequence[Provider], options: SessionOptions, folder: Path) -> None:
    """Delete the unfinished files, and raise the error of the model itself, if it has one."""
    for path in folder.iterdir():
        path.unlink()
    _build_plain(file, providers, options).close()


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
