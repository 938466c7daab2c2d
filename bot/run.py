"""Runs the bot for real: opens everything in order, connects, and closes everything in order."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import resource
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom

import aiohttp
import discord
import httpx
import structlog
from yarl import URL

from bot.app import Core, build_core
from bot.cdn import CdnFetcher
from bot.client import BotClient, Services
from bot.clock import SystemClock
from bot.config import Settings
from bot.errors import ConfigError, StorageError
from bot.generations.protocols import Fetcher
from bot.generations.store import FileStore
from bot.health import Health, serve_health
from bot.keys import RivyaKey
from bot.posting import DiscordDelivery
from bot.rivya import open_http
from bot.stopping import Stop
from bot.storage import Database, open_database
from bot.storage.database import database_path, lock_file

log = structlog.get_logger(__name__)

_WRONG_TOKEN = "DISCORD_TOKEN is not accepted by Discord. Copy it again from the portal."  # noqa: S105 - a sentence
_NO_CONTENT = (
    "MESSAGE_CONTENT_INTENT is on here and off at Discord. Switch it on in the developer portal, your application, "
    "Bot, Message Content Intent; or off here."
)
TAKING_PATIENCE_S = 5.0
"""A request that is being taken has three seconds to be acknowledged anyway."""
CLOSING_S = 5.0
"""Of a stop's time, what is left for closing after the calls that cost money (a quarter of it at most)."""
_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE_BYTES = 1 << 20
_TOKEN_REFUSED = 4004
"""The gateway's close code."""


def point_at(settings: Settings) -> None:
    """Point discord.py at the configured API, gateway and CDN; before a client logs in."""
    discord.http.Route.BASE = settings.discord_api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = URL(settings.discord_gateway_url)
    discord.asset.Asset.BASE = settings.discord_cdn_url
    # Two warnings at every start about libraries for voice, which this bot has no use for.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


async def run(settings: Settings, stop: Stop | None = None, key: RivyaKey | None = None) -> None:
    """Run until SIGINT or SIGTERM (or ``stop``, which listens already); what is in work goes on after the next start.

    ``key`` is the settings' own, when it can be read again while the bot runs.

    Raises ConfigError when Discord does not take the token or the data folder can't be used, StorageError when the
    database can't.
    """
    if stop is None:
        stop = Stop()
        stop.listen()
    stop.within(settings.shutdown_grace_s)
    _give_memory_back()
    # A memory image of this process would hold the token and the key.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    await _run(settings, stop, key)
    log.info("bot.stopped", took_s=round(stop.took_s, 3))


