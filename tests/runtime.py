"""What the ONNX Runtime that is installed can do."""

from __future__ import annotations

import onnxruntime
import pytest

from onnxhub._backend.runtime import compiled

compiles = pytest.mark.skipif(
    tuple(map(int, onnxruntime.__version__.split(".")[:2])) < compiled.OLDEST,
    reason="this ONNX Runtime crashes on some compiled graphs, so there are none",
)
"""A test that needs compiled graphs."""
