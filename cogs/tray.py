"""/tray: the images that a person has collected, to look at, to take out, to use."""

from __future__ import annotations

import re

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction
from bot.forms import open_form
from bot.gathering import Gathered
from bot.presses import on_press
from bot.ui import personal_ids as ids
from bot.ui.text import alt_text
from bot.ui.tray import empty_question, tray_card

_NOBODY = discord.AllowedMentions.none()


class TrayCog(commands.Cog, name="Tray"):
    """Everything here is about the tray of whoever presses, whatever message they press on."""

    def __init__(self, client: BotClient) -> None:
        self._services = client.services
        self._tray = client.services.tray

    @app_commands.command(name="tray", description="The images that you collected as references.")
    async def tray(self, interaction: Interaction) -> None:
        """Show the tray, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._show(interaction)

    async def show_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Show it in the place of the card that the button stands on."""
        await _hold(interaction)
        await self._show(interaction)

    async def remove_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Take one image out."""
        await _hold(interaction)
        await self._tray.remove(interaction.user.id, int(match["image_id"]))
        await self._show(interaction)

    async def empty_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Ask whether all are to go."""
        await _hold(interaction)
        count = len(await self._tray.images(interaction.user.id))
        if not count:
            await self._show(interaction)
            return
        await interaction.edit_original_response(view=empty_question(count), attachments=[], allowed_mentions=_NOBODY)

    async def clear_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Take all out."""
        await _hold(interaction)
        await self._tray.empty(interaction.user.id)
        await self._show(interaction)

    async def use_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Open the form over them."""
        images = await self._tray.images(interaction.user.id)
        if not images:
            raise CannotDo(user_message="Your tray is empty by now: each image leaves a day after it came in.")
        await open_form(interaction, self._services, Gathered(tuple(images)))

    async def _show(self, interaction: Interaction) -> None:
        images = await self._tray.contents(interaction.user.id)
        previews = await self._tray.previews(images)
        files = [
            discord.File(
                previews[image.id].path,
                filename=previews[image.id].filename,
                description=alt_text(image.filename, before=f"Image {number} of your tray: "),
            )
            for number, image in enumerate(images, start=1)
            if image.id in previews
        ]
        catalogue = self._services.catalogue
        spec = catalogue.default
        resolution = spec.options.get("resolution")
        price = catalogue.price_credits(spec.id, resolution.default if resolution else None)
        card = tray_card(images, previews, picture_credits=price)
        await interaction.edit_original_response(view=card, attachments=files, allowed_mentions=_NOBODY)


async def _hold(interaction: Interaction) -> None:
    """Take note of a press before work that may take seconds; only a message for one person is written over."""
    if interaction.message is not None and interaction.message.flags.ephemeral:
        await interaction.response.defer()
    else:
        await interaction.response.defer(ephemeral=True, thinking=True)


async def setup(client: BotClient) -> None:
    """Add the command and the buttons."""
    cog = TrayCog(client)
    await client.add_cog(cog)
    on_press(client, ids.TRAY, cog.show_pressed)
    on_press(client, ids.TRAY_USE, cog.use_pressed)
    on_press(client, ids.TRAY_REMOVE, cog.remove_pressed)
    on_press(client, ids.TRAY_EMPTY, cog.empty_pressed)
    on_press(client, ids.TRAY_CLEAR, cog.clear_pressed)
