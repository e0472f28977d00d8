"""A Hub of one's own for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hub_server import HubServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A running Hub without repositories."""
    with HubServer() as server:
        yield server
