"""/healthz and /readyz over a real socket tell the truth about each part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.health import Health, ask_health, serve_health
from bot.sandbox.rivya import Fault, FaultKind
from tests.clocks import TestClock
from tests.world import World, Worlds


@dataclass
class Gateway:
    connected: bool = True

    def is_connected(self) -> bool:
        return self.connected


@pytest.fixture
async def world(tmp_path: Path, clock: TestClock) -> AsyncIterator[World]:
    worlds = Worlds(tmp_path, clock)
    async with worlds.rivya, worlds.open() as world:
        yield world


def health_of(world: World, gateway: Gateway) -> Health:
    return Health(
        database=world.database,
        account=world.core.account,
        gateway=gateway,
        store=world.core.store,
        clock=world.clock,
        down=lambda: world.core.engine.down,
    )


async def asked(world: World, gateway: Gateway, path: str) -> tuple[int, dict[str, Any]]:
    async with (
        serve_health(health_of(world, gateway), 0) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.json()


async def test_all_is_well(world: World) -> None:
    assert await asked(world, Gateway(), "/healthz") == (
        200,
        {"ok": True, "database": "ok", "oldest_request_s": None, "stuck": False},
    )
    status, parts = await asked(world, Gateway(), "/readyz")
    assert (status, parts["discord"], parts["account"]) == (200, "ok", "ok")


async def test_a_lost_gateway_is_alive_but_not_ready(world: World) -> None:
    gateway = Gateway(connected=False)
    assert (await asked(world, gateway, "/healthz"))[0] == 200
    status, parts = await asked(world, gateway, "/readyz")
    assert (status, parts["discord"]) == (503, "not connected")


async def test_a_refused_key_is_alive_but_not_ready(world: World) -> None:
    world.rivya.revoke_key()
    await world.core.account.read()
    assert (await asked(world, Gateway(), "/healthz"))[0] == 200
    status, parts = await asked(world, Gateway(), "/readyz")
    assert (status, parts["account"]) == (503, "api_key_revoked")


async def test_a_closed_database_is_not_alive(world: World) -> None:
    world.database.path.rename(world.database.path.with_suffix(".gone"))
    await world.database.close()
    status, parts = await asked(world, Gateway(), "/healthz")
    world.database.path.with_suffix(".gone").rename(world.database.path)
    assert (status, parts["database"]) == (503, "no answer")


async def test_a_request_that_nobody_brings_to_an_end_is_called_stuck(world: World) -> None:
    world.rivya.faults.add(Fault(kind=FaultKind.HANG, route="upload", times=None))
    await world.imagine(references=(world.cdn.add("cat.png"),))
    world.clock.advance(3700)
    status, parts = await asked(world, Gateway(), "/healthz")
    assert (status, parts["stuck"]) == (200, True)
    assert parts["oldest_request_s"] > 3600
    status, parts = await asked(world, Gateway(), "/readyz")
    assert (status, parts["engine"], parts["stuck"]) == (503, "ok", True)


async def test_the_command_tells_a_bot_that_works_from_one_that_is_gone(world: World) -> None:
    async with serve_health(health_of(world, Gateway()), 0) as port:
        assert (await ask_health(port))[0]
    assert await ask_health(port) == (False, "The bot does not answer.")


async def test_a_task_of_the_engine_that_is_down_is_alive_but_not_ready(world: World) -> None:
    health = Health(
        database=world.database,
        account=world.core.account,
        gateway=Gateway(),
        store=world.core.store,
        clock=world.clock,
        down=lambda: ["mail", "places"],
    )
    assert (await health.alive())[0]
    ready, parts = await health.ready()
    assert (ready, parts["engine"]) == (False, "down: mail, places")
