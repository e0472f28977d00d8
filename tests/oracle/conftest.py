"""What the oracle tests share: one zoo of models, silence about other people's warnings, and the counts at the end."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the peers warn: of their deprecations, and of the inputs that we feed them on purpose."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show how many comparisons were equal, and which rules explain the others."""
    peers = sys.modules.get("tests.oracle.peers")
    if peers is not None and getattr(peers, "COUNTS", None):
        terminalreporter.section("oracle: comparisons")
        for name, count in sorted(peers.COUNTS.items()):
            terminalreporter.line(f"{count:7,}  {name}")
        for name, furthest in sorted(peers.LARGEST.items()):
            terminalreporter.line(f"{furthest:7.1e}  {name}: the largest difference")


@pytest.fixture(scope="session")
def zoo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder where the zoo's models are made, once for all workers; ONNXHUB_ZOO keeps it between runs."""
    kept = os.environ.get("ONNXHUB_ZOO")
    if kept:
        return Path(kept)
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "zoo"
