"""/settings: all that a server's admins set, beginning with how it stands."""

from __future__ import annotations

import re
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import BotClient, CannotDo, Interaction, say
from bot.generations.house import SettingRefused
from bot.generations.quota_changes import ZoneChange
from bot.generations.quota_desk import ChangeRefused
from bot.panels import (
    check_channels,
    check_gallery,
    check_posting,
    everyone_chosen,
    open_gallery_words,
    put,
    stands_of,
    values_of,
)
from bot.presses import Submitted, on_choice, on_press, on_submit
from bot.rights import managed
from bot.ui import settings_ids as ids
from bot.ui.house_log import NAMES, value_words
from bot.ui.settings import CHANGES_SHOWN, page_card, settings_card
from bot.ui.settings_forms import words_form, words_refused_card, zone_form, zone_refused_card
from bot.ui.settings_parts import Page
from bot.ui.text import plain

_PAGE_OF = {
    "channels": Page.WHERE,
    "age_restricted_only": Page.WHERE,
    "roles_allowed": Page.WHO,
    "roles_denied": Page.WHO,
    "models": Page.MODELS,
    "default_model": Page.MODELS,
    "private_allowed": Page.MODELS,
    "slow_mode_s": Page.SLOW,
    "log_channel_id": Page.LOG,
    "log_private": Page.LOG,
}
_CHANNELS = {"gallery_channel_id": "The gallery", "reports_channel_id": "The channel for reports"}


