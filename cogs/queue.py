"""/queue: one's own requests in work, and how busy it is."""

from __future__ import annotations

import re

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, Interaction, say
from bot.origins import payer_guild_id
from bot.presses import on_press
from bot.ui import ids
from bot.ui.card import Card
from bot.ui.queue import SHOWN, queue_card


class Queue(commands.Cog):
    """Numbers of others, prompts only of whoever asks."""

    def __init__(self, client: BotClient) -> None:
        self._generations = client.services.generations
        self._max_running = client.services.settings.max_running

    @app_commands.command(name="queue", description="Your pictures in work, when they should come, and how busy it is.")
    async def queue(self, interaction: Interaction) -> None:
        """Show it, privately."""
        await say(interaction, view=await self._card(interaction))

    async def refresh_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Show how it stands now: in place on one's own card."""
        card = await self._card(interaction)
        if interaction.message is None or not interaction.message.flags.ephemeral:
            await say(interaction, view=card)
            return
        await interaction.response.edit_message(view=card, allowed_mentions=discord.AllowedMentions.none())

    async def _card(self, interaction: Interaction) -> Card:
        guild_id = payer_guild_id(interaction)
        mine, total = await self._generations.in_work(interaction.user.id, limit=SHOWN)
        here, everywhere = await self._generations.load(guild_id)
        return queue_card(mine, total, here, everywhere, max_running=self._max_running, guild=guild_id is not None)


async def setup(client: BotClient) -> None:
    """Add the command and the button."""
    cog = Queue(client)
    await client.add_cog(cog)
    on_press(client, ids.QUEUE, cog.refresh_pressed)
