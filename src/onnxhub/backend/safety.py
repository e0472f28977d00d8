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
import sysconfig
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Final

from onnxhub.backend.protobuf import BYTES, Reader
from onnxhub.errors import IntegrityError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GraphFacts", "check_links", "check_place", "read_facts", "relative_location"]

# Every path from a model to a tensor or an operator: message -> field number -> message (onnx.proto). Other fields are jumped over.
_CHILDREN: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {4: "operator", 5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_GRAPH: Final = 7
_DIMS, _DATA_TYPE, _ENTRY = 1, 2, 13
# It stands for a graph that was compiled before, in a file of any name that its provider opens by itself.
_COMPILED: Final = "EPContext"
_MAX_DEPTH: Final = 100  # the limit of protobuf's own parsers
_MAX_DIMS: Final = 64  # numpy's own; a product of more would only keep the processor busy
_GIT_LFS_POINTER: Final = b"version https://git-lfs"
# ONNX Runtime's own marks for "the bytes are at this address of the process" begin so.
_MEMORY_ADDRESS: Final = "*/_ORT_"


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """What a walk over an ONNX file finds."""

    external_data: Mapping[str, int]
    """The files that it refers to, relative to its folder, in order -> how many bytes the model needs each to have."""
    operators: frozenset[str]
    """The types of its operators, those of subgraphs and functions included."""
    weights: Mapping[int, int]
    """Type of the elements, by its number in onnx.proto -> how many there are in all tensors together."""


def read_facts(path: Path) -> GraphFacts:
    """Walk over an ONNX file.

    Raises:
        IntegrityError: The file is empty, cut, or not an ONNX model.
        UnsafeModelError: A name is absolute or climbs out of the folder, the model is nested too deeply, or a part of
            it is compiled for some provider already.
    """
    if not path.stat().st_size:  # which mmap refuses
        raise IntegrityError(str(path), "the file is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[: len(_GIT_LFS_POINTER)] == _GIT_LFS_POINTER:
            raise IntegrityError(str(path), "a Git LFS pointer, not the file itself; `git lfs pull` fetches it")
        walk = _Walk(path, data)
        walk.model()
        if _COMPILED in walk.operators:
            reason = f"it has {_COMPILED} operators, which stand for files that its execution provider opens unseen"
            raise UnsafeModelError(str(path), reason)
        return GraphFacts(walk.needs, frozenset(walk.operators), walk.weights)


def relative_location(location: str, path: str | Path) -> str:
    """The location in plain form, if it stays inside the folder of ``path``; by the rules of every platform at once.

    Raises:
        UnsafeModelError: It is empty, absolute, or climbs out.
    """
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    outside = posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts)
    if outside or not posix.parts or "\0" in location or location.startswith(_MEMORY_ADDRESS):
        raise UnsafeModelError(str(path), f"it refers to {location!r}, which is not a file inside its folder")
    return posix.as_posix()


def check_place(model: Path, location: str) -> None:
    """Follow all links: the bytes must lie in the model's folder, or in that of the file which the model is a link to.

    The second is how the Hub's cache keeps its files: links in ``snapshots``, to bytes in ``blobs`` side by side. ONNX
    Runtime has the same rule from 1.24 on.

    Raises:
        UnsafeModelError: They lie elsewhere.
    """
    real = (model.parent / location).resolve()
    places = dict.fromkeys((model.parent.resolve(), model.resolve().parent))
    if not any(real.is_relative_to(place) for place in places):
        reason = f"it refers to {location!r}, a link to {real}, which is outside of {' and '.join(map(str, places))}"
        raise UnsafeModelError(str(model), reason)


def check_links(model: Path, location: str) -> None:
    """Refuse a hard link, whose other name may be a file of anywhere; nothing tells it from a file of the folder's own.

    Installed packages are exempt: installers link their files into place, and run whatever is in them anyway.

    Raises:
        UnsafeModelError: The file has a second name.
    """
    real = (model.parent / location).resolve()
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    if real.stat().st_nlink > 1 and not any(real.is_relative_to(place) for place in installed):
        reason = f"it refers to {location!r}, a hard link, which may be a file from elsewhere; put a copy in its place"
        raise UnsafeModelError(str(model), reason)


class _Walk(Reader):
    """One pass over the protobuf fields that lead to operators and to tensors."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        super().__init__(path, data)
        self.operators: set[str] = set()
        self.needs: dict[str, int] = {}
        self.weights: dict[int, int] = {}

    def model(self) -> None:
        end = len(self.data)
        if all(number != _GRAPH or wire != BYTES for number, wire, _, _ in self.fields(0, end)):
            raise self.damaged("it holds no graph")
        self.message("model", 0, end, 0)

    def message(self, kind: str, start: int, end: int, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise UnsafeModelError(str(self.path), f"its graphs are nested more than {_MAX_DEPTH} messages deep")
        children = _CHILDREN[kind]
        for number, wire, begin, stop in self.fields(start, end):
            child = children.get(number) if wire == BYTES else None
            if child == "operator":
                self.operators.add(self.text(begin, stop))
            elif child == "tensor":
                self.tensor(begin, stop)
            elif child is not None:
                self.message(child, begin, stop, depth + 1)

    def tensor(self, start: int, end: int) -> None:
        """Its size, and where its bytes are if they are elsewhere.

        Its ``data_location`` is not asked: a parser merges a message that is written in two parts, so that the mark and
        the name could stand apart.
        """
        dims: list[int] = []
        kind, locations, extent = 0, [], {"offset": 0, "length": 0}
        for number, wire, begin, stop in self.fields(start, end):
            if number == _DIMS:
                dims += self.numbers(wire, begin, stop)
            elif number == _DATA_TYPE:
                kind = next(self.numbers(wire, begin, stop), 0)
            elif number == _ENTRY and wire == BYTES:
                key, value = self.entry(begin, stop)
                if key == "location":
                    locations.append(relative_location(value, self.path))
                elif key in extent:
                    extent[key] = self.count(key, value)
        for location in locations:
            self.needs[location] = max(self.needs.get(location, 0), sum(extent.values()))
        if len(dims) <= _MAX_DIMS and all(size >= 0 for size in dims):
            self.weights[kind] = self.weights.get(kind, 0) + math.prod(dims)

    def entry(self, start: int, end: int) -> tuple[str, str]:
        """One key-value pair of a tensor's external data."""
        pair = {number: self.data[begin:stop] for number, _, begin, stop in self.fields(start, end)}
        try:
            return pair.get(1, b"").decode(), pair.get(2, b"").decode()
        except UnicodeDecodeError as error:
            raise self.damaged("what it says of an external-data file is not UTF-8") from error

    def count(self, key: str, value: str) -> int:
        """A number of bytes, as ONNX Runtime takes it."""
        if not (value.isascii() and value.isdecimal() and int(value[:20]) < 2**63 and len(value) <= 20):
            raise self.damaged(f"the {key} of its external data is {value[:40]!r}, which is no number of bytes")
        return int(value)
