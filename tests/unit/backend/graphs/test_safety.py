"""External data: found wherever a model may hide it, and refused where it leads outside."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from onnxhub import errors
from onnxhub._backend.graphs import safety
from onnxhub._backend.graphs.safety import read_facts
from onnxhub._backend.graphs.schema import MESSAGES
from onnxhub._backend.kept.values import relative_location
from tests.external import PLACES, constant, embedded, external, graph, in_initializer, in_subgraph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def external_data_files(path: Path) -> tuple[str, ...]:
    """The files that an ONNX file refers to."""
    return tuple(read_facts(path).external_data)


def varint(number: int) -> bytes:
    """The number as protobuf writes it."""
    data = bytearray()
    while number >= 0x80:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def field(number: int, message: bytes) -> bytes:
    """A length-delimited field as protobuf writes it."""
    return varint(number << 3 | 2) + varint(len(message)) + message


ATTACKS = [
    "",
    ".",
    "/etc/passwd",
    "../secret",
    "a/../../secret",
    "..\\secret",
    "a\\..\\..\\secret",
    "C:\\secret",
    "C:secret",
    "\\\\host\\share",
    "a\0b",
    "*/_ORT_MEM_ADDR_/*",
    "*/_ORT_NATIVE_ENDIAN_MEM_ADDR_/*",
    "*//_ORT_MEM_ADDR_/*",
    "./*/./_ORT_MEM_ADDR_//*",
    "a/*/_ORT_MEM_ADDR_/*",
    "*\\_ORT_MEM_ADDR_\\*",
]


def written(folder: Path, model: onnx.ModelProto | bytes) -> Path:
    """The model as a file."""
    path = folder / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


@pytest.mark.parametrize("place", PLACES)
def test_external_data_is_found_in_every_place(place: Callable[[str], onnx.ModelProto], tmp_path: Path) -> None:
    """Each message that can hold a tensor is walked."""
    assert external_data_files(written(tmp_path, place("model.onnx.data"))) == ("model.onnx.data",)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_locations_outside_the_folder_are_refused(
    place: Callable[[str], onnx.ModelProto], attack: str, tmp_path: Path
) -> None:
    """Absolute paths, climbs and addresses of memory are refused in every place, by the rules of every platform."""
    with pytest.raises(errors.UnsafeModelError, match="not a file inside its folder"):
        external_data_files(written(tmp_path, place(attack)))


def test_order_is_kept_and_duplicates_are_dropped(tmp_path: Path) -> None:
    """Shards come in the order of the tensors, each once, in plain form."""
    names = ["model-2.bin", "weights/model-1.bin", "model-2.bin", "./model-3.bin"]
    model = helper.make_model(graph(*(external(name, f"w{i}") for i, name in enumerate(names))))
    assert external_data_files(written(tmp_path, model)) == ("model-2.bin", "weights/model-1.bin", "model-3.bin")


def test_what_onnx_itself_writes(tmp_path: Path) -> None:
    """A model that the onnx package saved with external data names the file that it wrote."""
    model = helper.make_model(graph(numpy_helper.from_array(np.ones(2000, np.float32), "w")))
    onnx.save(model, tmp_path / "model.onnx", save_as_external_data=True, location="model.onnx_data")
    assert external_data_files(tmp_path / "model.onnx") == ("model.onnx_data",)


def test_what_is_needed_of_each_file_is_its_farthest_byte(tmp_path: Path) -> None:
    """Over all the tensors that lie in it, in any order."""
    tensors = [external("a", "w0"), external("b", "w1"), external("a", "w2"), external("a", "w3")]
    for tensor, offset in zip(tensors, ("4096", "0", "64", "0"), strict=True):
        tensor.external_data[1].value = offset
    path = written(tmp_path, helper.make_model(graph(*tensors)))
    assert read_facts(path).external_data == {"a": 4096 + 16, "b": 16}


def test_weights_are_counted_by_their_types(tmp_path: Path) -> None:
    """Wherever they are, with packed dimensions and with others."""
    half = numpy_helper.from_array(np.zeros((3, 5), np.float16), "h")
    model = helper.make_model(graph(external("a"), half, nodes=[constant(embedded())]))
    assert read_facts(written(tmp_path, model)).weights == {TensorProto.FLOAT: 8, TensorProto.FLOAT16: 15}
    unpacked = field(7, field(5, varint(1 << 3) + varint(3) + varint(1 << 3) + varint(7) + varint(2 << 3) + varint(3)))
    assert read_facts(written(tmp_path, unpacked)).weights == {TensorProto.INT8: 21}


def test_no_external_data(tmp_path: Path) -> None:
    """Most models keep their weights to themselves."""
    assert external_data_files(written(tmp_path, helper.make_model(graph(embedded())))) == ()


def test_a_graph_that_was_compiled_before_is_refused(tmp_path: Path) -> None:
    """An EPContext operator names a file that some providers open by themselves, wherever it is in the graph."""
    compiled = helper.make_node("EPContext", [], ["y"], domain="com.microsoft", ep_cache_context="../../secret.bin")
    inner = helper.make_graph(
        [compiled], "inner", [], [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)]
    )
    outer = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    for node in (compiled, outer):
        whole = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)])
        with pytest.raises(errors.UnsafeModelError, match="it has EPContext operators"):
            external_data_files(written(tmp_path, helper.make_model(whole)))


def test_a_tensor_in_two_parts_does_not_slip_through(tmp_path: Path) -> None:
    """Protobuf merges a message that is written twice, so the name counts without its mark beside it."""
    name_only, mark_only = external("../secret"), TensorProto(data_location=TensorProto.EXTERNAL)
    name_only.ClearField("data_location")

    attribute = field(1, b"value") + b"".join(field(5, part.SerializeToString()) for part in (name_only, mark_only))
    model = field(7, field(1, field(5, attribute)))
    merged = onnx.ModelProto.FromString(model).graph.node[0].attribute[0].t
    assert merged.data_location == TensorProto.EXTERNAL
    assert merged.external_data[0].value == "../secret"
    with pytest.raises(errors.UnsafeModelError):
        external_data_files(written(tmp_path, model))


NAMES = {
    "ModelProto": "model",
    "TrainingInfoProto": "training",
    "GraphProto": "graph",
    "FunctionProto": "function",
    "NodeProto": "node",
    "AttributeProto": "attribute",
    "SparseTensorProto": "sparse",
    "TensorProto": "tensor",
    "StringStringEntryProto": "entry",
    "OperatorSetIdProto": "operator_set",
    "ValueInfoProto": "value",
    "TypeProto": "type",
    "TypeProto.Tensor": "tensor_type",
    "TensorShapeProto": "shape",
    "TensorShapeProto.Dimension": "dimension",
}
"""Messages of onnx.proto, and what they are called here."""
WIRES = {"int64": 0, "int32": 0, "uint64": 0, "enum": 0, "double": 1, "float": 5, "string": 2, "bytes": 2, "message": 2}


def schemas() -> dict[str, Any]:
    """The messages of the installed onnx, by their names in onnx.proto."""
    found: dict[str, Any] = dict(onnx.ModelProto.DESCRIPTOR.file.message_types_by_name)
    found |= {f"{name}.{inner.name}": inner for name, message in found.items() for inner in message.nested_types}
    return found


def kind_of(field: Any) -> str:
    """The type of a field as onnx.proto writes it."""
    codes = {getattr(field, name): name[5:].lower() for name in dir(field) if name.startswith("TYPE_")}
    return codes[field.type]


def leads_to_a_tensor(message: Any, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a tensor may be in the message, however deep."""
    inner = [field.message_type for field in message.fields if field.message_type is not None]
    fresh = [child for child in inner if child.name not in seen]
    return message.name == "TensorProto" or any(leads_to_a_tensor(c, seen | {message.name}) for c in fresh)


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_that_of_onnx(name: str) -> None:
    """Every field of the installed onnx has here the name, the wire types and the repetition that it has there."""
    message = MESSAGES[NAMES[name]]
    for field in schemas()[name].fields:
        ours = message.fields[field.number]
        repeated = field.label == field.LABEL_REPEATED if not hasattr(field, "is_repeated") else field.is_repeated
        numeric = kind_of(field) not in {"string", "bytes", "message"}
        wires = {WIRES[kind_of(field)]} | ({2} if repeated and numeric else set())
        assert (ours.name, bool(ours.once)) == (field.name, not repeated)
        assert {tag & 7 for tag, known in message.tags.items() if known == ours} == wires


