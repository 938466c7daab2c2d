"""Bans from the bot, as moderators see and make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import discord
from discord import ui

from bot.generations.house import BAN_REASON_MAX_CHARS
from bot.generations.repository import BanRow
from bot.ui import moderation_ids as ids
from bot.ui.card import BANANA, SLATE, Card, apart, button, fine, lines, row, select
from bot.ui.form import Form
from bot.ui.house_log import ban_words
from bot.ui.text import label
from bot.ui.words import counted, relative

PAGE: Final = 8
LASTING_S: Final = {
    "1 hour": 3600,
    "1 day": 24 * 3600,
    "3 days": 3 * 24 * 3600,
    "1 week": 7 * 24 * 3600,
    "30 days": 30 * 24 * 3600,
    "until it is lifted": None,
}
"""How long a ban may last, in words and in seconds."""
FOR_GOOD: Final = "until it is lifted"


def banned_card(ban: BanRow, *, again: bool) -> Card:
    """Return what a moderator is told who banned somebody; ``again``: another ban stood in its place."""
    return Card(
        BANANA,
        lines(
            "**Banned from the bot.**",
            ban_words(ban.user_id, ban.reason, ban.expires_at_ms),
            "It takes the place of the ban that stood." if again else None,
        ),
        fine("They can't make or post pictures here, and hear so when they try. What is in work is still finished."),
    )


def unbanned_card(user_id: int, *, stood: bool) -> Card:
    """Return what a moderator is told who lifted a ban."""
    if not stood:
        return Card(SLATE, lines(f"**No ban stands for <@{user_id}>.**", "/bans lists those that do."))
    return Card(BANANA, lines("**The ban is lifted.**", f"<@{user_id}> may use the bot again, as everyone here."))


def bans_card(
    bans: Sequence[BanRow], total: int, names: Mapping[int, str], *, offset: int = 0, said: str | None = None
) -> Card:
    """Return the bans that stand, newest first, and a select that lifts one; ``names`` are people's, where known."""
    if not bans:
        return Card(SLATE, lines("**Nobody is banned from the bot here.**", said or "/ban bans a member."))
    return Card(
        BANANA,
        lines(f"**{counted(total, 'member')} banned from the bot**", said),
        *apart(
            *(
                lines(
                    ban_words(ban.user_id, ban.reason, ban.expires_at_ms),
                    fine(f"by <@{ban.banned_by}> {relative(ban.created_at_ms)}"),
                )
                for ban in bans
            )
        ),
        select(
            "Lift a ban …",
            ids.unban(),
            [
                discord.SelectOption(
                    label=label(names.get(ban.user_id) or f"member {ban.user_id}", 100),
                    value=str(ban.user_id),
                    description=label(ban.reason, 100) if ban.reason else None,
                )
                for ban in bans
            ],
        ),
        row(
            button("Newer", ids.bans(max(offset - PAGE, 0))) if offset else None,
            button("Older", ids.bans(offset + PAGE)) if offset + len(bans) < total else None,
        ),
    )


def ban_form(user_id: int, name: str) -> Form:
    """Return the form that bans somebody."""
    return Form(
        label(f"Ban {name} from the bot", 45),
        ids.ban_form(user_id),
        ui.Label(
            text="Reason",
            description="They see it when they try to use the bot.",
            component=ui.TextInput(
                custom_id="reason",
                style=discord.TextStyle.paragraph,
                required=False,
                max_length=BAN_REASON_MAX_CHARS,
            ),
        ),
        ui.Label(
            text="How long",
            component=ui.Select(
                custom_id="expires",
                options=[
                    discord.SelectOption(label=words.capitalize(), value=words, default=words == "1 week")
                    for words in LASTING_S
                ],
            ),
        ),
    )
