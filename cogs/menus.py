"""Right-click on a message, Apps: its images as references, or into the tray."""

from __future__ import annotations

import re

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, Interaction, asking, say
from bot.forms import form_sent, open_form
from bot.gathering import Gathered, gather, images_in
from bot.intake import Intake
from bot.presses import Submitted, on_submit
from bot.rights import Viewer
from bot.ui import ids
from bot.ui.found import no_images_card
from bot.ui.tray import added_card


class Menus(commands.Cog):
    """Both menus take whatever the message shows, whoever wrote it."""

    def __init__(self, client: BotClient, intake: Intake) -> None:
        self._client = client
        self._services = client.services
        self._intake = intake
        self.menus = [
            app_commands.ContextMenu(name="Use as reference", callback=self.use),
            app_commands.ContextMenu(name="Add to my tray", callback=self.collect),
        ]

    async def cog_load(self) -> None:
        """Add the menus: a cog does not do that by itself."""
        for menu in self.menus:
            self._client.tree.add_command(menu)

    async def cog_unload(self) -> None:
        """Take them away again."""
        for menu in self.menus:
            self._client.tree.remove_command(menu.name, type=menu.type)

    async def use(self, interaction: Interaction, message: discord.Message) -> None:
        """Open the form over the images of a message."""
        asking(interaction)
        gathered = await self._gather(interaction, message)
        if gathered.images:
            await open_form(interaction, self._services, gathered)
        else:
            await say(interaction, view=no_images_card([item.sentence for item in gathered.unusable]))

    async def collect(self, interaction: Interaction, message: discord.Message) -> None:
        """Put the images of a message into the tray of whoever chose that."""
        gathered = await self._gather(interaction, message)
        left_out = [item.sentence for item in gathered.unusable]
        if not gathered.images:
            await say(interaction, view=no_images_card(left_out))
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        added = await self._services.tray.add(
            gathered.images,
            user_id=interaction.user.id,
            guild_id=interaction.guild_id,
            channel_id=interaction.channel_id,
        )
        await interaction.edit_original_response(
            view=added_card(added, left_out), allowed_mentions=discord.AllowedMentions.none()
        )

    async def sent(self, interaction: Interaction, match: re.Match[str], submitted: Submitted) -> None:
        """Ask for the picture that a form describes."""
        await form_sent(interaction, match, submitted, services=self._services, intake=self._intake)

    async def _gather(self, interaction: Interaction, message: discord.Message) -> Gathered:
        return await gather(
            images_in(message, cdn_url=self._services.settings.discord_cdn_url),
            self._services.generations,
            Viewer.of(interaction).sees,
            only_theirs=message.flags.ephemeral,
        )


async def setup(client: BotClient) -> None:
    """Add the menus and the form that they open."""
    cog = Menus(client, Intake(client))
    await client.add_cog(cog)
    on_submit(client, ids.TAKE_FORM, cog.sent)
    on_submit(client, ids.REWRITE_FORM, cog.sent)
