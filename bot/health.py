"""Health over HTTP, on loopback, off unless ``HEALTH_PORT`` is set: the truth for whoever restarts or watches the bot.

``/healthz``  200 while the process works: the event loop turns and the database answers. 503 is a reason to restart it.
``/readyz``   200 while people can be served: also the database and the disk take what is written, Discord is connected,
              the account at the provider answers and can be used, every task of the engine lives, and no request is
              stuck. 503 while the bot stops.

A task of the engine that an error has ended begins again by itself, and its work is in the rows: no reason to restart.

Both answer with JSON that says which part is how; neither holds a secret or a name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp
import structlog
from aiohttp import web

from bot.clock import Clock
from bot.generations.acceptance import RESULT_ROOM_BYTES
from bot.generations.account import ProviderAccount
from bot.generations.repository import GenerationsRepository
from bot.generations.store import FileStore
from bot.storage import Database

log = structlog.get_logger(__name__)

DATABASE_TIMEOUT_S = 5.0
ASK_TIMEOUT_S = 10.0
STUCK_S = 3600.0
"""A request that has been in work for an hour is worth a look: its pictures are late, or nobody drives them."""


class Gateway(Protocol):
    """What is asked of the Discord client."""

    def is_connected(self) -> bool:
        """Tell whether it hears what happens in its servers."""
        ...


class Health:
    """Looks at each part; every look is bounded in time. ``down`` names the engine's tasks that do not live."""

    def __init__(
        self,
        *,
        database: Database,
        account: ProviderAccount,
        gateway: Gateway,
        store: FileStore,
        clock: Clock,
        down: Callable[[], Sequence[str]],
        disk_reserve_bytes: int = 0,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self._account = account
        self._gateway = gateway
        self._store = store
        self._clock = clock
        self._down = down
        self._room_bytes = disk_reserve_bytes + RESULT_ROOM_BYTES
        self._stopping = stopping
        self._writing: asyncio.Task[None] | None = None

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
        if alive and not await self._writable():
            parts["database"] = "not writable"
        parts["discord"] = "ok" if self._gateway.is_connected() else "not connected"
        parts["account"] = self._account.closed_code or self._account.unread_code or "ok"
        parts["disk"] = await asyncio.to_thread(self._disk)
        down = self._down()
        parts["engine"] = f"down: {', '.join(down)}" if down else "ok"
        stopping = self._stopping()
        parts["stopping"] = stopping
        well = all(parts[name] == "ok" for name in ("database", "discord", "account", "disk", "engine"))
        return well and not parts.get("stuck") and not stopping, parts

    async def _writable(self) -> bool:
        # By writing: a database that is locked, read-only or on a full disk reads as well as ever.
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write())
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_S):
                await asyncio.shield(self._writing)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing was written
            log.warning("health.not_written", error=type(error).__name__)
            return False
        return True

    async def _write(self) -> None:
        now_ms = self._clock.now_ms()
        fact = "health.written"
        await self._database.write(lambda tx: GenerationsRepository(tx).memory.remember(fact, str(now_ms), now_ms))

    def _disk(self) -> str:
        try:
            return "ok" if self._store.free_bytes() >= self._room_bytes else "short"
        except OSError as error:
            return error.strerror or "gone"

    async def _oldest_s(self) -> float | None:
        began_ms = await self._database.look(lambda tx: GenerationsRepository(tx).requests.oldest_in_work())
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