def test_every_path_to_a_tensor_is_walked() -> None:
    """No message of the installed onnx that may hold a tensor is jumped over."""
    walked = {name for name in NAMES if NAMES[name] in safety._WALKED}
    assert walked == {name for name, message in schemas().items() if leads_to_a_tensor(message)}
    for name in walked:
        for field in schemas()[name].fields:
            if field.message_type is not None and leads_to_a_tensor(field.message_type):
                assert MESSAGES[NAMES[name]].fields[field.number].type == NAMES[field.message_type.name]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "cut, or not an ONNX file"),
        (b"PK\x03\x04", "cut, or not an ONNX file"),
        (b"\xff" * 12, "starts no number"),
        (b"\x08\x08", "it holds no graph"),
        (b"\x12\x05abc", "it ends in the middle of a field"),
    ],
)
def test_files_that_are_no_models(content: bytes, reason: str, tmp_path: Path) -> None:
    """What a broken download leaves is told from a model."""
    path = written(tmp_path, content)
    with pytest.raises(errors.IntegrityError, match=reason) as raised:
        external_data_files(path)
    assert raised.value.path == str(path)


GRAPH = graph(external("../secret")).SerializeToString()
TENSOR = external("../secret").SerializeToString()
LOCATION = b"".join(field(number, text) for number, text in ((1, b"location"), (2, b"../secret")))


