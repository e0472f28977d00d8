"""The command line as a user has it: a process of its own, in the folder that the documentation assumes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.hub_server import clean_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.workplace import Workplace


class Run(Protocol):
    """Runs ``onnxhub`` with these arguments."""

    def __call__(
        self, *arguments: str, input: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]: ...


@pytest.fixture
def environment(workplace: Workplace) -> dict[str, str]:
    """The environment of a command: no token, no cache but its own, the tests' Hub."""
    return clean_environment(workplace.folder, {"HF_ENDPOINT": workplace.endpoint, "COLUMNS": "200"})


@pytest.fixture
def run(workplace: Workplace, environment: dict[str, str]) -> Run:
    """``run("classify", "text", input=b"...")``: the finished process, with bytes on both streams."""

    def command(
        *arguments: str, input: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "onnxhub", *arguments], input=input, cwd=workplace.folder,
            env={**environment, **(env or {})}, capture_output=True, timeout=60, check=False,
        )  # fmt: skip

    return command
