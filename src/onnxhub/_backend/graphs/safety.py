"""Safety of ONNX files: which external-data files a model refers to, found without reading its weights.

A model may keep its weights in other files, and names them inside its protobuf: in initializers, in node attributes, in
subgraphs, in functions. The author of the model chooses the names, so they are read and checked here before ONNX Runtime
opens anything. The walk needs no ``onnx`` package, and skips the tensors: a 268 MB file takes a few ms.

Checked are the name, and the file that it leads to at that moment. A process that can change the folder between the check
and the load can change the weights as well; no check of a name protects against that.
"""

from __future__ import annotations

import math
import mmap
import sysconfig
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.precision import BLOCKS
from onnxhub._backend.graphs.protobuf import Reader
from onnxhub._backend.graphs.schema import MESSAGES
from onnxhub._backend.kept.filesystems import real_path
from onnxhub._backend.kept.values import relative_location
from onnxhub.errors import IntegrityError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.graphs.schema import Message

__all__ = ["GraphFacts", "check_links", "check_place", "find_facts", "read_facts"]

# Every message on a path from a model to a tensor or an operator; others are skipped.
_WALKED: Final = frozenset({"model", "training", "graph", "function", "node", "attribute", "sparse", "tensor"})
# An operator for a compiled graph, in a file of any name that the execution provider opens by itself.
_COMPILED: Final = "EPContext"
_MAX_DEPTH: Final = 100  # the limit of protobuf's own parsers
_MAX_DIMS: Final = 64  # numpy's own limit; a product of more would only cost time
_GIT_LFS_POINTER: Final = b"version https://git-lfs"
_ENTRIES: Final = frozenset({"location", "offset", "length", "checksum"})


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """The facts about an ONNX file that one walk over it finds."""

    external_data: Mapping[str, int]
    """The files that it refers to, relative to its folder, in order -> the bytes that each must have at least."""
    operators: frozenset[str]
    """The types of its operators, those of subgraphs and functions included."""
    weights: Mapping[int, int]
    """Type of the elements, by its number in onnx.proto -> how many there are in all tensors."""
    bits: int | None = None
    """Bits of a weight, by the first operator over blocks of weights that says it."""


