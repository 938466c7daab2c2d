"""Worlds for the tests of the core."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clocks import TestClock
from tests.world import World, Worlds


@pytest.fixture
async def worlds(tmp_path: Path, clock: TestClock) -> AsyncIterator[Worlds]:
    worlds = Worlds(tmp_path, clock)
    async with worlds.rivya:
        yield worlds


@pytest.fixture
async def world(worlds: Worlds) -> AsyncIterator[World]:
    async with worlds.open() as world:
        yield world
