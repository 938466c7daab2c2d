"""The options of /quota: whom a rule is for and what it says, once for all commands that have them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import discord
from discord import app_commands

from bot.client import Interaction
from bot.generations.quota_changes import MOST_CREDITS, MOST_DAYS, MOST_RUNNING, REASON_LIMIT
from bot.rivya.catalogue import MODELS

_PERIODS = [
    app_commands.Choice(name="a day", value="day"),
    app_commands.Choice(name="a week", value="week"),
    app_commands.Choice(name="a month", value="month"),
    app_commands.Choice(name="no limit on credits", value="none"),
]
_SIZES = [app_commands.Choice(name=size, value=size) for size in MODELS[0].options["resolution"].choices]
Text = app_commands.Range[str, 1, REASON_LIMIT]
_Credits = app_commands.Range[int, 0, MOST_CREDITS]
_Running = app_commands.Range[int, 0, MOST_RUNNING]
_Count = app_commands.Range[int, 1, 4]
Days = app_commands.Range[int, 1, MOST_DAYS]


class _Place(app_commands.Transformer):
    """A channel in which pictures can be asked for, whether the bot sees it or not; a forum stands for its posts."""

    @property
    def type(self) -> discord.AppCommandOptionType:
        """What Discord offers."""
        return discord.AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        """Of which kinds."""
        kinds = discord.ChannelType
        return [kinds.text, kinds.news, kinds.voice, kinds.stage_voice, kinds.forum]

    async def transform(self, _interaction: discord.Interaction[Any], value: Any, /) -> app_commands.AppCommandChannel:
        """Take it as it came."""
        channel: app_commands.AppCommandChannel = value
        return channel


Channel = app_commands.Transform[app_commands.AppCommandChannel, _Place]


@dataclass(frozen=True, slots=True)
class _Option:
    """An option that several commands have: its type, what Discord says of it, and what it is when it is not given."""

    kind: Any
    about: str
    choices: list[app_commands.Choice[str]] = field(default_factory=list)
    default: Any = None


CREDITS = {
    "credits": _Option(_Credits | None, "How many credits; 0: none."),
    "per": _Option(str | None, "By the day, the week or the month; or no limit.", _PERIODS),
}
WHOM = {
    "role": _Option(discord.Role | None, "For a role."),
    "member": _Option(discord.User | None, "For one member."),
    "channel": _Option(Channel | None, "For a channel: what all may spend there together."),
    "newer_than_days": _Option(Days | None, "For members who joined less than so many days ago; it only tightens."),
    "whole_server": _Option(bool, "For the whole server: what all may spend together.", default=False),
}
MORE = {
    "running": _Option(_Running | None, "Requests in work at the same time."),
    "resolution": _Option(str | None, "The highest resolution.", _SIZES),
    "models": _Option(str | None, "The models allowed: ids with commas between, or all."),
    "count": _Option(_Count | None, "The most pictures of one request."),
}
WHY = {"reason": _Option(Text | None, "Why; it stands in the log.")}
CHECK = {"check": _Option(discord.User | None, "How this member would stand then.")}

Given = Mapping[str, Any]
"""What was chosen, by the options' names."""


def taking(*groups: Mapping[str, _Option]) -> Callable[[Callable[..., Awaitable[None]]], Any]:
    """Give a command these options, in this order; it gets what was chosen as one mapping.

    discord.py reads a command's options from its signature, where they would stand again with every command.
    """
    options = {name: option for group in groups for name, option in group.items()}

    def decorate(callback: Callable[..., Awaitable[None]]) -> Any:
        @wraps(callback)
        async def command(self: Any, interaction: Interaction, **given: Any) -> None:
            await callback(self, interaction, given)

        any_place = inspect.Parameter.POSITIONAL_OR_KEYWORD
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                *(inspect.Parameter(name, any_place, annotation=Any) for name in ("self", "interaction")),
                *(
                    inspect.Parameter(name, any_place, annotation=option.kind, default=option.default)
                    for name, option in options.items()
                ),
            ]
        )
        described = app_commands.describe(**{name: option.about for name, option in options.items()})(command)
        return app_commands.choices(**{name: option.choices for name, option in options.items() if option.choices})(
            described
        )

    return decorate
