"""A copy of an ONNX file in which small tensors stand themselves that are in files of external data.

ONNX Runtime infers shapes while it reads a graph, and needs the numbers of a ``Reshape`` then; weights of other files it
reads later. Exporters that move every tensor out, however small, write graphs that it refuses for that.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.protobuf import Reader
from onnxhub._backend.graphs.schema import BYTES, MESSAGES

if TYPE_CHECKING:
    from pathlib import Path

    from onnxhub._backend.graphs.schema import Field, Message

__all__ = ["inline_small_tensors"]

_MOST: Final = 1024
"""Bytes of a tensor that is taken in; exporters leave tensors of fewer in the graph."""
_WALKED: Final = frozenset({"model", "graph", "node", "attribute", "function", "sparse"})
_RAW_DATA: Final = 9
_MOVED: Final = frozenset({"external_data", "data_location"})


def inline_small_tensors(model: Path) -> bytes:
    """Return the file's bytes with its small external tensors in place; the names of files are known to be judged.

    Raises:
        IntegrityError, UnsafeModelError: see ``read_facts``.
        OSError: a file of external data cannot be read.
    """
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _Copy(model, data).message(MESSAGES["model"], 0, len(data))


class _Copy(Reader):
    def message(self, message: Message, start: int, end: int) -> bytes:
        """Return the bytes of a message, changed within."""
        pieces: list[bytes] = []
        position = start
        for field, wire, begin, stop in self.fields(message, start, end):
            if wire != BYTES or field.type not in {*_WALKED, "tensor"}:
                continue
            copied = (
                self.tensor(begin, stop) if field.type == "tensor" else self.message(MESSAGES[field.type], begin, stop)
            )
            header = _header(field, stop - begin)
            pieces += [self.data[position : begin - len(header)], _header(field, len(copied)), copied]
            position = stop
        return b"".join([*pieces, self.data[position:end]])

    def tensor(self, start: int, end: int) -> bytes:
        """Return the bytes of a tensor, with its numbers if they are few and elsewhere."""
        entries: dict[str, str] = {}
        kept: list[bytes] = []
        position = start
        for field, _, begin, stop in self.fields(MESSAGES["tensor"], start, end):
            if field.name == "external_data":
                pair = {
                    part.name: self.text(first, last)
                    for part, _, first, last in self.fields(MESSAGES["entry"], begin, stop)
                }
                entries[pair.get("key", "")] = pair.get("value", "")
            if field.name not in _MOVED:
                kept.append(self.data[position:stop])
            position = stop
        length = int(entries.get("length") or _MOST + 1)
        if "location" not in entries or length > _MOST:
            return self.data[start:end]
        with (self.path.parent / entries["location"]).open("rb") as file:
            file.seek(int(entries.get("offset") or 0))
            numbers = file.read(length)
        return b"".join([*kept, _varint(_RAW_DATA << 3 | BYTES), _varint(len(numbers)), numbers])


def _header(field: Field, length: int) -> bytes:
    return _varint(field.number << 3 | BYTES) + _varint(length)


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
