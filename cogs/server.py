"""/server: what a server's admins set, beginning with how it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction
from bot.generations.repository import GuildRow
from bot.presses import on_choice, on_press
from bot.rights import lacking_in, managed_guild
from bot.ui import ids
from bot.ui.server import CHANNEL_TYPES, lacks_words, server_card

_NOBODY = discord.AllowedMentions.none()
_CHANNELS = {"gallery_channel_id": "The gallery", "reports_channel_id": "The channel for reports"}


class Server(commands.Cog):
    """The gallery and the channel for reports; for those who manage the server."""

    def __init__(self, client: BotClient) -> None:
        self._moderation = client.services.moderation

    @app_commands.command(name="server", description="This server's gallery and reports: how it stands, and change it.")
    @app_commands.guild_only()
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def server(self, interaction: Interaction) -> None:
        """Show how it stands, privately."""
        guild = managed_guild(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._show(interaction, guild, await self._moderation.settings(guild.id))

    async def gallery_chosen(self, interaction: Interaction, _match: re.Match[str], _values: list[str]) -> None:
        """Choose the gallery."""
        await self._choose(interaction, "gallery_channel_id")

    async def reports_chosen(self, interaction: Interaction, _match: re.Match[str], _values: list[str]) -> None:
        """Choose where reports go."""
        await self._choose(interaction, "reports_channel_id")

    async def no_gallery_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Close the gallery; what stands in it stays."""
        await self._switch_off(interaction, "gallery_channel_id", "There is no gallery now. What stands in it stays.")

    async def no_reports_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Send reports nowhere."""
        await self._switch_off(interaction, "reports_channel_id", "Reports are kept here from now on.")

    async def _choose(self, interaction: Interaction, what: str) -> None:
        guild = managed_guild(interaction)
        channel = guild.get_channel(_chosen(interaction))
        if channel is None or channel.type not in CHANNEL_TYPES:
            raise CannotDo(user_message="I don't see that channel. Let me view it, or choose another one.")
        lacking = lacking_in(channel)
        if lacking:
            raise CannotDo(user_message=f"I can't use {channel.name}: {lacks_words(lacking)}. Nothing was changed.")
        await interaction.response.defer()
        settings = await self._moderation.set_channels(guild.id, by=interaction.user.id, **{what: channel.id})
        said = f"{_CHANNELS[what]} is <#{channel.id}> now."
        if what == "reports_channel_id" and channel.permissions_for(guild.default_role).view_channel:
            said += " Everyone can see that channel; reports name those who made them."
        await self._show(interaction, guild, settings, said)

    async def _switch_off(self, interaction: Interaction, what: str, said: str) -> None:
        guild = managed_guild(interaction)
        await interaction.response.defer()
        settings = await self._moderation.set_channels(guild.id, by=interaction.user.id, **{what: None})
        await self._show(interaction, guild, settings, said)

    async def _show(
        self, interaction: Interaction, guild: discord.Guild, settings: GuildRow, said: str | None = None
    ) -> None:
        lacking: dict[int, Sequence[str]] = {
            channel_id: lacking_in(guild.get_channel(channel_id))
            for channel_id in (settings.gallery_channel_id, settings.reports_channel_id)
            if channel_id is not None
        }
        _, open_reports = await self._moderation.open_reports(guild.id, limit=0)
        card = server_card(settings, guild.name, open_reports=open_reports, lacking=lacking, said=said)
        await interaction.edit_original_response(view=card, allowed_mentions=_NOBODY)


def _chosen(interaction: Interaction) -> int:
    data: Mapping[str, Any] = interaction.data or {}
    return int((data.get("values") or ["0"])[0])


async def setup(client: BotClient) -> None:
    """Add the command, its selects and buttons."""
    cog = Server(client)
    await client.add_cog(cog)
    on_choice(client, ids.GALLERY_CHANNEL, cog.gallery_chosen)
    on_choice(client, ids.REPORTS_CHANNEL, cog.reports_chosen)
    on_press(client, ids.NO_GALLERY, cog.no_gallery_pressed)
    on_press(client, ids.NO_REPORTS_CHANNEL, cog.no_reports_pressed)