def inner(*levels: int, message: bytes) -> bytes:
    """The message in these fields, the outermost first."""
    for number in reversed(levels):
        message = field(number, message)
    return message


def tagged(tag: bytes, message: bytes) -> bytes:
    """A length-delimited field after a tag of any form."""
    return tag + varint(len(message)) + message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tagged(varint((7 << 3 | 2) + 2**32), GRAPH), "byte 0 starts no number"),
        (field(7, tagged(varint((5 << 3 | 2) + 2**32), TENSOR)), "byte 2 starts no number"),
        (field(7, tagged(varint((5 << 3 | 2) + 2**35), TENSOR)), "byte 2 starts no number"),
        (field(7, tagged(varint((5 << 3 | 2) + 2**63), TENSOR)), "byte 2 starts no number"),
        (tagged(b"\xba\x00", GRAPH), "byte 0 starts no number"),
        (tagged(b"\xba\x80\x80\x80\x00", GRAPH), "byte 0 starts no number"),
        (b"\x3a" + bytes([len(GRAPH) | 0x80, 0]) + GRAPH, "byte 1 starts no number"),
        (b"\x3a" + varint(2**31) + GRAPH, "byte 1 starts no number"),
        (b"\x3a" + varint(2**32 + len(GRAPH)) + GRAPH, "byte 1 starts no number"),
        (b"\x3a" + varint(2**64 - 1) + GRAPH, "byte 1 starts no number"),
        (b"\x3a" + varint(len(GRAPH) + 1) + GRAPH, "it ends in the middle of a field"),
        (b"\x08" + b"\x80" * 9 + b"\x02" + field(7, GRAPH), "byte 1 starts no number"),
        (b"\x00" + field(7, GRAPH), "byte 0 starts no field"),
        (b"\x02\x00" + field(7, GRAPH), "byte 0 starts no field"),
        (b"\x3b" + GRAPH + b"\x3c", "byte 0 starts no field"),
        (b"\xa3\x06" + field(7, GRAPH) + b"\xa4\x06", "byte 0 starts no field"),
        (b"\xa4\x06" + field(7, GRAPH), "byte 0 starts no field"),
        (b"\xa6\x06" + field(7, GRAPH), "byte 0 starts no field"),
        (b"\xa7\x06" + field(7, GRAPH), "byte 0 starts no field"),
        (b"\x38\x01" + field(7, GRAPH), "byte 0 begins 'graph' of a model with wire type 0"),
        (b"\x0a\x01\x08" + field(7, GRAPH), "byte 0 begins 'ir_version' of a model with wire type 2"),
        (field(7, b"\x2d" + bytes(4) + GRAPH), "byte 2 begins 'initializer' of a graph with wire type 5"),
        (inner(7, 5, message=b"\x12\x01\x01" + TENSOR), "begins 'data_type' of a tensor with wire type 2"),
        (inner(7, 5, message=b"\x69" + bytes(8)), "begins 'external_data' of a tensor with wire type 1"),
    ],
)
def test_what_no_program_writes_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    """Numbers with padding or too many bits, field 0, groups, other wire types: parsers differ in what they make of them."""
    with pytest.raises(errors.IntegrityError, match=reason):
        external_data_files(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (field(7, GRAPH) * 2, "not a file inside its folder"),
        (field(7, b"") * 2, "byte 2 begins a second 'graph' in one model"),
        (inner(7, 1, message=field(4, b"EPContext") + field(4, b"Add")), "a second 'op_type' in one node"),
        (inner(7, 1, 5, message=field(5, b"") * 2), "a second 't' in one attribute"),
        (inner(7, 1, 5, message=field(6, b"") * 2), "a second 'g' in one attribute"),
        (inner(7, 15, message=field(1, b"") * 2), "a second 'values' in one sparse"),
        (inner(20, message=field(2, b"") * 2), "a second 'algorithm' in one training"),
        (inner(7, 5, 13, message=field(1, b"offset") + LOCATION), "a second 'key' in one entry"),
        (inner(7, 5, 13, message=field(2, b"w") + LOCATION), "begins a second 'value' in one entry"),
        (inner(7, 5, message=b"\x10\x01" * 2), "begins a second 'data_type' in one tensor"),
        (inner(7, 5, message=field(13, LOCATION) * 2), "a second 'location' of one tensor's external data"),
        (
            inner(99, message=LOCATION),
            "byte 0 begins field 99 of a model, which is not known here, and may name a file",
        ),
        (inner(7, 1, 99, message=b"EPContext"), "begins field 99 of a node, which is not known here"),
    ],
)
def test_what_may_be_read_in_two_ways_is_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    """Where one field is meant, a second one replaces it, or is merged with it; a newer onnx.proto may know more fields."""
    with pytest.raises(errors.UnsafeModelError, match=reason):
        external_data_files(written(tmp_path, content))


