"""What a person hears when something of our own goes wrong with a request or a notice; and what a double click does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from bot.generations.service import NOTICE_S
from tests.cogs.conftest import DiscordWorld, pictures_of, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEFERRED = 5


@asynccontextmanager
async def _broken(world: DiscordWorld) -> AsyncIterator[None]:
    """Let no request be stored, for a reason that nobody thought of."""
    broken = "CREATE TRIGGER broken BEFORE INSERT ON pictures BEGIN SELECT json('{'); END"
    await world.database.write(lambda tx: tx.execute(text(broken)))
    yield
    await world.database.write(lambda tx: tx.execute(text("DROP TRIGGER broken")))


async def test_an_error_while_taking_says_that_nothing_was_charged(
    discord_world: DiscordWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world = discord_world
    async with _broken(world):
        asked = await world.imagine("comes to nothing")
        await world.idle()
    said = text_of(asked.response)
    assert "**Something went wrong on my side.**" in said
    assert "Nothing was charged." in said
    reference = re.search(r"ref ([0-9a-f]{6})", said)
    assert reference is not None
    assert f"reference={reference[1]}" in capsys.readouterr().out
    assert asked.ephemeral
    assert world.tasks("comes to nothing") == []
    await world.check_books(charged=0)


async def test_an_error_after_the_acknowledgement_says_so_in_its_place(discord_world: DiscordWorld) -> None:
    world = discord_world
    world.fetcher.delay_s = 1.7  # longer than a command waits before it acknowledges first
    async with _broken(world):
        asked = await world.imagine(None, prompt_file=("prompt.txt", b"slow and in vain"))
        await world.idle()
    assert world.requests("POST", "/callback")[0].json["type"] == DEFERRED
    assert "Nothing was charged." in text_of(asked.response)
    assert asked.followups == []
    assert world.tasks("slow and in vain") == []
    await world.check_books(charged=0)


async def _kept(world: DiscordWorld, prompt: str) -> None:
    for method, path, status, code in [
        ("PATCH", "*/messages/*", 403, 50001),
        ("POST", "/channels/*", 403, 50013),
        ("POST", "/users/*", 403, 50007),
    ]:
        world.env.inject_error(method, path, status=status, code=code, times=None)
    await world.imagine(prompt)
    await world.idle()
    world.env.backend.faults.clear()


async def test_a_notice_that_could_not_be_said_is_said_later(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _kept(world, "waits in vain")
    world.env.inject_error("POST", "/webhooks/*/*", status=404, code=10015)
    asked = await world.imagine("not heard")
    await world.idle()
    assert asked.followups == []
    world.clock.advance(NOTICE_S)
    asked = await world.imagine("heard")
    await world.idle()
    (notice,) = asked.followups
    assert "A picture of yours waits in /history." in text_of(notice)
    world.clock.advance(NOTICE_S)
    asked = await world.imagine("heard once")
    await world.idle()
    assert asked.followups == []


async def test_a_double_click_posts_once(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("once is enough")
    await world.idle()
    shown = await world.slash(world.alice, "history")
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    opened = await world.choose(world.alice, shown.response, page.requests[0].id)
    before = len(world.messages())
    first = await world.click(world.alice, opened.response, "Post here")
    second = await world.click(world.alice, opened.response, "Post here")
    assert len(first.followups) == 1
    assert second.acknowledged
    assert second.followups == []
    assert len(world.messages()) == before + 1
    assert len(pictures_of(world.messages()[-1])) == 1


async def test_what_could_not_be_posted_can_be_pressed_again(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("not at once")
    await world.idle()
    shown = await world.slash(world.alice, "history")
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    opened = await world.choose(world.alice, shown.response, page.requests[0].id)
    before = len(world.messages())
    world.env.inject_error("POST", "/webhooks/*/*", status=400, code=50035)
    await world.click(world.alice, opened.response, "Post here")
    assert len(world.messages()) == before
    await world.click(world.alice, opened.response, "Post here")
    assert len(world.messages()) == before + 1
