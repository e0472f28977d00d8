"""The reader of safetensors files."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from onnxhub._backend.inputs.safetensors import read_safetensors
from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from pathlib import Path

TYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64}
tensor = st.sampled_from(sorted(TYPES)).flatmap(
    lambda kind: arrays(
        TYPES[kind], array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), elements=st.integers(-9, 9)
    )
)


def container(header: object, body: bytes = b"") -> bytes:
    """A file of this header, whatever it says."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def serialised(tensors: dict[str, np.ndarray]) -> bytes:
    """A file as safetensors writes it."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, values in tensors.items():
        kind = next(key for key, dtype in TYPES.items() if dtype == values.dtype)
        offsets = [len(body), len(body) + values.nbytes]
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": offsets}
        body += values.tobytes()
    return container(header, body)


@given(tensors=st.dictionaries(st.text(st.characters(codec="ascii"), min_size=1, max_size=8), tensor, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tensors_come_back(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    """Names, shapes and values of every kind of float, as float32."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(serialised(tensors))
    found = read_safetensors(path)
    assert found.keys() == tensors.keys()
    for name, values in tensors.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], values.astype(np.float32))
        assert found[name].shape == values.shape


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        (2**40).to_bytes(8, "little") + b"{}",
        (3).to_bytes(8, "little") + b"{}",
        container(b"not json"),
        container(b"\xff\xfe"),
        container([1]),
        container(b"[" * 100_000),
        container({"a": 1}),
        container({"a": {"dtype": "F32"}}),
        container({"a": {**ONE, "dtype": "BF16"}}, b"\0" * 8),
        container({"a": {**ONE, "dtype": "I64"}}, b"\0" * 8),
        container({"a": {**ONE, "dtype": ["F32"]}}, b"\0" * 8),
        container({"a": {**ONE, "shape": [3]}}, b"\0" * 8),
        container({"a": {**ONE, "shape": "x"}}, b"\0" * 8),
        container({"a": {**ONE, "shape": [2**70]}}, b"\0" * 8),
        container({"a": {**ONE, "data_offsets": [0]}}, b"\0" * 8),
        container({"a": {**ONE, "data_offsets": [0, 8, 9]}}, b"\0" * 8),
        container({"a": {**ONE, "data_offsets": "ab"}}, b"\0" * 8),
        container({"a": ONE}, b"\0" * 4),
        container({"a": ONE}, b"\0" * 9),
        container({"a": ONE, "b": ONE}, b"\0" * 8),
        container({"a": ONE, "b": {**ONE, "data_offsets": [4, 12]}}, b"\0" * 12),
        container({"a": ONE, "b": {**ONE, "data_offsets": [12, 20]}}, b"\0" * 20),
        container({"a": {**ONE, "data_offsets": [4, 12]}}, b"\0" * 12),
        container({"a": {**ONE, "data_offsets": [-8, 0]}}, b"\0" * 8),
        container({"a": {**ONE, "data_offsets": [0, -1]}}, b"\0" * 9),
        container({"a": {**ONE, "data_offsets": [8, 0]}}, b"\0" * 8),
        container({"a": {**ONE, "data_offsets": [2**63, 2**63 + 8]}}, b"\0" * 8),
        container({"a": {**ONE, "data_offsets": [0.0, 8.0]}}, b"\0" * 8),
        container({"a": {**ONE, "data_offsets": [False, 8]}}, b"\0" * 8),
        container({"a": {**ONE, "shape": [-2]}}, b"\0" * 8),
        container({"a": {**ONE, "shape": [-1, -2]}}, b"\0" * 8),
        container({"a": {**ONE, "shape": [2.0]}}, b"\0" * 8),
        container({"a": {**ONE, "shape": [1] * 40 + [2]}}, b"\0" * 8),
        container({"a": {**ONE, "shape": [2**62] * 100_000}}, b"\0" * 8),
        container({"a": {**ONE, "dtype": "F8_E4M3"}}, b"\0" * 2),
        container(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], "shape": [2]}}', b"\0" * 8),
        container(b'{"a": %s, "a": %s}' % ((json.dumps(ONE).encode(),) * 2), b"\0" * 8),
        (11 * 2**20).to_bytes(8, "little") + b"{}".ljust(11 * 2**20),
    ],
    ids=lambda data: repr(data[:40]),
)
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, data: bytes) -> None:
    """Cut anywhere, or with a header that says something impossible."""
    path = tmp_path / "dense.safetensors"
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"dense.safetensors"):
        read_safetensors(path)


def test_bfloat16_is_widened(tmp_path: Path) -> None:
    """It is the upper half of a float32."""
    path = tmp_path / "model.safetensors"
    header = {"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    path.write_bytes(container(header, np.array([0x3F80, 0xC000], "<u2").tobytes()))
    assert read_safetensors(path)["a"].tolist() == [1.0, -2.0]


def test_many_tensors_are_read_in_one_pass(tmp_path: Path) -> None:
    """No byte is copied more often than once, however many tensors there are: 3,000 are 40 MB here, not 60 GB."""
    path = tmp_path / "model.safetensors"
    size = 13_000
    header = {
        f"t{i}": {"dtype": "F32", "shape": [size // 4], "data_offsets": [i * size, (i + 1) * size]} for i in range(3000)
    }
    path.write_bytes(container(header, b"\0" * (3000 * size)))
    tracemalloc.start()
    found = read_safetensors(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 3000
    assert peak < 2.5 * 3000 * size


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    """The tensor, and where it should begin; a long name is cut."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(container({"a": ONE, "b" * 999: {**ONE, "data_offsets": [4, 12]}}, b"\0" * 12))
    with pytest.raises(IntegrityError, match=r"'b{80}' begins at byte 4 where 8 bytes are taken"):
        read_safetensors(path)