def test_unknown_fields_that_name_no_file_are_jumped_over(tmp_path: Path) -> None:
    """A newer version of onnx.proto may have more of them, of any wire type."""
    more = field(99, b"sharding") + varint(98 << 3) + varint(2**64 - 1) + varint(97 << 3 | 5) + b"\xff" * 4
    tensor = external("w").SerializeToString() + more
    assert external_data_files(written(tmp_path, more + field(7, more + field(5, tensor)))) == ("w",)


@pytest.mark.parametrize(
    ("key", "reason"), [("prepacked_0", "weights packed for one processor"), ("basepath", "unknown")]
)
def test_other_entries_of_external_data_are_refused(key: str, reason: str, tmp_path: Path) -> None:
    """ONNX Runtime takes pre-packed weights in place of a tensor's own, and the oldest one dies of those that are cut."""
    tensor = external("w")
    tensor.external_data.add(key=key, value="MatMul+1|0;8;0")
    with pytest.raises(errors.UnsafeModelError, match=f"has an entry '{key}', which is {reason}"):
        external_data_files(written(tmp_path, helper.make_model(graph(tensor))))


def test_sizes_and_types_are_read_as_parsers_read_them(tmp_path: Path) -> None:
    """Of a type 32 bits count; sizes without end, which would only keep the processor busy, are not multiplied."""
    kind = varint(2 << 3) + varint(2**32 + TensorProto.INT8)
    tensors = [kind + field(1, bytes([3])), kind + field(1, b"\2" * 1_000_000), kind + b"\x08\2" * 100]
    model = written(tmp_path, field(7, b"".join(field(5, tensor) for tensor in tensors)))
    assert read_facts(model).weights == {TensorProto.INT8: 3}
    assert onnx.load(model).graph.initializer[0].data_type == TensorProto.INT8


