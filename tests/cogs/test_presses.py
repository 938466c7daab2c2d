"""Modals are answered by their custom id: what was filled in arrives, also when the bot was restarted meanwhile."""

from __future__ import annotations

import re
from typing import Any

import discord
import pytest
import pytest_asyncio
from discord import app_commands, ui

from bot.client import BotClient, CannotDo, Interaction
from bot.presses import Submitted, on_submit
from bot.ui.form import Form
from tests.cogs.conftest import DiscordWorld, png, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = re.compile(r"test:form:(?P<key>[0-9a-f]{4})")


def _form(key: str) -> Form:
    return Form(
        "A form",
        f"test:form:{key}",
        ui.Label(text="Prompt", component=ui.TextInput(custom_id="prompt", required=False)),
        ui.Label(
            text="Size",
            component=ui.Select(
                custom_id="size",
                required=False,
                min_values=0,
                max_values=2,
                options=[discord.SelectOption(label=value) for value in ("1K", "2K", "4K")],
            ),
        ),
        ui.Label(text="Images", component=ui.FileUpload(custom_id="files", required=False, min_values=0, max_values=3)),
    )


class Forms:
    """A command that opens a form, on a client, and everything that was sent with it."""

    def __init__(self, client: BotClient) -> None:
        self.sent: list[tuple[str, Submitted]] = []

        @client.tree.command(name="form", description="Open a form.")
        @app_commands.describe(key="Its key.")
        async def form(interaction: discord.Interaction[Any], key: str) -> None:
            await interaction.response.send_modal(_form(key))

        self.answer_on(client)

    def answer_on(self, client: BotClient) -> None:
        async def submitted(interaction: Interaction, match: re.Match[str], filled: Submitted) -> None:
            if match["key"] == "dead":
                raise CannotDo(user_message="This form is too old.")
            self.sent.append((match["key"], filled))
            await interaction.response.send_message("thanks", ephemeral=True)

        on_submit(client, FORM, submitted)


@pytest_asyncio.fixture(loop_scope="module")
async def forms(discord_world: DiscordWorld) -> Forms:
    await discord_world.restart_client()
    forms = Forms(discord_world.client)
    with discord_world.env.time_context():
        await discord_world.client.sync_if_changed()
    return forms


async def test_what_is_filled_in_arrives(discord_world: DiscordWorld, forms: Forms) -> None:
    world = discord_world
    shown = await world.slash(world.alice, "form", key="00ff")
    first, second = png(colour=(1, 1, 1)), png(colour=(2, 2, 2))
    answer = await world.submit(
        world.alice,
        shown,
        prompt="<@1> **a cat**\nwith hat",
        size=["4K", "1K"],
        files=[("b.png", first), ("a.pdf", second)],
    )
    assert text_of(answer.response) == "thanks"
    ((key, filled),) = forms.sent
    assert key == "00ff"
    assert filled.text("prompt") == "<@1> **a cat**\nwith hat"
    assert filled.values("size") == ("4K", "1K")
    assert filled.choice("size") == "4K"
    one, two = filled.images("files")
    assert (one.filename, one.size_bytes, two.filename) == ("b.png", len(first), "a.pdf")
    assert world.env.backend.cdn.get(one.url) == first
    assert filled.text("nothing of the kind") == ""
    assert filled.choice("nothing of the kind") is None
    assert filled.images("nothing of the kind") == ()


async def test_what_is_left_empty_is_empty(discord_world: DiscordWorld, forms: Forms) -> None:
    world = discord_world
    shown = await world.slash(world.alice, "form", key="0001")
    await world.submit(world.alice, shown)
    ((_, filled),) = forms.sent
    assert (filled.text("prompt"), filled.values("size"), filled.images("files")) == ("", (), ())


async def test_a_form_that_was_opened_before_a_restart_is_answered(discord_world: DiscordWorld, forms: Forms) -> None:
    world = discord_world
    shown = await world.slash(world.alice, "form", key="beef")
    await world.restart_client()
    forms.answer_on(world.client)
    answer = await world.submit(world.alice, shown, prompt="still here")
    assert text_of(answer.response) == "thanks"
    assert [(key, filled.text("prompt")) for key, filled in forms.sent] == [("beef", "still here")]


async def test_what_a_form_refuses_is_told_privately(discord_world: DiscordWorld, forms: Forms) -> None:
    world = discord_world
    shown = await world.slash(world.alice, "form", key="dead")
    answer = await world.submit(world.alice, shown, prompt="too late")
    assert answer.ephemeral
    assert text_of(answer.response) == "**This form is too old.**"
    assert forms.sent == []


async def test_another_form_is_none_of_its_business(discord_world: DiscordWorld, forms: Forms) -> None:
    world = discord_world
    shown = await world.slash(world.alice, "form", key="00ff00ff")
    answer = await world.submit(world.alice, shown, prompt="longer than the template")
    assert not answer.acknowledged
    assert forms.sent == []
