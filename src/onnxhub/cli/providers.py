"""``onnxhub providers``: what this machine can run models on, and what each missing one needs."""

from __future__ import annotations

from onnxhub._workshop.providers import probe_providers
from onnxhub.cli._options import Json
from onnxhub.cli._printing import Printer

__all__ = ["providers"]


def providers(*, json: Json = False) -> None:
    """List the execution providers: which run here, tried with a small graph, and what the others need.

    Example: onnxhub providers

    In a pipe, a row is: provider, its name in ONNX Runtime, state (runs, fails or missing), what it needs.
    """
    Printer(json).show_table(
        [
            {"provider": state.provider, "full name": state.full_name, "state": state.state, "needs": state.needs}
            for state in probe_providers()
        ]
    )
