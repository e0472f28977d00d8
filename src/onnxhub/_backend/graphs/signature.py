"""The signature of an ONNX file: inputs, outputs, operator sets, weights and how they are quantised.

It is read from the protobuf's fields, so that neither the ``onnx`` package nor a session is needed.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from onnxhub._backend.graphs.precision import determine_precision
from onnxhub._backend.graphs.protobuf import Reader
from onnxhub._backend.graphs.safety import read_facts
from onnxhub._backend.graphs.schema import MESSAGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Graph", "Port", "read_graph"]

# TensorProto.DataType by number: name, bits of an element.
_TYPES: Final[dict[int, tuple[str, int]]] = {
    1: ("float32", 32),
    2: ("uint8", 8),
    3: ("int8", 8),
    4: ("uint16", 16),
    5: ("int16", 16),
    6: ("int32", 32),
    7: ("int64", 64),
    8: ("string", 0),
    9: ("bool", 8),
    10: ("float16", 16),
    11: ("float64", 64),
    12: ("uint32", 32),
    13: ("uint64", 64),
    14: ("complex64", 64),
    15: ("complex128", 128),
    16: ("bfloat16", 16),
    17: ("float8e4m3fn", 8),
    18: ("float8e4m3fnuz", 8),
    19: ("float8e5m2", 8),
    20: ("float8e5m2fnuz", 8),
    21: ("uint4", 4),
    22: ("int4", 4),
    23: ("float4e2m1", 4),
    24: ("float8e8m0", 8),
    25: ("uint2", 2),
    26: ("int2", 2),
}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph."""

    name: str
    type: str
    """Type of its elements, by numpy's name; ``"?"`` if it is no tensor."""
    shape: tuple[int | str, ...] | None
    """Sizes, or names of dimensions that are known only at run time; None if the graph does not say."""

    def __str__(self) -> str:
        shape = "" if self.shape is None else f"[{', '.join(map(str, self.shape))}]"
        return f"{self.name}: {self.type}{shape}"


@dataclass(frozen=True, slots=True)
class Graph:
    """The signature of one ONNX file."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    opsets: Mapping[str, int]
    """Domain -> version; ONNX's own domain is ``"ai.onnx"``."""
    producer: str
    """The program that wrote it, with its version."""
    quantization: str
    """``"none"``, ``"fp16"``, ``"8-bit, dynamic"``, ``"8-bit, static"``, ``"4-bit blocks"``, ..."""
    weights: Mapping[str, int]
    """Type of the elements -> bytes of all tensors, external data included; most first."""


def read_graph(path: Path) -> Graph:
    """Read the signature of an ONNX file.

    Raises:
        IntegrityError, UnsafeModelError: see ``read_facts``.
    """
    facts = read_facts(path)
    sizes = {_TYPES.get(kind, (f"type {kind}", 0)): count for kind, count in facts.weights.items()}
    weights = {name: count * bits // 8 for (name, bits), count in sizes.items() if count * bits}
    weights = dict(sorted(weights.items(), key=lambda item: -item[1]))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reading = _Reading(path, data)
        reading.model()
    return Graph(
        inputs=tuple(port for port in reading.inputs if port.name not in reading.initializers),
        outputs=tuple(reading.outputs),
        opsets=reading.opsets,
        producer=" ".join(filter(None, (reading.producer, reading.version))),
        quantization=determine_precision(facts.operators, facts.weights, facts.bits).kind,
        weights=weights,
    )


class _Reading(Reader):
    """The fields of a model and of its outermost graph; each method is named after its message in onnx.proto."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        super().__init__(path, data)
        self.producer = self.version = ""
        self.opsets: dict[str, int] = {}
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []
        self.initializers: set[str] = set()

    def model(self) -> None:
        for name, _, begin, stop in self.read_fields("model", 0, len(self.data)):
            if name == "producer_name":
                self.producer = self.text(begin, stop)
            elif name == "producer_version":
                self.version = self.text(begin, stop)
            elif name == "graph":
                self.graph(begin, stop)
            elif name == "opset_import":
                self.operator_set(begin, stop)

    def operator_set(self, start: int, end: int) -> None:
        domain = self.read_text("operator_set", "domain", start, end)
        self.opsets[domain or "ai.onnx"] = self.read_number("operator_set", "version", start, end) or 0

    def graph(self, start: int, end: int) -> None:
        for name, _, begin, stop in self.read_fields("graph", start, end):
            if name == "initializer":
                self.initializers.add(self.read_text("tensor", "name", begin, stop))
            elif name == "input":
                self.inputs.append(self.value(begin, stop))
            elif name == "output":
                self.outputs.append(self.value(begin, stop))

    def value(self, start: int, end: int) -> Port:
        kind, shape = "?", None
        for name, _, begin, stop in self.read_fields("value", start, end):
            if name == "type":
                kind, shape = self.type(begin, stop)
        return Port(self.read_text("value", "name", start, end), kind, shape)

    def type(self, start: int, end: int) -> tuple[str, tuple[int | str, ...] | None]:
        """Return type and shape of a tensor; if there are several types, the last one counts."""
        kind: tuple[str, tuple[int | str, ...] | None] = "?", None
        for name, _, begin, stop in self.read_fields("type", start, end):
            if name == "tensor_type":
                kind = self.tensor_type(begin, stop)
            elif name != "denotation":
                kind = "?", None
        return kind

    def tensor_type(self, start: int, end: int) -> tuple[str, tuple[int | str, ...] | None]:
        kind, shape = "?", None
        for name, _, begin, stop in self.read_fields("tensor_type", start, end):
            if name == "elem_type":
                kind = _TYPES.get(self.short(begin, stop), ("?", 0))[0]
            elif name == "shape":
                shape = tuple(self.dimension(*extent) for _, _, *extent in self.read_fields("shape", begin, stop))
        return kind, shape

    def dimension(self, start: int, end: int) -> int | str:
        """Return its size or its name, whichever comes last."""
        size: int | str = "?"
        for name, wire, begin, stop in self.read_fields("dimension", start, end):
            if name == "dim_value":
                size = next(self.numbers(wire, begin, stop))
            elif name == "dim_param":
                size = self.text(begin, stop) or "?"
        return size

    def read_fields(self, message: str, start: int, end: int) -> Iterator[tuple[str, int, int, int]]:
        """Yield name, wire type and extent of each field of the message."""
        fields = self.fields(MESSAGES[message], start, end)
        return ((field.name, wire, begin, stop) for field, wire, begin, stop in fields)

    def read_text(self, message: str, name: str, start: int, end: int) -> str:
        """Return the text of a field that the message has at most once; empty if it has none."""
        extents = [(begin, stop) for label, _, begin, stop in self.read_fields(message, start, end) if label == name]
        return self.text(*extents[0]) if extents else ""

    def read_number(self, message: str, name: str, start: int, end: int) -> int | None:
        """Return the number of a field that the message has at most once; None if it has none."""
        extents = [extent for label, *extent in self.read_fields(message, start, end) if label == name]
        return next(self.numbers(*extents[0]), None) if extents else None
