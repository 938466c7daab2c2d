"""/history: a person's pictures, to open or to post again; where an undeliverable one waits."""

from __future__ import annotations

import re

from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction, say
from bot.generations.files import kept
from bot.generations.refusals import MissingPermissions
from bot.generations.values import RequestView
from bot.intake import origin_of
from bot.presses import on_choice, on_press
from bot.replies import post_pictures, show_pictures
from bot.ui import ids
from bot.ui.history import history_card, picture_card
from bot.ui.result import result_card


class History(commands.Cog):
    """The list, one picture of it, and posting it again."""

    def __init__(self, client: BotClient) -> None:
        self._generations = client.services.generations
        self._store = client.services.store

    @app_commands.command(name="history", description="Your pictures in this server, to open or to post again.")
    @app_commands.guild_only()
    async def history(self, interaction: Interaction) -> None:
        """Show the first page."""
        await self._generations.notices(
            user_id=interaction.user.id, guild_id=interaction.guild_id
        )  # it is shown here, so it need not be told again
        page = await self._generations.history(user_id=interaction.user.id, guild_id=interaction.guild_id, page=1)
        await say(interaction, view=history_card(page))

    async def page_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Turn the page in place."""
        page = await self._generations.history(
            user_id=interaction.user.id, guild_id=interaction.guild_id, page=int(match["page"])
        )
        await interaction.response.edit_message(view=history_card(page))

    async def opened(self, interaction: Interaction, _match: re.Match[str], values: list[str]) -> None:
        """Show one request with its pictures, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        view = await self._mine(interaction, values[0])
        await show_pictures(interaction, self._store, view, kept(self._store, view), picture_card)

    async def post_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Post one's own pictures in this channel."""
        missing = origin_of(interaction).missing_permissions
        if missing:
            raise MissingPermissions(missing)
        view = await self._mine(interaction, match["request_id"])
        pictures = kept(self._store, view)
        if not pictures:
            raise CannotDo(user_message="These pictures are no longer kept.")
        await interaction.response.defer()  # without "thinking": that, and whatever follows it, would be public
        message = await post_pictures(interaction, self._store, view, pictures, result_card)
        await self._generations.posted_again(view.id, channel_id=message.channel.id, message_id=message.id)

    async def _mine(self, interaction: Interaction, request_id: str) -> RequestView:
        view = await self._generations.view(request_id)
        if view is None or view.user_id != interaction.user.id:
            raise CannotDo(user_message="This is not one of your pictures.")
        return view


async def setup(client: BotClient) -> None:
    """Add the command, the pages and the choice."""
    cog = History(client)
    await client.add_cog(cog)
    on_press(client, ids.HISTORY, cog.page_pressed)
    on_choice(client, ids.OPEN, cog.opened)
    on_press(client, ids.AGAIN, cog.post_pressed)