def test_the_name_of_a_file_has_an_end(tmp_path: Path) -> None:
    """A name that no file system takes is refused, and not quoted."""
    with pytest.raises(errors.UnsafeModelError, match="a file whose name has 100000 characters") as raised:
        external_data_files(written(tmp_path, in_initializer("a" * 100_000)))
    assert len(str(raised.value)) < 1000


def test_a_file_of_zeros_is_refused_at_its_first_byte(tmp_path: Path) -> None:
    """A crash or a preallocated download leaves such files, and they may be large."""
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(2**33)  # a hole: the disk holds none of it
    with pytest.raises(errors.IntegrityError, match="byte 0 starts no field"):
        external_data_files(path)


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    """Bytes that are no text name no file."""
    data = in_initializer("weights").SerializeToString().replace(b"weights", b"\xff\xfeights")
    with pytest.raises(errors.IntegrityError, match="not UTF-8"):
        external_data_files(written(tmp_path, data))


def test_a_cut_model_is_noticed_wherever_it_is_cut(tmp_path: Path) -> None:
    """No prefix of a model's graph passes for the whole."""
    model = helper.make_model(graph(external("a"), embedded(), nodes=[constant(external("b"))]))
    data = onnx.ModelProto(graph=model.graph).SerializeToString()
    for length in range(len(data)):
        with pytest.raises(errors.IntegrityError):
            external_data_files(written(tmp_path, data[:length]))


def test_deep_nesting_is_bounded(tmp_path: Path) -> None:
    """A graph in a graph in a graph ... ends in an error of the tree, before Python's stack does."""
    data = graph(external("a")).SerializeToString()
    for _ in range(60):
        data = field(1, field(5, field(6, data)))
    with pytest.raises(errors.UnsafeModelError, match="nested"):
        external_data_files(written(tmp_path, field(7, data)))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_models_end_in_names_or_errors_of_the_tree(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever bytes are changed, nothing but the library's own errors comes out."""
    content = bytearray(in_subgraph("weights").SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        names = external_data_files(written(tmp_path, bytes(content)))
    except (errors.IntegrityError, errors.UnsafeModelError):
        return
    assert all(name == relative_location(name, "model.onnx") for name in names)


def test_large_weights_are_jumped_over(tmp_path: Path) -> None:
    """A file of DistilBERT's size and shape takes milliseconds: the weights are never read."""
    path = tmp_path / "model.onnx"
    nodes = [helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"], name=f"/{i}/MatMul") for i in range(800)]
    small = graph(*(embedded(f"w{i}") for i in range(100)), nodes=nodes).SerializeToString()
    length = 256 * 2**20
    raw = varint(9 << 3 | 2) + varint(length)  # raw_data of TensorProto, without its bytes
    tensor = varint(5 << 3 | 2) + varint(len(raw) + length) + raw
    after = field(5, external("d").SerializeToString())
    with_graph = varint(7 << 3 | 2) + varint(len(small) + len(tensor) + length + len(after))
    with path.open("wb") as file:
        file.write(with_graph + small + tensor)
        file.seek(length, 1)  # a hole: the disk holds none of it
        file.write(after)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert external_data_files(path) == ("d",)
        seconds.append(time.perf_counter() - start)
    path.unlink()
    assert min(seconds) < 0.1
