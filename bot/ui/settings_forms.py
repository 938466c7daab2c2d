"""The forms of the settings, and what is said when one is refused."""

from __future__ import annotations

from collections.abc import Sequence

import discord
from discord import ui

from bot.errors import BotError
from bot.generations.terms import TERMS_MAX_CHARS
from bot.ui import settings_ids as ids
from bot.ui.card import EMBER, Card, button, lines, row
from bot.ui.form import Form
from bot.ui.settings_parts import all_settings
from bot.ui.text import plain


def zone_form(now: str) -> Form:
    """Return the form of the server's time zone."""
    return Form(
        "Time zone",
        ids.zone_form(),
        ui.Label(
            text="Which time zone?",
            description="By a large city: Europe/Berlin, America/New_York, Asia/Kolkata; or UTC.",
            component=ui.TextInput(custom_id="zone", default=now, min_length=1, max_length=60),
        ),
    )


def zone_refused_card(error: BotError, typed: str) -> Card:
    """Return why a time zone can't be taken; what was typed is not lost."""
    return Card(
        EMBER,
        lines(f"**{plain(error.user_message, 300)}**", f"Nothing was changed. You wrote: {plain(typed, 60)}"),
        row(button("Change the time zone", ids.zone()), all_settings()),
    )


def words_form(terms: Sequence[str]) -> Form:
    """Return the form of the blocked words."""
    return Form(
        "Blocked words",
        ids.words_form(),
        ui.Label(
            text="One word or phrase a line",
            description="badword takes no badwords, badw* takes both.",
            component=ui.TextInput(
                custom_id="words",
                style=discord.TextStyle.paragraph,
                default="\n".join(terms) or None,
                required=False,
                max_length=TERMS_MAX_CHARS,
            ),
        ),
    )


def words_refused_card(error: BotError, typed: str) -> Card:
    """Return why words can't be kept, with what was typed, so that it is not lost."""
    return Card(
        EMBER,
        lines(f"**{plain(error.user_message, 300)}**", "Nothing was changed. You wrote:"),
        f"||{plain(typed, 3000, lines=200)}||",
        row(button("Change the words", ids.words()), all_settings()),
    )
