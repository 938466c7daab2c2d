"""Recipes: how a test drives menus, messages, typing and modals in the virtual Discord.

The bot here is a small one, so that these stand for simcord, not for any feature.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
from discord import app_commands

from bot.sandbox.discord import AttachmentServer, open_discord
from tests.clocks import TestClock
from tests.cogs.actions import Actions
from tests.cogs.conftest import png

INTENTS = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)


class SmallBot(discord.Client):
    """Answers menus with a modal, offers styles, and says what it was given."""

    def __init__(self, *, content: bool = False) -> None:
        intents = discord.Intents(INTENTS.value)
        intents.message_content = content
        super().__init__(intents=intents, max_messages=None)
        self.tree = app_commands.CommandTree(self)
        self.heard: list[discord.Message] = []

        @self.tree.context_menu(name="Use as reference")
        async def use(interaction: discord.Interaction, message: discord.Message) -> None:
            pictures = [*message.attachments, *(file for s in message.message_snapshots for file in s.attachments)]
            names = [file.filename for file in pictures] + [embed.image.url or "" for embed in message.embeds]
            await interaction.response.send_modal(Asking(names))

        @self.tree.command()
        async def style(interaction: discord.Interaction, name: str) -> None:
            """Show a style."""
            await interaction.response.send_message(name)

        @style.autocomplete("name")
        async def offer(_interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
            return [app_commands.Choice(name=name, value=name) for name in ("watercolour", "oil") if typed in name]

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message)
        if self.user is not None and self.user.mention in message.content:
            await message.reply(f"{len(message.attachments)} files", allowed_mentions=discord.AllowedMentions.none())


class Asking(discord.ui.Modal):
    """A text, a choice and files."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(title=", ".join(names)[:45], custom_id="asking")
        self.prompt: discord.ui.TextInput[Any] = discord.ui.TextInput(custom_id="prompt", max_length=4000)
        sizes = [discord.SelectOption(label=size) for size in ("1K", "2K")]
        self.size = discord.ui.Select[Any](custom_id="size", options=sizes, required=False)
        self.more = discord.ui.FileUpload[Any](custom_id="more", required=False, max_values=8)
        for text, component in (("Prompt", self.prompt), ("Size", self.size), ("More", self.more)):
            self.add_item(discord.ui.Label(text=text, component=component))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        sizes = [len(await file.read()) for file in self.more.values]
        await interaction.response.send_message(f"{self.prompt.value} {self.size.values} {sizes}", ephemeral=True)


class SmallWorld(Actions):
    """A server with one channel and one member."""

    def __init__(self, env: Any, bot: SmallBot) -> None:
        self.env = env
        self.bot = bot
        guild = env.create_guild("Recipes")
        self.channel = guild.create_text_channel("pictures")
        self.alice = guild.add_member(env.create_user("alice"))


@asynccontextmanager
async def small_world(*, content: bool = False) -> AsyncIterator[SmallWorld]:
    bot = SmallBot(content=content)
    async with AttachmentServer().serving() as attachments, open_discord(bot, attachments, clock=TestClock()) as opened:
        yield SmallWorld(opened.env, bot)


async def test_a_menu_on_a_message_and_a_modal_with_files() -> None:
    async with small_world() as world:
        said = await world.say(world.alice, "look", files=[("cat.png", png()), ("dog.png", png())])
        shown = await world.menu(world.alice, "Use as reference", said)
        assert shown.modal is not None
        assert shown.modal["title"] == "cat.png, dog.png", "whole, whatever the intents are"
        files = [("a.png", png()), ("b.png", png())]
        done = await world.submit(world.alice, shown, prompt="a red panda", size=["2K"], more=files)
        assert done.response.content == f"a red panda ['2K'] {[len(png())] * 2}"
        assert done.ephemeral


async def test_a_menu_on_a_forward_and_on_a_link() -> None:
    async with small_world() as world:
        said = await world.say(world.alice, files=[("cat.png", png())])
        forwarded = await world.say(world.alice, forward=said)
        shown = await world.menu(world.alice, "Use as reference", forwarded)
        assert shown.modal["title"] == "cat.png"
        link = await world.say(world.alice, "see", embeds=[{"image": {"url": "https://pictures.example/dog.png"}}])
        shown = await world.menu(world.alice, "Use as reference", link)
        assert shown.modal["title"] == "https://pictures.example/dog.png"


async def test_a_mention_is_whole_and_what_it_answers_is_not() -> None:
    async with small_world() as world:
        cat = await world.say(world.alice, "cat", files=[("cat.png", png())])
        await world.say(world.alice, f"{world.mention} like this", files=[("dog.png", png())], reply_to=cat)
        first, second = (message for message in world.bot.heard if message.author.id == world.alice.id)
        assert (first.content, first.attachments) == ("", [])
        assert (second.content, len(second.attachments)) == (f"{world.mention} like this", 1)
        assert second.reference is not None
        answered = second.reference.resolved
        assert isinstance(answered, discord.Message)
        assert (answered.content, answered.attachments) == ("", [])
        read = await answered.channel.fetch_message(cat.id)
        assert read.attachments == [], "reading it is no way around"
        answers = [message.content for message in world.bot.heard if message.author == world.bot.user]
        assert answers == ["1 files"]


async def test_with_the_intent_and_in_direct_messages_everything_is_whole() -> None:
    async with small_world(content=True) as world:
        cat = await world.say(world.alice, "cat", files=[("cat.png", png())])
        await world.say(world.alice, "more of it", reply_to=cat)
        assert [len(message.attachments) for message in world.bot.heard] == [1, 0]
        answered = world.bot.heard[1].reference.resolved  # type: ignore[union-attr]
        assert len(answered.attachments) == 1  # type: ignore[union-attr]
    async with small_world() as world:
        await world.say(world.alice, "a lake", direct=True, files=[("cat.png", png())])
        assert [(m.guild, m.content, len(m.attachments)) for m in world.bot.heard] == [(None, "a lake", 1)]


async def test_typing_brings_choices() -> None:
    async with small_world() as world:
        choices = await world.autocomplete(world.alice, "style", "name", "wat")
        assert choices == [{"name": "watercolour", "value": "watercolour"}]
        assert await world.autocomplete(world.alice, "style", "name", "crayon") == []
