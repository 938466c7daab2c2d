"""The real client over a virtual Discord, the real core, a real database and a sandbox Rivya on a real socket.

What a member does goes through simcord's actors; what they see is read out of the messages that Discord holds then.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import discord
import httpx
import pytest
import pytest_asyncio
from PIL import Image
from simcord.actors import _dispatch_actor_interaction
from simcord.backend import serializers
from simcord.builders import ChannelHandle
from simcord.results import ResponseMessage

from bot.app import Core, build_core
from bot.cdn import CdnFetcher
from bot.client import BotClient
from bot.config import Settings, load_settings
from bot.credits.audit import AuditReport, audit
from bot.credits.ledger import Balance
from bot.credits.quota_rules import Spender
from bot.errors import BotError
from bot.generations.protocols import Fetcher
from bot.posting import DiscordDelivery
from bot.rivya import open_http
from bot.run import client_over
from bot.sandbox.discord import AttachmentServer, open_discord
from bot.sandbox.rivya import SANDBOX_KEY, RivyaSandbox, Variants
from bot.storage import Database, open_database
from tests.clocks import TestClock
from tests.cogs.actions import Actions
from tests.openapi import DOCUMENT, discord_schema
from tests.ui_limits import walk

PATIENCE_S = 30.0
EPHEMERAL = 64


class NobodyThoughtOfThis(Exception):
    """An error of our own that a test has made."""


class HeldClock:
    """Discord's clock: stands still while something happens there, since its 3 s would be 60 ms of a fast clock."""

    def __init__(self, clock: TestClock) -> None:
        self._clock = clock
        self._now_ms = clock.now_ms()

    def now_ms(self) -> int:
        return self._now_ms

    def catch_up(self) -> None:
        self._now_ms = self._clock.now_ms()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class SlowFetcher:
    """Discord's CDN on a slow day: ``delay_s`` before each file, none while ``doors`` are shut."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self.delay_s = 0.0
        self.doors = asyncio.Event()
        self.doors.set()

    async def fetch(self, url: str, destination: Path, *, max_bytes: int) -> int:
        await self.doors.wait()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        return await self._fetcher.fetch(url, destination, max_bytes=max_bytes)


@dataclass
class DiscordWorld(Actions):
    """A running bot in a virtual server, and everything a test looks at."""

    env: Any
    core: Core
    database: Database
    rivya: RivyaSandbox
    clock: TestClock
    settings: Settings
    fetcher: SlowFetcher
    delivery: DiscordDelivery
    client: BotClient
    _held: HeldClock
    _guilds: dict[str, Any] = field(default_factory=dict)
    _names: Any = field(default_factory=lambda: count(1))
    _calls_before: int = 0

    def __post_init__(self) -> None:
        self.guild = self.new_guild("Banana Lovers")
        self.enter_afresh()

    def enter_afresh(self) -> None:
        """Begin with a new channel and a new member, and without faults."""
        self.fetcher.delay_s = 0.0
        self.fetcher.doors.set()
        self.env.backend.faults.clear()
        self.rivya.faults.clear()
        number = next(self._names)
        self._held.catch_up()
        self.channel = self.guild.create_text_channel(f"pictures-{number}")
        self.alice = self.member(f"alice-{number}")
        self._calls_before = len(self.env.http_requests)

    def catch_up(self) -> None:
        self._held.catch_up()

    # --- who and where ---

    def new_guild(self, name: str) -> Any:
        """A server in which the bot has been for long: it is not greeted when a client starts."""
        self._held.catch_up()
        guild = self.env.create_guild(name)
        self.env.backend.get_member(guild.id, self.env.backend.bot_user.id).joined_at = "2020-01-01T00:00:00+00:00"
        return guild

    def member(self, name: str, guild: Any = None, **permissions: bool) -> Any:
        guild = guild or self.guild
        roles = []
        if permissions:
            roles = [guild.create_role(f"role {next(self._names)}", permissions=discord.Permissions(**permissions))]
        return guild.add_member(self.env.create_user(name), roles=roles)

    def moderator(self, name: str) -> Any:
        return self.member(name, manage_messages=True)

    def channel_without(self, *permissions: str) -> Any:
        overwrite = discord.PermissionOverwrite(**dict.fromkeys(permissions, False))
        return self.guild.create_text_channel(f"narrow-{next(self._names)}", overwrites={self.client.user: overwrite})

    # --- what a member does ---

    async def slash(self, who: Any, name: str, *, channel: Any = None, **options: Any) -> Any:
        self._held.catch_up()
        return await who.slash(channel or self.channel, name, **options)

    async def imagine(self, prompt: str | None = "a red panda", *, who: Any = None, **options: Any) -> Any:
        if prompt is not None:
            options["prompt"] = prompt
        return await self.slash(who or self.alice, "imagine", **options)

    async def click(self, who: Any, message: Any, label: str) -> Any:
        self._held.catch_up()
        return await who.click(message, label=label)

    async def choose(self, who: Any, message: Any, value: str) -> Any:
        self._held.catch_up()
        return await who.select(message, [value])

    async def forge(self, who: Any, message: Any, custom_id: str, *values: str) -> Any:
        """Use a button or select as if it stood on a message where it does not."""
        self._held.catch_up()
        backend = self.env.backend
        stored = backend.get_message(message.channel_id, message.id)
        part: dict[str, Any] = {"type": 2, "style": 2, "label": "forged", "custom_id": custom_id}
        data: dict[str, Any] = {"component_type": 2, "custom_id": custom_id}
        if values:
            part = {"type": 3, "custom_id": custom_id, "options": [{"label": v, "value": v} for v in values]}
            data = {"component_type": 3, "custom_id": custom_id, "values": list(values)}
        shown = {**serializers.message_payload(backend, stored), "components": [{"type": 1, "components": [part]}]}
        channel = ChannelHandle(self.env, getattr(who, "guild", None), backend.get_channel(message.channel_id))
        return await _dispatch_actor_interaction(
            who, 3, channel, data, extra={"message": shown}, source_message_id=stored.id
        )

    async def idle(self) -> None:
        """Wait until the bot has nothing left to do."""
        async with asyncio.timeout(PATIENCE_S):
            await self.core.engine.until_idle()

    async def until(self, found: Callable[[], Any]) -> Any:
        """Wait until ``found`` returns something true, and return it."""
        async with asyncio.timeout(PATIENCE_S):
            while not (result := found()):
                await asyncio.sleep(0.005)
        return result

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self._held.catch_up()
        await asyncio.sleep(0.02)

    async def restart_client(self) -> None:
        """Put a new client over the same core, as a restart of the process does for what Discord sees."""
        fresh = client_over(self.core, self.settings, self.fetcher)
        self._held.catch_up()
        await self.env.restart_bot(fresh)
        self.client = self.delivery.client = fresh

    # --- what is seen ---

    def messages(self, channel: Any = None) -> list[Any]:
        """All messages of a channel that anybody can see, oldest first, as Discord holds them."""
        stored = self.env.backend.messages.get((channel or self.channel).id, {}).values()
        public = [message for message in sorted(stored, key=lambda m: m.id) if not message.flags & EPHEMERAL]
        return [ResponseMessage(self.env, message) for message in public]

    def direct_messages(self, who: Any) -> list[Any]:
        channel = self.env.backend.get_dm_channel(who.id)
        return [ResponseMessage(self.env, m) for m in self.env.backend.messages.get(channel.id, {}).values()]

    def requests(self, method: str, part: str) -> list[Any]:
        """The bot's REST calls of this test, by method and a part of the path."""
        calls = self.env.http_requests[self._calls_before :]
        return [entry for entry in calls if entry.method == method and part in entry.path]

    async def audit(self) -> AuditReport:
        async with self.database.read() as tx:
            return await audit(tx, now_ms=self.clock.now_ms())

    async def check_books(self, *, charged: int, held: int = 0) -> None:
        """Assert that the books add up, and what this test's member has paid and has on hold."""
        report = await self.audit()
        assert report.findings == ()
        balance = await self.balance()
        assert (balance.used_credits, balance.on_hold_credits) == (charged, held)

    def tasks(self, prompt: str) -> list[Any]:
        """What the image service was asked to make of a prompt."""
        return [task for task in self.rivya.books.tasks if task.prompt == prompt]

    async def balance(self, who: Any = None) -> Balance:
        return await self.core.generations.balance(Spender((who or self.alice).id, self.guild.id))


