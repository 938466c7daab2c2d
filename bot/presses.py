"""Buttons and selects that work after any restart: recognised by their custom id, not by a view kept in memory."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.client import BotClient, Interaction, guarded

Press = Callable[[Interaction, re.Match[str]], Awaitable[None]]
Choice = Callable[[Interaction, re.Match[str], list[str]], Awaitable[None]]


def on_press(client: BotClient, template: re.Pattern[str], work: Press) -> None:
    """Run ``work`` when a button whose custom id matches ``template`` is pressed, on whatever message it stands."""

    async def pressed(interaction: Interaction, match: re.Match[str], _values: list[str]) -> None:
        await work(interaction, match)

    client.add_dynamic_items(_dynamic(template, pressed))


def on_choice(client: BotClient, template: re.Pattern[str], work: Choice) -> None:
    """Run ``work`` with the chosen values when a select whose custom id matches ``template`` is used."""
    client.add_dynamic_items(_dynamic(template, work))


def _dynamic(template: re.Pattern[str], work: Choice) -> type[discord.ui.DynamicItem[Any]]:
    class Dynamic(discord.ui.DynamicItem[Any], template=template):
        def __init__(self, item: discord.ui.Item[Any], match: re.Match[str]) -> None:
            super().__init__(item)
            self.match = match

        @classmethod
        async def from_custom_id(
            cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
        ) -> Dynamic:
            return cls(item, match)

        async def callback(self, interaction: discord.Interaction[Any]) -> None:
            values = list(getattr(self.item, "values", []))
            await guarded(interaction, lambda: work(interaction, self.match, values))

    return Dynamic
