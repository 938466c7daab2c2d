"""The one message to a server that the bot has joined."""

from __future__ import annotations

from typing import Any

import discord
from sqlalchemy import text

from tests.cogs.conftest import DiscordWorld, OpenWorld, labels_of, text_of

ONLY_MANAGERS = "**Only those who manage this server can do that.**"


async def joined(world: DiscordWorld, guild: Any) -> None:
    """Have Discord say that the bot is in a server now."""
    known = world.client.get_guild(guild.id)
    for listener in world.client.extra_events["on_guild_join"]:
        await listener(known)


async def test_a_server_is_welcomed_once_where_its_managers_see_it(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world()
    guild = world.new_guild("Newcomers")
    shut = guild.create_text_channel(
        "shut", overwrites={world.client.user: discord.PermissionOverwrite(send_messages=False)}
    )
    lobby = guild.create_text_channel("lobby")
    guild.create_text_channel("another")
    await joined(world, guild)
    (message,) = world.messages(lobby)
    assert "For those who manage this server: /setup" in text_of(message)
    assert labels_of(message) == ["Set me up"]
    assert world.messages(shut) == []
    await joined(world, guild)
    await world.restart_client()
    await joined(world, guild)
    assert len(world.messages(lobby)) == 1
    async with world.database.read() as tx:
        fact = await tx.scalar(text("SELECT value FROM facts WHERE name = :name"), {"name": f"welcomed.{guild.id}"})
    assert fact == "yes"

    refused = await world.click(world.member("bob", guild), message, "Set me up")
    assert refused.ephemeral
    assert text_of(refused.response) == ONLY_MANAGERS
    shown = await world.click(world.member("admin", guild, manage_guild=True), message, "Set me up")
    assert shown.ephemeral
    assert "**Set up Newcomers**" in text_of(shown.response)
    assert "For those who manage this server" in text_of(world.messages(lobby)[0])


async def test_where_it_may_write_nowhere_it_is_tried_again_at_the_next_joining(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world()
    guild = world.new_guild("Shut")
    lobby = guild.create_text_channel("lobby")
    world.env.inject_error("POST", f"/channels/{lobby.id}/messages", status=403, code=50013, times=1)
    await joined(world, guild)
    assert world.messages(lobby) == []
    await joined(world, guild)
    assert len(world.messages(lobby)) == 1


async def test_a_server_that_is_not_allowed_is_told_so(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world(allowed_guilds="1", operator_contact="anna@example.org")
    guild = world.new_guild("Strangers")
    lobby = guild.create_text_channel("lobby")
    await joined(world, guild)
    (message,) = world.messages(lobby)
    assert "not switched on in this server" in text_of(message)
    assert "anna" in text_of(message)
    assert labels_of(message) == []
