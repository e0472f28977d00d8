"""What the oracle tests share: one zoo of models, silence about other people's warnings, and the counts at the end."""

import os
import sys
from collections import Counter
from collections.abc import Mapping
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


COUNTED: Counter[str] = Counter()
FURTHEST: dict[str, float] = {}


def add_comparisons(counts: Mapping[str, int], largest: Mapping[str, float]) -> None:
    """Add what a process has compared."""
    COUNTED.update(counts)
    for name, furthest in largest.items():
        FURTHEST[name] = max(furthest, FURTHEST.get(name, 0.0))


def compared() -> tuple[dict[str, int], dict[str, float]]:
    """Give the comparisons of this process, if it made any."""
    peers = sys.modules.get("tests.oracle.peers")
    return dict(getattr(peers, "COUNTS", {})), dict(getattr(peers, "LARGEST", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker hand its comparisons to the process that reports, and that process count its own."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["comparisons"] = compared()
    else:
        add_comparisons(*compared())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker has compared; one that has died hands over nothing."""
    add_comparisons(*getattr(node, "workeroutput", {}).get("comparisons", ({}, {})))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show how many comparisons were equal, and which rules explain the others."""
    if COUNTED:
        terminalreporter.section("oracle: comparisons")
        for name, count in sorted(COUNTED.items()):
            terminalreporter.line(f"{count:7,}  {name}")
        for name, furthest in sorted(FURTHEST.items()):
            terminalreporter.line(f"{furthest:7.1e}  {name}: the largest difference")


@pytest.fixture(scope="session")
def zoo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder where the zoo's models are made, once for all workers; ONNXHUB_ZOO keeps it between runs."""
    kept = os.environ.get("ONNXHUB_ZOO")
    if kept:
        return Path(kept)
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "zoo"