def _give_memory_back() -> None:
    """Have large pieces of memory returned to the system as soon as they are free.

    glibc raises the size from which it does that with the largest piece it has seen. After one image of 30 MB each
    thread that ever held one would keep as much for itself.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def _set_aside_what_stays() -> None:
    """Take what the start has made out of the garbage collector's sight.

    A full collection holds everybody up while it looks at all there is: 85 ms for the imported libraries alone, 160 ms
    with 500 requests in work (``make bench ARGS=acknowledgement``), and they never become garbage.
    """
    gc.collect()
    gc.freeze()


async def _run(settings: Settings, stop: Stop, key: RivyaKey | None) -> None:
    point_at(settings)
    await asyncio.to_thread(_check_folder, settings.data_dir)
    await asyncio.to_thread(_tell_if_new, database_path(settings.database_url))
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.database_url))
        stack.callback(os.close, await asyncio.to_thread(_lock_folder, settings.data_dir))
        log.info("bot.starting", version=version("nano-banana-bot"), database=str(database.path))
        if stop.asked:
            return
        rivya_http = await stack.enter_async_context(open_http(settings.rivya_base_url))
        cdn_http = await stack.enter_async_context(httpx.AsyncClient(timeout=httpx.Timeout(30.0, connect=10.0)))
        delivery = DiscordDelivery()
        fetcher = CdnFetcher(cdn_http, settings.discord_cdn_url)
        core = await build_core(
            settings,
            database=database,
            http=rivya_http,
            delivery=delivery,
            fetcher=fetcher,
            clock=SystemClock(),
            rng=SystemRandom(),
            key=key,
        )
        client = client_over(core, settings, fetcher)
        delivery.client = client
        await stack.enter_async_context(core.engine)
        if settings.health_port is not None:
            health = Health(
                database=database,
                account=core.account,
                gateway=client,
                store=core.store,
                clock=SystemClock(),
                down=lambda: core.engine.down,
                disk_reserve_bytes=settings.disk_reserve_bytes,
                stopping=lambda: stop.asked,
            )
            await stack.enter_async_context(_health(health, settings.health_port))
        _set_aside_what_stays()
        await _serve(client, settings, core, stop)


@asynccontextmanager
async def _health(health: Health, port: int) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(serve_health(health, port))
        except OSError as error:
            raise ConfigError(
                [f"HEALTH_PORT: port {port} can't be used ({error.strerror}). Choose another."]
            ) from error
        yield


async def sync(settings: Settings) -> int:
    """Register the commands with Discord and return how many there are; works beside a running bot.

    Raises ConfigError when Discord does not take the token or the commands, or can't be reached.
    """
    point_at(settings)
    await asyncio.to_thread(_check_folder, settings.data_dir)
    async with AsyncExitStack() as stack:
        database = await _open_beside(stack, settings)
        http = await stack.enter_async_context(open_http(settings.rivya_base_url))
        fetcher = CdnFetcher(http, settings.discord_cdn_url)
        core = await build_core(
            settings,
            database=database,
            http=http,
            delivery=DiscordDelivery(),
            fetcher=fetcher,
            clock=SystemClock(),
            rng=SystemRandom(),
        )
        client = client_over(core, settings, fetcher)
        try:
            await _login(client, settings)
            if not client.has_synced:  # a login registers what has changed
                await client.sync_if_changed(force=True)
            return len(client.tree.get_commands())
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            reason = (
                f"it answered {error.status}" if isinstance(error, discord.HTTPException) else "it can't be reached"
            )
            raise ConfigError([f"The commands are not registered with Discord: {reason}. Try again later."]) from error
        finally:
            await client.close()


async def _open_beside(stack: AsyncExitStack, settings: Settings) -> Database:
    """Open the database, with the lock if it is free: a new one has to be made first."""
    try:
        return await stack.enter_async_context(open_database(settings.database_url))
    except StorageError:
        return await stack.enter_async_context(open_database(settings.database_url, exclusive=False))


def _check_folder(folder: Path) -> None:
    for place in (folder, *FileStore.folders(folder)):
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            where = folder if place == folder else f"{folder}, its folder {place.name}"
            raise ConfigError([f"DATA_DIR ({where}) can't be written to: {error.strerror}."]) from error


def _tell_if_new(path: Path) -> None:
    if not path.exists():
        # Right at the very first start. At any other the disk is not mounted, or the path is another.
        log.warning("database.new", path=str(path.absolute()))


def _lock_folder(folder: Path) -> int:
    # Half-finished downloads are cleared away at every start: another bot's too, if it had the same folder.
    try:
        return lock_file(folder / ".lock")
    except BlockingIOError as error:
        raise ConfigError(
            [f"DATA_DIR ({folder}) is used by another process of the bot. Give each bot a folder of its own."]
        ) from error
    except OSError as error:
        raise ConfigError([f"DATA_DIR ({folder}) can't be written to: {error.strerror}."]) from error


def client_over(core: Core, settings: Settings, fetcher: Fetcher) -> BotClient:
    """Return a client that is not connected yet."""
    services = Services(
        settings=settings,
        generations=core.generations,
        catalogue=core.catalogue,
        store=core.store,
        fetcher=fetcher,
        tray=core.tray,
        moderation=core.moderation,
        gallery=core.gallery,
        preferences=core.preferences,
        house=core.house,
        privacy=core.privacy,
        quotas=core.quotas,
        operator=core.operator,
        usage=core.usage,
        precedence=core.precedence,
    )
    return BotClient(services)


async def _serve(client: BotClient, settings: Settings, core: Core, stop: Stop) -> None:
    grace_s = settings.shutdown_grace_s
    closing_s = min(CLOSING_S, grace_s / 4)
    connection = asyncio.create_task(_connect(client, settings), name="discord")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({connection, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            await connection
        log.info("bot.stopping")
        await client.stop_taking(min(TAKING_PATIENCE_S, grace_s / 4))
        # While Discord is still there: calls that cost money end, messages in the making are posted.
        await core.engine.stop(within_s=max(grace_s - closing_s - stop.took_s, 0.0))
    finally:
        stopping.cancel()
        try:
            await asyncio.wait_for(client.close(), closing_s)
        except TimeoutError:
            log.warning("discord.not_closed")
        connection.cancel()
        await asyncio.gather(connection, stopping, return_exceptions=True)


async def _connect(client: BotClient, settings: Settings) -> None:
    wait_s = 2.0
    while True:
        try:
            await _login(client, settings)
            break
        except (aiohttp.ClientError, OSError, discord.HTTPException) as error:
            # What is in work goes on meanwhile; its messages follow.
            log.warning("discord.unreachable", error=type(error).__name__, next_try_s=wait_s)
            await client.http.close()  # each login opens a session of its own, over this connector
            client.http.connector = discord.utils.MISSING
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 60.0)
    try:
        await client.connect(reconnect=True)
    except discord.PrivilegedIntentsRequired as error:
        raise ConfigError([_NO_CONTENT]) from error
    except discord.ConnectionClosed as error:
        # discord.py comes back from all others by itself.
        if error.code == _TOKEN_REFUSED:
            raise ConfigError([_WRONG_TOKEN]) from error
        raise ConfigError([f"Discord has ended the connection for good (code {error.code})."]) from error


async def _login(client: BotClient, settings: Settings) -> None:
    try:
        await client.login(settings.discord_token.get_secret_value())
    except discord.LoginFailure as error:
        raise ConfigError([_WRONG_TOKEN]) from error
