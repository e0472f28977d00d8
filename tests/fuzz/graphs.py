"""Mutants of ONNX files, which know protobuf's structure, and what protobuf's own parsers see in them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.onnx_cpp2py_export import inliner

from tests.external import PLACES, external, sparse

BYTES, FIXED = 2, {1: 8, 5: 4}
CANARY = 7777.25
"""A value that is in no file but those that a model must not reach."""
SECRET = np.full(4, CANARY, np.float32).tobytes()
OUTSIDE = ("../secret", "/absolute/secret", "linked", ".hidden/w", "a/../../secret", "*/_ORT_MEM_ADDR_/*")
LOCATIONS = ("w", "w", "v", *OUTSIDE)
OPSETS = [helper.make_opsetid("", 20), helper.make_opsetid("local", 1)]


def varint(number: int, padding: int = 0) -> bytes:
    """Write the number as protobuf does, or with so many bytes of padding, which it does not."""
    data = bytearray()
    while number >= 0x80:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number]) if not padding else bytes([*data, number | 0x80, *[0x80] * (padding - 1), 0])


@dataclass
class Piece:
    """One field: its tag, and a number, bytes or a message; each can be made wrong without the others."""

    number: int
    wire: int
    body: bytes | list[Piece]
    kind: str = ""
    """The message that is inside, by its name in onnx.proto."""
    tag: bytes = b""
    """Instead of what number and wire type say."""
    size: Callable[[int], bytes] = field(default=varint)

    def copied(self) -> Piece:
        """A field of its own, with all that is in it."""
        body = self.body if isinstance(self.body, bytes) else [piece.copied() for piece in self.body]
        return Piece(self.number, self.wire, body, self.kind, self.tag, self.size)

    def written(self) -> bytes:
        """The field as bytes."""
        inside = self.body if isinstance(self.body, bytes) else written(self.body)
        tag = self.tag or varint(self.number << 3 | self.wire)
        return tag + (self.size(len(inside)) if self.wire == BYTES else b"") + inside


def written(pieces: list[Piece]) -> bytes:
    """A message as bytes."""
    return b"".join(piece.written() for piece in pieces)


def pieces_of(data: bytes, message: Any) -> list[Piece]:
    """Take a sound message apart, by the schema of the installed onnx."""
    found, at = [], 0
    while at < len(data):
        tag, at = _number(data, at)
        wire = tag & 7
        if wire == BYTES:
            length, at = _number(data, at)
            end = at + length
        else:
            end = at + FIXED[wire] if wire in FIXED else _number(data, at)[1]
        inner = message.fields_by_number[tag >> 3].message_type
        body: bytes | list[Piece] = data[at:end] if inner is None else pieces_of(data[at:end], inner)
        found.append(Piece(tag >> 3, wire, body, inner.name if inner is not None else ""))
        at = end
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def messages(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Every message in a tree, the outermost first."""
    yield pieces
    for piece in pieces:
        if isinstance(piece.body, list):
            yield from messages(piece.body)


# --- tricks: each makes one field of a message wrong, or odd ---------------------------------------------------------

Trick = Callable[[random.Random, list[Piece], int], None]


