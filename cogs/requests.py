"""What can be done with a request in work, and with its posted pictures: /cancel, Cancel, Full size."""

from __future__ import annotations

import re

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction, say
from bot.generations.files import files_of, kept
from bot.generations.values import RequestView
from bot.posting import attach
from bot.presses import on_choice, on_press
from bot.ui import ids
from bot.ui.failure import cancelled_card
from bot.ui.history import picture_card
from bot.ui.text import label


class Requests(commands.Cog):
    """Cancelling and full size."""

    def __init__(self, client: BotClient) -> None:
        self._generations = client.services.generations
        self._store = client.services.store

    @app_commands.command(name="cancel", description="Take back a request that is not sent yet; that costs nothing.")
    @app_commands.guild_only()
    @app_commands.describe(request="Which one; your newest, unless you choose.")
    async def cancel(self, interaction: Interaction, request: str | None = None) -> None:
        """Cancel a request in work."""
        mine = await self._generations.open_requests(interaction.user.id)
        chosen = request or (mine[0].id if mine else None)
        if chosen is None or chosen not in {row.id for row in mine}:
            raise CannotDo(user_message="None of your pictures is in work right now.")
        await self._cancel(interaction, chosen)

    @cancel.autocomplete("request")
    async def _open_requests(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        mine = await self._generations.open_requests(interaction.user.id)
        choices = [app_commands.Choice(name=label(row.prompt, 100), value=row.id) for row in mine]
        return [choice for choice in choices if current.lower() in choice.name.lower()][:25]

    async def cancel_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Cancel by the button under the card."""
        await self._cancel(interaction, match["request_id"])

    async def _cancel(self, interaction: Interaction, request_id: str) -> None:
        moderator = interaction.permissions.manage_messages
        done = await self._generations.cancel(request_id, user_id=interaction.user.id, moderator=moderator)
        if done is None:
            raise CannotDo(user_message="Only whoever asked for this, or a moderator, can cancel it.")
        await say(interaction, view=cancelled_card(done))

    async def full_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Give a picture in full size, privately."""
        await self._full(interaction, match["request_id"], int(match["position"]))

    async def full_chosen(self, interaction: Interaction, match: re.Match[str], values: list[str]) -> None:
        """Give the chosen one of several pictures in full size, privately."""
        await self._full(interaction, match["request_id"], int(values[0]))

    async def _full(self, interaction: Interaction, request_id: str, position: int) -> None:
        # Fitting may take seconds, and a bare defer would edit the picture's own message.
        await interaction.response.defer(ephemeral=True, thinking=True)
        view = await self._generations.view(request_id)
        if view is None or not _may_see(view, interaction):
            raise CannotDo(user_message="This picture is not here for you.")
        chosen = [picture for picture in kept(self._store, view) if picture.position == position]
        files = await files_of(self._store, view, chosen, limit_bytes=interaction.filesize_limit)
        if not files:
            raise CannotDo(user_message="This picture is no longer kept in full size.")
        await interaction.edit_original_response(
            view=picture_card(view, files),
            attachments=attach(view, files),
            allowed_mentions=discord.AllowedMentions.none(),
        )


def _may_see(view: RequestView, interaction: Interaction) -> bool:
    """Tell whether a person may have the picture: their own, or a public one of the channel they press in."""
    return view.user_id == interaction.user.id or (not view.private and view.guild_id == interaction.guild_id)


async def setup(client: BotClient) -> None:
    """Add the command and the buttons."""
    cog = Requests(client)
    await client.add_cog(cog)
    on_press(client, ids.CANCEL, cog.cancel_pressed)
    on_press(client, ids.FULL, cog.full_pressed)
    on_choice(client, ids.FULL_SELECT, cog.full_chosen)
