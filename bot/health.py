"""Health over HTTP, on loopback, off unless ``HEALTH_PORT`` is set: the truth for whoever restarts or watches the bot.

``/healthz``  200 while the process works: the event loop turns and the database answers. 503 is a reason to restart it.
``/readyz``   200 while people can be served: also connected to Discord, and the account at the provider can be used.

Both answer with JSON that says which part is how; neither holds a secret or a name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp
import structlog
from aiohttp import web

from bot.clock import Clock
from bot.generations.account import ProviderAccount
from bot.generations.repository import GenerationsRepository
from bot.storage import Database

log = structlog.get_logger(__name__)

DATABASE_TIMEOUT_S = 5.0
ASK_TIMEOUT_S = 10.0
STUCK_S = 3600.0
"""A request that has been in work for an hour is worth a look: its pictures are late, or nobody drives them."""


class Gateway(Protocol):
    """What is asked of the Discord client."""

    def is_ready(self) -> bool:
        """Tell whether it is connected and knows its servers."""
        ...

    def is_closed(self) -> bool:
        """Tell whether it has been closed."""
        ...


class Health:
    """Looks at each part; every look is bounded in time."""

    def __init__(self, *, database: Database, account: ProviderAccount, gateway: Gateway, clock: Clock) -> None:
        self._database = database
        self._account = account
        self._gateway = gateway
        self._clock = clock

    async def alive(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether the process works, and how long the oldest request has been in work (seconds)."""
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_S):
                oldest_s = await self._oldest_s()
        except Exception as error:  # noqa: BLE001 - whatever it is, the database does not answer
            log.warning("health.database", error=type(error).__name__)
            return False, {"database": "no answer"}
        stuck = oldest_s is not None and oldest_s > STUCK_S
        return True, {"database": "ok", "oldest_request_s": oldest_s, "stuck": stuck}

    async def ready(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether people can be served."""
        alive, parts = await self.alive()
        connected = self._gateway.is_ready() and not self._gateway.is_closed()
        parts["discord"] = "ok" if connected else "not connected"
        parts["account"] = self._account.closed_code or "ok"
        return alive and connected and not self._account.closed, parts

    async def _oldest_s(self) -> float | None:
        async with self._database.read() as tx:
            began_ms = await GenerationsRepository(tx).oldest_in_work()
        return None if began_ms is None else (self._clock.now_ms() - began_ms) / 1000


@asynccontextmanager
async def serve_health(health: Health, port: int, *, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve both addresses until left; gives the port (0 takes a free one). Raises OSError when it is taken."""

    async def healthz(_request: web.Request) -> web.Response:
        return _answer(*await health.alive())

    async def readyz(_request: web.Request) -> web.Response:
        return _answer(*await health.ready())

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        log.info("health.listening", port=bound)
        yield bound
    finally:
        await runner.cleanup()


async def ask_health(port: int) -> tuple[bool, str]:
    """Ask the bot behind ``port`` on this machine whether it works; returns that and what it said."""
    try:
        timeout = aiohttp.ClientTimeout(total=ASK_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://127.0.0.1:{port}/healthz") as response,
        ):
            return response.status == 200, await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False, "The bot does not answer."


def _answer(well: bool, parts: dict[str, Any]) -> web.Response:
    return web.json_response({"ok": well, **parts}, status=200 if well else 503)
