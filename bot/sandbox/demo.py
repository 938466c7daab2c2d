"""``make demo``: the real bot against a sandbox Rivya and a sandbox Discord, in a browser page."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import discord
import httpx
import simcord
from simcord.preview import _actions

from bot.app import Core, build_core
from bot.cdn import CdnFetcher
from bot.clock import SystemClock
from bot.config import Settings, load_settings
from bot.errors import ConfigError
from bot.generations.protocols import Posted, PostFile, Target
from bot.generations.states import Rung
from bot.generations.values import RequestView
from bot.posting import DiscordDelivery
from bot.rivya import open_http
from bot.run import client_over
from bot.sandbox.demo_props import banana_face, letter_face, write_references
from bot.sandbox.discord import SIMCORD_CDN, AttachmentServer, DiscordSandbox, open_discord
from bot.sandbox.rivya import SANDBOX_KEY, RivyaSandbox, Variants
from bot.storage import open_database

TASK_S = (6.0, 10.0)
"""How long the sandbox paints, in seconds, at the shortest and the longest: about half of what a real picture takes."""


@dataclass(frozen=True)
class Demo:
    """A running demo; ``references`` are pictures to attach, ``page`` is simcord's preview."""

    url: str
    core: Core
    rivya: RivyaSandbox
    discord: DiscordSandbox
    settings: Settings
    references: tuple[Path, ...]
    page: simcord.Preview


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

  Mia is a member, Ada the server's admin: "Viewing as" at the top switches between them.
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
        chosen = {"operator_contact": "whoever started this demo", **settings}
        config = load_settings(
            None,
            discord_token="a-token-for-the-sandbox",
            discord_cdn_url=attachments.url,
            rivya_api_key=SANDBOX_KEY,
            rivya_base_url=rivya.url,
            database_url=f"sqlite+aiosqlite:///{folder / 'bot.db'}",
            data_dir=folder / "data",
            **chosen,
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
        )
        client = client_over(core, config, fetcher)
        delivery.client = client
        sandbox = await stack.enter_async_context(
            open_discord(client, attachments, clock=clock, check_errors=check_errors)
        )
        with sandbox.outside():
            await stack.enter_async_context(core.engine)
            page = await stack.enter_async_context(_page(sandbox, client, port, folder / "references", news))
            yield Demo(page.url, core, rivya, sandbox, config, references, page)


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
async def _page(
    sandbox: DiscordSandbox, client: discord.Client, port: int, references: Path, news: asyncio.Event
) -> AsyncIterator[simcord.Preview]:
    """Serve the channel as a page that shows every message as it is sent or edited."""
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
    assets = {
        _face_url(env.backend.bot_user.id, "banana"): ("banana.png", banana_face()),
        _face_url(mia.id, "m"): ("m.png", letter_face("M", (88, 101, 242))),
        _face_url(ada.id, "a"): ("a.png", letter_face("A", (219, 94, 120))),
    }

    def noticed(event: str, _payload: Any) -> None:
        if event.startswith("MESSAGE_"):
            news.set()

    async with AsyncExitStack() as stack:
        stack.enter_context(_lenient_page())
        try:
            preview = env.preview(channel, viewers=[mia, ada], layout="channel", assets=assets, port=port)
            # With a message in focus the page would stay at it; so it follows the conversation.
            preview._initial_target = lambda _viewer, _channel_id: None
            page = await stack.enter_async_context(preview)
        except simcord.SetupError as error:
            reason = error.__cause__ or error
            why = os.strerror(reason.errno) if isinstance(reason, OSError) and reason.errno else str(reason)
            raise ConfigError(
                [f"The page can't be served on port {port}: {why}. Choose another with --port; 0 takes a free one."]
            ) from error
        env.backend.subscribers.append(noticed)
        pump = asyncio.create_task(_refresh(page, news), name="demo page")
        try:
            yield page
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)


def _face_url(user_id: int, avatar: str) -> str:
    return f"{SIMCORD_CDN}/avatars/{user_id}/{avatar}.png"


@contextmanager
def _lenient_page() -> Iterator[None]:
    """Let a person press what they see while the card is being edited.

    The page asks for news twice a second, and simcord turns down what was pressed in between: right for a test,
    puzzling for a person. A button that is gone by then is still turned down.
    """
    strict = _actions.ACTION_SPECS
    kinds = ("click", "select", "modal_submit", "autocomplete_command", "run_command", "send_message", "history")
    lenient = {kind: replace(strict[kind], revision_bound=False) for kind in kinds}
    _actions.ACTION_SPECS = {**strict, **lenient}
    try:
        yield
    finally:
        _actions.ACTION_SPECS = strict


async def _refresh(page: simcord.Preview, news: asyncio.Event) -> None:
    # On messages, not on a timer: there is nothing to see in between.
    while True:
        await news.wait()
        news.clear()
        while True:
            try:
                await page.refresh()
                break
            except simcord.SetupError:  # an action is being carried out
                await asyncio.sleep(0.05)
            except TimeoutError:
                break
