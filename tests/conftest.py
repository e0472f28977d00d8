"""What all tests share: tiny models, a clean environment, no way out to the network, and silence on stdout."""

from __future__ import annotations

import functools
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests import tiny
from tests.hub_server import HubServer
from tests.workplace import workplace as make_workplace

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from tests.workplace import Workplace

settings.register_profile("onnxhub", deadline=None, database=None, derandomize=True)
settings.load_profile("onnxhub")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what is to run in the background deaf to Ctrl-C, and so would be all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

LOOPBACK = ("127.", "::1", "localhost")
VARIABLES = ("ONNXHUB_", "HF_", "HUGGINGFACE_", "HUGGING_FACE_", "TRANSFORMERS_", "ORT_", "XDG_CACHE_HOME")
_foreign: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note every attempt to reach another machine; an audit hook stays for the life of the process."""
    if event not in {"socket.connect", "socket.sendto", "socket.getaddrinfo"}:
        return
    address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
    host = address[0] if isinstance(address, tuple) else address if event == "socket.getaddrinfo" else None
    if isinstance(host, str) and not host.startswith(LOOPBACK):
        _foreign.append(f"{event} {host}")


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """A test that asks for another machine has failed, whatever came of it."""
    _foreign.clear()
    yield
    assert not _foreign, f"the test tried to leave this machine: {_foreign}"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No token and no cache of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith(VARIABLES)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path_factory.getbasetemp() / "huggingface"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test during which something was printed to stdout has failed: the library prints nothing there."""
    report = yield
    if report.when == "call" and report.passed and report.capstdout:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: this was printed to stdout: {report.capstdout!r}"
    return report


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``tiny_model(task, **options)``: the folder of a model, written once for all tests; none of them may change it."""

    @functools.cache
    def make(task: str = "text-classification", **options: Any) -> Path:
        return tiny.make_model(tmp_path_factory.mktemp(task), task, **options)

    return make


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """Where the documentation's examples and the commands run, made once for all tests."""
    with make_workplace(tmp_path_factory.mktemp("workplace")) as made:
        yield made


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A running Hub without repositories."""
    with HubServer() as server:
        yield server
