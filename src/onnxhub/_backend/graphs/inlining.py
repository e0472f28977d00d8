"""A copy of an ONNX file that contains its small tensors, which were in files of external data.

ONNX Runtime infers shapes while it reads a graph, and needs the numbers of a ``Reshape`` then; it reads external data later.
So it refuses the graphs of exporters that move every tensor into another file, however small.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.protobuf import Reader, write_header
from onnxhub._backend.graphs.schema import BYTES, MESSAGES

if TYPE_CHECKING:
    from pathlib import Path

    from onnxhub._backend.graphs.schema import Message

__all__ = ["inline_small_tensors"]

_MOST: Final = 1024
"""Bytes of the largest tensor that is moved into the graph; exporters leave smaller ones there."""
_WALKED: Final = frozenset({"model", "graph", "node", "attribute", "function", "sparse"})
_RAW_DATA: Final = 9
_MOVED: Final = frozenset({"external_data", "data_location"})


def inline_small_tensors(model: Path) -> bytes:
    """Return the file's bytes with its small external tensors in it; ``read_facts`` must have accepted the file.

    Raises:
        IntegrityError, UnsafeModelError: see ``read_facts``.
        OSError: a file of external data cannot be read.
    """
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _Copy(model, data).message(MESSAGES["model"], 0, len(data))


class _Copy(Reader):
    def message(self, message: Message, start: int, end: int) -> bytes:
        """Return the bytes of a message with its small external tensors in it."""
        pieces: list[bytes] = []
        position = start
        for field, wire, begin, stop in self.fields(message, start, end):
            if wire != BYTES or field.type not in {*_WALKED, "tensor"}:
                continue
            is_tensor = field.type == "tensor"
            copy = self.tensor(begin, stop) if is_tensor else self.message(MESSAGES[field.type], begin, stop)
            header = write_header(field.number, stop - begin)
            pieces += [self.data[position : begin - len(header)], write_header(field.number, len(copy)), copy]
            position = stop
        return b"".join([*pieces, self.data[position:end]])

    def tensor(self, start: int, end: int) -> bytes:
        """Return the bytes of a tensor, with its numbers in it if they are few and in another file."""
        entries: dict[str, str] = {}
        kept: list[bytes] = []
        position = start
        for field, _, begin, stop in self.fields(MESSAGES["tensor"], start, end):
            if field.name == "external_data":
                key, value = self.entry(begin, stop)
                entries[key] = value
            if field.name not in _MOVED:
                kept.append(self.data[position:stop])
            position = stop
        length = int(entries.get("length") or _MOST + 1)
        if "location" not in entries or length > _MOST:
            return self.data[start:end]
        with (self.path.parent / entries["location"]).open("rb") as file:
            file.seek(int(entries.get("offset") or 0))
            numbers = file.read(length)
        return b"".join([*kept, write_header(_RAW_DATA, len(numbers)), numbers])
