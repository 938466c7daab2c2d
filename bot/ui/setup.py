"""/setup: three questions, with how it stands now; and the one message to a server that the bot has joined."""

from __future__ import annotations

from typing import Final

import discord
from discord import ui

from bot.ui import settings_ids as ids
from bot.ui.card import BANANA, SLATE, Card, button, fine, gap, lines, row
from bot.ui.settings_parts import POSTED_IN, all_settings, everyones_credits, usual_channels
from bot.ui.settings_words import Stands, credits_words, log_words, where_words
from bot.ui.text import plain
from bot.ui.words import in_credits

_NAME_LIMIT: Final = 100


def setup_card(stands: Stands, *, said: str | None = None) -> Card:
    """Return how it stands, with a select for each of the three questions."""
    rules = stands.rules
    return Card(
        BANANA,
        lines(
            f"**Set up {plain(stands.name, _NAME_LIMIT)}**", said or "Three questions; each can be changed at any time."
        ),
        gap(),
        lines("**Where may pictures be made?**", f"Now: {where_words(rules)}."),
        usual_channels(stands, ids.setup_choice("channels")),
        lines(
            "**What may each member spend?**",
            f"Now: {credits_words(stands)}. A usual picture costs {in_credits(stands.usual_credits)}.",
        ),
        everyones_credits(stands, ids.setup_choice("credits")),
        lines("**Where shall I log who asks for what?**", f"Now: {log_words(stands)}. Choose a moderators' channel."),
        ui.ActionRow(
            ui.ChannelSelect(
                placeholder="Choose the channel …", custom_id=ids.setup_choice("log"), channel_types=POSTED_IN
            )
        ),
        gap(line=True),
        row(
            button("Everywhere", ids.setup_clear("channels")) if rules.channels else None,
            button("No log", ids.setup_clear("log")) if rules.log_channel_id else None,
            all_settings(),
        ),
        fine(
            "That is all: members use /imagine. What is chosen here holds at once.",
            f"Months begin by the clocks of {plain(stands.quotas.time_zone, 60)}; /settings changes that.",
        ),
    )


def welcome_card(*, allowed: bool, operator: str | None = None) -> Card:
    """Return the one message to whoever may set the bot up in a server that it has joined."""
    if not allowed:
        whom = f" ({plain(operator, 200)})" if operator else ""
        return Card(
            SLATE,
            lines(
                "**I am here, but not switched on in this server.**",
                f"The bot's operator{whom} decides which servers may use me.",
            ),
        )
    return Card(
        BANANA,
        lines(
            "**I paint what you describe.**",
            "For those who manage this server: /setup asks where, how much and where to log, and takes a minute. "
            "It works as it is, too: /imagine.",
        ),
        row(button("Set me up", ids.setup(), style=discord.ButtonStyle.primary)),
    )
