"""What the pages of /settings, their forms and the panel of /setup share."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import discord
from discord import ui

from bot.credits.windows import Period
from bot.generations.house_rules import MAX_LISTED
from bot.generations.quota_desk import Allowance
from bot.ui import settings_ids as ids
from bot.ui.card import button, select
from bot.ui.house_log import allowance_words
from bot.ui.settings_words import Stands
from bot.ui.words import counted, in_credits

POSTED_IN: Final = [discord.ChannelType.text, discord.ChannelType.news]
"""Where the gallery, reports and the log may stand."""
USED_IN: Final = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.forum,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
]
"""Where pictures may be asked for; threads and posts count for their channel."""
CREDITS: Final = (16, 40, 80, 160, 320, 800, 1600)
"""What the panels offer for each member and month; /quota takes any number."""
ANY_NUMBER: Final = "any"
USUAL: Final = "usual"
"""What the panels offer beside numbers: no limit, and what the bot's operator set."""


class Page(StrEnum):
    """The pages of the settings."""

    MAIN = "main"
    WHERE = "where"
    WHO = "who"
    MODELS = "models"
    CREDITS = "credits"
    WORDS = "words"
    SLOW = "slow"
    LOG = "log"
    REPORTS = "reports"
    CHANGES = "changes"


def all_settings() -> ui.Button[Any]:
    """Return the button that leads to all settings."""
    return button("All settings", ids.settings_page(Page.MAIN))


def usual_channels(stands: Stands, custom_id: str) -> ui.ActionRow[Any]:
    """Return the select of the channels in which pictures may be asked for."""
    return ui.ActionRow(
        ui.ChannelSelect(
            placeholder="Everywhere, unless you choose channels …",
            custom_id=custom_id,
            channel_types=USED_IN,
            min_values=0,
            max_values=MAX_LISTED,
            default_values=[
                discord.SelectDefaultValue(id=one, type=discord.SelectDefaultValueType.channel)
                for one in stands.rules.channels
                if one in stands.channels
            ],
        )
    )


def everyones_credits(stands: Stands, custom_id: str) -> ui.ActionRow[Any]:
    """Return the select of what each member may spend a month."""
    allowance, usual = stands.quotas.allowance, stands.quotas.usual_credits
    monthly = _monthly(allowance)
    free = allowance.own and allowance.period is Period.NONE
    return select(
        "Credits of each member a month …",
        custom_id,
        [
            *(
                discord.SelectOption(
                    label=f"{in_credits(amount)} a month",
                    value=str(amount),
                    description=f"about {counted(amount // max(stands.usual_credits, 1), 'picture')}",
                    default=amount == monthly and allowance.own,
                )
                for amount in credits_offered(allowance)
            ),
            discord.SelectOption(
                label="No limit",
                value=ANY_NUMBER,
                description="as many as the channel, the server and the bot's operator allow",
                default=free,
            ),
            discord.SelectOption(
                label="What the bot's operator set",
                value=USUAL,
                description=allowance_words(usual, Period.NONE if usual is None else Period.MONTH),
                default=not allowance.own,
            ),
        ],
    )


def credits_offered(allowance: Allowance) -> list[int]:
    """Return the amounts a month that can be chosen: the usual ones, and the one that stands."""
    monthly = _monthly(allowance)
    return sorted({*CREDITS, *([monthly] if monthly else [])})


def _monthly(allowance: Allowance) -> int | None:
    return allowance.credits if allowance.period is Period.MONTH else None
