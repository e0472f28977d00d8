"""A reader of protobuf's wire format that finds the fields of an ONNX file without copying them.

A file is checked by what is read here, and then ONNX Runtime reads it again with protobuf's own parser. Both must see the
same fields. So everything is refused that parsers read in different ways, and that no program writes into ONNX files:
numbers with padding, field number 0, groups, fields of another wire type than in onnx.proto, or two where one is allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.schema import BYTES, FIXED, MESSAGES, VARINT
from onnxhub.errors import IntegrityError, UnsafeModelError

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator
    from pathlib import Path

    from onnxhub._backend.graphs.schema import Field, Message

__all__ = ["Reader", "write_header", "write_varint"]

_LARGEST_TAG: Final = 2**32 - 1
_LARGEST_LENGTH: Final = 2**31 - 1  # protobuf's own limit, of whole files as well
_LARGEST_NUMBER: Final = 2**64 - 1
# Bytes that no unknown field may have: a newer ONNX Runtime might read a file name, or compiled code, from it.
_TELLTALES: Final = (b"location", b"EPContext")


class Reader:
    """The fields of messages in a file."""

    def __init__(self, path: Path, data: mmap.mmap | bytes) -> None:
        """Keep the bytes of the file; a memory mapping is read where a field is asked for."""
        self.path = path
        self.data = data

    def fields(self, message: Message, start: int, end: int) -> Iterator[tuple[Field, int, int, int]]:
        """Yield each known field of the message between the two positions, with its wire type and extent.

        Raises:
            IntegrityError: the bytes are no such message.
            UnsafeModelError: parsers may read them in different ways.
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
                self.check_unknown(message, tag, place, start)
            elif field.once & seen:
                raise self.refuse_ambiguous(f"byte {place} begins a second {field.name!r} in one {message.name}")
            if start > end:
                raise self.refuse_damaged("it ends in the middle of a field")
            if field is not None:
                seen |= field.once
                yield field, wire, begin, start

    def check_unknown(self, message: Message, tag: int, place: int, end: int) -> None:
        """Accept a field that a newer onnx.proto may have, unless it may name a file.

        Raises:
            IntegrityError: no program writes such a field.
            UnsafeModelError: it may name a file.
        """
        number, wire = tag >> 3, tag & 7
        if not number or wire not in (VARINT, BYTES, *FIXED):
            raise self.refuse_damaged(f"byte {place} starts no field")
        known = message.fields.get(number)
        if known is not None:
            raise self.refuse_damaged(f"byte {place} begins {known.name!r} of a {message.name} with wire type {wire}")
        if any(self.data.find(telltale, place, end) >= 0 for telltale in _TELLTALES):
            reason = f"byte {place} begins field {number} of a {message.name}, which is not known here, and"
            raise self.refuse_ambiguous(f"{reason} may name a file; a newer onnxhub may know it")

    def varint(self, start: int, end: int, largest: int = _LARGEST_NUMBER) -> tuple[int, int]:
        """Return the number at ``start``, and the position after it.

        Raises:
            IntegrityError: there is none, it is too large, or it has more bytes than it needs.
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
        raise self.refuse_damaged(f"byte {start} starts no number")

    def numbers(self, wire: int, begin: int, end: int) -> Iterator[int]:
        """Yield the values of a numeric field: one value, or any number of packed values."""
        while begin < end:
            value, begin = self.varint(begin, end)
            yield value - (1 << 64) if value >> 63 else value
            if wire == VARINT:
                return

    def short(self, begin: int, end: int) -> int:
        """Return a number of 32 bits; parsers ignore higher bits."""
        return (self.varint(begin, end)[0] + 2**31) % 2**32 - 2**31

    def text(self, begin: int, end: int) -> str:
        """Return a text; bytes that are not UTF-8 are replaced."""
        return self.data[begin:end].decode(errors="replace")

    def entry(self, start: int, end: int) -> tuple[str, str]:
        """Return the key and the value of an entry of a tensor's external data.

        Raises:
            IntegrityError: the bytes are no such entry, or not UTF-8.
        """
        fields = self.fields(MESSAGES["entry"], start, end)
        pair = {field.name: self.data[begin:stop] for field, _, begin, stop in fields}
        try:
            return pair.get("key", b"").decode(), pair.get("value", b"").decode()
        except UnicodeDecodeError as error:
            raise self.refuse_damaged("what it says of an external-data file is not UTF-8") from error

    def refuse_damaged(self, reason: str) -> IntegrityError:
        """Return the error for a file that is cut, or no ONNX file."""
        return IntegrityError(str(self.path), f"cut, or not an ONNX file: {reason}")

    def refuse_ambiguous(self, reason: str) -> UnsafeModelError:
        """Return the error for a file that another parser may read in another way."""
        return UnsafeModelError(str(self.path), f"parsers may differ in what it says: {reason}")


def write_varint(value: int) -> bytes:
    """Return a number of at least 0 as protobuf writes it."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def write_header(number: int, length: int) -> bytes:
    """Return what stands before the bytes of a field that has a length: its tag, and the length."""
    return write_varint(number << 3 | BYTES) + write_varint(length)
