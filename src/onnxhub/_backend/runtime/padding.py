"""Measurements of a graph's padding, kept for other processes under its digest, its provider and its outputs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from onnxhub._backend.kept.building import make_unless_busy
from onnxhub._backend.kept.digests import digest_of, sha256
from onnxhub._backend.kept.store import discard, find
from onnxhub._backend.runtime.providers import import_onnxruntime
from onnxhub._calls.neighbours import Findings, Neighbours
from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from onnxhub._backend.runtime.compiled import ModelFile

__all__ = ["PADDING", "Padding", "choose_tolerance"]

_log = logging.getLogger("onnxhub")

PADDING: Final = "padding"
"""The kind of the entries, which have a manifest and no files."""
RECIPE: Final = 1
"""Version of the way to measure; another number gives other keys."""
DIFFERENCE: Final = "makes a difference"
NO_DIFFERENCE: Final = "makes no difference"
MEASURED: Final = "from and to tokens"
EXACT: Final = 1e-5
"""Largest difference of float32 outputs on the CPU, by the order in which numbers are added: 5e-7 was measured."""
HALF: Final = 1e-2
"""The same for float16, and for other devices, which may multiply float32 with fewer bits."""
COARSE: Final = 5e-2
"""The same for bfloat16, and where activations are rounded to 8 bits."""
FLOAT16: Final = 10
BFLOAT16: Final = 16
"""Numbers of TensorProto.DataType."""
ROUNDING: Final = frozenset(
    {
        "MatMulBnb4",
        "MatMulFpQ4",
        "MatMulInteger",
        "MatMulNBits",
        "QAttention",
        "QGemm",
        "QLinearConv",
        "QLinearMatMul",
        "QuantizeLinear",
    }
)
"""Operators that round activations, or may."""


class Padding:
    """Findings about a graph, by the outputs that are asked for."""

    def __init__(self, file: ModelFile) -> None:
        """Note the state of the file before its session is built; read nothing yet."""
        self._file = file
        self._states = _read_states(file)
        self._neighbours: dict[tuple[str, ...], Neighbours] = {}

    def get_neighbours(self, outputs: tuple[str, ...], provider: str) -> Neighbours:
        """Return the neighbours of these outputs on the provider of this short name: one object for all callers."""
        made = self._neighbours.get(outputs)
        if made is None:
            memory = _Memory(self._file, self._states, outputs, provider)
            made = self._neighbours.setdefault(outputs, Neighbours(memory, choose_tolerance(self._file, provider)))
        return made


@dataclass(frozen=True, slots=True)
class _Memory:
    """The entry of a graph and its outputs; where the cache cannot be used, only this process remembers."""

    file: ModelFile
    states: Sequence[tuple[int, ...]]
    """States of the graph's files when it was loaded."""
    outputs: tuple[str, ...]
    provider: str

    def find(self) -> Findings:
        """Return the findings that are kept."""
        try:
            return _read(self._compute_key())
        except OSError as error:
            _log.debug("what was measured of padding is not looked up: %s", error)
            return Findings()

    def keep(self, findings: Findings) -> Findings:
        """Replace the findings that are kept by those known now."""
        if findings.differs:
            what = "%s: padding makes a difference to %s, so only texts of one length share a batch"
            _log.info(what, self.file.model_id, self.file.path.name)
        made_of = {
            "model": self.file.model_id,
            "file": self.file.path.name,
            "outputs": ", ".join(self.outputs),
            "provider": self.provider,
            "onnxruntime": import_onnxruntime().__version__,
        }
        try:
            key = self._compute_key()
            findings = findings.add(_read(key))
            discard(PADDING, key)
            make_unless_busy(PADDING, key, {**made_of, **_encode_findings(findings)}, lambda _: None)
        except (OSError, IntegrityError) as error:
            _log.debug("what was measured of padding is not kept: %s", error)
        return findings

    def _compute_key(self) -> str:
        """Return the digest of everything that the findings depend on.

        Raises:
            OSError: The file is not the one that was loaded.
        """
        runtime, paths = import_onnxruntime(), (self.file.path, *self.file.weights)
        digests = [(path.name, sha256(path)) for path in paths]
        if _read_states(self.file) != self.states:
            msg = f"{self.file.path} has changed since it was loaded"
            raise OSError(msg)
        parts = [RECIPE, digests, runtime.__version__, runtime.get_build_info(), self.provider, self.outputs]
        return digest_of(parts)


def choose_tolerance(file: ModelFile, provider: str) -> float:
    """Return how far outputs may differ though padding makes no difference, for ``neighbours.agree``."""
    if BFLOAT16 in file.elements or file.operators & ROUNDING:
        return COARSE
    return EXACT if provider == "cpu" and FLOAT16 not in file.elements else HALF


def _read(key: str) -> Findings:
    entry = find(PADDING, key)
    return Findings() if entry is None else _decode_findings(entry.made_of)


def _encode_findings(findings: Findings) -> Mapping[str, object]:
    if findings.differs:
        return {"padding": DIFFERENCE}
    return {"padding": NO_DIFFERENCE, MEASURED: [list(padding) for padding in sorted(findings.paddings)]}


def _decode_findings(made_of: Mapping[str, Any]) -> Findings:
    try:
        paddings = frozenset((int(own), int(padded)) for own, padded in made_of.get(MEASURED, ()))
        return Findings(paddings, made_of["padding"] == DIFFERENCE)
    except (KeyError, TypeError, ValueError) as error:
        _log.debug("what is kept of padding is not understood: %r", error)
        return Findings()


def _read_states(file: ModelFile) -> list[tuple[int, ...]]:
    return [_read_state(path) for path in (file.path, *file.weights)]


def _read_state(path: Path) -> tuple[int, ...]:
    """Return the state of a file, which changes when the file does."""
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
