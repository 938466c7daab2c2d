"""``make demo``: the real bot against a sandbox Rivya and a sandbox Discord, in a browser page."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
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
from bot.generations.protocols import Posted, PostFile, Target
from bot.generations.states import Rung
from bot.generations.values import RequestView
from bot.posting import DiscordDelivery
from bot.rivya import Catalogue, DurationBook, open_http
from bot.run import client_over
from bot.sandbox.demo_page import open_page
from bot.sandbox.demo_props import banana_face, letter_face, write_references
from bot.sandbox.discord import SIMCORD_CDN, AttachmentServer, DiscordSandbox, open_discord
from bot.sandbox.rivya import SANDBOX_KEY, RivyaSandbox, Variants
from bot.storage import open_database

TASK_S = (6.0, 10.0)
"""How long the sandbox paints, in seconds, at the shortest and the longest: about half of what a real picture takes."""


@dataclass(frozen=True)
class Demo:
    """A running demo; ``references`` are pictures to attach, ``page`` is simcord's preview of ``channel``."""

    url: str
    core: Core
    rivya: RivyaSandbox
    discord: DiscordSandbox
    settings: Settings
    references: tuple[Path, ...]
    page: simcord.Preview
    channel: Any
    mia: Any
    """A member, as simcord's actor."""
    ada: Any
    """The server's admin, likewise."""


async def demo(*, port: int, task_s: tuple[float, float]) -> None:
    """Run the demo until Ctrl-C, or until its page is told to end; ConfigError when the port can't be had."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with open_demo(port=port, task_s=task_s) as running:
        folder = running.references[0].parent
        print(_WELCOME.format(url=running.url, folder=folder), flush=True)  # noqa: T201 - a program for a terminal
        ends = [asyncio.create_task(stop.wait()), asyncio.create_task(running.page.wait_closed())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
    print("\nStopped. Nothing of it is kept.", flush=True)  # noqa: T201


_WELCOME = """
  The bot is running, offline. Open this page:

    {url}

  Type /imagine in the channel and choose options. Three pictures to attach as references are in

    {folder}

  Mia is a member, Ada the server's admin, who runs the bot as well: "Viewing as" at the top switches
  between them.
  Nothing leaves this machine and no credits are real. Ctrl-C ends it.
"""

_HELLO = """\
Hello, and welcome. A few things to try here:
- `/imagine` with a prompt, an `aspect_ratio` and up to eight reference images (`image_1` …). Three lie ready in \
`{folder}`
- `count: 2`, and while that is painted `count: 4`: a refusal that can be mended in one press
- `private: True`, and then `/history`, to post the picture after all
- `/credits`, `/about` and `/help`"""


@asynccontextmanager
async def open_demo(
    *, port: int = 0, task_s: tuple[float, float] = TASK_S, check_errors: bool = False, **settings: Any
) -> AsyncIterator[Demo]:
    """Start everything over a temporary folder that is removed at the end.

    ``port`` is the page's (0: a free one), ``task_s`` how long the sandbox paints (from, to). ``settings`` are the
    bot's, other than the demo's own. With ``check_errors`` leaving raises what the bot's handlers raised. Raises
    ConfigError when the port can't be had.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nano-banana-demo-")))
        references = await asyncio.to_thread(write_references, folder / "references")
        rivya = await stack.enter_async_context(
            RivyaSandbox(clock=clock, variants=Variants(task_s=task_s, current_credits=5000))
        )
        attachments = await stack.enter_async_context(AttachmentServer().serving())
        # What the environment may say of a real bot is not meant for this one.
        usual: dict[str, Any] = {
            "operator_contact": "whoever started this demo",
            "allowed_guilds": frozenset(),
            "operator_ids": frozenset(),
            "rivya_api_key_file": None,
            "disk_reserve_bytes": 0,
        }
        config = load_settings(
            None,
            discord_token="a-token-for-the-sandbox",
            discord_cdn_url=attachments.url,
            rivya_api_key=SANDBOX_KEY,
            rivya_base_url=rivya.url,
            database_url=f"sqlite+aiosqlite:///{folder / 'bot.db'}",
            data_dir=folder / "data",
            **{**usual, **settings},
        )
        database = await stack.enter_async_context(open_database(config.database_url))
        rivya_http = await stack.enter_async_context(open_http(config.rivya_base_url))
        cdn_http = await stack.enter_async_context(httpx.AsyncClient())
        news = asyncio.Event()
        delivery = _TellingDelivery(news)
        fetcher = CdnFetcher(cdn_http, config.discord_cdn_url)
        core = await build_core(
            config,
            database=database,
            http=rivya_http,
            delivery=delivery,
            fetcher=fetcher,
            clock=clock,
            rng=Random(),
            durations=_durations(task_s),
        )
        client = client_over(core, config, fetcher)
        delivery.client = client
        sandbox = await stack.enter_async_context(
            open_discord(client, attachments, clock=clock, check_errors=check_errors)
        )
        with sandbox.outside():
            await stack.enter_async_context(core.engine)
            page, channel, mia, ada = await stack.enter_async_context(
                _channel(sandbox, client, port, folder / "references", news)
            )
            # Ada runs the bot as well: her id is not known before she is there.
            operated = config.model_copy(update={"operator_ids": frozenset({ada.id})})
            client.services = replace(client.services, settings=operated)
            yield Demo(page.url, core, rivya, sandbox, config, references, page, channel, mia, ada)


