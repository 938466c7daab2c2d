"""/setup, and the one message to a server that the bot has joined."""

from __future__ import annotations

import re

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, Interaction, say
from bot.panels import check_channels, check_posting, everyone_chosen, put, stands_of, values_of
from bot.presses import on_choice, on_press
from bot.rights import managed
from bot.searching import UNREACHED
from bot.ui import settings_ids as ids
from bot.ui.card import Card
from bot.ui.setup import setup_card, welcome_card

log = structlog.get_logger(__name__)

_NOBODY = discord.AllowedMentions.none()
MOST_TRIES = 5
"""Channels of a server in which the welcome is tried."""


class Setup(commands.Cog):
    """Where, how much, where to log: for those who manage the server, asked with every press."""

    def __init__(self, client: BotClient) -> None:
        self._client = client
        self._services = client.services
        self._house = client.services.house
        self._welcoming: set[int] = set()

    @app_commands.command(name="setup", description="Set the bot up in this server: where, how much, where to log.")
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def setup(self, interaction: Interaction) -> None:
        """Show the panel, privately."""
        await say(interaction, view=await self._panel(managed(interaction)))

    async def pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Show the panel to whoever pressed the button of the welcome."""
        await put(interaction, await self._panel(managed(interaction)))

    async def chosen(self, interaction: Interaction, match: re.Match[str], _values: list[str]) -> None:
        """Set one of the three."""
        guild, by = managed(interaction), interaction.user.id
        values = values_of(interaction)
        match match["name"]:
            case "channels":
                chosen = [int(value) for value in values]
                warning = check_channels(guild, chosen)
                await self._house.change(guild.id, by=by, channels=chosen)
                said = "Pictures are made in these channels now." if chosen else "Pictures are made everywhere now."
            case "log":
                channel_id = int(values[0])
                warning = check_posting(guild, channel_id, "the log names those who ask for pictures")
                await self._house.change(guild.id, by=by, log_channel_id=channel_id)
                said = f"The log is <#{channel_id}> now."
            case _:
                answer = await everyone_chosen(self._services, interaction, guild)
                if answer is None:  # it is large: they were asked
                    return
                warning, said = None, answer
        await put(interaction, await self._panel(guild, " ".join(part for part in (said, warning) if part)))

    async def cleared(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Take one of them back."""
        guild = managed(interaction)
        if match["name"] == "log":
            await self._house.change(guild.id, by=interaction.user.id, log_channel_id=None)
            said = "There is no log now."
        else:
            await self._house.change(guild.id, by=interaction.user.id, channels=[])
            said = "Pictures are made everywhere now."
        await put(interaction, await self._panel(guild, said))

    async def _panel(self, guild: discord.Guild, said: str | None = None) -> Card:
        return setup_card(await stands_of(self._services, guild), said=said)

    # --- the welcome ---

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Write one short message to whoever may set the bot up; once for a server, whenever it joins again."""
        await self._greet(guild)

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Greet the servers that it joined while it was not connected, one after the other.

        Only those of the last days: whoever updates the bot, or starts it with a new database, writes to no others.
        """
        for guild in self._client.guilds:
            joined_at = guild.me.joined_at
            if joined_at is None or not self._house.is_new(int(joined_at.timestamp() * 1000)):
                continue
            try:
                await self._greet(guild)
            except Exception:  # one server's trouble is not the others'
                log.exception("welcome.failed", guild_id=guild.id)

    async def _greet(self, guild: discord.Guild) -> None:
        fact = f"welcomed.{guild.id}"
        if guild.id in self._welcoming:
            return
        self._welcoming.add(guild.id)
        try:
            if await self._services.generations.fact(fact) is None and await self._welcome(guild):
                await self._services.generations.remember(fact, "yes")
        finally:
            self._welcoming.discard(guild.id)

    async def _welcome(self, guild: discord.Guild) -> bool:
        settings = self._services.settings
        card = welcome_card(
            allowed=not settings.allowed_guilds or guild.id in settings.allowed_guilds,
            operator=settings.operator_contact or None,
        )
        for channel in _seen_by_managers(guild)[:MOST_TRIES]:
            try:
                await channel.send(view=card, allowed_mentions=_NOBODY, nonce=f"hello-{guild.id}"[:25])
            except UNREACHED as error:
                log.info("welcome.not_sent", guild_id=guild.id, channel_id=channel.id, error=str(error)[:200])
            else:
                log.info("welcome.sent", guild_id=guild.id, channel_id=channel.id)
                return True
        return False


def _seen_by_managers(guild: discord.Guild) -> list[discord.TextChannel]:
    """Return where the welcome may stand, the best first; see docs/decisions/0013.

    Where Discord tells a community's moderators what is new, then where nobody but those who manage the server reads;
    else where Discord posts its own, and from the top.
    """
    managers = [role for role in guild.roles if role.permissions.manage_guild and not role.managed]  # nor bots' own
    others = [role for role in guild.roles if not role.permissions.manage_guild and not role.is_bot_managed()]

    def rank(channel: discord.TextChannel) -> tuple[bool, bool, bool, int]:
        theirs_alone = bool(managers) and not any(channel.permissions_for(role).view_channel for role in others)
        return (
            channel != guild.public_updates_channel,
            not theirs_alone,
            channel != guild.system_channel,
            channel.position,
        )

    seen = (
        channel
        for channel in guild.text_channels
        if _may_write(channel) and all(channel.permissions_for(role).view_channel for role in managers)
    )
    return sorted(seen, key=rank)


def _may_write(channel: discord.TextChannel) -> bool:
    have = channel.permissions_for(channel.guild.me)
    return have.view_channel and have.send_messages


async def setup(client: BotClient) -> None:
    """Add the command, its selects and buttons."""
    cog = Setup(client)
    await client.add_cog(cog)
    on_press(client, ids.SETUP, cog.pressed)
    on_choice(client, ids.SETUP_CHOICE, cog.chosen)
    on_press(client, ids.SETUP_CLEAR, cog.cleared)
