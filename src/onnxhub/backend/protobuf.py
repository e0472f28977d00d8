"""Just enough of protobuf's wire format to find one's way in an ONNX file: where each field is, and nothing is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["BYTES", "VARINT", "Reader", "signed"]

VARINT: Final = 0
BYTES: Final = 2
"""A message, a text, an array: whatever has a length before it."""
_FIXED: Final = {1: 8, 5: 4}


class Reader:
    """The fields of messages in a file."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        """Take the bytes of the file, which are read where they are asked for."""
        self.path = path
        self.data = data

    def fields(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Number, wire type and extent of every field between the two positions.

        Raises:
            IntegrityError: the bytes there are no message.
        """
        while start < end:
            tag, start = self.varint(start, end)
            number, wire = tag >> 3, tag & 7
            begin = start
            if wire == BYTES:
                length, begin = self.varint(start, end)
                start = begin + length
            elif wire == VARINT:
                _, start = self.varint(start, end)
            elif wire in _FIXED:
                start += _FIXED[wire]
            else:
                raise self.damaged(f"byte {start} starts no field")
            if start > end:
                raise self.damaged("it ends in the middle of a field")
            yield number, wire, begin, start

    def varint(self, start: int, end: int) -> tuple[int, int]:
        """The number at ``start``, and the position after it."""
        value = 0
        for position in range(start, min(start + 10, end)):
            byte = self.data[position]
            value |= (byte & 0x7F) << 7 * (position - start)
            if byte < 0x80:
                return value, position + 1
        raise self.damaged(f"byte {start} starts no number")

    def numbers(self, wire: int, begin: int, end: int) -> Iterator[int]:
        """The values of a numeric field: one, or, where they are packed, any number of them."""
        while begin < end:
            value, begin = self.varint(begin, end)
            yield signed(value)
            if wire == VARINT:
                return

    def text(self, begin: int, end: int) -> str:
        """A text; what is not UTF-8 in it is replaced."""
        return self.data[begin:end].decode(errors="replace")

    def damaged(self, reason: str) -> IntegrityError:
        """The error for a file that is not what it should be."""
        return IntegrityError(str(self.path), f"cut, or not an ONNX file: {reason}")


def signed(value: int) -> int:
    """A number of 64 bits as the signed one that it stands for."""
    return value - (1 << 64) if value >> 63 else value
