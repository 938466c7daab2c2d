"""Every admin command, tried by a member without permission, in direct messages, and with hostile names.

The commands are taken from the bot's own tree: one that stands in neither table below fails here until it has its row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from discord import app_commands
from simcord import SetupError
from sqlalchemy import text

from tests.cogs.conftest import DiscordWorld, labels_of, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = {
    *("imagine", "cancel", "history", "show", "queue", "credits", "about", "help", "tray", "preferences"),
    *("privacy export", "privacy delete"),
}
"""Commands that are for everyone. All others are for admins, and have a row in ``ADMINS``."""
OPERATORS = {
    f"operator {name}" for name in ("status", "servers", "server", "books", "log", "allowance", "pause", "resume")
}
"""Commands for the bot's operator, who is known by their id and uses them anywhere: see ``test_operator.py``."""


@dataclass(frozen=True)
class Scene:
    """What a command can be about, all of it named by ``name``."""

    name: str
    role: Any
    member: Any
    channel: Any


Options = Callable[[Scene], Mapping[str, Any]]
ADMINS: dict[str, Options] = {
    "setup": lambda _: {},
    "settings": lambda _: {},
    "usage": lambda scene: {"find": scene.name[:200]},
    "ban": lambda scene: {"member": scene.member, "reason": scene.name[:200]},
    "unban": lambda scene: {"member": scene.member, "reason": scene.name[:200]},
    "bans": lambda _: {},
    "quota list": lambda _: {},
    "quota explain": lambda scene: {"member": scene.member, "channel": scene.channel},
    "quota log": lambda _: {},
    "quota set": lambda scene: {"role": scene.role, "per": "none", "reason": scene.name[:200]},
    "quota preview": lambda scene: {"role": scene.role, "credits": 5, "check": scene.member},
    "quota remove": lambda scene: {"role": scene.role, "reason": scene.name[:200]},
    "quota timezone": lambda scene: {"zone": scene.name, "reason": scene.name[:200]},
    "quota grant": lambda scene: {"member": scene.member, "amount": 5, "reason": scene.name[:200]},
    "quota refund": lambda scene: {"picture": scene.name, "reason": scene.name[:200]},
}
HOSTILE = {
    "markdown": "# **bold** `x` ||s|| [x](https://a.b)",
    "mentions": "<@1> <@&2> <#3> @everyone </a:4> <t:0:R>",
    "right-to-left": "مرحبا \u202e\u2067abc",
    "32 emoji": "\U0001f34c" * 32,
}
ONLY = ("Only those who manage this server can do that.", "Only those who may time members out, or manage this server")
TABLES = (
    "quota_log",
    "quota_rules",
    "quota_drafts",
    "bans",
    "setting_changes",
    "guild_settings",
    "house_rules",
    "entries",
)


def names_of(world: DiscordWorld) -> set[str]:
    return {
        command.qualified_name
        for command in world.client.tree.walk_commands()
        if isinstance(command, app_commands.Command)
    }


def scene_of(world: DiscordWorld, name: str, guild: Any = None) -> Scene:
    guild = guild or world.guild
    role = guild.create_role(name[:100])
    member = guild.add_member(world.env.create_user(name[:32]), roles=[role])
    return Scene(name, role, member, guild.create_text_channel("here"))


async def state(world: DiscordWorld) -> list[list[Any]]:
    async with world.database.read() as tx:
        return [list((await tx.execute(text(f"SELECT * FROM {table}"))).all()) for table in TABLES]


async def test_no_command_is_left_out(discord_world: DiscordWorld) -> None:
    assert names_of(discord_world) == MEMBERS | OPERATORS | ADMINS.keys()
    for command in discord_world.client.tree.get_commands(type=None):
        if isinstance(command, app_commands.ContextMenu) or any(name.split()[0] == command.name for name in OPERATORS):
            continue
        for_admins = {name for name in ADMINS if name.split()[0] == command.name}
        assert (command.default_permissions is not None) == bool(for_admins), command.name
        if for_admins:
            assert command.to_dict(discord_world.client.tree)["contexts"] == [0], "servers alone"
            assert command.allowed_installs is not None
            assert not command.allowed_installs.user


@pytest.mark.parametrize("name", ADMINS)
async def test_a_member_without_permission(discord_world: DiscordWorld, name: str) -> None:
    """Discord does not offer it; where an admin has opened the command to them, the bot turns them down itself."""
    world = discord_world
    scene = scene_of(world, "somebody")
    options, bob = ADMINS[name](scene), world.member("bob")
    world.catch_up()
    with pytest.raises(SetupError, match="default-member-permissions"):
        await bob.slash(world.channel, name, **options)
    command = world.env.backend.find_command(name.split(maxsplit=1)[0], world.guild.id, type=1)
    world.guild.set_command_permissions(int(command["id"]), {bob: True})
    before = await state(world)
    refused = await bob.slash(world.channel, name, **options)
    assert refused.ephemeral
    assert refused.modal is None
    assert text_of(refused.response).startswith(tuple(f"**{words}" for words in ONLY))
    assert await state(world) == before


@pytest.mark.parametrize("name", ADMINS)
async def test_in_direct_messages_there_is_none(discord_world: DiscordWorld, name: str) -> None:
    user = discord_world.env.create_user("somebody")
    scene = scene_of(discord_world, "somebody")
    given = {key: value for key, value in ADMINS[name](scene).items() if isinstance(value, str | int)}
    given |= {key: user for key, value in ADMINS[name](scene).items() if value is scene.member}
    with pytest.raises(SetupError, match="context"):
        await user.slash(name, **given)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ADMINS)
async def test_hostile_names_stay_text(discord_world: DiscordWorld, name: str, kind: str) -> None:
    world, hostile = discord_world, HOSTILE[kind]
    guild = world.new_guild(hostile[:100])
    scene = scene_of(world, hostile, guild)
    admin = world.member(hostile[:32], guild, manage_guild=True, moderate_members=True)
    await world.core.house.ban(guild.id, scene.member.id, by=admin.id, reason=hostile)
    await world.core.quotas.change(
        guild.id,
        await world.core.quotas.for_everyone(guild.id, 40, reason=hostile),
        by=admin.id,
        event_id=f"{guild.id}",
    )
    world.catch_up()
    shown = await admin.slash(scene.channel, name, **ADMINS[name](scene))
    assert shown.ephemeral
    said = text_of(shown.response)
    for live in ("\u202e", "\u2067", "**bold**", "[x](", "||s||", "<@1>", "<@&2>", "<#3>", "</a:4>", "<t:0:R>"):
        assert live not in said, f"{live!r} is alive in {said!r}"
    assert "@everyone" not in said.replace("\\@everyone", "").replace("@\u200beveryone", "")
    assert all(1 <= len(label.encode("utf-16-le")) // 2 <= 80 for label in labels_of(shown.response))
    assert all("\u202e" not in label for label in labels_of(shown.response))
