"""Just enough of protobuf's wire format to find one's way in an ONNX file: where each field is, and nothing is copied.

What is read here is judged, and then ONNX Runtime reads the file again with protobuf's own parser. The two must see the
same, so nothing is read that parsers read in different ways, and that no program which writes ONNX files writes: numbers
with padding, field number 0, groups, fields of another wire type than onnx.proto gives them, or twice where one is meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.schema import BYTES, FIXED, VARINT
from onnxhub.errors import IntegrityError, UnsafeModelError

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator
    from pathlib import Path

    from onnxhub._backend.graphs.schema import Field, Message

__all__ = ["Reader"]

_LARGEST_TAG: Final = 2**32 - 1
_LARGEST_LENGTH: Final = 2**31 - 1  # protobuf's own limit, of whole files as well
_LARGEST_NUMBER: Final = 2**64 - 1
# What no part of a file may hold that this version cannot read, but a newer ONNX Runtime might.
_TELLTALES: Final = (b"location", b"EPContext")


class Reader:
    """The fields of messages in a file."""

    def __init__(self, path: Path, data: mmap.mmap | bytes) -> None:
        """Take the bytes of the file, which are read where they are asked for."""
        self.path = path
        self.data = data

    def fields(self, message: Message, start: int, end: int) -> Iterator[tuple[Field, int, int, int]]:
        """Each known field of the message between the two positions: itself, its wire type and extent.

        Raises:
            IntegrityError: the bytes there are no such message.
            UnsafeModelError: parsers may read another message there.
        """
        data, tags, seen = self.data, message.tags, 0
        while start < end:
            place = start
            tag = data[start]
            if tag < 0x80:
                start += 1
            else:
                tag, start = self.varint(start, end, _LARGEST_TAG)
            wire, begin = tag & 7, start
            if wire == BYTES:
                length, begin = self.varint(start, end, _LARGEST_LENGTH)
                start = begin + length
            elif wire == VARINT:
                start = self.varint(start, end)[1]
            else:
                start += FIXED.get(wire, 0)
            field = tags.get(tag)
            if field is None:
                self.judge_unknown(message, tag, place, start)
            elif field.once & seen:
                raise self.ambiguous(f"byte {place} begins a second {field.name!r} in one {message.name}")
            if start > end:
                raise self.damaged("it ends in the middle of a field")
            if field is not None:
                seen |= field.once
                yield field, wire, begin, start

    def judge_unknown(self, message: Message, tag: int, place: int, end: int) -> None:
        """Let pass what a newer onnx.proto may have, unless it holds what must be judged, and refuse the rest.

        Raises:
            IntegrityError: no program writes such a field.
            UnsafeModelError: it may hold the name of a file.
        """
        number, wire = tag >> 3, tag & 7
        if not number or wire not in (VARINT, BYTES, *FIXED):
            raise self.damaged(f"byte {place} starts no field")
        known = message.fields.get(number)
        if known is not None:
            raise self.damaged(f"byte {place} begins {known.name!r} of a {message.name} with wire type {wire}")
        if any(self.data.find(telltale, place, end) >= 0 for telltale in _TELLTALES):
            reason = f"byte {place} begins field {number} of a {message.name}, which is not known here, and"
            raise self.ambiguous(f"{reason} may name a file; a newer onnxhub may know it")

    def varint(self, start: int, end: int, largest: int = _LARGEST_NUMBER) -> tuple[int, int]:
        """The number at ``start``, and the position after it.

        Raises:
            IntegrityError: there is none, it is too large, or it is written in more bytes than it needs.
        """
        if start < end and self.data[start] < 0x80:
            return self.data[start], start + 1
        value = 0
        for position in range(start, min(start + 10, end)):
            byte = self.data[position]
            value |= (byte & 0x7F) << 7 * (position - start)
            if byte < 0x80:
                if value > largest or not byte:
                    break
                return value, position + 1
        raise self.damaged(f"byte {start} starts no number")

    def numbers(self, wire: int, begin: int, end: int) -> Iterator[int]:
        """The values of a numeric field: one, or, where they are packed, any number of them."""
        while begin < end:
            value, begin = self.varint(begin, end)
            yield value - (1 << 64) if value >> 63 else value
            if wire == VARINT:
                return

    def short(self, begin: int, end: int) -> int:
        """A number of 32 bits, of which parsers read the lower ones alone."""
        return (self.varint(begin, end)[0] + 2**31) % 2**32 - 2**31

    def text(self, begin: int, end: int) -> str:
        """A text; what is not UTF-8 in it is replaced."""
        return self.data[begin:end].decode(errors="replace")

    def damaged(self, reason: str) -> IntegrityError:
        """The error for a file that is not what it should be."""
        return IntegrityError(str(self.path), f"cut, or not an ONNX file: {reason}")

    def ambiguous(self, reason: str) -> UnsafeModelError:
        """The error for a file in which another parser may see something else."""
        return UnsafeModelError(str(self.path), f"parsers may differ in what it says: {reason}")
