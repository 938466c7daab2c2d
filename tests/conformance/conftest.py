"""A wire and a sandbox Rivya, each with a client at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import aiohttp
import discord
import httpx
import pytest
from yarl import URL

from bot.sandbox.rivya import RivyaSandbox, Variants
from bot.sandbox.wire import WireServer
from tests.clocks import TestClock
from tests.conformance.rivya_caller import caller
from tests.conformance.wire_client import Bare

Point = Callable[[WireServer], None]


@pytest.fixture
def clock() -> TestClock:
    return TestClock(speed=0.001)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session:
        yield session


@pytest.fixture
async def wire(clock: TestClock) -> AsyncIterator[WireServer]:
    async with WireServer(clock=clock, admin=True) as running:
        yield running


@pytest.fixture
async def bare(wire: WireServer, http: aiohttp.ClientSession) -> Bare:
    return await Bare(wire, http).open()


@pytest.fixture
def pointed(monkeypatch: pytest.MonkeyPatch) -> Point:
    """Point discord.py of this process at a wire."""

    def point(wire: WireServer) -> None:
        monkeypatch.setattr(discord.http.Route, "BASE", wire.api_url)
        monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", URL(wire.gateway_url))
        monkeypatch.setattr(discord.asset.Asset, "BASE", wire.cdn_url)

    return point


@pytest.fixture
async def sandbox(clock: TestClock) -> AsyncIterator[RivyaSandbox]:
    async with RivyaSandbox(clock=clock, variants=Variants(quick_pictures=True), admin=True) as running:
        yield running


@pytest.fixture
async def client(sandbox: RivyaSandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(sandbox.url) as opened:
        yield opened
