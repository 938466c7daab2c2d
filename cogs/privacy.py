"""/privacy: all that is held on a person, as files, and that it goes."""

from __future__ import annotations

import re

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction
from bot.generations.privacy import StillInWork
from bot.presses import Once, on_press
from bot.ui import personal_ids as ids
from bot.ui.card import Card
from bot.ui.privacy import export_card, forget_card, forgotten_card, in_work_card, nothing_held_card

_NOBODY = discord.AllowedMentions.none()
_NO_ROOM = "I am short of room on my disk and can't put your files together now. Please try again later."
_NOT_SENT = "Discord did not take the files. Please try again later."


@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=False)  # also for whoever has left the server
class Privacy(
    commands.GroupCog, group_name="privacy", group_description="What I hold on you: have it, or have it deleted."
):
    """Everything here is about whoever asks or presses, wherever they do."""

    def __init__(self, client: BotClient) -> None:
        self._privacy = client.services.privacy
        self._once = Once()

    @app_commands.command(name="export", description="All that I hold on you, as files: requests, credits, pictures.")
    async def export(self, interaction: Interaction) -> None:
        """Give all that is held, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            export = await self._privacy.export(interaction.user.id, limit_bytes=interaction.filesize_limit)
        except OSError as error:
            raise CannotDo(user_message=_NO_ROOM) from error
        try:
            await interaction.edit_original_response(view=export_card(export), allowed_mentions=_NOBODY)
            for number, part in enumerate(export.parts, start=1):
                name = f"my-data-{number}.zip" if len(export.parts) > 1 else "my-data.zip"
                await interaction.followup.send(file=discord.File(part, filename=name), ephemeral=True)
        except discord.HTTPException as error:
            raise CannotDo(user_message=_NOT_SENT) from error
        finally:
            export.remove()

    @app_commands.command(name="delete", description="Delete my pictures, prompts and settings. Asks once.")
    async def delete(self, interaction: Interaction) -> None:
        """Ask, privately, with what goes and what stays."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._put(interaction, await self._question(interaction.user.id))

    async def asked_again(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Ask once more, in place."""
        await interaction.response.defer()
        await self._put(interaction, await self._question(interaction.user.id))

    async def forget_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Forget whoever presses, now that they were asked."""
        await interaction.response.defer()
        with self._once.pressing(interaction) as first:
            if not first:
                return
            with_messages = match["what"] == "messages"
            try:
                await self._privacy.forget(interaction.user.id, with_messages=with_messages)
            except StillInWork as error:
                await self._put(interaction, in_work_card(error.requests))
                return
            await self._put(interaction, forgotten_card(with_messages=with_messages))

    async def _question(self, user_id: int) -> Card:
        standing = await self._privacy.standing(user_id)
        if standing.in_work:
            return in_work_card(standing.in_work)
        return forget_card(standing) if standing.held else nothing_held_card()

    async def _put(self, interaction: Interaction, card: Card) -> None:
        await interaction.edit_original_response(view=card, allowed_mentions=_NOBODY)


async def setup(client: BotClient) -> None:
    """Add the commands and the buttons."""
    cog = Privacy(client)
    await client.add_cog(cog)
    on_press(client, ids.FORGET, cog.forget_pressed)
    on_press(client, ids.ASK_FORGET, cog.asked_again)