class _TellingDelivery(DiscordDelivery):
    """Sets ``news`` when something was shown: of edits of private messages Discord sends no event."""

    def __init__(self, news: asyncio.Event) -> None:
        super().__init__()
        self._news = news

    async def show_progress(self, rung: Rung, view: RequestView, target: Target) -> None:
        try:
            await super().show_progress(rung, view, target)
        finally:
            self._news.set()

    async def post(self, rung: Rung, view: RequestView, target: Target, files: Sequence[PostFile]) -> Posted:
        try:
            return await super().post(rung, view, target, files)
        finally:
            self._news.set()


@asynccontextmanager
async def _channel(
    sandbox: DiscordSandbox, client: discord.Client, port: int, references: Path, news: asyncio.Event
) -> AsyncIterator[tuple[simcord.Preview, Any, Any, Any]]:
    """Furnish a channel, and serve it as a page that shows every message as it is sent or edited."""
    env = sandbox.env
    if client.user is not None:
        await client.user.edit(username="Nano Banana")
    env.backend.bot_user.avatar = "banana"
    guild = env.create_guild("Banana Lovers")
    channel = guild.create_text_channel("pictures", topic="Type /imagine. Nothing here is real but the bot.")
    mia = guild.add_member(env.create_user("mia", global_name="Mia", avatar="m"))
    admins = guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    ada = guild.add_member(env.create_user("ada", global_name="Ada", avatar="a"), roles=[admins])
    await ada.send(channel, _HELLO.format(folder=references))
    faces = {
        _face_url(env.backend.bot_user.id, "banana"): ("banana.png", banana_face()),
        _face_url(mia.id, "m"): ("m.png", letter_face("M", (88, 101, 242))),
        _face_url(ada.id, "a"): ("a.png", letter_face("A", (219, 94, 120))),
    }
    async with open_page(env, channel, viewers=[mia, ada], assets=faces, port=port, news=news) as page:
        yield page, channel, mia, ada


def _face_url(user_id: int, avatar: str) -> str:
    return f"{SIMCORD_CDN}/avatars/{user_id}/{avatar}.png"


def _durations(task_s: tuple[float, float]) -> DurationBook:
    """Return what a bot knows that has painted here for a while, so that progress is honest from the first picture."""
    book = DurationBook()
    least_s, most_s = task_s
    for spec in Catalogue().available():
        option = spec.options.get("resolution")
        for resolution in option.choices if option else (None,):
            for step in range(20):
                book.record(spec.id, resolution, least_s + (most_s - least_s) * step / 19)
    return book