def overflow_tag(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """Bits beyond the 32 that a parser may keep."""
    piece = pieces[at]
    piece.tag = varint(
        (piece.number << 3 | piece.wire) + (chance.randrange(1, 16) << chance.choice([32, 32, 35, 40, 59]))
    )


def pad_tag(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """More bytes than it needs."""
    pieces[at].tag = varint(pieces[at].number << 3 | pieces[at].wire, chance.randrange(1, 10))


def zero_number(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """Field number 0, which no message has."""
    pieces.insert(at, Piece(0, chance.choice([0, 2]), b"\0" if chance.random() < 0.5 else b"", tag=b""))


def other_wire(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """Another type of field before the same bytes."""
    pieces[at].tag = varint(pieces[at].number << 3 | chance.randrange(8))


def other_number(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """A field of another number, perhaps unknown."""
    pieces[at].number = chance.choice([chance.randrange(1, 30), 99, 536870911])


def odd_size(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """A length that is padded, too long, too short or larger than any file."""
    extra = chance.choice([0, 0, 1, -1, 7, 2**31, 2**32, 2**35, 2**63])
    padding = chance.randrange(1, 9) if not extra else 0
    pieces[at].size = lambda length: varint(max(length + extra, 0), padding)


def repeat(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """The same field once more, anywhere in the message."""
    pieces.insert(chance.randrange(len(pieces) + 1), pieces[at].copied())


def split(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """One message in two fields, which a parser merges."""
    body = pieces[at].body
    if isinstance(body, list):
        first, second = pieces[at].copied(), pieces[at].copied()
        sides = [chance.random() < 0.5 for _ in body]
        first.body = [piece for piece, side in zip(body, sides, strict=True) if side]
        second.body = [piece for piece, side in zip(body, sides, strict=True) if not side]
        pieces[at : at + 1] = [first, second]


def group(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """A message between two tags, the old way, perhaps without its end."""
    number, body = pieces[at].number, pieces[at].body
    inside = body if isinstance(body, bytes) else written(body)
    after = varint(number << 3 | 4) if chance.random() < 0.8 else b""
    pieces[at] = Piece(number, 3, inside + after)


def hide_in_unknown(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """A copy in a field, or in a group, that nobody knows."""
    hidden = Piece(chance.choice([97, 536870911]), BYTES, pieces[at].written())
    pieces.insert(chance.randrange(len(pieces) + 1), hidden)
    if chance.random() < 0.5:
        group(chance, pieces, pieces.index(hidden))


def drop(_: random.Random, pieces: list[Piece], at: int) -> None:
    """One field less."""
    del pieces[at]


def shuffle(chance: random.Random, pieces: list[Piece], _: int) -> None:
    """The fields in another order."""
    chance.shuffle(pieces)


def odd_number(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """A number that is padded, negative, large or cut."""
    if pieces[at].wire == 0:
        value = chance.choice([0, 1, 2**31, 2**32 + 1, 2**63, 2**64 - 1, 2**65, 2**70])
        pieces[at].body = varint(value, chance.choice([0, 0, 1, 3]))


def odd_bytes(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """Texts and arrays of other bytes, those that have a meaning somewhere among them."""
    if isinstance(pieces[at].body, bytes) and pieces[at].wire == BYTES:
        words = [b"location", b"offset", b"length", b"EPContext", b"w", b"", b"16", b"-1", b"\xff\xfe", b"prepacked_0"]
        pieces[at].body = chance.choice([*words, chance.randbytes(4)])


def nest(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """The message in itself, many times."""
    piece = pieces[at]
    for _ in range(chance.choice([1, 5, 30])):
        piece = Piece(piece.number, BYTES, [piece], piece.kind)
    pieces[at] = piece


def add_external(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """A tensor of another file, where one may be, and where none may."""
    location = chance.choice(LOCATIONS)
    made = external(location) if chance.random() < 0.8 else sparse(location)
    number = chance.choice([1, 2, 5, 5, 5, 10, 15, 22, 23, pieces[at].number])
    inside = pieces_of(made.SerializeToString(), made.DESCRIPTOR)
    pieces.insert(chance.randrange(len(pieces) + 1), Piece(number, BYTES, inside, made.DESCRIPTOR.name))


def other_location(chance: random.Random, pieces: list[Piece], at: int) -> None:
    """Another file for the tensors that have one."""
    for piece in pieces:
        if piece.kind == "StringStringEntryProto" and isinstance(piece.body, list) and len(piece.body) > 1:
            piece.body[1].body = chance.choice(LOCATIONS).encode()


TRICKS: tuple[Trick, ...] = (
    overflow_tag,
    pad_tag,
    zero_number,
    other_wire,
    other_number,
    odd_size,
    repeat,
    split,
    group,
    hide_in_unknown,
    drop,
    shuffle,
    odd_number,
    odd_bytes,
    nest,
    add_external,
    other_location,
)
HIDING: tuple[Trick, ...] = (overflow_tag, pad_tag, odd_size, repeat, split, group, hide_in_unknown)
"""Those that leave a name of a file in the model."""


def mutant(chance: random.Random, seeds: list[list[Piece]]) -> bytes:
    """One of the models, wrong in one place or in a few; seldom with bytes changed after all."""
    pieces = [piece.copied() for piece in chance.choice(seeds)]
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        inside = chance.choice([message for message in messages(pieces) if message] or [[]])
        if inside:
            chance.choice(TRICKS)(chance, inside, chance.randrange(len(inside)))
    data = bytearray(written(pieces))
    if chance.random() < 0.1 and data:
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.choice([0, 0x7F, 0x80, 0xFF, chance.randrange(256)])
    if chance.random() < 0.05:
        del data[chance.randrange(len(data) + 1) :]
    return bytes(data)


# --- seeds ------------------------------------------------------------------------------------------------------------


def seeds(location: str = "w") -> list[list[Piece]]:
    """Models with the file in every place where it can be named, and those that ONNX Runtime can run."""
    models = [place(location) for place in PLACES] + runnable(location)
    for model in models:
        if model.functions:
            del model.opset_import[:], model.functions[0].opset_import[:]
            model.opset_import.extend(OPSETS)
            model.functions[0].opset_import.extend(OPSETS[:1])
    return [pieces_of(model.SerializeToString(), onnx.ModelProto.DESCRIPTOR) for model in models]


def runnable(location: str) -> list[onnx.ModelProto]:
    """Models y = x + w, with w in another file, by an initializer, a constant, a branch and a function."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in ("x", "y", "w")]
    add, constant = (
        helper.make_node("Add", ["x", "w"], ["y"]),
        helper.make_node("Constant", [], ["w"], value=external(location)),
    )
    inner = helper.make_graph([constant], "inner", [], [value[2]])
    inner_initializer = helper.make_graph(
        [helper.make_node("Identity", ["v"], ["w"])], "inner", [], [value[2]], initializer=[external(location, "v")]
    )
    condition = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    branch = helper.make_node("If", ["c"], ["w"], then_branch=inner, else_branch=inner_initializer)
    function = helper.make_function("local", "f", [], ["w"], [constant], OPSETS[:1])
    call = helper.make_node("f", [], ["w"], domain="local")
    sparse_constant = helper.make_node("Constant", [], ["w"], sparse_value=_sparse(location))
    variants: list[tuple[list[onnx.NodeProto], Mapping[str, Any], list[onnx.FunctionProto]]] = [
        ([add], {"initializer": [external(location)]}, []),
        ([add], {"sparse_initializer": [_sparse(location)]}, []),
        ([constant, add], {}, []),
        ([sparse_constant, add], {}, []),
        ([branch, add], {"initializer": [condition]}, []),
        ([call, add], {}, [function]),
    ]
    return [
        helper.make_model(
            helper.make_graph(nodes, "g", value[:1], value[1:2], **more),
            functions=functions,
            opset_imports=OPSETS,
            ir_version=9,
        )
        for nodes, more, functions in variants
    ]


def _sparse(location: str) -> onnx.SparseTensorProto:
    indices = helper.make_tensor("i", TensorProto.INT64, [4], [0, 1, 2, 3])
    return onnx.SparseTensorProto(values=external(location), indices=indices, dims=[4])


# --- what parsers see -------------------------------------------------------------------------------------------------


@dataclass
class Sight:
    """What must be judged before a model is opened."""

    locations: set[str] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)


def sights(data: bytes) -> list[Sight]:
    """What protobuf's C++ parser sees, which is the one in ONNX Runtime, and what Python's does; those that refuse it, not.

    To inline none of a model's functions parses it, and writes what was seen.
    """
    seen = []
    for parse in (lambda: inliner.inline_selected_functions(data, [], False), lambda: data):
        try:
            model = onnx.ModelProto.FromString(parse())
        except Exception:  # noqa: BLE001 - each has errors of its own for what it cannot read
            continue
        sight = Sight()
        _look(model, sight)
        seen.append(sight)
    return seen


def _look(message: Any, sight: Sight) -> None:
    """Collect from every message, whatever path leads to it."""
    if message.DESCRIPTOR.name == "TensorProto":
        sight.locations |= {entry.value for entry in message.external_data if entry.key == "location"}
    if message.DESCRIPTOR.name == "NodeProto" and message.HasField("op_type"):
        name: str | bytes = message.op_type  # bytes where it is not UTF-8
        sight.operators.add(name if isinstance(name, str) else name.decode(errors="replace"))
    for known, value in message.ListFields():
        if known.message_type is not None:
            for inner in [value] if not _repeated(known) else value:
                _look(inner, sight)


def _repeated(known: Any) -> bool:
    return bool(known.is_repeated if hasattr(known, "is_repeated") else known.label == known.LABEL_REPEATED)
