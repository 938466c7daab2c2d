"""``make demo``: the real bot against a sandbox Rivya and a sandbox Discord, in a browser page."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import discord
import httpx
import simcord

from bot.app import Core, build_core
from bot.cdn import CdnFetcher
from bot.clock import SystemClock
from bot.config import Settings, load_settings
from bot.posting import DiscordDelivery
from bot.rivya import open_http
from bot.run import client_over
from bot.sandbox.discord import AttachmentServer, DiscordSandbox, open_discord
from bot.sandbox.rivya import SANDBOX_KEY, RivyaSandbox, Variants
from bot.storage import open_database


@dataclass(frozen=True)
class Demo:
    """A running demo."""

    url: str
    core: Core
    rivya: RivyaSandbox
    discord: DiscordSandbox
    settings: Settings


async def demo(*, port: int, task_s: tuple[float, float]) -> None:
    """Run the demo until Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with open_demo(port=port, task_s=task_s) as running:
        print(_WELCOME.format(url=running.url), flush=True)  # noqa: T201 - a program for a terminal
        await stop.wait()
        print("\nStopped. Nothing of it is kept.", flush=True)  # noqa: T201


_WELCOME = """
  The bot is running offline. Open this page:

    {url}

  Type /imagine in the channel, choose options, attach pictures. Mia is a member, Ada the server's admin: switch
  between them at the top. Nothing leaves this machine, no credits are real. Ctrl-C ends it.
"""


@asynccontextmanager
async def open_demo(*, port: int = 0, task_s: tuple[float, float] = (6.0, 12.0)) -> AsyncIterator[Demo]:
    """Start everything over a temporary folder; ``task_s`` is how long the sandbox paints (from, to)."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nano-banana-demo-")))
        rivya = await stack.enter_async_context(
            RivyaSandbox(clock=clock, variants=Variants(task_s=task_s, current_credits=5000))
        )
        attachments = await stack.enter_async_context(AttachmentServer().serving())
        settings = load_settings(
            None,
            discord_token="a-token-for-the-sandbox",
            discord_cdn_url=attachments.url,
            rivya_api_key=SANDBOX_KEY,
            rivya_base_url=rivya.url,
            database_url=f"sqlite+aiosqlite:///{folder / 'bot.db'}",
            data_dir=folder,
            operator_contact="whoever typed `make demo`",
        )
        database = await stack.enter_async_context(open_database(settings.database_url))
        rivya_http = await stack.enter_async_context(open_http(settings.rivya_base_url))
        cdn_http = await stack.enter_async_context(httpx.AsyncClient())
        delivery = DiscordDelivery()
        fetcher = CdnFetcher(cdn_http, settings.discord_cdn_url)
        core = await build_core(
            settings,
            database=database,
            http=rivya_http,
            delivery=delivery,
            fetcher=fetcher,
            clock=clock,
            rng=Random(),
        )
        client = client_over(core, settings, fetcher)
        delivery.client = client
        sandbox = await stack.enter_async_context(open_discord(client, attachments, clock=clock))
        with sandbox.outside():
            await stack.enter_async_context(core.engine)
            page = await stack.enter_async_context(_page(sandbox, port))
            yield Demo(page.url, core, rivya, sandbox, settings)


@asynccontextmanager
async def _page(sandbox: DiscordSandbox, port: int) -> AsyncIterator[Any]:
    """Serve the channel as a page that shows every message as it is sent or edited."""
    env = sandbox.env
    guild = env.create_guild("Banana Lovers")
    channel = guild.create_text_channel("pictures")
    member = guild.add_member(env.create_user("mia"))
    admins = guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    admin = guild.add_member(env.create_user("ada"), roles=[admins])
    dirty = asyncio.Event()

    def noticed(event: str, _payload: Any) -> None:
        if event.startswith("MESSAGE_"):
            dirty.set()

    async with env.preview(channel, viewers=[member, admin], layout="channel", port=port or None) as page:
        env.backend.subscribers.append(noticed)
        pump = asyncio.create_task(_refresh(page, dirty), name="demo page")
        try:
            yield page
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)


async def _refresh(page: Any, dirty: asyncio.Event) -> None:
    # On messages, not on a timer: a refresh makes clicks on the older page stale.
    while True:
        await dirty.wait()
        dirty.clear()
        while True:
            try:
                await page.refresh()
                break
            except simcord.SetupError:  # an action is being carried out
                await asyncio.sleep(0.05)
            except TimeoutError:
                break
