"""A sandbox Discord for the real client: simcord, with attachments served over real HTTP and a clock of our own.

Whatever a command starts belongs to simcord's *bot scope*: its actors wait for it, on virtual time. The engine must
stay outside: enter it under ``sandbox.outside()``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import discord
import simcord
import simcord.backend.cdn
import simcord.preview  # before its CDN moves: the page keeps the address it finds now
from aiohttp import web
from simcord._clock import Clock as SimcordClock

from bot.clock import Clock
from bot.sandbox import discord_commands as _routes  # noqa: F401 - it adds to what simcord answers

SIMCORD_CDN: Final[str] = simcord.backend.cdn.CDN_BASE
"""Where simcord's page looks for faces, wherever attachments are served."""


class FollowedClock(SimcordClock):
    """Tells simcord the time of our clock; its own virtual seconds come on top."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        return datetime.fromtimestamp(self._clock.now_ms() / 1000 + self.elapsed, UTC)


class AttachmentServer:
    """Serves what people attach, and what the bot posts, from loopback; ``url`` is the CDN's address."""

    def __init__(self) -> None:
        self.find: Callable[[str], bytes | None] = lambda _url: None
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[AttachmentServer]:
        """Serve until left; simcord gives attachments addresses here meanwhile."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._get)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        before = simcord.backend.cdn.CDN_BASE
        simcord.backend.cdn.CDN_BASE = self.url
        try:
            yield self
        finally:
            simcord.backend.cdn.CDN_BASE = before
            await runner.cleanup()

    async def _get(self, request: web.Request) -> web.Response:
        content = self.find(f"{self.url}{request.path}")
        if content is None:
            return web.Response(status=404)
        return web.Response(body=content, content_type="application/octet-stream")


class DiscordSandbox:
    """A running virtual Discord with the client attached."""

    def __init__(self, env: Any) -> None:
        self.env = env

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Run what the bot does on its own (the engine) outside the scope of its commands."""
        with self.env.time_context():
            yield


@asynccontextmanager
async def open_discord(
    client: discord.Client,
    attachments: AttachmentServer,
    *,
    clock: Clock,
    settle_timeout_s: float = 60.0,
    check_errors: bool = True,
) -> AsyncIterator[DiscordSandbox]:
    """Attach ``client`` to a new virtual Discord, whose attachments are served by ``attachments``.

    With ``check_errors`` leaving raises what the bot's handlers raised and nobody has looked at in ``env.errors``.
    The application has the privileged intents that ``client`` asks for, and no others.
    """
    async with simcord.run(
        client, settle_timeout=settle_timeout_s, check_errors=check_errors, approved_intents=client.intents
    ) as env:
        env.backend.clock = FollowedClock(clock)
        attachments.find = env.backend.cdn.get
        yield DiscordSandbox(env)
