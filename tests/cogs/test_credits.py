"""/credits: what one has left, never more than a request gets, and entries that can be traced to their pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.cogs.conftest import DiscordWorld, text_of
from tests.cogs.results import made, newest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def credits_of(world: DiscordWorld, who: Any = None) -> str:
    return text_of((await world.slash(who or world.alice, "credits")).response)


async def test_ten_entries_each_with_its_picture(discord_world: DiscordWorld) -> None:
    world = discord_world
    for number in range(11):
        message = await made(world, f"number {number}", private=number == 9)
    words = await credits_of(world)
    lines = [line for line in words.splitlines() if line.startswith("8 credits for a picture · ")]
    assert len(lines) == 10, "a settled hold takes no line"
    reference = (await newest(world))[-6:]
    place = f"https://discord.com/channels/{world.guild.id}/{world.channel.id}/{message.id}"
    assert lines[0].endswith(f" · [{reference}]({place})")
    assert re.search(r" · ref [0-9a-f]{6}$", lines[1]), "a private one is linked nowhere"
    admin = world.member("admin", manage_guild=True)
    traced = await world.slash(admin, "usage", find=reference)
    assert f"ref {reference}" in text_of(traced.response), "and by that word an admin finds it"


async def test_no_more_is_promised_than_the_image_service_has(discord_world: DiscordWorld) -> None:
    """That it is less than one's own is for everyone to know, how much it is for operators alone."""
    world = discord_world
    bob = world.member("bob")
    world.rivya.set_credits(5)
    await world.core.operator.read_again()
    words = await credits_of(world, bob)
    assert words.startswith("**160 credits left, while the bot's account at the image service lasts**")
    assert "5 credits" not in words
    admin = world.member("admin", manage_guild=True)
    explained = text_of((await world.slash(admin, "quota explain", member=bob)).response)
    assert "The bot's account at the image service binds, for all servers together" in explained
    assert "5 credits" not in explained
    refused = text_of((await world.imagine("too dear", who=bob)).response)
    assert "more than its account at the image service has free" in refused
    assert "5 credits" not in refused
    services, boss = world.client.services, world.member("operator", manage_guild=True)
    settings = world.settings.model_copy(update={"operator_ids": frozenset({boss.id})})
    world.client.services = replace(services, settings=settings)
    try:
        assert (await credits_of(world, boss)).startswith("**5 credits left at the image service**, for all servers")
        explained = text_of((await world.slash(boss, "quota explain", member=bob)).response)
        assert "for all servers together: 5 credits left." in explained
    finally:
        world.client.services = services
    world.rivya.set_credits(1_000_000)
    await world.core.operator.read_again()
    assert (await credits_of(world, bob)).startswith("**160 credits left** of 160")


async def test_a_pause_is_told_first(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.core.operator.pause(world.guild.id, by=1, reason="", event_id="credits-pause")
    assert (await credits_of(world)).startswith("**The bot's operator has paused this server.** What you have stays.")
    await world.core.operator.resume(world.guild.id, by=1, reason="", event_id="credits-resume")
    assert "paused" not in await credits_of(world)
