"""/preferences: what is taken where a person chooses nothing else, and the styles that they named."""

from __future__ import annotations

import re

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction, say
from bot.generations.preferences import Style, StyleRefused
from bot.presses import Submitted, on_choice, on_press, on_submit
from bot.ui import personal_ids as ids
from bot.ui.card import Card
from bot.ui.preferences import (
    USUAL,
    offers,
    preferences_card,
    remove_style_card,
    style_card,
    style_form,
    style_refused_card,
    styles_card,
)

_GONE = "This style is gone already. /preferences shows those that you have."
_ANSWERS = {"yes": True, "no": False}


class PreferencesCog(commands.Cog, name="Preferences"):
    """Everything here is about whoever presses, whatever message they press on."""

    def __init__(self, client: BotClient) -> None:
        self._book = client.services.preferences
        self._catalogue = client.services.catalogue

    @app_commands.command(
        name="preferences", description="Your usual model, shape, size, format, privacy and ping; and your styles."
    )
    async def preferences(self, interaction: Interaction) -> None:
        """Show how they stand, privately."""
        await say(interaction, view=await self._panel(interaction))

    async def shown(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Show them in place."""
        await _put(interaction, await self._panel(interaction))

    async def chosen(self, interaction: Interaction, match: re.Match[str], values: list[str]) -> None:
        """Keep a choice, or take it back."""
        name, value = match["name"], values[0] if values else ""
        mine = await self._book.of(interaction.user.id)
        taken = {offer.value for offer in offers(self._catalogue, mine).get(name, ())}
        if value != USUAL and value not in taken:
            raise CannotDo(user_message="This can't be chosen any more. Open /preferences once again.")
        change = None if value == USUAL else _ANSWERS[value] if name in {"private", "notify"} else value
        await self._book.set(interaction.user.id, **{name: change})
        await _put(interaction, await self._panel(interaction))

    async def _panel(self, interaction: Interaction) -> Card:
        user_id = interaction.user.id
        return preferences_card(self._catalogue, await self._book.of(user_id), await self._book.styles(user_id))

    # --- styles ---

    async def styles_shown(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Show the styles in place."""
        await self._put_styles(interaction)

    async def style_opened(self, interaction: Interaction, _match: re.Match[str], values: list[str]) -> None:
        """Show one style with all its words."""
        await _put(interaction, style_card(await self._style(interaction, values[0] if values else "")))

    async def add_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Open the form of a new style."""
        await interaction.response.send_modal(style_form())

    async def edit_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Open the form of a style."""
        await interaction.response.send_modal(style_form(await self._style(interaction, match["style_id"])))

    async def form_sent(self, interaction: Interaction, match: re.Match[str], submitted: Submitted) -> None:
        """Keep what was filled in."""
        name, suffix = submitted.text("name"), submitted.text("suffix")
        replacing = int(match["style_id"]) if match["style_id"] else None
        try:
            await self._book.add_style(interaction.user.id, name, suffix, replacing=replacing)
        except StyleRefused as error:
            await say(interaction, view=style_refused_card(error, name, suffix, style_id=replacing))
            return
        await self._put_styles(interaction)

    async def remove_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Ask whether a style is to go."""
        await _put(interaction, remove_style_card(await self._style(interaction, match["style_id"])))

    async def gone_pressed(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Remove a style, now that it was asked."""
        style = await self._book.style_at(interaction.user.id, int(match["style_id"]))
        if style is not None:  # a second press changes nothing
            await self._book.remove_style(interaction.user.id, style.name)
        await self._put_styles(interaction)

    async def _put_styles(self, interaction: Interaction) -> None:
        await _put(interaction, styles_card(await self._book.styles(interaction.user.id)))

    async def _style(self, interaction: Interaction, style_id: str) -> Style:
        style = await self._book.style_at(interaction.user.id, int(style_id)) if style_id.isdecimal() else None
        if style is None:
            raise CannotDo(user_message=_GONE)
        return style


async def _put(interaction: Interaction, card: Card) -> None:
    """Put a card in the place of the one that was pressed; on a message for all to see, answer privately."""
    if interaction.message is not None and interaction.message.flags.ephemeral:
        await interaction.response.edit_message(view=card, allowed_mentions=discord.AllowedMentions.none())
    else:
        await say(interaction, view=card)


async def setup(client: BotClient) -> None:
    """Add the command, its selects, buttons and the form."""
    cog = PreferencesCog(client)
    await client.add_cog(cog)
    on_choice(client, ids.PREFER, cog.chosen)
    on_press(client, ids.PREFERENCES, cog.shown)
    on_press(client, ids.STYLES, cog.styles_shown)
    on_choice(client, ids.STYLE_OPEN, cog.style_opened)
    on_press(client, ids.STYLE_ADD, cog.add_pressed)
    on_press(client, ids.STYLE_EDIT, cog.edit_pressed)
    on_press(client, ids.STYLE_REMOVE, cog.remove_pressed)
    on_press(client, ids.STYLE_GONE, cog.gone_pressed)
    on_submit(client, ids.STYLE_FORM, cog.form_sent)
