"""What may be read: the external-data files that an ONNX model refers to, found without parsing its weights.

A model may keep its weights in other files, and names them inside its protobuf: in initializers, in node attributes, in
subgraphs, in functions. The names are chosen by whoever made the model, so they are read and judged here before ONNX
Runtime opens anything. The walk needs no ``onnx`` package, and jumps over the tensors: a 268 MB file costs a few ms.

What is judged is the name, and what lies under it at that moment. Who can change the folder between the look and the
load can change the weights as well; against that, no check of a name helps.
"""

from __future__ import annotations

import math
import mmap
import os
import sysconfig
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.precision import BLOCKS
from onnxhub._backend.graphs.protobuf import Reader
from onnxhub._backend.graphs.schema import MESSAGES
from onnxhub._backend.kept.values import relative_location
from onnxhub.errors import IntegrityError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._backend.graphs.schema import Message

__all__ = ["GraphFacts", "check_links", "check_place", "find_facts", "read_facts"]

# Every message on a path from a model to a tensor or an operator; others are jumped over.
_WALKED: Final = frozenset({"model", "training", "graph", "function", "node", "attribute", "sparse", "tensor"})
# It stands for a graph that was compiled before, in a file of any name that its provider opens by itself.
_COMPILED: Final = "EPContext"
_MAX_DEPTH: Final = 100  # the limit of protobuf's own parsers
_MAX_DIMS: Final = 64  # numpy's own; a product of more would only keep the processor busy
_GIT_LFS_POINTER: Final = b"version https://git-lfs"
# In ONNX Runtime's own marks for "the bytes are at this address of the process", a part begins so, after a star.
_ENTRIES: Final = frozenset({"location", "offset", "length", "checksum"})


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """What a walk over an ONNX file finds."""

    external_data: Mapping[str, int]
    """The files that it refers to, relative to its folder, in order -> how many bytes the model needs each to have."""
    operators: frozenset[str]
    """The types of its operators, those of subgraphs and functions included."""
    weights: Mapping[int, int]
    """Type of the elements, by its number in onnx.proto -> how many there are in all tensors together."""
    bits: int | None = None
    """Of an element of the first operator over blocks of weights that says it."""


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
        IntegrityError: They are cut, or no ONNX model.
        UnsafeModelError: A name is absolute or climbs out of the folder, the model is nested too deeply, parsers may differ in
            what it says, or a part of it is compiled for some provider already.
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
    """Follow all links: the bytes must lie in the model's folder, or in that of the file which the model is a link to.

    The second is how the Hub's cache keeps its files: links in ``snapshots``, to bytes in ``blobs`` side by side. ONNX
    Runtime has the same rule from 1.24 on.

    Raises:
        UnsafeModelError: They lie elsewhere.
    """
    real = _real(model.parent / location)
    places = dict.fromkeys((_real(model.parent), _real(model).parent))
    if not any(real.is_relative_to(place) for place in places):
        reason = f"it refers to {location!r}, a link to {real}, which is outside of {' and '.join(map(str, places))}"
        raise UnsafeModelError(str(model), reason)


def check_links(model: Path, location: str) -> None:
    """Refuse a hard link, whose other name may be a file of anywhere; nothing tells it from a file of the folder's own.

    Installed packages are exempt: installers link their files into place, and run whatever is in them anyway.

    Raises:
        UnsafeModelError: The file has a second name.
    """
    real = _real(model.parent / location)
    installed = {_real(Path(sysconfig.get_path(kind))) for kind in ("purelib", "platlib")}
    if real.stat().st_nlink > 1 and not any(real.is_relative_to(place) for place in installed):
        reason = f"it refers to {location!r}, a hard link, which may be a file from elsewhere; put a copy in its place"
        raise UnsafeModelError(str(model), reason)


def _real(path: Path) -> Path:
    """Follow all links; of a loop of links, which Path.resolve refuses before Python 3.13, give the path itself."""
    return Path(os.path.realpath(path))


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
            raise self.damaged("it holds no graph")

    def message(self, message: Message, start: int, end: int, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise UnsafeModelError(str(self.path), f"its graphs are nested more than {_MAX_DEPTH} messages deep")
        for field, _, begin, stop in self.fields(message, start, end):
            if field.name == "op_type":
                self.operators.add(operator := self.text(begin, stop))
                if operator in BLOCKS and self.bits is None:
                    self.bits = self.bits_of(start, end)
            elif field.type == "tensor":
                self.tensor(begin, stop)
            elif field.type in _WALKED:
                self.graphs += field.type == "graph" and not depth
                self.message(MESSAGES[field.type], begin, stop, depth + 1)

    def bits_of(self, start: int, end: int) -> int | None:
        """What the attribute of that name says in an operator over blocks."""
        for field, _, begin, stop in self.fields(MESSAGES["node"], start, end):
            if field.name == "attribute":
                found = {each.name: extent for each, *extent in self.fields(MESSAGES["attribute"], begin, stop)}
                if "name" in found and "i" in found and self.text(*found["name"][1:]) == "bits":
                    return next(self.numbers(*found["i"]), None)
        return None

    def tensor(self, start: int, end: int) -> None:
        """Its size, and where its bytes are if they are elsewhere.

        Its ``data_location`` is not asked: whoever names a file means it.
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
                    raise self.ambiguous(f"byte {begin} begins a second {key!r} of one tensor's external data")
                entries[key] = value
        if entries:
            self.external(entries)
        if len(dims) <= _MAX_DIMS and all(size >= 0 for size in dims):
            self.weights[kind] = self.weights.get(kind, 0) + math.prod(dims)

    def external(self, entries: Mapping[str, str]) -> None:
        """Where a tensor's bytes are, and up to where the file must reach.

        Pre-packed weights are bytes in the layout of one processor; ONNX Runtime 1.23 dies of those of another size.
        """
        for key in entries.keys() - _ENTRIES:
            kind = "weights packed for one processor" if key.startswith("prepacked") else "unknown"
            raise UnsafeModelError(str(self.path), f"its external data has an entry {key[:40]!r}, which is {kind}")
        needed = sum(self.count(key, entries[key]) for key in ("offset", "length") if key in entries)
        if "location" in entries:
            location = relative_location(entries["location"], self.path)
            self.needs[location] = max(self.needs.get(location, 0), needed)

    def entry(self, start: int, end: int) -> tuple[str, str]:
        """One key-value pair of a tensor's external data."""
        fields = self.fields(MESSAGES["entry"], start, end)
        pair = {field.name: self.data[begin:stop] for field, _, begin, stop in fields}
        try:
            return pair.get("key", b"").decode(), pair.get("value", b"").decode()
        except UnicodeDecodeError as error:
            raise self.damaged("what it says of an external-data file is not UTF-8") from error

    def count(self, key: str, value: str) -> int:
        """A number of bytes, as ONNX Runtime takes it."""
        if not (value.isascii() and value.isdecimal() and int(value[:20]) < 2**63 and len(value) <= 20):
            raise self.damaged(f"the {key} of its external data is {value[:40]!r}, which is no number of bytes")
        return int(value)
