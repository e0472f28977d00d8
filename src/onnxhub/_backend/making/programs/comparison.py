"""Compares a graph with the model that it was made of, for texts of other sizes than it was traced with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from onnxhub._backend.making.programs import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["compare_with_model"]

TOLERANCE: Final = 1e-3
"""Largest difference between the two, as a share of the largest number."""


def compare_with_model(path: Path, model: Any, sample: Mapping[str, Any]) -> None:
    """End if they differ. Where ONNX Runtime is not installed, nothing is compared."""
    try:
        import onnxruntime
    except ImportError:
        return
    import numpy as np
    import torch

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        names = [value.name for value in session.get_outputs()]
        given = {value.name: sample[value.name].numpy() for value in session.get_inputs()}
        found: Any = session.run(names, given)
    except Exception as error:  # noqa: BLE001  # its exceptions have no base class
        refuse(f"the graph that was made of it does not run: {error}")
    with torch.no_grad():
        expected = model(**sample)
    for name, values in zip(names, found, strict=True):
        theirs = expected[name].numpy()
        if np.isnan(theirs).any():
            continue
        allowed = TOLERANCE * max(1.0, float(np.abs(theirs).max()))
        if values.shape != theirs.shape or not float(np.abs(values - theirs).max()) <= allowed:
            refuse(f"the graph that was made of it gives other {name} than the model itself for texts of other sizes")