def text_of(message: Any) -> str:
    """Everything that a message says, with its line breaks."""
    content = message.content or ""
    parts = [part["content"] for part in walk(message.components) if part["type"] == 10]
    return "\n".join([content, *parts]).strip()


def labels_of(message: Any) -> list[str]:
    """The labels of a message's buttons."""
    return [part["label"] for part in walk(message.components) if part["type"] == 2]


def selects_of(message: Any) -> list[dict[str, Any]]:
    return [part for part in walk(message.components) if part["type"] == 3]


def pictures_of(message: Any) -> list[dict[str, Any]]:
    """The items of a message's gallery."""
    return [item for part in walk(message.components) if part["type"] == 12 for item in part["items"]]


def png(width: int = 32, height: int = 24, colour: tuple[int, int, int] = (200, 60, 40)) -> bytes:
    return _picture("PNG", width, height, colour)


def noise(side: int = 400) -> bytes:
    """A PNG of about three bytes a pixel, which no encoder makes smaller without a loss."""
    buffer = io.BytesIO()
    with Image.frombytes("RGB", (side, side), Random(4).randbytes(side * side * 3)) as image:
        image.save(buffer, "PNG")
    return buffer.getvalue()


def gif() -> bytes:
    return _picture("GIF", 8, 8, (1, 2, 3))


