"""Which execution providers run on this machine: each that the installed ONNX Runtime has is tried."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from onnxhub._backend.runtime.providers import FULL_NAMES, Provider, describe_need, import_onnxruntime
from onnxhub._backend.runtime.session import SessionOptions, build_session
from onnxhub.errors import IntegrityError, ProviderUnavailableError, TooNewError

__all__ = ["ProviderState", "probe_providers"]

_GRAPH: Final = (
    b"\x08\x08\x12\x00:5\n\x0e\n\x01x\n\x01x\x12\x01y\x22\x03Add\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01"
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\x11"
)
"""A whole ONNX model of 65 bytes: y = x + x, in float32."""


@dataclass(frozen=True, slots=True)
class ProviderState:
    """The result of probing a provider."""

    provider: str
    """Its short name."""
    full_name: str
    """ONNX Runtime's name."""
    state: Literal["runs", "fails", "missing"]
    """``"fails"``: it is installed, and does not start."""
    needs: str
    """The part that is missing; empty if it runs."""


def probe_providers() -> list[ProviderState]:
    """Probe all known providers, and list those that run first.

    Raises:
        MissingDependencyError: no onnxruntime is installed.
    """
    available = import_onnxruntime().get_available_providers()
    states = [
        _probe(Provider(name, {}))
        if full_name in available
        else ProviderState(name, full_name, "missing", describe_need(name))
        for name, full_name in FULL_NAMES.items()
    ]
    return sorted(states, key=lambda state: ("runs", "fails", "missing").index(state.state))


def _probe(provider: Provider) -> ProviderState:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "add.onnx")
        path.write_bytes(_GRAPH)
        try:
            build_session(path, [provider], SessionOptions(threads=1)).close()
        except ProviderUnavailableError as error:
            return ProviderState(provider.name, provider.full_name, "fails", error.hint)
        except IntegrityError as error:
            return ProviderState(provider.name, provider.full_name, "fails", error.reason)
        except TooNewError as error:  # it has no implementation of the operator
            return ProviderState(provider.name, provider.full_name, "fails", error.wanted)
    return ProviderState(provider.name, provider.full_name, "runs", "")
