"""The messages of onnx.proto: the fields that each has, and how protobuf writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BYTES", "FIXED", "MESSAGES", "VARINT", "Field", "Message"]

VARINT: Final = 0
BYTES: Final = 2
"""Wire type of everything that has a length before it: a message, a text, an array."""
FIXED: Final = {1: 8, 5: 4}
"""Wire type of a number of fixed size -> its bytes."""
_WIRES: Final = {"int": VARINT, "double": 1, "float": 5}

# Number -> type and name; a star: any number of values. The keys of this table are types of messages; ``bytes`` are texts,
# bytes, and messages that contain no tensor and are not read here.
_SCHEMA: Final[Mapping[str, Mapping[int, str]]] = {
    "model": {
        1: "int ir_version",
        2: "bytes producer_name",
        3: "bytes producer_version",
        4: "bytes domain",
        5: "int model_version",
        6: "bytes doc_string",
        7: "graph graph",
        8: "operator_set* opset_import",
        14: "bytes* metadata_props",
        20: "training* training_info",
        25: "function* functions",
        26: "bytes* configuration",
    },
    "training": {
        1: "graph initialization",
        2: "graph algorithm",
        3: "bytes* initialization_binding",
        4: "bytes* update_binding",
    },
    "graph": {
        1: "node* node",
        2: "bytes name",
        5: "tensor* initializer",
        10: "bytes doc_string",
        11: "value* input",
        12: "value* output",
        13: "value* value_info",
        14: "bytes* quantization_annotation",
        15: "sparse* sparse_initializer",
        16: "bytes* metadata_props",
    },
    "function": {
        1: "bytes name",
        4: "bytes* input",
        5: "bytes* output",
        6: "bytes* attribute",
        7: "node* node",
        8: "bytes doc_string",
        9: "operator_set* opset_import",
        10: "bytes domain",
        11: "attribute* attribute_proto",
        12: "value* value_info",
        13: "bytes overload",
        14: "bytes* metadata_props",
    },
    "node": {
        1: "bytes* input",
        2: "bytes* output",
        3: "bytes name",
        4: "bytes op_type",
        5: "attribute* attribute",
        6: "bytes doc_string",
        7: "bytes domain",
        8: "bytes overload",
        9: "bytes* metadata_props",
        10: "bytes* device_configurations",
    },
    "attribute": {
        1: "bytes name",
        2: "float f",
        3: "int i",
        4: "bytes s",
        5: "tensor t",
        6: "graph g",
        7: "float* floats",
        8: "int* ints",
        9: "bytes* strings",
        10: "tensor* tensors",
        11: "graph* graphs",
        13: "bytes doc_string",
        14: "type tp",
        15: "type* type_protos",
        20: "int type",
        21: "bytes ref_attr_name",
        22: "sparse sparse_tensor",
        23: "sparse* sparse_tensors",
    },
    "sparse": {1: "tensor values", 2: "tensor indices", 3: "int* dims"},
    "tensor": {
        1: "int* dims",
        2: "int data_type",
        3: "bytes segment",
        4: "float* float_data",
        5: "int* int32_data",
        6: "bytes* string_data",
        7: "int* int64_data",
        8: "bytes name",
        9: "bytes raw_data",
        10: "double* double_data",
        11: "int* uint64_data",
        12: "bytes doc_string",
        13: "entry* external_data",
        14: "int data_location",
        16: "bytes* metadata_props",
    },
    "entry": {1: "bytes key", 2: "bytes value"},
    "operator_set": {1: "bytes domain", 2: "int version"},
    "value": {1: "bytes name", 2: "type type", 3: "bytes doc_string", 4: "bytes* metadata_props"},
    "type": {
        1: "tensor_type tensor_type",
        4: "bytes sequence_type",
        5: "bytes map_type",
        6: "bytes denotation",
        7: "bytes opaque_type",
        8: "bytes sparse_tensor_type",
        9: "bytes optional_type",
    },
    "tensor_type": {1: "int elem_type", 2: "shape shape"},
    "shape": {1: "dimension* dim"},
    "dimension": {1: "int dim_value", 2: "bytes dim_param", 3: "bytes denotation"},
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    number: int
    name: str
    type: str
    once: int
    """A bit of its own if a message may have it once, zero if any number of times."""


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message."""

    name: str
    fields: Mapping[int, Field]
    """The fields by number."""
    tags: Mapping[int, Field]
    """The fields by tag, which is number and wire type; arrays of numbers have two possible tags."""


def _build_message(name: str, rows: Mapping[int, str]) -> Message:
    fields, tags = {}, {}
    for number, row in rows.items():
        kind, label = row.split()
        plain = kind.rstrip("*")
        fields[number] = Field(number, label, plain, 0 if kind != plain else 1 << number)
        wires = {_WIRES.get(plain, BYTES)} | ({BYTES} if kind != plain else set())
        tags.update({number << 3 | wire: fields[number] for wire in wires})
    return Message(name, fields, tags)


MESSAGES: Final[Mapping[str, Message]] = {name: _build_message(name, rows) for name, rows in _SCHEMA.items()}