def _picture(form: str, width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    with Image.new("RGB", (width, height), colour) as image:
        image.save(buffer, form)
    return buffer.getvalue()


@asynccontextmanager
async def open_world(
    folder: Path, *, variants: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[DiscordWorld]:
    """Start everything; every body that the bot sends until the end is checked against Discord's document."""
    # Not faster: the minute within which a request is to be acknowledged is three seconds then.
    clock = TestClock(speed=20.0)
    async with AsyncExitStack() as stack:
        played = Variants(**{"quick_pictures": True, "task_s": (2.0, 4.0), **(variants or {})})
        rivya = await stack.enter_async_context(RivyaSandbox(clock=clock, variants=played, seed=7))
        attachments = await stack.enter_async_context(AttachmentServer().serving())
        values: dict[str, Any] = {
            "discord_token": "discord-token-of-a-test",
            "discord_cdn_url": attachments.url,
            "rivya_api_key": SANDBOX_KEY,
            "rivya_base_url": rivya.url,
            "database_url": f"sqlite+aiosqlite:///{folder / 'bot.db'}",
            "data_dir": folder,
            "disk_reserve_bytes": 0,
            "polls_per_minute": 100_000,
            "shutdown_grace_s": 5,
            "idempotency_trust_s": 3600,
        }
        config = load_settings(None, **{**values, **settings})
        database = await stack.enter_async_context(open_database(config.database_url))
        http = await stack.enter_async_context(open_http(config.rivya_base_url))
        cdn_http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        delivery = DiscordDelivery()
        fetcher = SlowFetcher(CdnFetcher(cdn_http, config.discord_cdn_url))
        core = await build_core(
            config, database=database, http=http, delivery=delivery, fetcher=fetcher, clock=clock, rng=Random(1)
        )
        client = client_over(core, config, fetcher)
        delivery.client = client
        held = HeldClock(clock)
        sandbox = await stack.enter_async_context(
            open_discord(client, attachments, clock=held, settle_timeout_s=PATIENCE_S, check_errors=False)
        )
        with sandbox.outside():
            await stack.enter_async_context(core.engine)
            world = DiscordWorld(
                sandbox.env, core, database, rivya, clock, config, fetcher, delivery, client, held
            )  # fmt: skip
            yield world
            check_bodies(world)
            check_errors(world)


def check_errors(world: DiscordWorld) -> None:
    """Assert that handlers raised nothing but what they mean to tell a person."""
    raised = [getattr(error, "original", error) for error in world.env.errors]
    assert [error for error in raised if not isinstance(error, BotError | NobodyThoughtOfThis)] == []


def check_bodies(world: DiscordWorld) -> None:
    """Assert that Discord would take every body that was sent, as far as its own document says."""
    if not DOCUMENT.exists():
        return
    schema = discord_schema()
    sent = [entry for entry in world.env.http_requests if entry.json is not None]
    assert sent
    alike = {
        re.sub(r"[0-9]+|[0-9a-f]{6,16}", "0", f"{entry.method} {entry.path} {entry.json}"): entry for entry in sent
    }
    problems = {
        f"{entry.method} {entry.path}: {problem}"
        for entry in alike.values()
        for problem in schema.problems(entry.method, entry.path, _ids_as_strings(entry.json))
    }
    assert sorted(problems) == []


def _ids_as_strings(body: Any) -> Any:
    """Write ids as the document has them; discord.py sends some as integers, which Discord takes as well."""
    if isinstance(body, list):
        return [_ids_as_strings(value) for value in body]
    if not isinstance(body, dict):
        return body
    changed = {name: _ids_as_strings(value) for name, value in body.items()}
    for name in changed.keys() & {"message_id", "channel_id", "guild_id", "recipient_id"}:
        changed[name] = str(changed[name])
    if isinstance(changed.get("users"), list):
        changed["users"] = [str(user_id) for user_id in changed["users"]]
    return changed


@asynccontextmanager
async def _alive(folder: Path, **values: Any) -> AsyncIterator[DiscordWorld]:
    """Open a world in a task of its own: simcord's scopes are context variables, and end where they were entered."""
    over = asyncio.Event()
    opened: asyncio.Future[DiscordWorld] = asyncio.get_running_loop().create_future()

    async def live() -> None:
        try:
            async with open_world(folder, **values) as world:
                opened.set_result(world)
                await over.wait()
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error)
            raise

    task = asyncio.create_task(live())
    try:
        yield await opened
    finally:
        over.set()
        await task


OpenWorld = Callable[..., Awaitable[DiscordWorld]]


@pytest.fixture
async def open_discord_world(tmp_path: Path) -> AsyncIterator[OpenWorld]:
    """Give a function that opens a world with other settings; it is closed after the test."""
    async with AsyncExitStack() as stack:

        async def open_one(**values: Any) -> DiscordWorld:
            return await stack.enter_async_context(_alive(tmp_path, **values))

        yield open_one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DiscordWorld]:
    async with _alive(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def discord_world(shared_world: DiscordWorld) -> DiscordWorld:
    """Give the module's world with a new member in a new channel, so that no test sees another's."""
    shared_world.enter_afresh()
    return shared_world
