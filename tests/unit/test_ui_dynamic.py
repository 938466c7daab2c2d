"""A card's buttons are answered by dynamic items alone, and discord.py keeps nothing of the card."""

import re
from typing import Any

import discord
import simcord
from discord import ui

from bot.ui import cards, ids
from tests.ui_samples import S, picture, request


class Cancel(ui.DynamicItem[ui.Button[Any]], template=ids.CANCEL):
    pressed: list[str]

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> "Cancel":
        return cls(ui.Button(custom_id=match.string))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        Cancel.pressed.append(self.custom_id)
        await interaction.response.defer()


async def test_a_button_works_though_the_card_is_not_kept() -> None:
    Cancel.pressed = []
    bot = discord.Client(intents=discord.Intents.default())
    bot.add_dynamic_items(Cancel)
    async with simcord.run(bot) as env:
        guild = env.create_guild("Art")
        channel = guild.create_text_channel("art")
        alice = guild.add_member(env.create_user("alice"))
        target = bot.get_channel(channel.id)
        assert isinstance(target, discord.TextChannel)
        view = request(picture(1, S.HELD))
        message = await target.send(view=cards.progress_card(view))
        await message.edit(view=cards.progress_card(view))
        assert not bot.persistent_views
        await alice.click(message, custom_id=ids.cancel(view.id))
    assert Cancel.pressed == [ids.cancel(view.id)]
