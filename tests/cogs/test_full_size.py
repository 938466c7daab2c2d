"""Getting pictures in full size, and as much of it as Discord takes."""

from __future__ import annotations

import asyncio

import pytest

from bot.ui import ids
from tests.cogs.conftest import DiscordWorld, noise, pictures_of, text_of
from tests.cogs.results import made, more, newest, result_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_full_size_is_given_to_whoever_sees_the_picture(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("for all to see")
    await world.idle()
    (message,) = world.messages()
    bob = world.member("bob")
    answer = await more(world, bob, message, "Full size")
    assert answer.ephemeral
    assert len(pictures_of(answer.response)) == 1
    attached = answer.response.attachments[0]
    original = await asyncio.to_thread(result_of(world, await newest(world), 1).read_bytes)
    assert world.env.backend.cdn.get(attached.url) == original
    assert len(world.messages()) == 1
    assert len(pictures_of(message)) == 1, "the picture's own message is as it was"


async def test_one_of_four_in_full_size(discord_world: DiscordWorld) -> None:
    world = discord_world
    message = await made(world, "four to choose from", count=4)
    bob = world.member("bob")
    asked = await more(world, bob, message, "Full size")
    assert asked.ephemeral
    assert text_of(asked.response) == "**Which picture in full size?**"
    answer = await world.choose(bob, asked.response, "3")
    (shown,) = pictures_of(answer.response)
    assert shown["description"] == "Picture 3 of 4: four to choose from"
    original = await asyncio.to_thread(result_of(world, await newest(world), 3).read_bytes)
    assert world.env.backend.cdn.get(answer.response.attachments[0].url) == original


async def test_a_private_picture_is_for_its_owner_alone(discord_world: DiscordWorld) -> None:
    world = discord_world
    asked = await world.imagine("mine alone", private=True)
    await world.idle()
    mine = await more(world, world.alice, asked.response, "Full size")
    assert len(pictures_of(mine.response)) == 1

    await world.imagine("a public one", who=(bob := world.member("bob")))
    await world.idle()
    (public,) = world.messages()
    private_id = await newest(world)
    forged = await world.forge(bob, public, ids.full(private_id, 1))
    assert text_of(forged.response) == "**This picture is not here for you.**"
    assert forged.response.attachments == []
    missing = await world.forge(bob, public, ids.full("0123456789abcdef", 1))
    assert text_of(missing.response) == "**This picture is not here for you.**"


async def test_a_picture_of_another_server_is_not_given(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("of this server")
    await world.idle()
    elsewhere = world.new_guild("Elsewhere")
    channel = elsewhere.create_text_channel("general")
    carol = world.member("carol", elsewhere)
    await world.imagine("of that server", who=carol, channel=channel)
    await world.idle()
    forged = await world.forge(carol, world.messages(channel)[0], ids.full(await newest(world), 1))
    assert text_of(forged.response) == "**This picture is not here for you.**"


async def test_bytes_that_are_gone_are_said_to_be(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("soon gone")
    await world.idle()
    (message,) = world.messages()
    await asyncio.to_thread(result_of(world, await newest(world), 1).unlink)
    answer = await more(world, world.alice, message, "Full size")
    assert answer.ephemeral
    assert text_of(answer.response) == "**This picture is no longer kept.**"
    assert len(pictures_of(message)) == 1


async def test_full_size_that_discord_refuses_is_made_smaller(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("too large for its own good")
    await world.idle()
    (message,) = world.messages()
    original = result_of(world, await newest(world), 1)
    await asyncio.to_thread(original.write_bytes, noise())
    world.env.inject_error("PATCH", "*/messages/*", status=413, code=40005, times=1)
    answer = await more(world, world.alice, message, "Full size")
    assert len(pictures_of(answer.response)) == 1
    assert answer.response.attachments[0].size <= len(noise()) // 2


async def test_the_button_of_older_messages_still_works(discord_world: DiscordWorld) -> None:
    world = discord_world
    await world.imagine("posted long ago")
    await world.idle()
    (message,) = world.messages()
    answer = await world.forge(world.member("bob"), message, ids.full(await newest(world), 1))
    assert len(pictures_of(answer.response)) == 1
    answer = await world.forge(world.member("bob"), message, ids.full_select(await newest(world)), "1")
    assert len(pictures_of(answer.response)) == 1
