"""What may be read: the external-data files that an ONNX model refers to, found without parsing its weights.

A model may keep its weights in other files, and names them inside its protobuf: in initializers, in node attributes, in
subgraphs, in functions. The names are chosen by whoever made the model, so they are read and judged here before ONNX
Runtime opens anything. The walk needs no ``onnx`` package, and jumps over the tensors: a 268 MB file costs a few ms.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Final

from onnxhub.errors import IntegrityError, UnsafeModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["GraphFacts", "read_facts", "relative_location"]

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
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# It stands for a graph that was compiled before, in a file of any name that its provider opens by itself.
_COMPILED: Final = "EPContext"
_MAX_DEPTH: Final = 100  # the limit of protobuf's own parsers
_GIT_LFS_POINTER: Final = b"version https://git-lfs"
# ONNX Runtime's own mark for "the bytes are at this address of the process".
_MEMORY_ADDRESS: Final = "*/_ORT_MEM_ADDR_/*"


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """What a walk over an ONNX file finds."""

    external_data: tuple[str, ...]
    """The files that it refers to, relative to its folder, in order and without duplicates."""
    operators: frozenset[str]
    """The types of its operators, those of subgraphs and functions included."""


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
        locations = dict.fromkeys(relative_location(name, path) for name in walk.locations())
        if _COMPILED in walk.operators:
            reason = f"it has {_COMPILED} operators, which stand for files that its execution provider opens unseen"
            raise UnsafeModelError(str(path), reason)
        return GraphFacts(tuple(locations), frozenset(walk.operators))


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


class _Walk:
    """One pass over the protobuf fields that lead to operators and to external data."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path = path
        self.data = data
        self.operators: set[str] = set()

    def locations(self) -> Iterator[str]:
        end = len(self.data)
        if all(field != _GRAPH for field, _, _ in self.fields(0, end)):
            raise self.damaged("it holds no graph")
        return self.message("model", 0, end, 0)

    def message(self, kind: str, start: int, end: int, depth: int) -> Iterator[str]:
        if depth > _MAX_DEPTH:
            raise UnsafeModelError(str(self.path), f"its graphs are nested more than {_MAX_DEPTH} messages deep")
        children = _CHILDREN[kind]
        for field, begin, stop in self.fields(start, end):
            child = children.get(field)
            if child == "entry":
                yield from self.entry(begin, stop)
            elif child == "operator":
                self.operators.add(self.data[begin:stop].decode(errors="replace"))
            elif child is not None:
                yield from self.message(child, begin, stop, depth + 1)

    def entry(self, start: int, end: int) -> Iterator[str]:
        """The value of one key-value pair of a tensor's external data, if its key is ``location``.

        The tensor's ``data_location`` is not asked: a parser merges a message that is written in two parts, so that the
        mark and the name could stand apart.
        """
        pair = {field: self.data[begin:stop] for field, begin, stop in self.fields(start, end)}
        if pair.get(1) == b"location":
            try:
                yield pair.get(2, b"").decode()
            except UnicodeDecodeError as exc:
                raise self.damaged("the name of an external-data file is not UTF-8") from exc

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Field number and extent of every length-delimited field between the two positions."""
        while start < end:
            tag, start = self.varint(start, end)
            wire = tag & 7
            if wire == _VARINT:
                _, start = self.varint(start, end)
                continue
            begin, start = self.extent(wire, start, end)
            if start > end:
                raise self.damaged("it ends in the middle of a field")
            if wire == _BYTES:
                yield tag >> 3, begin, start

    def extent(self, wire: int, start: int, end: int) -> tuple[int, int]:
        if wire == _BYTES:
            length, start = self.varint(start, end)
            return start, start + length
        if wire not in {_FIXED64, _FIXED32}:
            raise self.damaged(f"byte {start} starts no field")
        return start, start + (8 if wire == _FIXED64 else 4)

    def varint(self, start: int, end: int) -> tuple[int, int]:
        """The number at ``start``, and the position after it."""
        value = 0
        for position in range(start, min(start + 10, end)):
            byte = self.data[position]
            value |= (byte & 0x7F) << 7 * (position - start)
            if byte < 0x80:
                return value, position + 1
        raise self.damaged(f"byte {start} starts no number")

    def damaged(self, reason: str) -> IntegrityError:
        return IntegrityError(str(self.path), f"cut, or not an ONNX file: {reason}")