class Settings(commands.Cog):
    """One panel for those who manage the server; every press asks again whether somebody does."""

    def __init__(self, client: BotClient) -> None:
        self._services = client.services
        self._house = client.services.house
        self._moderation = client.services.moderation

    @app_commands.command(
        name="settings", description="How the bot is set up in this server, and change it: where, who, what, log."
    )
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    async def settings(self, interaction: Interaction) -> None:
        """Show how it stands, privately."""
        guild = managed(interaction)
        await say(interaction, view=settings_card(await stands_of(self._services, guild)))

    async def paged(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Show a page in place."""
        await self._show(interaction, _page(match["page"]))

    async def gone_to(self, interaction: Interaction, _match: re.Match[str], values: list[str]) -> None:
        """Show the page that was chosen."""
        await self._show(interaction, _page(values[0] if values else ""))

    # --- what is set ---

    async def chosen(self, interaction: Interaction, match: re.Match[str], _values: list[str]) -> None:
        """Set what was chosen in a select."""
        guild, name = managed(interaction), match["name"]
        values = values_of(interaction)
        value: Any
        warning = None
        match name:
            case "channels":
                warning = check_channels(guild, [int(one) for one in values])
                value = [int(one) for one in values]
            case "roles_allowed" | "roles_denied":
                value = [int(one) for one in values]
                if any(guild.get_role(role_id) is None for role_id in value):
                    raise CannotDo(user_message="One of these roles is gone. Nothing was changed.")
                if name == "roles_denied" and guild.id in value:
                    warning = "That excludes everyone."
            case "credits":
                said = await everyone_chosen(self._services, interaction, guild)
                if said is not None:
                    await self._show(interaction, Page.CREDITS, said)
                return
            case "models":
                value = self._known(values)
            case "default_model":
                value = None if values == ["usual"] else self._known(values)[0]
            case "slow_mode_s":
                value = int(values[0])
            case _:
                value = int(values[0])
                warning = check_posting(guild, value, "the log names those who ask for pictures")
        await self._change(interaction, guild, name, value, warning)

    async def switched(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Switch something on or off."""
        guild, name, on = managed(interaction), match["name"], match["value"] == "1"
        warning = None
        if name == "age_restricted_only" and on:
            warning = open_gallery_words(guild, (await self._moderation.settings(guild.id)).gallery_channel_id)
        await self._change(interaction, guild, name, on, warning)

    async def cleared(self, interaction: Interaction, match: re.Match[str]) -> None:
        """Take a limit back."""
        value: list[int] | None = None if match["name"] == "log_channel_id" else []
        await self._change(interaction, managed(interaction), match["name"], value)

    async def _change(
        self, interaction: Interaction, guild: discord.Guild, name: str, value: Any, warning: str | None = None
    ) -> None:
        rules = await self._house.change(guild.id, by=interaction.user.id, **{name: value})
        said = f"{NAMES[name]}: {value_words(name, getattr(rules, name))}."
        await self._show(interaction, _PAGE_OF[name], " ".join(part for part in (said, warning) if part))

    def _known(self, models: list[str]) -> list[str]:
        open_ones = {spec.id for spec in self._services.catalogue.available()}
        if (not models and not open_ones) or not open_ones >= set(models):
            raise CannotDo(user_message="This model can't be had any more. Open /settings once again.")
        return models

    # --- blocked words ---

    async def words_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Open the form of the blocked words."""
        guild = managed(interaction)
        await interaction.response.send_modal(words_form((await self._house.rules(guild.id)).terms))

    async def words_sent(self, interaction: Interaction, _match: re.Match[str], submitted: Submitted) -> None:
        """Keep the words that were written, a line each."""
        guild, typed = managed(interaction), submitted.text("words")
        try:
            rules = await self._house.change(guild.id, by=interaction.user.id, terms=typed.splitlines())
        except SettingRefused as error:
            await say(interaction, view=words_refused_card(error, typed))
            return
        await self._show(interaction, Page.WORDS, f"{len(rules.terms) or 'No'} blocked words now.")

    # --- the server's clocks ---

    async def zone_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Open the form of the time zone."""
        guild = managed(interaction)
        overview = await self._services.quotas.overview(guild.id)
        await interaction.response.send_modal(zone_form(overview.time_zone))

    async def zone_sent(self, interaction: Interaction, _match: re.Match[str], submitted: Submitted) -> None:
        """Set the time zone that was written."""
        guild, typed = managed(interaction), submitted.text("zone")
        change = ZoneChange(name=typed[:60])
        try:
            done = await self._services.quotas.change(
                guild.id, change, by=interaction.user.id, event_id=str(interaction.id)
            )
        except ChangeRefused as error:
            await say(interaction, view=zone_refused_card(error, typed))
            return
        zone = (done.line.after or {})["time_zone"]
        await self._show(interaction, Page.CREDITS, f"The clocks of {plain(zone, 60)} count now.")

    # --- the gallery, and where reports go ---

    async def gallery_chosen(self, interaction: Interaction, _match: re.Match[str], _values: list[str]) -> None:
        """Choose the gallery."""
        await self._choose(interaction, "gallery_channel_id")

    async def reports_chosen(self, interaction: Interaction, _match: re.Match[str], _values: list[str]) -> None:
        """Choose where reports go."""
        await self._choose(interaction, "reports_channel_id", "reports name those who made them")

    async def no_gallery_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Close the gallery; what stands in it stays."""
        await self._switch_off(interaction, "gallery_channel_id", "There is no gallery now. What stands in it stays.")

    async def no_reports_pressed(self, interaction: Interaction, _match: re.Match[str]) -> None:
        """Send reports nowhere."""
        await self._switch_off(interaction, "reports_channel_id", "Reports are kept here from now on.")

    async def _choose(self, interaction: Interaction, what: str, secret: str | None = None) -> None:
        guild = managed(interaction)
        channel_id = int((values_of(interaction) or ["0"])[0])
        warning = check_posting(guild, channel_id, secret)
        if what == "gallery_channel_id":
            check_gallery(guild, channel_id, await self._house.rules(guild.id))
        await self._moderation.set_channels(guild.id, by=interaction.user.id, **{what: channel_id})
        said = " ".join(part for part in (f"{_CHANNELS[what]} is <#{channel_id}> now.", warning) if part)
        await self._show(interaction, Page.REPORTS, said)

    async def _switch_off(self, interaction: Interaction, what: str, said: str) -> None:
        guild = managed(interaction)
        await self._moderation.set_channels(guild.id, by=interaction.user.id, **{what: None})
        await self._show(interaction, Page.REPORTS, said)

    # --- showing ---

    async def _show(self, interaction: Interaction, page: Page, said: str | None = None) -> None:
        guild = managed(interaction)
        stands = await stands_of(self._services, guild)
        changes = await self._house.changes(guild.id, limit=CHANGES_SHOWN) if page is Page.CHANGES else []
        await put(interaction, page_card(page, stands, changes=changes, said=said))


def _page(value: str) -> Page:
    try:
        return Page(value)
    except ValueError:
        raise CannotDo(user_message="This page is not there any more. Open /settings once again.") from None


async def setup(client: BotClient) -> None:
    """Add the command, its selects, buttons and the form."""
    cog = Settings(client)
    await client.add_cog(cog)
    on_press(client, ids.SETTINGS_PAGE, cog.paged)
    on_choice(client, ids.SETTINGS_GO, cog.gone_to)
    on_choice(client, ids.SETTING_CHOICE, cog.chosen)
    on_press(client, ids.SETTING_SWITCH, cog.switched)
    on_press(client, ids.SETTING_CLEAR, cog.cleared)
    on_press(client, ids.WORDS, cog.words_pressed)
    on_submit(client, ids.WORDS_FORM, cog.words_sent)
    on_press(client, ids.ZONE, cog.zone_pressed)
    on_submit(client, ids.ZONE_FORM, cog.zone_sent)
    on_choice(client, ids.GALLERY_CHANNEL, cog.gallery_chosen)
    on_choice(client, ids.REPORTS_CHANNEL, cog.reports_chosen)
    on_press(client, ids.NO_GALLERY, cog.no_gallery_pressed)
    on_press(client, ids.NO_REPORTS_CHANNEL, cog.no_reports_pressed)