def read_facts(path: Path) -> GraphFacts:
    """Walk over an ONNX file.

    Raises:
        IntegrityError, UnsafeModelError: see ``find_facts``; or the file is empty.
    """
    if not path.stat().st_size:  # which mmap refuses
        raise IntegrityError(str(path), "the file is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return find_facts(path, data)


def find_facts(path: Path, data: mmap.mmap | bytes) -> GraphFacts:
    """Walk over the bytes of an ONNX file.

    Raises:
        IntegrityError: they are cut, or no ONNX model.
        UnsafeModelError: a file name is absolute or leads out of the folder, the model is nested too deeply, parsers may read
            it in different ways, or a part of it is compiled for an execution provider.
    """
    if data[: len(_GIT_LFS_POINTER)] == _GIT_LFS_POINTER:
        raise IntegrityError(str(path), "a Git LFS pointer, not the file itself; `git lfs pull` fetches it")
    walk = _Walk(path, data)
    walk.model()
    if _COMPILED in walk.operators:
        reason = f"it has {_COMPILED} operators, which stand for files that its execution provider opens unseen"
        raise UnsafeModelError(str(path), reason)
    return GraphFacts(walk.needs, frozenset(walk.operators), walk.weights, walk.bits)


def check_place(model: Path, location: str) -> None:
    """Check that an external-data file lies, behind all links, in the folder of the model or of the model's link target.

    The second is the layout of the Hub's cache: links in ``snapshots`` to files in ``blobs``. ONNX Runtime has the same rule
    from 1.24 on.

    Raises:
        UnsafeModelError: it lies elsewhere.
    """
    real = real_path(model.parent / location)
    places = dict.fromkeys((real_path(model.parent), real_path(model).parent))
    if not any(real.is_relative_to(place) for place in places):
        reason = f"it refers to {location!r}, a link to {real}, which is outside of {' and '.join(map(str, places))}"
        raise UnsafeModelError(str(model), reason)


def check_links(model: Path, location: str) -> None:
    """Refuse a hard link: its other name may be any file of the disk, and nothing tells which name was first.

    Installed packages are exempt: installers make hard links, and their code runs anyway.

    Raises:
        UnsafeModelError: the file has a second name.
    """
    real = real_path(model.parent / location)
    if real.stat().st_nlink == 1:
        return
    installed = {real_path(Path(sysconfig.get_path(kind))) for kind in ("purelib", "platlib")}
    if not any(real.is_relative_to(place) for place in installed):
        reason = f"it refers to {location!r}, a hard link, which may be a file from elsewhere; put a copy in its place"
        raise UnsafeModelError(str(model), reason)


class _Walk(Reader):
    """One pass over the protobuf fields that lead to operators and to tensors."""

    def __init__(self, path: Path, data: mmap.mmap | bytes) -> None:
        super().__init__(path, data)
        self.operators: set[str] = set()
        self.needs: dict[str, int] = {}
        self.weights: dict[int, int] = {}
        self.bits: int | None = None
        self.graphs = 0

    def model(self) -> None:
        self.message(MESSAGES["model"], 0, len(self.data), 0)
        if not self.graphs:
            raise self.refuse_damaged("it holds no graph")

    def message(self, message: Message, start: int, end: int, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise UnsafeModelError(str(self.path), f"its graphs are nested more than {_MAX_DEPTH} messages deep")
        for field, _, begin, stop in self.fields(message, start, end):
            if field.name == "op_type":
                self.operators.add(operator := self.text(begin, stop))
                if operator in BLOCKS and self.bits is None:
                    self.bits = self.read_bits(start, end)
            elif field.type == "tensor":
                self.tensor(begin, stop)
            elif field.type in _WALKED:
                self.graphs += field.type == "graph" and not depth
                self.message(MESSAGES[field.type], begin, stop, depth + 1)

    def read_bits(self, start: int, end: int) -> int | None:
        """Return the attribute ``bits`` of an operator over blocks of weights."""
        for field, _, begin, stop in self.fields(MESSAGES["node"], start, end):
            if field.name == "attribute":
                parts = {part.name: extent for part, *extent in self.fields(MESSAGES["attribute"], begin, stop)}
                if "name" in parts and "i" in parts and self.text(*parts["name"][1:]) == "bits":
                    return next(self.numbers(*parts["i"]), None)
        return None

    def tensor(self, start: int, end: int) -> None:
        """Add a tensor's size, and its file if its numbers are in another one.

        Its ``data_location`` is ignored: a tensor that names a file is taken for an external one.
        """
        dims: list[int] = []
        kind = 0
        entries: dict[str, str] = {}
        for field, wire, begin, stop in self.fields(MESSAGES["tensor"], start, end):
            if field.name == "dims":
                dims += islice(self.numbers(wire, begin, stop), max(_MAX_DIMS + 1 - len(dims), 0))
            elif field.name == "data_type":
                kind = self.short(begin, stop)
            elif field.name == "external_data":
                key, value = self.entry(begin, stop)
                if key in entries:
                    raise self.refuse_ambiguous(f"byte {begin} begins a second {key!r} of one tensor's external data")
                entries[key] = value
        if entries:
            self.external(entries)
        if len(dims) <= _MAX_DIMS and all(size >= 0 for size in dims):
            self.weights[kind] = self.weights.get(kind, 0) + math.prod(dims)

    def external(self, entries: Mapping[str, str]) -> None:
        """Check the external data of a tensor, and add its file with the size that it must have.

        Pre-packed weights have the layout of one processor; ONNX Runtime 1.23 crashes if their size is another.
        """
        for key in entries.keys() - _ENTRIES:
            kind = "weights packed for one processor" if key.startswith("prepacked") else "unknown"
            raise UnsafeModelError(str(self.path), f"its external data has an entry {key[:40]!r}, which is {kind}")
        needed = sum(self.parse_count(key, entries[key]) for key in ("offset", "length") if key in entries)
        if "location" in entries:
            location = relative_location(entries["location"], self.path)
            self.needs[location] = max(self.needs.get(location, 0), needed)

    def parse_count(self, key: str, value: str) -> int:
        """Parse a number of bytes as ONNX Runtime does."""
        if not (value.isascii() and value.isdecimal() and int(value[:20]) < 2**63 and len(value) <= 20):
            raise self.refuse_damaged(f"the {key} of its external data is {value[:40]!r}, which is no number of bytes")
        return int(value)
