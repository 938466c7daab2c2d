"""/history with thumbnails, searched and paged, as its owner and as others use it."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, labels_of, noise, png, selects_of, text_of
from tests.cogs.results import newest, result_of
from tests.ui_limits import walk

pytestmark = pytest.mark.asyncio(loop_scope="module")
DAY_S = 86_400


def thumbnails_of(message: Any) -> list[dict[str, Any]]:
    return [part for part in walk(message.components) if part["type"] == 11]


async def _made(world: DiscordWorld, *prompts: str, **options: Any) -> None:
    for prompt in prompts:
        await world.imagine(prompt, **options)
        await world.idle()


def _thumbs(world: DiscordWorld, request_id: str) -> list[Path]:
    return sorted((world.settings.data_dir / "fitted").glob(f"{request_id}-*.thumb.webp"))


async def test_a_page_shows_small_pictures_with_alt_text(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _made(world, "a lighthouse")
    await world.imagine("a teapot", count=2)
    await world.idle()
    heavy = result_of(world, await newest(world), 1)
    await asyncio.to_thread(heavy.write_bytes, noise(1000))
    shown = await world.slash(world.alice, "history")
    assert shown.ephemeral
    described = [thumbnail["description"] for thumbnail in thumbnails_of(shown.response)]
    assert described == ["Picture 1 of 2: a teapot", "a lighthouse"]
    assert [attached.description for attached in shown.response.attachments] == described
    assert all(attached.filename.endswith(".webp") for attached in shown.response.attachments)
    # The heavy one alone has three million bytes.
    assert sum(attached.size for attached in shown.response.attachments) < 150_000
    (made,) = _thumbs(world, await newest(world))
    with Image.open(made) as small:
        assert (small.format, small.size) == ("WEBP", (256, 256))

    # It is made once, and anew for other bytes.
    await asyncio.to_thread(os.utime, made, (1000, 1000))
    await world.slash(world.alice, "history")
    assert made.stat().st_mtime == 1000
    await asyncio.to_thread(heavy.write_bytes, png(300, 200))
    await world.slash(world.alice, "history")
    assert len(_thumbs(world, await newest(world))) == 2
    await world.check_books(charged=24)


async def test_bytes_that_are_gone_or_damaged_have_no_thumbnail(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _made(world, "gone", "damaged")
    damaged = result_of(world, await newest(world), 1)
    await asyncio.to_thread(damaged.write_bytes, b"no picture")
    page = await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)
    await asyncio.to_thread(result_of(world, page.requests[1].id, 1).unlink)
    shown = await world.slash(world.alice, "history")
    assert thumbnails_of(shown.response) == []
    assert shown.response.attachments == []
    words = text_of(shown.response).split("**gone**")
    assert "no longer kept" not in words[0]
    assert words[1].startswith("\n-# 1 picture, no longer kept · ")
    (select,) = selects_of(shown.response)
    assert [option["description"].split(" · ")[0] for option in select["options"]] == [
        "1 picture",
        "1 picture, no longer kept",
    ]


async def test_it_is_searched_by_words_and_model_also_after_a_restart(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _made(world, *(f"red fox {number}" for number in range(1, 7)), "blue whale")
    await _made(world, "RED fox by the other", model="nano-banana")
    await _made(world, "ЛИСА в лесу")
    shown = await world.slash(world.alice, "history", text="FOX  red", model="nano-banana-pro")
    said = text_of(shown.response)
    assert "**Your pictures** · page 1 of 2\n-# Looked for: “FOX red” · Nano Banana Pro" in said
    assert "red fox 6" in said
    assert "whale" not in said
    assert "other" not in said
    assert labels_of(shown.response) == ["Older", "Show all"]

    await world.restart_client()
    await world.click(world.alice, shown.response, "Older")
    said = text_of(shown.response)
    assert "page 2 of 2\n-# Looked for: “FOX red” · Nano Banana Pro" in said
    assert "red fox 1" in said
    assert "red fox 2" not in said
    assert labels_of(shown.response) == ["Newer", "Show all"]
    await world.click(world.alice, shown.response, "Show all")
    assert "ЛИСА в лесу" in text_of(shown.response)
    assert "Looked for" not in text_of(shown.response)

    cyrillic = await world.slash(world.alice, "history", text="лиса")
    assert "ЛИСА в лесу" in text_of(cyrillic.response)
    hostile = "**x** %_\\ 👩🏽‍🚀 باندا:::"
    nothing = await world.slash(world.alice, "history", text=hostile)
    assert text_of(nothing.response).startswith("**None of your pictures here matches.**\nLooked for: “")
    assert r"\*\*x\*\*" in text_of(nothing.response)
    await world.click(world.alice, nothing.response, "Show all")
    assert "ЛИСА в лесу" in text_of(nothing.response)
    long = await world.slash(world.alice, "history", text="👩🏽‍🚀" * 12)
    assert text_of(long.response) == "**That is too much text to look for. Take fewer words, please.**"


async def test_it_is_searched_by_time(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _made(world, "an old one")
    old = (await world.core.generations.history(user_id=world.alice.id, guild_id=world.guild.id, page=1)).requests[0]
    await world.advance(9 * DAY_S)
    await _made(world, "a new one")

    async def found(**options: str) -> str:
        return text_of((await world.slash(world.alice, "history", **options)).response)

    recent = await found(since="7d")
    assert "a new one" in recent
    assert "an old one" not in recent
    assert "an old one" in await found(since=" 2W ")
    assert "an old one" in await found(until="7d")
    assert "a new one" not in await found(until="1w")
    day = _day(old.created_at_ms)
    on_that_day = await found(since=day, until=day)
    assert f"Looked for: from {day} to {day} (UTC)" in on_that_day
    assert "an old one" in on_that_day
    assert "a new one" not in on_that_day
    assert "None of your pictures here matches." in await found(until="1969-12-31")


@pytest.mark.parametrize("typed", ["yesterday", "2026-02-30", "22.11.2026", "7", "-7d", "99999w", "**@everyone**", "d"])
async def test_a_date_that_is_none_is_told(discord_world: DiscordWorld, typed: str) -> None:
    answer = await discord_world.slash(discord_world.alice, "history", until=typed)
    assert answer.ephemeral
    said = text_of(answer.response)
    assert said.startswith("**I don't understand “")
    assert "as until. Write a day as 2026-11-22, or how long ago as 7d (days) or 2w (weeks)." in said
    assert "@everyone" not in said.replace(r"\@", "")


async def test_since_after_until_is_told(discord_world: DiscordWorld) -> None:
    world = discord_world
    answer = await world.slash(world.alice, "history", since="2026-11-02", until="2026-11-01")
    assert "Since is later than until" in text_of(answer.response)


async def test_the_list_is_this_servers_and_never_public(discord_world: DiscordWorld) -> None:
    world = discord_world
    await _made(world, "made here")
    (public,) = world.messages()
    bob = world.member("bob-looks")
    # A button that stands on a public message (the notice of a mention does) tells nobody of anybody's pictures.
    pressed = await world.forge(bob, public, ids.history(1))
    assert pressed.ephemeral
    assert "**No pictures yet.**" in text_of(pressed.response)
    pressed = await world.forge(world.alice, public, ids.history(1))
    assert pressed.ephemeral
    assert "made here" in text_of(pressed.response)
    assert len(world.messages()) == 1
    assert "Your pictures" not in text_of(world.messages()[0])


async def test_another_server_has_another_list(discord_world: DiscordWorld) -> None:
    world = discord_world
    person = world.env.create_user("in two servers")
    elsewhere = world.new_guild("Elsewhere")
    here, there = world.guild.add_member(person), elsewhere.add_member(person)
    pictures = elsewhere.create_text_channel("pictures")
    await world.imagine("made here", who=here)
    await world.slash(there, "imagine", channel=pictures, prompt="made there")
    await world.idle()
    assert "made there" not in text_of((await world.slash(here, "history")).response)
    listed = (await world.slash(there, "history", channel=pictures)).response
    assert "made there" in text_of(listed)
    assert "made here" not in text_of(listed)


async def test_empty_says_where_it_looked(discord_world: DiscordWorld) -> None:
    answer = await discord_world.slash(discord_world.alice, "history")
    assert text_of(answer.response).startswith("**No pictures yet.**\n/imagine makes one.")
    assert "Every server has a list of its own" in text_of(answer.response)


def _day(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at_ms / 1000))
