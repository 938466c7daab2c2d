"""The one message to a server that the bot has joined."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import discord
from simcord.backend import serializers
from sqlalchemy import text

from tests.cogs.conftest import PATIENCE_S, DiscordWorld, OpenWorld, labels_of, text_of

ONLY_MANAGERS = "**Only those who manage this server can do that.**"


async def joined(world: DiscordWorld, guild: Any) -> None:
    """Have Discord say that the bot is in a server now, and wait until it was heard."""
    heard = asyncio.Event()

    async def last(_guild: Any) -> None:
        heard.set()

    backend = world.env.backend
    payload = dict(serializers.guild_create_payload(backend, backend.get_guild(guild.id)))
    # Of a server that it has just joined Discord does not say whether it is available.
    del payload["unavailable"]
    world.client.add_listener(last, "on_guild_join")
    try:
        with world.env.time_context():
            backend.emit("GUILD_CREATE", payload)
            await asyncio.wait_for(heard.wait(), PATIENCE_S)
            await world.until(lambda: not world.client.get_cog("Setup")._welcoming)  # type: ignore[union-attr]
    finally:
        world.client.remove_listener(last, "on_guild_join")


def joined_ago(world: DiscordWorld, guild: Any, days: float) -> None:
    """Let the bot have joined a server so long ago."""
    backend = world.env.backend
    at = datetime.fromtimestamp(world.clock.now_ms() / 1000 - days * 86_400, UTC)
    backend.get_member(guild.id, backend.bot_user.id).joined_at = at.isoformat()


async def fact(world: DiscordWorld, guild: Any) -> Any:
    async with world.database.read() as tx:
        return await tx.scalar(text("SELECT value FROM facts WHERE name = :name"), {"name": f"welcomed.{guild.id}"})


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
    assert await fact(world, guild) == "yes"

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


async def test_servers_joined_while_it_was_away_are_welcomed_at_the_next_start(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world()
    lobbies = {}
    for name, days in (("yesterday", 1), ("long ago", 8), ("greeted", 2)):
        guild = world.new_guild(name)
        lobbies[name] = guild.create_text_channel("lobby")
        joined_ago(world, guild, days)
    await joined(world, guild)
    assert len(world.messages(lobbies["greeted"])) == 1
    for _ in range(2):
        await world.restart_client()
        with world.env.time_context():
            await world.until(lambda: world.client.is_ready() and world.client.is_connected())
            await world.until(lambda: world.messages(lobbies["yesterday"]))
    assert {name: len(world.messages(lobby)) for name, lobby in lobbies.items()} == {
        "yesterday": 1, "long ago": 0, "greeted": 1,
    }  # fmt: skip


async def test_it_stands_where_those_read_who_may_act_on_it(open_discord_world: OpenWorld) -> None:
    world = await open_discord_world()
    guild = world.new_guild("Community")
    hidden = discord.PermissionOverwrite(view_channel=False)
    shown = discord.PermissionOverwrite(view_channel=True)
    admins = guild.create_role("admins", permissions=discord.Permissions(manage_guild=True))
    members = guild.create_role("members")
    everyone = guild.default_role
    lobby = guild.create_text_channel("lobby")
    guild.create_text_channel("for members", overwrites={everyone: hidden, members: shown, admins: shown})
    staff = guild.create_text_channel("staff", overwrites={everyone: hidden, admins: shown, world.client.user: shown})
    await joined(world, guild)
    assert len(world.messages(staff)) == 1
    assert world.messages(lobby) == []

    other = world.new_guild("With updates")
    other.create_text_channel("lobby")
    updates = other.create_text_channel("what is new")
    world.env.backend.edit_guild(other.id, {"public_updates_channel_id": updates.id})
    await joined(world, other)
    assert len(world.messages(updates)) == 1
