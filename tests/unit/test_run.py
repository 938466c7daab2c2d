"""Running for real, up to the point where Discord itself would be needed: login, registering, and ending."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest

from bot.clock import SystemClock
from bot.config import Settings, load_settings
from bot.errors import ConfigError
from bot.run import run, sync
from bot.sandbox.rivya import SANDBOX_KEY
from bot.sandbox.wire import WireServer
from bot.storage import open_database
from tests.discord_rest import DiscordRest, serve_discord_rest

TOKEN = "the-right-token"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def rest() -> AsyncIterator[DiscordRest]:
    async with serve_discord_rest() as rest:
        rest.token = TOKEN
        yield rest


@pytest.fixture(autouse=True)
def _discord_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """``point_at`` changes discord.py for the whole process."""
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    monkeypatch.setattr(discord.asset.Asset, "BASE", discord.asset.Asset.BASE)
    gateway = discord.gateway.DiscordWebSocket
    monkeypatch.setattr(gateway, "DEFAULT_GATEWAY", gateway.DEFAULT_GATEWAY)


def settings_for(folder: Path, rest: DiscordRest | None, **values: Any) -> Settings:
    given = {
        "discord_token": TOKEN,
        "discord_api_url": rest.url if rest else f"{NOWHERE}/api/v10",
        "discord_gateway_url": "ws://127.0.0.1:9/",
        "rivya_api_key": SANDBOX_KEY,
        "rivya_base_url": NOWHERE,
        "database_url": f"sqlite+aiosqlite:///{folder / 'bot.db'}",
        "data_dir": folder,
        "shutdown_grace_s": 1,
    }
    return load_settings(None, **(given | values))


async def test_a_token_that_is_not_accepted_is_said_so(rest: DiscordRest, tmp_path: Path) -> None:
    for work in (run, sync):
        with pytest.raises(ConfigError) as refused:
            await work(settings_for(tmp_path, rest, discord_token="a-wrong-token"))
        assert refused.value.problems == ["DISCORD_TOKEN is not accepted by Discord. Copy it again from the portal."]


async def test_an_intent_that_discord_does_not_grant_is_said_so(tmp_path: Path) -> None:
    async with WireServer(clock=SystemClock()) as wire:
        wanted = {name.lower(): value for name, value in wire.environment.items()}
        settings = settings_for(tmp_path, None, **wanted, message_content_intent=True)
        with pytest.raises(ConfigError) as refused:
            await asyncio.wait_for(run(settings), 30)
    (problem,) = refused.value.problems
    assert problem.startswith("MESSAGE_CONTENT_INTENT is on here and off at Discord.")
    assert "Message Content Intent" in problem


async def test_sync_registers_whether_changed_or_not(rest: DiscordRest, tmp_path: Path) -> None:
    for times in (1, 2):  # changed, since nothing was registered; and unchanged
        count = await sync(settings_for(tmp_path, rest))
        assert len(rest.calls("PUT", "/commands")) == times
        assert len(rest.calls("PUT", "/commands")[-1].body) == count
    names = {command["name"] for command in rest.calls("PUT", "/commands")[-1].body}
    assert names >= {"imagine", "cancel", "history", "credits", "about", "help"}


async def test_sync_works_beside_a_running_bot(rest: DiscordRest, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, rest)
    async with open_database(settings.database_url):
        assert await sync(settings)


async def test_sync_without_discord_says_so(rest: DiscordRest, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it can't be reached"):
        await sync(settings_for(tmp_path, None))
    rest.answer("PUT", "/commands", 400, 50035)
    with pytest.raises(ConfigError, match="it answered 400"):
        await sync(settings_for(tmp_path, rest))


async def test_a_data_folder_that_can_not_be_written_is_said_so(rest: DiscordRest, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(ConfigError, match=r"DATA_DIR \(.*\) can't be written to"):
        await run(settings_for(tmp_path, rest, data_dir=tmp_path / "data"))


async def test_the_login_is_tried_until_it_works(
    rest: DiscordRest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_sleep = asyncio.sleep

    async def sleep(seconds: float, *args: Any) -> Any:
        if len(rest.calls("GET", "/users/@me")) == 2:  # the third login gets as far as the commands, and fails there
            rest.answers = [("PUT", "/commands", 403, {"code": 50001, "message": "no"})]
        return await real_sleep(0.01 if seconds in {2.0, 4.0} else seconds, *args)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    rest.answer("GET", "/users/@me", 503)
    running = asyncio.create_task(run(settings_for(tmp_path, rest)))
    async with asyncio.timeout(20):
        while not rest.calls("PUT", "/commands"):
            await real_sleep(0.01)
    # Then comes the gateway, where nobody is: discord.py keeps trying by itself.
    await real_sleep(0.1)
    assert not running.done()
    assert len(rest.calls("GET", "/users/@me")) == 3
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_broken_line_in_the_middle_of_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands are loaded already when the connection breaks; the next login must not stumble over them."""
    async with serve_discord_rest() as rest:
        broken = [aiohttp.ServerDisconnectedError(), None]
        real = discord.app_commands.CommandTree.sync

        async def sync_or_break(self: Any, **values: Any) -> Any:
            error = broken.pop(0)
            if error is not None:
                raise error
            return await real(self, **values)

        monkeypatch.setattr(discord.app_commands.CommandTree, "sync", sync_or_break)
        real_sleep = asyncio.sleep
        monkeypatch.setattr(asyncio, "sleep", lambda seconds, *args: real_sleep(min(seconds, 0.01), *args))
        running = asyncio.create_task(run(settings_for(tmp_path, rest)))
        async with asyncio.timeout(20):
            while not rest.calls("PUT", "/commands"):
                await real_sleep(0.01)
                assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
