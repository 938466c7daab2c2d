"""One fork server for all tests of a worker."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.machine.world import Host


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def host() -> AsyncIterator[Host]:
    async with Host() as running:
        yield running


@pytest.fixture
def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
